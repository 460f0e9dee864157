"""Mountains: ridges behind ridges, with snow, woods, meadows and lakes."""

# mypy: disable-error-code="no-any-return"
# NumPy types what it indexes and computes as Any.

from math import cos, sin

import numpy as np

from pixsieve.demo.canvas import Canvas, Field
from pixsieve.demo.colour import Colour, hsv, jitter, mix, rgb
from pixsieve.demo.noise import fractal, line, mirror, sample
from pixsieve.demo.scenes.sky import Light, paint_reflection, paint_sky, pick_light

_ROCKS = ("5b5f66", "6d5f52", "8a5a44", "4a5a4e", "77706a", "3f4a5c", "a5724f", "566b3f")
_GRASS = ("6f8f3a", "8a8f45", "4c7a3d", "a89a4a", "b5793a", "5d6b3a")


def draw(rng: np.random.Generator, canvas: Canvas) -> None:
    """Draws a mountain landscape."""
    light = pick_light(rng)
    horizon = canvas.height * rng.uniform(0.3, 0.75)
    paint_sky(rng, canvas, light, horizon)
    rock = jitter(rng, rgb(_ROCKS[rng.integers(len(_ROCKS))]), 0.08)
    _paint_ridges(rng, canvas, light, horizon, rock)
    foreground = rng.integers(5)
    if foreground == 0:
        shore = int(canvas.height * rng.uniform(0.6, 0.85))
        paint_reflection(rng, canvas, shore, light.middle * 0.6, rng.uniform(0.6, 0.9))
    elif foreground in (1, 2):
        _paint_woods(rng, canvas, light)
    elif foreground == 3:
        _paint_meadow(rng, canvas, light)


def _profile(rng: np.random.Generator, width: int, kind: int) -> Field:
    cells = rng.uniform(1, 4)
    if kind == 0:  # alpine: sharp peaks
        ridge = 1 - np.abs(2 * line(rng, width, cells, octaves=1) - 1)
        return 0.75 * ridge + 0.3 * line(rng, width, cells * 4, octaves=5, gain=0.55)
    if kind == 1:  # rounded hills
        return line(rng, width, cells, octaves=3, gain=0.35)
    if kind == 2:  # table mountains
        raw = line(rng, width, cells * 1.3, octaves=3)
        return 0.8 * np.clip((raw - 0.45) * 6, 0, 1) + 0.2 * line(rng, width, cells * 5)
    x = np.linspace(0, 1, width, dtype=np.float32)  # one great peak
    peak = rng.uniform(0.2, 0.8)
    cone = np.clip(1 - np.abs(x - peak) * rng.uniform(1.3, 3), 0, 1) ** rng.uniform(1, 1.8)
    return cone + 0.16 * line(rng, width, 6, octaves=5, gain=0.6)


def _paint_ridges(
    rng: np.random.Generator, canvas: Canvas, light: Light, horizon: float, rock: Colour
) -> None:
    count = int(rng.integers(2, 6))
    kind = int(rng.integers(4))
    height = canvas.height * rng.uniform(0.2, 0.55)
    snow = rng.random() < 0.5
    base = horizon + 0.1 * canvas.height
    step = (canvas.height * 1.05 - base) / count
    cells = rng.uniform(4, 9)
    noise = fractal(rng, (320, 320), (cells, cells), octaves=5, gain=0.6, ridged=True)
    for layer in range(count):
        near = (layer + 1) / count
        tall = min(height, base * 0.85) * (1 - 0.55 * near if kind != 1 else rng.uniform(0.3, 0.7))
        ridge = base - tall * _profile(
            rng, canvas.width, kind if layer == 0 else int(rng.integers(2))
        )
        colour = mix(light.haze, jitter(rng, rock, 0.05) * light.strength, 0.3 + 0.7 * near)
        _paint_ridge(
            rng, canvas, light, (ridge, noise), colour, snow=tall if snow and layer < 2 else 0.0
        )
        base += step


