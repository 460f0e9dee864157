"""Points on a plane as SVG.

A point is a line without length and with round ends, whose width is that of the screen: it is as
large on a telephone as on a wide page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

#: Pixels of the plane where the page has room for them, and how high it is by its width.
WIDTH, FLATTEST, STEEPEST = 1000, 0.45, 0.72
#: Room around the outermost points.
MARGIN = 14
#: Classes that have a colour of their own; others are class -1.
COLOURS = 8


@dataclass(frozen=True)
class Mark:
    """What a point that is drawn larger tells of its image."""

    image: int
    name: str
    label: str | None = None


def scatter(
    places: NDArray[np.float64],
    classes: NDArray[np.int64],
    *,
    name: str,
    ringed: Sequence[int] = (),
    marks: Mapping[int, Mark] | None = None,
) -> Markup:
    """A drawing of points that are coloured by class; y points upwards, distances are kept.

    Args:
        places: (n, 2).
        classes: (n,), from 0 to `COLOURS` - 1, or -1, which is drawn first and grey.
        name: Of what is drawn, for readers who do not see it.
        ringed: Rows of points that stand out.
        marks: By row, the points that are drawn larger, and what they tell.
    """
    marks = marks or {}
    height, places = _laid_out(places)
    at = [f"M{x:.1f} {y:.1f}h.01" for x, y in places.tolist()]
    small = np.array([row not in marks for row in range(len(at))], bool)
    parts = [
        f'<svg class="map" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(name)}">'
    ]
    for number in range(-1, COLOURS):
        rows = np.flatnonzero(small & (classes == number)).tolist()
        parts.append(_path(at, rows, f"dot {_colour(number)}"))
    parts.append(_path(at, sorted(marks), "halo"))
    parts += [_path(at, sorted(ringed), kind) for kind in ("ring", "halo")]
    bare = sorted({*ringed} - marks.keys())
    parts += [_path(at, [row], f"dot {_colour(int(classes[row]))}") for row in bare]
    for row, mark in sorted(marks.items()):
        parts.append(_marked(at[row], _colour(int(classes[row])), mark))
    return Markup("".join(parts) + "</svg>")  # noqa: S704 - made of numbers and escaped names


def _laid_out(places: NDArray[np.float64]) -> tuple[int, NDArray[np.float64]]:
    """The height of the plane, and where on it the points are."""
    if not len(places):
        return round(WIDTH * FLATTEST), places
    low, high = places.min(axis=0), places.max(axis=0)
    wide, tall = high - low
    height = round(WIDTH * min(max(tall / wide, FLATTEST), STEEPEST)) if wide else WIDTH // 2
    room = np.array([WIDTH, height]) - 2 * MARGIN
    scale = min((room[axis] / reach for axis, reach in enumerate((wide, tall)) if reach), default=1)
    centred = (places - (low + high) / 2) * scale * (1, -1)
    return height, centred + np.array([WIDTH, height]) / 2


def _colour(number: int) -> str:
    return "other" if number < 0 else f"c{number}"


def _path(at: Sequence[str], rows: Sequence[int], kind: str) -> str:
    drawn = "".join(at[row] for row in rows)
    return f'<path class="{kind}" d="{drawn}"/>' if drawn else ""


def _marked(at: str, colour: str, mark: Mark) -> str:
    label = "" if mark.label is None else f' data-label="{escape(mark.label)}"'
    return (
        f'<path class="mark {colour}" d="{at}" data-image="{mark.image}" '
        f'data-name="{escape(mark.name)}"{label}/>'
    )
