"""Fractal noise, blur and resampling in NumPy.

Everything is gathered and summed in a fixed order, without BLAS, so that the number of threads
cannot change a pixel.
"""

# mypy: disable-error-code="no-any-return"
# NumPy types what it indexes and computes as Any.

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Field: TypeAlias = NDArray[np.floating]


def value_noise(
    rng: np.random.Generator, shape: tuple[int, int], cells: tuple[float, float]
) -> Field:
    """Smooth random values in 0..1: a random lattice of `cells`, interpolated to `shape`."""
    lattice = rng.random((int(cells[0]) + 2, int(cells[1]) + 2), dtype=np.float32)
    wide = np.ascontiguousarray(_stretch(lattice.T, shape[1], cells[1]).T)
    return _stretch(wide, shape[0], cells[0])


def _stretch(lattice: Field, size: int, cells: float) -> Field:
    at = np.linspace(0, cells, size, endpoint=False, dtype=np.float32)
    left = at.astype(np.intp)
    t = at - left
    t = (t * t * (3 - 2 * t))[:, None]
    low = lattice[left]
    between = lattice[left + 1]
    between -= low
    between *= t
    between += low
    return between


def fractal(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cells: tuple[float, float],
    *,
    octaves: int = 4,
    gain: float = 0.5,
    ridged: bool = False,
) -> Field:
    """Sum of octaves of value noise, stretched to fill 0..1; `ridged` gives sharp crests."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        layer = value_noise(rng, shape, (cells[0] * 2**octave, cells[1] * 2**octave))
        total += (1 - np.abs(2 * layer - 1) if ridged else layer) * np.float32(gain**octave)
    low, high = total.min(), total.max()
    return (total - low) / max(high - low, np.float32(1e-6))


def line(
    rng: np.random.Generator, size: int, cells: float, *, octaves: int = 5, gain: float = 0.5
) -> Field:
    """One-dimensional fractal noise of `size` values in 0..1."""
    return fractal(rng, (1, size), (0.5, cells), octaves=octaves, gain=gain)[0]


def sample(field: Field, y: Field, x: Field) -> Field:
    """Values of `field` nearest to the coordinates, which wrap around its borders."""
    rows = np.floor(y).astype(np.intp) % field.shape[0]
    columns = np.floor(x).astype(np.intp) % field.shape[1]
    return field[rows, columns]


def mirror(at: Field) -> Field:
    """Coordinates folded into 0..1, so that a field that does not repeat has no seam."""
    return 1 - np.abs(1 - np.mod(at, 2))


def gaussian(pixels: Field, sigma: float) -> Field:
    """Gaussian blur of the first two axes; the border is repeated."""
    reach = max(1, round(2.5 * sigma))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    taps /= taps.sum()
    for axis in (0, 1):
        padding = [(reach, reach) if a == axis else (0, 0) for a in range(pixels.ndim)]
        padded = np.pad(pixels, padding, mode="edge")
        size = pixels.shape[axis]
        blurred = np.zeros_like(pixels)
        for offset, tap in enumerate(taps):
            window = (
                padded[offset : offset + size] if axis == 0 else padded[:, offset : offset + size]
            )
            blurred += window * np.float32(tap)
        pixels = blurred
    return pixels


def resample(pixels: Field, height: int, width: int) -> Field:
    """Resizes (h, w, c) with a triangle filter that widens when it reduces."""
    rows = np.einsum("ij,jkc->ikc", _weights(pixels.shape[0], height), pixels)
    return np.einsum("ij,kjc->kic", _weights(pixels.shape[1], width), rows)


def _weights(size: int, target: int) -> Field:
    scale = size / target
    centre = (np.arange(target) + 0.5) * scale - 0.5
    reach = max(scale, 1.0)
    weights = np.clip(1 - np.abs(np.arange(size)[None] - centre[:, None]) / reach, 0, None)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
