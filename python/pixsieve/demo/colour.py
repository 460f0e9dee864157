"""Colours as float32 RGB in 0..1."""

import colorsys
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Colour: TypeAlias = NDArray[np.floating]


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """RGB of a hue in turns (it wraps), saturation and value in 0..1 (they are clipped)."""
    clipped = (min(max(part, 0.0), 1.0) for part in (saturation, value))
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, *clipped), np.float32)


def rgb(code: str) -> Colour:
    """RGB of six hexadecimal digits."""
    return np.frombuffer(bytes.fromhex(code), np.uint8).astype(np.float32) / 255


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`share` of the second colour, the rest of the first."""
    return first + np.float32(share) * (second - first)


def jitter(rng: np.random.Generator, colour: Colour, amount: float = 0.05) -> Colour:
    """The colour moved at random by up to `amount` per channel."""
    return np.clip(colour + rng.uniform(-amount, amount, 3).astype(np.float32), 0, 1)


def ramp(at: NDArray[np.float32], stops: Sequence[Colour]) -> NDArray[np.float32]:
    """Colours for positions 0..1 between evenly spaced stops; one axis of 3 is added."""
    places = np.linspace(0, 1, len(stops))
    table = np.stack(stops)
    channels = [np.interp(at, places, table[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)
