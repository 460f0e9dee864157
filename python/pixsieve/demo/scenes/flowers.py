"""Flowers: one close up, meadows in perspective, bunches and rows."""

from dataclasses import dataclass
from math import cos, sin

import numpy as np

from pixsieve.demo.canvas import Canvas, Point
from pixsieve.demo.colour import Colour, hsv, jitter, mix
from pixsieve.demo.noise import fractal, gaussian
from pixsieve.demo.scenes.sky import paint_sky, pick_light

_HUES = (0.0, 0.03, 0.08, 0.13, 0.15, 0.58, 0.7, 0.77, 0.85, 0.92, 0.97)


@dataclass(frozen=True)
class Kind:
    """What flowers of one kind share."""

    petals: int
    slim: float
    """0 round petals, 1 slim ones."""
    rows: int
    colour: Colour
    tip: Colour
    heart: Colour
    heart_size: float


def draw(rng: np.random.Generator, canvas: Canvas) -> None:
    """Draws flowers."""
    (_close_up, _meadow, _bunch, _border)[rng.integers(4)](rng, canvas)


def _pick_kind(rng: np.random.Generator) -> Kind:
    hue = float(rng.choice(_HUES)) + rng.uniform(-0.02, 0.02)
    saturation = 0.08 if rng.random() < 0.2 else rng.uniform(0.45, 0.95)
    return Kind(
        petals=int(rng.choice((4, 5, 5, 6, 8, 12, 16, 21))),
        slim=rng.uniform(0, 1),
        rows=int(rng.choice((1, 1, 2, 3, 4))),
        colour=hsv(hue, saturation, rng.uniform(0.7, 1)),
        tip=hsv(
            hue + rng.uniform(-0.08, 0.08), saturation * rng.uniform(0.3, 1.1), rng.uniform(0.75, 1)
        ),
        heart=hsv(
            rng.choice((0.1, 0.13, 0.15, 0.07, 0.25)),
            rng.uniform(0.5, 0.95),
            rng.uniform(0.2, 0.95),
        ),
        heart_size=rng.uniform(0.1, 0.38),
    )


def _paint_flower(
    rng: np.random.Generator,
    canvas: Canvas,
    kind: Kind,
    at: Point,
    radius: float,
    *,
    squash: float,
) -> None:
    """One flower: rows of petals by their polar outline, shaded from the heart outwards."""
    x, y = map(float, at)  # NumPy's own floats would make all arrays twice as wide
    patch = canvas.around(x, y, radius * 1.1)
    if not patch.pixels.size:
        return
    lean = rng.uniform(0, 3.14)
    dx, dy = patch.x - x, patch.y - y
    across = (dx * cos(lean) + dy * sin(lean)) / squash
    along = dy * cos(lean) - dx * sin(lean)
    far, angle = np.hypot(across, along) / radius, np.arctan2(along, across)
    light = np.clip(1 - 0.25 * (dx + dy) / radius, 0.6, 1.4)
    tint = jitter(rng, kind.colour, 0.06)
    for row in range(kind.rows):
        reach = 1 - 0.22 * row
        petal = np.abs(np.cos(0.5 * kind.petals * (angle + rng.uniform(0, 6.28))))
        outline = reach * (
            0.5 - 0.35 * kind.slim + (0.5 + 0.35 * kind.slim) * petal ** (0.5 + kind.slim)
        )
        along_petal = np.clip(far / reach, 0, 1)
        vein = 1 - 0.25 * (1 - petal) - 0.1 * np.abs(np.sin(angle * kind.petals * 3))
        shade = (0.5 + 0.6 * along_petal) * vein * light * (1 - 0.1 * (kind.rows - 1 - row))
        colour = (tint + along_petal[..., None] ** 2 * (kind.tip - tint)) * shade[..., None]
        patch.blend(np.clip((outline - far) * radius + 0.5, 0, 1), colour)
    if kind.rows < 4:
        heart = np.clip((kind.heart_size - far) * radius + 0.5, 0, 1)
        dots = 0.75 + 0.5 * rng.random(far.shape, dtype=np.float32)
        dome = 1.15 - 0.6 * np.clip(far / kind.heart_size, 0, 1) ** 2
        patch.blend(heart, kind.heart * (dots * dome * light)[..., None])


def _paint_leaves(
    rng: np.random.Generator, canvas: Canvas, count: int, size: float, green: Colour
) -> None:
    for _ in range(count):
        x, y = rng.uniform(0, canvas.width), rng.uniform(0, canvas.height)
        angle, length = rng.uniform(0, 6.28), size * rng.uniform(0.5, 1.3)
        colour = jitter(rng, green * rng.uniform(0.5, 1.3), 0.05)
        canvas.ellipse(x, y, length, length * rng.uniform(0.15, 0.4), colour, angle=angle)
        end = (x + 0.9 * length * cos(angle), y + 0.9 * length * sin(angle))
        canvas.stroke((2 * x - end[0], 2 * y - end[1]), end, max(1.0, length * 0.04), colour * 1.35)


def _green(rng: np.random.Generator) -> Colour:
    return hsv(rng.uniform(0.18, 0.42), rng.uniform(0.3, 0.85), rng.uniform(0.2, 0.6))


