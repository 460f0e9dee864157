"""Skies and water, shared by the outdoor scenes."""

from dataclasses import dataclass

import numpy as np

from pixsieve.demo.canvas import Canvas
from pixsieve.demo.colour import Colour, jitter, mix, ramp, rgb
from pixsieve.demo.noise import fractal, gaussian

_PALETTES = (  # zenith, middle, horizon, light; from noon through sunset to storm
    ("2f6fb5", "7db3e0", "dcecf5", "fff8e6"),
    ("1d4f91", "4f8fc9", "a9d0ea", "ffffff"),
    ("54478c", "d98695", "ffd9a0", "ffcf8a"),
    ("23395b", "c8553d", "f9b44c", "ffd27a"),
    ("8d99a6", "b4bcc4", "d8dcdf", "e6e6e6"),
    ("46535e", "6b7b86", "a8b3b5", "cdd6d8"),
    ("0f1c3f", "3a3f7a", "b58ab0", "f3d7ff"),
    ("c7a76a", "e3cc98", "f6ecd0", "fff6d8"),
    ("14505c", "4fa3a5", "cfe8d5", "f8ffe0"),
    ("0a1230", "16264f", "34507d", "c9d8ff"),
)


@dataclass(frozen=True)
class Light:
    """The colours of a day."""

    zenith: Colour
    middle: Colour
    haze: Colour
    sun: Colour
    x: float
    """Where the sun stands, as a share of the width."""
    strength: float
    """How bright things on the ground are, 0.3..1."""


def pick_light(rng: np.random.Generator) -> Light:
    """A random time of day."""
    colours = [jitter(rng, rgb(code), 0.06) for code in _PALETTES[rng.integers(len(_PALETTES))]]
    strength = float(np.clip(colours[2].mean() * rng.uniform(0.85, 1.25), 0.35, 1))
    zenith, middle, haze, sun = colours
    return Light(zenith, middle, haze, sun, x=float(rng.uniform(0.05, 0.95)), strength=strength)


def paint_sky(rng: np.random.Generator, canvas: Canvas, light: Light, horizon: float) -> None:
    """Fills the canvas with a sky whose haze lies at `horizon`, in pixels from the top."""
    at = np.clip(np.arange(canvas.height, dtype=np.float32) / max(horizon, 1), 0, 1)
    canvas.pixels[:] = ramp(at, (light.zenith, light.middle, light.haze))[:, None]
    if rng.random() < 0.6:
        sun_y = horizon * rng.uniform(0.15, 0.95)
        radius = canvas.short * rng.uniform(0.02, 0.07)
        canvas.glow(light.x * canvas.width, sun_y, radius * 4, light.sun, 0.45)
        canvas.ellipse(light.x * canvas.width, sun_y, radius, radius, light.sun, soft=2)
    if rng.random() < 0.8:
        _paint_clouds(rng, canvas, light, horizon)


def _paint_clouds(rng: np.random.Generator, canvas: Canvas, light: Light, horizon: float) -> None:
    flat = rng.uniform(1, 4)
    cells = rng.uniform(1.5, 4)
    clouds = fractal(rng, canvas.shape, (cells * flat, cells), octaves=5)
    cover = rng.uniform(0.3, 0.65)
    share = np.clip((clouds - cover) * rng.uniform(2, 6), 0, 0.9)
    share *= np.clip((horizon - np.arange(canvas.height)[:, None]) / (0.3 * horizon + 1), 0, 1)
    # Clouds are lit from above: where they thicken downwards their underside is grey.
    lit = np.clip(0.5 + 12 * (clouds - np.roll(clouds, canvas.short // 24, axis=0)), 0, 1)
    shade = mix(light.zenith, light.haze, 0.55)
    canvas.whole().blend(
        share.astype(np.float32), shade + lit[..., None] * (mix(light.sun, light.haze, 0.3) - shade)
    )


def paint_reflection(
    rng: np.random.Generator, canvas: Canvas, shore: int, tint: Colour, strength: float
) -> None:
    """Turns everything below row `shore` into water that mirrors what stands above."""
    rows = canvas.height - shore
    if rows < 2 or shore < 2:
        return
    depth = np.arange(rows)
    source = shore - 1 - np.minimum((depth * rng.uniform(0.8, 1.3)).astype(int), shore - 1)
    mirrored = gaussian(canvas.pixels[source], 1.0)
    ripples = fractal(rng, (rows, canvas.width), (rows / 5, rng.uniform(2, 8)), octaves=3) - 0.5
    shift = ripples * (4 + 30 * depth[:, None] / rows) * rng.uniform(0.3, 1.5)
    columns = np.clip(np.arange(canvas.width)[None] + shift, 0, canvas.width - 1).astype(int)
    mirrored = mirrored[depth[:, None], columns] + 0.12 * ripples[..., None]
    canvas.pixels[shore:] = mirrored * np.float32(strength) + np.float32(1 - strength) * tint
