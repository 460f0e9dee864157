"""Boxes made larger."""

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

#: A shorter side, in pixels, has no direction that could be told.
SHORTEST = 1e-6

#: The corners of each side, and which way it moves outwards: along the width, along the height.
SIDES = (
    ((0, 3), -1, 0),  # left
    ((1, 2), 1, 0),  # right
    ((0, 1), 0, -1),  # top
    ((2, 3), 0, 1),  # bottom
)


def widen(
    corners: Points,
    sizes: NDArray[np.float64],
    *,
    horiz: float,
    vert: float,
    additive: float,
    clip: bool = True,
) -> Points:
    """The boxes with a margin on each side, in their own axes: (n, 8).

    Args:
        corners: (n, 8) x1, y1 to x4, y4 in order around the box; the side from the first to the
            second is its width. A box that is no parallelogram grows along its mean sides.
        sizes: (n, 2) width and height of the picture of each box.
        horiz: Share of the box's width that is added on its left and on its right.
        vert: Share of its height that is added above and below.
        additive: Pixels that are added on each side, on top of these.
        clip: Each side moves only as far as its corners stay in the picture. What lies beyond
            the border already stays there.

    Raises:
        ValueError: If a margin is negative or no number.
    """
    for name, margin in (("horiz", horiz), ("vert", vert), ("additive", additive)):
        if not 0 <= margin < np.inf:
            raise ValueError(f"{name} must be a number of at least 0, not {margin!r}")
    points = np.array(corners, np.float64).reshape(-1, 4, 2)
    least, most = _limits(points, np.asarray(sizes, np.float64))
    across, down = _margins(points, horiz, vert, additive)
    for ends, right, below in SIDES:
        moved = list(ends)
        step = (right * across + below * down)[:, None]
        if clip:
            step = step * _room(points[:, moved], step, least[:, moved], most[:, moved])
        points[:, moved] += step
        if clip:
            # What was held at the border is beyond it by no rounding error.
            points[:, moved] = np.clip(points[:, moved], least[:, moved], most[:, moved])
    widened: Points = points.reshape(-1, 8)
    return widened


def _limits(points: Points, sizes: NDArray[np.float64]) -> tuple[Points, Points]:
    """How far each corner may go: to the border, or to where it is beyond it."""
    return np.minimum(points, 0), np.maximum(points, sizes[:, None])


def _margins(points: Points, horiz: float, vert: float, additive: float) -> tuple[Points, Points]:
    """The margins (n, 2) in the directions of the width and of the height."""
    across = (points[:, 1] - points[:, 0] + points[:, 2] - points[:, 3]) / 2
    down = (points[:, 3] - points[:, 0] + points[:, 2] - points[:, 1]) / 2
    return across * _share(across, horiz, additive), down * _share(down, vert, additive)


def _share(side: Points, share: float, additive: float) -> NDArray[np.float64]:
    """The margin as a share of the side; one of no length has no direction to grow in."""
    length = np.linalg.norm(side, axis=1, keepdims=True)
    added: Points = np.divide(additive, length, out=np.zeros_like(length), where=length > SHORTEST)
    return share + added


@np.errstate(over="ignore")
def _room(points: Points, step: Points, least: Points, most: Points) -> NDArray[np.float64]:
    """The share (n, 1, 1) of a step that both corners of a side can take."""
    step = np.broadcast_to(step, points.shape)
    free = np.where(step > 0, most - points, least - points)
    share: Points = np.divide(free, step, out=np.ones_like(free), where=step != 0)
    room: Points = np.clip(share.min(axis=(1, 2), keepdims=True), 0, 1)
    return room
