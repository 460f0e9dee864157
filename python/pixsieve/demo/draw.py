"""Draws one picture of the demo collection: a scene, seen through a camera."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from pixsieve.demo.canvas import Canvas, Field
from pixsieve.demo.noise import gaussian
from pixsieve.demo.offtopic import DRAWINGS
from pixsieve.demo.scenes import boats, city, fabric, flowers, fruit, mountains

SCENES: Mapping[str, Callable[[np.random.Generator, Canvas], None]] = {
    "boats": boats.draw,
    "city": city.draw,
    "fabric": fabric.draw,
    "flowers": flowers.draw,
    "fruit": fruit.draw,
    "mountains": mountains.draw,
}
"""The classes of the collection and what draws them."""

_SIZES = (
    (192, 256),
    (192, 256),
    (180, 270),
    (256, 192),
    (208, 208),
    (160, 280),
    (240, 320),
    (225, 168),
)
_LEAST_MEAN = 0.21
_OFF_TOPIC = 1000  # streams of random numbers beside those of the classes


def draw(label: str, number: int) -> NDArray[np.uint8]:
    """Draws picture `number` of a class.

    Returns:
        (h, w, 3) uint8 RGB; the same for the same arguments, on every machine up to the
        rounding of floats.

    Raises:
        ValueError: there is no such class.
    """
    if label not in SCENES:
        raise ValueError(
            f"no class {label!r} in the demo collection: use one of {', '.join(SCENES)}"
        )
    rng = _stream(list(SCENES).index(label), number)
    canvas = _blank_canvas(rng)
    SCENES[label](rng, canvas)
    return _photograph(rng, canvas.pixels)


def draw_offtopic(number: int) -> NDArray[np.uint8]:
    """Draws picture `number` of those that belong to no class; as `draw`, but no camera."""
    rng = _stream(_OFF_TOPIC, number)
    canvas = _blank_canvas(rng)
    DRAWINGS[number % len(DRAWINGS)](rng, canvas)
    return _to_bytes(canvas.pixels)


def _stream(kind: int, number: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((20240, kind, number))))


def _blank_canvas(rng: np.random.Generator) -> Canvas:
    height, width = _SIZES[rng.integers(len(_SIZES))]
    return Canvas(height, width)


def _photograph(rng: np.random.Generator, scene: Field) -> NDArray[np.uint8]:
    """Exposure, white balance, lens and grain of a random camera."""
    pixels = np.clip(scene, 0, 1)
    # Metering: no picture is dark by accident, else the planted dark ones were not the only ones.
    pixels = np.clip(pixels * max(1.0, _LEAST_MEAN / float(pixels.mean())), 0, 1)
    if rng.random() < 0.25:
        pixels = gaussian(pixels, rng.uniform(0.4, 0.8))
    pixels = pixels ** np.float32(rng.uniform(0.75, 1.2))
    balance = 1 + rng.uniform(-0.08, 0.08, 3).astype(np.float32)
    contrast = np.float32(rng.uniform(0.85, 1.15))
    pixels = ((pixels - 0.5) * contrast + 0.5) * balance
    height, width = pixels.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    pixels = pixels * (1 - np.float32(rng.uniform(0, 0.22)) * (x * x + y * y))[..., None]
    if rng.random() < 0.03:
        pixels = np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2)
    grain = rng.standard_normal(pixels.shape[:2], dtype=np.float32) * np.float32(
        rng.uniform(0.012, 0.026)
    )
    return _to_bytes(pixels + grain[..., None])


def _to_bytes(pixels: Field) -> NDArray[np.uint8]:
    return (np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8)
