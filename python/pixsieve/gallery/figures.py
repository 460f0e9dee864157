"""Figures of the images of an audit, as the arguments of the gallery want them."""

import os
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from pixsieve.audit import Audit
from pixsieve.audit.whole import source_size
from pixsieve.gallery.boxes import boxes_of, shows_whole
from pixsieve.gallery.data import Figure, Tag
from pixsieve.gallery.look import Look, says
from pixsieve.pages import Cards


class Figures:
    """Gives the figure of any image of an audit."""

    def __init__(self, audit: Audit, look: Look) -> None:
        """Raises ValueError if the images have no column `label_col`, or no boxes to show."""
        self._look = look
        images = audit.images
        column = look.label_col or "label"
        if column not in images.columns:
            raise ValueError(
                f"label_col: the images have no column {column!r}; there are "
                f"{', '.join(images.columns)}"
            )
        self.images = images
        self.cards = Cards(images)
        self._rows: dict[str, int] | None = None
        #: Whether the pictures are shown that the images are parts of.
        self.whole = shows_whole(look, audit)
        self._audit = audit
        self._boxes = boxes_of(look, audit, self.row)
        if look.get_label_func is None:
            #: One per image.
            self.labels = _as_text(images[column])
        else:
            given = [says(look.get_label_func, path) for path in images["path"]]
            texts = [None if label is None else _encodable(str(label)) for label in given]
            self.labels = pl.Series("label", texts, dtype=pl.String)

        own = look.get_label_func is None and look.label_col in (None, "label")
        self._separator = audit.info.get("label_separator") if own else None

    def names(self) -> pl.Series:
        """The labels that images have, by alphabet; of several each."""
        return self._each().explode().drop_nulls().unique().sort()

    def carry(self, names: Sequence[str]) -> pl.Series:
        """For each image whether it has any of these labels."""
        return (
            self._each()
            .list.eval(pl.element().is_in(list(names)))
            .list.any()
            .fill_null(value=False)
        )

    def _each(self) -> pl.Series:
        """A list of labels per image."""
        frame = self.labels.to_frame()
        label = pl.col("label")
        if self._separator is None:
            one = pl.when(label.is_not_null()).then(pl.concat_list(label))
            return frame.select(one).to_series()
        parts = label.str.split(self._separator).list.eval(pl.element().str.strip_chars())
        return frame.select(parts).to_series()

    def row(self, name: object) -> int | None:
        """The image with this path, as shown, relative to the input, or absolute."""
        if not isinstance(name, (str, os.PathLike)):
            return None
        if self._rows is None:
            paths, root = self.images["path"], len(self.cards.root)
            self._rows = {os.path.abspath(path): row for row, path in enumerate(paths)}  # noqa: PTH100
            self._rows |= {path[root:]: row for row, path in enumerate(paths)}
            self._rows |= {path: row for row, path in enumerate(paths)}
        text = os.fspath(name)
        return self._rows.get(text, self._rows.get(os.path.abspath(text)))  # noqa: PTH100

    def __call__(self, image: int, *tags: Tag) -> Figure:
        """The figure of one image."""
        card, look = self.cards(image), self._look
        named = says(look.get_reformat_filename_func, card.path)
        size = source_size(self._audit, image) if self.whole else (card.width, card.height)
        return Figure(
            card=card,
            name=card.name if named is None else _encodable(str(named)),
            label=self.labels[image],
            extra=_extra(says(look.get_extra_col_func, card.path)),
            size=size,
            boxes=self._boxes(card, size),
            tags=tags,
        )

    def many(self, images: Iterable[int]) -> tuple[Figure, ...]:
        """The figures of several."""
        return tuple(self(image) for image in images)


def _extra(said: Any) -> tuple[str | Markup, ...]:
    if said is None:
        return ()
    values = said if isinstance(said, (list, tuple)) else [said]
    return tuple(_text(value) for value in values if value is not None)


def _text(value: Any) -> str | Markup:
    for name in ("__html__", "_repr_html_"):
        if hasattr(value, name):
            # What says that it is HTML comes from the user's own function.
            return Markup(getattr(value, name)())  # noqa: S704
    return _encodable(str(value))


def _encodable(text: str) -> str:
    """Text as a page can hold it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _as_text(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.List):
        column = column.cast(pl.List(pl.String)).list.join("|")
    try:
        return column.cast(pl.String).rename("label")
    except pl.exceptions.PolarsError:
        raise ValueError(
            f"label_col: the column {column.name!r} holds {column.dtype}, which is no text"
        ) from None
