"""Figures of the images of an audit, as the arguments of the gallery want them."""

from collections.abc import Iterable
from typing import Any

import polars as pl
from markupsafe import Markup

from pixsieve.audit import Audit
from pixsieve.gallery.boxes import boxes_of
from pixsieve.gallery.data import Figure, Tag
from pixsieve.gallery.look import Look, says
from pixsieve.pages import Cards


class Figures:
    """Gives the figure of any image of an audit."""

    def __init__(self, audit: Audit, look: Look) -> None:
        """Raises ValueError if the images have no column `label_col`."""
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
        self._boxes = boxes_of(look, images)
        if look.get_label_func is None:
            #: One per image.
            self.labels = images[column].cast(pl.String).rename("label")
        else:
            given = [says(look.get_label_func, path) for path in images["path"]]
            texts = [None if label is None else str(label) for label in given]
            self.labels = pl.Series("label", texts, dtype=pl.String)

    def __call__(self, image: int, *tags: Tag) -> Figure:
        """The figure of one image."""
        card, look = self.cards(image), self._look
        named = look.get_reformat_filename_func
        return Figure(
            card=card,
            name=card.name if named is None else str(named(card.path)),
            label=self.labels[image],
            extra=_extra(says(look.get_extra_col_func, card.path)),
            boxes=self._boxes(card),
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
    return str(value)