def _backdrop(rng: np.random.Generator, canvas: Canvas) -> None:
    """Foliage out of focus, or a plain wall."""
    first, second = _green(rng), _green(rng)
    if rng.random() < 0.35:
        first, second = (
            hsv(rng.random(), rng.uniform(0, 0.5), rng.uniform(0.1, 0.9)),
            hsv(rng.random(), 0.3, 0.6),
        )
    blobs = fractal(
        rng, canvas.shape, (rng.uniform(2, 6), rng.uniform(2, 6)), octaves=int(rng.integers(1, 5))
    )
    canvas.pixels[:] = first + blobs[..., None] * (second - first)
    _paint_leaves(
        rng, canvas, int(rng.integers(0, 40)), canvas.short * rng.uniform(0.08, 0.25), first
    )
    blur = rng.uniform(0, 5)
    if blur > 0.7:
        canvas.pixels[:] = gaussian(canvas.pixels, blur)


def _paint_stem(
    rng: np.random.Generator, canvas: Canvas, head: Point, width: float, green: Colour
) -> None:
    x, y = head
    foot = x + canvas.width * rng.uniform(-0.2, 0.2)
    middle = ((x + foot) / 2 + rng.uniform(-0.05, 0.05) * canvas.width, (y + canvas.height) / 2)
    canvas.stroke((x, y), middle, width, green)
    canvas.stroke(middle, (foot, canvas.height + 5.0), width, green * 0.85)


def _close_up(rng: np.random.Generator, canvas: Canvas) -> None:
    _backdrop(rng, canvas)
    kind, green = _pick_kind(rng), _green(rng)
    for _ in range(int(rng.choice((1, 1, 2, 3)))):
        radius = canvas.short * rng.uniform(0.22, 0.6)
        x, y = canvas.width * rng.uniform(0.25, 0.75), canvas.height * rng.uniform(0.25, 0.7)
        _paint_stem(rng, canvas, (x, y), radius * 0.09, green)
        _paint_flower(rng, canvas, kind, (x, y), radius, squash=rng.uniform(0.55, 1))


def _meadow(rng: np.random.Generator, canvas: Canvas) -> None:
    light = pick_light(rng)
    horizon = canvas.height * rng.uniform(-0.1, 0.5)
    paint_sky(rng, canvas, light, max(horizon, 2))
    green = mix(_green(rng), light.haze, 0.15) * (0.5 + 0.5 * light.strength)
    patch = canvas.patch(0, horizon + 2, canvas.width, canvas.height)
    blades = fractal(rng, patch.pixels.shape[:2], (8, 60), octaves=3, gain=0.8)
    drifts = fractal(rng, patch.pixels.shape[:2], (7, 3), octaves=3)
    patch.blend(np.ones_like(blades), green * (0.35 + 0.8 * blades + 0.5 * drifts)[..., None])
    kinds = [_pick_kind(rng) for _ in range(int(rng.integers(1, 4)))]
    size = canvas.short * rng.uniform(0.04, 0.13)
    for depth in np.sort(rng.uniform(0.01, 1.05, int(rng.integers(25, 85)))):
        x, y = rng.uniform(0, canvas.width), horizon + (canvas.height - horizon) * depth
        radius = size * (0.15 + depth)
        canvas.stroke(
            (x, y), (x + rng.uniform(-3, 3), y + radius * 3), max(0.8, radius * 0.15), green * 0.8
        )
        _paint_flower(
            rng,
            canvas,
            kinds[rng.integers(len(kinds))],
            (x, y),
            radius,
            squash=rng.uniform(0.4, 0.9),
        )


def _bunch(rng: np.random.Generator, canvas: Canvas) -> None:
    _backdrop(rng, canvas)
    kinds = [_pick_kind(rng) for _ in range(int(rng.integers(1, 5)))]
    green = _green(rng)
    spread = rng.uniform(0.18, 0.5)
    size = canvas.short * rng.uniform(0.09, 0.24)
    centre = (canvas.width * rng.uniform(0.35, 0.65), canvas.height * rng.uniform(0.3, 0.6))
    heads = rng.normal(0, 1, (int(rng.integers(7, 30)), 2)) * spread * canvas.short * 0.7 + centre
    for x, y in heads:
        canvas.stroke(
            (x, y), (centre[0], canvas.height + 10.0), size * 0.1, green * rng.uniform(0.6, 1)
        )
        canvas.ellipse(
            x + rng.uniform(-1, 1) * size,
            y + size,
            size,
            size * 0.35,
            green * rng.uniform(0.6, 1.2),
            angle=rng.uniform(0, 6.28),
        )
    for x, y in heads:
        kind = kinds[rng.integers(len(kinds))]
        _paint_flower(
            rng, canvas, kind, (x, y), size * rng.uniform(0.6, 1.2), squash=rng.uniform(0.6, 1)
        )


def _border(rng: np.random.Generator, canvas: Canvas) -> None:
    """A bed seen from above, or the rows of a field."""
    green = _green(rng)
    soil = fractal(rng, canvas.shape, (12, 16), octaves=4)
    canvas.pixels[:] = mix(green, hsv(0.07, 0.5, 0.25), rng.uniform(0, 0.7)) * (
        0.5 + soil[..., None]
    )
    size = canvas.short * rng.uniform(0.05, 0.16)
    _paint_leaves(rng, canvas, int(rng.integers(30, 90)), size * 1.4, green)
    kinds = [_pick_kind(rng) for _ in range(int(rng.integers(1, 4)))]
    slope, pitch = rng.uniform(-0.6, 0.6), size * rng.uniform(2, 4)
    for _ in range(int(rng.integers(15, 70))):
        x, band = rng.uniform(0, canvas.width), int(rng.integers(-6, 14))
        y = band * pitch + slope * x + rng.normal(0, size * 0.4)
        if -size < y < canvas.height + size:
            kind = kinds[band % len(kinds)]
            _paint_flower(
                rng, canvas, kind, (x, y), size * rng.uniform(0.6, 1.1), squash=rng.uniform(0.6, 1)
            )
