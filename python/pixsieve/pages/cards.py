"""What a page says of single images."""

from collections.abc import Iterable
from dataclasses import dataclass
from os.path import commonprefix

import polars as pl

from pixsieve.pages.text import short_name

_COLUMNS = ("path", "label", "split", "width", "height", "file_size", "error_code")


@dataclass(frozen=True)
class Card:
    """One image."""

    image: int
    path: str
    #: The path without the folder that all images share, and short where it names a box.
    name: str
    label: str | None = None
    split: str | None = None
    width: int | None = None
    height: int | None = None
    file_size: int | None = None
    error_code: str | None = None


class Cards:
    """Gives the card of any image of a collection."""

    def __init__(self, images: pl.DataFrame) -> None:
        self._images = images.select(_COLUMNS)
        self.root = common_folder(images["path"])

    def __call__(self, image: int) -> Card:
        """The card of one image."""
        row = self._images.row(image, named=True)
        return Card(image=image, name=short_name(row["path"][len(self.root) :]), **row)

    def many(self, images: Iterable[int]) -> tuple[Card, ...]:
        """The cards of several."""
        return tuple(self(image) for image in images)

    def bytes(self, images: pl.Series) -> int | None:
        """How much these files take together; None where none is a file of its own."""
        sizes = self._images["file_size"].gather(images).drop_nulls()
        return int(sizes.sum()) if len(sizes) else None


def common_folder(paths: pl.Series) -> str:
    """The folder that holds all paths, with its slash; empty if there is none."""
    if paths.is_empty():
        return ""
    # What the first and the last by alphabet begin with, all between them begin with. Characters
    # will do: the cut comes after a slash.
    shared = commonprefix([str(paths.min()), str(paths.max())])  # noqa: RUF071
    return shared[: shared.rfind("/") + 1]
