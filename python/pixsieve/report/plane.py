"""The map of the report: which points it has, and which of them have a picture."""

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve.pages.cards import Cards
from pixsieve.pages.scatter import COLOURS, Mark, scatter
from pixsieve.pages.text import count, shorten, visible
from pixsieve.report.data import Hue, Plane

#: Fewer points are no map.
FEWEST = 3
#: Of the pictures at least such a part is of points that have none elsewhere on the page.
OTHERS = 1 / 4
#: Characters of a name and of a label beside a picture.
NAME, LABEL = 72, 40


def plane(
    frame: pl.DataFrame,
    cards: Cards,
    *,
    shown: Iterable[int],
    outliers: pl.Series,
    points: int,
    pictures: int,
) -> Plane | None:
    """The map of a PROJECTION; None where there are too few images for one.

    Args:
        frame: Where the images lie.
        cards: What is said of them.
        shown: The images whose pictures the page shows anyway; the map shows them again.
        outliers: Images that get a ring.
        points: How many images are drawn; of more an even sample.
        pictures: How many points have a picture, unless more are shown anyway.
    """
    if frame.height < FEWEST:
        return None
    known = _among(frame["image"], pl.Series(list(set(shown)), dtype=pl.UInt32))
    part = frame[_sample(known, points)]
    places = part.select("x", "y").to_numpy().astype(np.float64)
    marked = _marked(
        places, _among(part["image"], frame["image"].filter(pl.Series(known))), pictures
    )
    marks = {row: _mark(cards, part["image"][row]) for row in marked}
    ringed = np.flatnonzero(_among(part["image"], outliers)).tolist()
    hues = _hues(frame["label"])
    drawn = scatter(
        places,
        _classes(part["label"], hues),
        name=f"Map of {count(part.height, 'image')}",
        ringed=ringed,
        marks=marks,
    )
    return Plane(
        drawn=drawn,
        total=frame.height,
        points=part.height,
        pictured=tuple(mark.image for mark in marks.values()),
        hues=hues,
        ringed=bool(ringed),
    )


def _among(images: pl.Series, others: pl.Series) -> NDArray[np.bool_]:
    return np.asarray(images.is_in(others.implode()).to_numpy())


def _sample(known: NDArray[np.bool_], points: int) -> NDArray[np.int64]:
    """The rows that are drawn: those of `known`, and an even sample of the others."""
    rest = np.flatnonzero(~known)
    room = min(len(rest), max(0, points - int(known.sum())))
    # In the middle of as many equal parts as there is room for.
    chosen = rest[((np.arange(room) + 0.5) * len(rest) / max(1, room)).astype(np.int64)]
    return np.sort(np.concatenate([np.flatnonzero(known), chosen]))


def _marked(places: NDArray[np.float64], known: NDArray[np.bool_], pictures: int) -> list[int]:
    """The rows that have a picture: those of `known`, and others where the map has none."""
    first = np.flatnonzero(known)
    others = max(pictures - len(first), int(pictures * OTHERS))
    return sorted([*first.tolist(), *spread(places, first.tolist(), others)])


def spread(places: NDArray[np.float64], first: list[int], many: int) -> list[int]:
    """Up to `many` rows of points far from those of `first`, and from each other.

    One after the other that is farthest from all before (Gonzalez 1985); without `first` it begins
    next to the middle. What lies on another point is left out.
    """
    away = np.full(len(places), np.inf)
    for row in first:
        away = np.minimum(away, _squares(places, places[row]))
    found: list[int] = []
    for _ in range(min(many, len(places))):
        begun = first or found
        row = int(away.argmax() if begun else _squares(places, places.mean(axis=0)).argmin())
        if not away[row]:
            break
        found.append(row)
        away = np.minimum(away, _squares(places, places[row]))
    return found


def _squares(places: NDArray[np.float64], point: NDArray[np.float64]) -> NDArray[np.float64]:
    """The squared distances of all places to a point."""
    found: NDArray[np.float64] = ((places - point) ** 2).sum(axis=1)
    return found


def _mark(cards: Cards, image: int) -> Mark:
    card = cards(image)
    label = None if card.label is None else shorten(visible(card.label), LABEL)
    return Mark(image, shorten(visible(card.name), NAME), label)


# ---- classes ---- #


def _hues(labels: pl.Series) -> tuple[Hue, ...]:
    """The classes, most frequent first; those beyond the colours, and no label, are grey."""
    counts = (
        labels.drop_nulls()
        .value_counts(name="images")
        .sort("images", labels.name, descending=[True, False])
    )
    if counts.is_empty():
        return ()
    hues = [Hue(f"c{row}", *pair) for row, pair in enumerate(counts.head(COLOURS).iter_rows())]
    rest = counts[COLOURS:]
    if rest.height:
        hues.append(Hue("other", None, int(rest["images"].sum()), rest.height))
    if labels.null_count():
        hues.append(Hue("other", None, labels.null_count()))
    return tuple(hues)


def _classes(labels: pl.Series, hues: tuple[Hue, ...]) -> NDArray[np.int64]:
    """The number of each label's colour, as `scatter` wants it; one for all without labels."""
    if not hues:
        return np.zeros(len(labels), np.int64)
    colours = [hue.label for hue in hues if hue.label is not None]
    numbers = labels.replace_strict(
        colours, list(range(len(colours))), default=-1, return_dtype=pl.Int64
    )
    return np.asarray(numbers.to_numpy())