def _paint_ridge(
    rng: np.random.Generator,
    canvas: Canvas,
    light: Light,
    relief: tuple[Field, Field],
    colour: Colour,
    *,
    snow: float,
) -> None:
    ridge, noise = relief
    top = float(ridge.min())
    patch = canvas.patch(0, top, canvas.width, canvas.height)
    shape = patch.pixels.shape[:2]
    if not all(shape):
        return
    rough = _crags(rng, noise, shape)
    side = 1 if light.x < 0.5 else -1
    slope = rough - np.roll(rough, (2, 3 * side), axis=(0, 1))
    lit = np.clip(0.8 + 2.2 * slope + 0.25 * (rough - 0.5), 0.25, 1.8)[..., None]
    surface = colour * lit
    if snow:
        level = top + snow * rng.uniform(0.25, 0.7)
        white = np.clip((level - patch.y + (rough - 0.5) * snow * 0.9) / 6, 0, 1)[..., None]
        surface += white * (mix(rgb("f4f8ff"), light.sun, 0.25) * light.strength * lit - surface)
    mist = np.clip((patch.y - top) / canvas.height, 0, 1)[..., None] * rng.uniform(0, 0.8)
    surface += mist * (light.haze - surface) * 0.6
    patch.blend(np.clip(patch.y - ridge[None] + 0.5, 0, 1), surface)


def _crags(rng: np.random.Generator, field: Field, shape: tuple[int, int]) -> Field:
    """A part of a field of noise, turned and bent, else its lattice would show."""
    scale = rng.uniform(0.5, 1.1) / max(shape)
    y = np.arange(shape[0], dtype=np.float32)[:, None] * scale
    x = np.arange(shape[1], dtype=np.float32)[None] * scale
    turn, shift = rng.uniform(0.3, 1.2), rng.uniform(0, 2)
    bend = 0.06 * np.sin(x * rng.uniform(8, 20) + 3 * y)
    along = x * cos(turn) + y * sin(turn) + bend + shift
    across = y * cos(turn) - x * sin(turn) + bend
    size = field.shape[0] - 1
    return sample(field, mirror(across) * size, mirror(along) * size)


def _paint_woods(rng: np.random.Generator, canvas: Canvas, light: Light) -> None:
    green = hsv(rng.uniform(0.2, 0.45), rng.uniform(0.2, 0.6), rng.uniform(0.12, 0.4))
    rows = int(rng.integers(1, 4))
    foot = canvas.height * rng.uniform(0.72, 0.9)
    for row in range(rows):
        size = canvas.short * rng.uniform(0.08, 0.16) * (1 + 0.8 * row)
        skyline = _tree_line(rng, canvas, foot, size)
        rough = fractal(rng, canvas.shape, (20, 20), octaves=3)
        colour = mix(light.haze, green * light.strength, 0.65 + 0.35 * (row + 1) / rows)
        y = np.arange(canvas.height, dtype=np.float32)[:, None]
        canvas.whole().blend(
            np.clip(y - skyline[None] + 0.5, 0, 1), colour * (0.6 + 0.8 * rough[..., None])
        )
        foot += canvas.height * 0.09


def _tree_line(rng: np.random.Generator, canvas: Canvas, foot: float, size: float) -> Field:
    """The highest of many spruces at every column: steep, and frayed by their branches."""
    count = int(canvas.width / size * rng.uniform(1.5, 5))
    x = np.arange(canvas.width, dtype=np.float32)[None]
    at = rng.uniform(-10, canvas.width + 10, (count, 1)).astype(np.float32)
    tall = (size * rng.uniform(0.5, 1.3, (count, 1))).astype(np.float32)
    away = np.abs(x - at)
    frayed = away + 1.5 * np.sin(away * 2.5)
    tops = foot - tall + frayed * rng.uniform(2.5, 4)
    return np.minimum(tops.min(axis=0), foot + 8 * line(rng, canvas.width, 5))


def _paint_meadow(rng: np.random.Generator, canvas: Canvas, light: Light) -> None:
    grass = jitter(rng, rgb(_GRASS[rng.integers(len(_GRASS))]), 0.06) * light.strength
    edge = canvas.height * rng.uniform(0.65, 0.88) + canvas.height * 0.1 * line(
        rng, canvas.width, 2, octaves=3
    )
    blades = fractal(rng, canvas.shape, (14, 50), octaves=3, gain=0.8)
    patches = fractal(rng, canvas.shape, (6, 3), octaves=3)
    colour = grass * (0.45 + 0.7 * blades + 0.4 * patches)[..., None]
    y = np.arange(canvas.height, dtype=np.float32)[:, None]
    canvas.whole().blend(np.clip(y - edge[None] + 4 * blades, 0, 1), colour)
