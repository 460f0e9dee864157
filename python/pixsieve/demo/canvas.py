"""A canvas of float RGB, and antialiased shapes drawn by signed distance.

Shapes touch only their bounding box: a patch. Patches are clipped to the canvas and may be
empty, which every operation bears, so that callers need not care what lies outside.
"""

# mypy: disable-error-code="no-any-return"
# NumPy types what it indexes and computes as Any.

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Field: TypeAlias = NDArray[np.floating]
Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Patch:
    """A rectangle of the canvas with the coordinates of its pixels."""

    pixels: Field
    """(h, w, 3) view."""
    x: Field
    """(1, w)."""
    y: Field
    """(h, 1)."""

    def blend(self, coverage: Field, colour: ArrayLike) -> None:
        """Lays a colour, or a field of colours, over the patch."""
        share = np.broadcast_to(coverage, self.pixels.shape[:2])[..., None]
        self.pixels[...] += share * (np.asarray(colour, np.float32) - self.pixels)

    def add(self, light: Field, colour: ArrayLike) -> None:
        """Adds light to the patch."""
        share = np.broadcast_to(light, self.pixels.shape[:2])[..., None]
        self.pixels[...] += share * np.asarray(colour, np.float32)


class Canvas:
    """Pixels (height, width, 3), x to the right, y down, in pixels."""

    def __init__(self, height: int, width: int) -> None:
        self.pixels: Field = np.zeros((height, width, 3), np.float32)
        self.height = height
        self.width = width
        self.short = min(height, width)
        self.shape = (height, width)

    def patch(self, left: float, top: float, right: float, bottom: float) -> Patch:
        """The pixels between the borders, two more on each side."""
        x0, x1 = (int(np.clip(v, 0, self.width)) for v in (left - 2, right + 3))
        y0, y1 = (int(np.clip(v, 0, self.height)) for v in (top - 2, bottom + 3))
        x = np.arange(x0, x1, dtype=np.float32)[None]
        y = np.arange(y0, y1, dtype=np.float32)[:, None]
        return Patch(self.pixels[y0:y1, x0:x1], x, y)

    def around(self, x: float, y: float, reach: float) -> Patch:
        """The square patch about a point."""
        return self.patch(x - reach, y - reach, x + reach, y + reach)

    def whole(self) -> Patch:
        """The whole canvas as a patch."""
        return self.patch(0, 0, self.width, self.height)

    def ellipse(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        colour: ArrayLike,
        *,
        angle: float = 0.0,
        soft: float = 1.0,
    ) -> None:
        """A filled ellipse, turned by `angle` radians; its edge is `soft` pixels wide."""
        patch = self.around(x, y, max(rx, ry) + soft)
        u, v = rotated(patch, x, y, angle)
        distance = (np.hypot(u / rx, v / ry) - 1) * min(rx, ry)
        patch.blend(coverage(distance / soft), colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: ArrayLike) -> None:
        """A filled upright rectangle."""
        patch = self.patch(left, top, right, bottom)
        across = np.maximum(left - patch.x, patch.x - right)
        along = np.maximum(top - patch.y, patch.y - bottom)
        patch.blend(coverage(np.maximum(across, along)), colour)

    def stroke(self, start: Point, end: Point, width: float, colour: ArrayLike) -> None:
        """A straight line with round ends."""
        (ax, ay), (bx, by) = start, end
        reach = width / 2
        patch = self.patch(
            min(ax, bx) - reach, min(ay, by) - reach, max(ax, bx) + reach, max(ay, by) + reach
        )
        patch.blend(coverage(_to_segment(patch, start, end) - reach), colour)

    def polygon(self, points: Sequence[Point], colour: ArrayLike) -> None:
        """A filled polygon, of any shape, by the even-odd rule."""
        xs, ys = zip(*points, strict=True)
        patch = self.patch(min(xs), min(ys), max(xs), max(ys))
        patch.blend(coverage(_to_polygon(patch, points)), colour)

    def glow(
        self, x: float, y: float, radius: float, colour: ArrayLike, strength: float = 1.0
    ) -> None:
        """Adds a soft light that has vanished at three radii."""
        patch = self.around(x, y, 3 * radius)
        far = ((patch.x - x) ** 2 + (patch.y - y) ** 2) / (radius * radius)
        patch.add(np.float32(strength) * np.clip(np.exp(-far) - 1e-4, 0, None), colour)


def coverage(distance: Field) -> Field:
    """How much of a pixel a shape covers whose border is this far away (negative inside)."""
    return np.clip(0.5 - distance, 0, 1)


def rotated(patch: Patch, x: float, y: float, angle: float) -> tuple[Field, Field]:
    """Coordinates about a point, along and across a direction."""
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    dx, dy = patch.x - np.float32(x), patch.y - np.float32(y)
    return dx * cos + dy * sin, dy * cos - dx * sin


def _to_segment(patch: Patch, start: Point, end: Point) -> Field:
    (ax, ay), (bx, by) = start, end
    ex, ey = bx - ax, by - ay
    px, py = patch.x - ax, patch.y - ay
    t = np.clip((px * ex + py * ey) / max(ex * ex + ey * ey, 1e-6), 0, 1)
    return np.hypot(px - t * ex, py - t * ey)


def _to_polygon(patch: Patch, points: Sequence[Point]) -> Field:
    nearest = np.full((patch.y.size, patch.x.size), np.inf, np.float32)
    inside = np.zeros(nearest.shape, bool)
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
        nearest = np.minimum(nearest, _to_segment(patch, (ax, ay), (bx, by)))
        between = (patch.y < ay) != (patch.y < by)
        crossing = ax + (patch.y - ay) * ((bx - ax) / (by - ay if by != ay else 1.0))
        inside ^= between & (patch.x < crossing)
    return np.where(inside, -nearest, nearest)
