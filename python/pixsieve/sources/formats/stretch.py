"""How values of more than 8 bits become 8: the reference that Rust's decoders follow, too.

Two rules:

* `range`: the whole range of the kind of number. A whole number of 16 bits becomes
  `(v + 128) // 257`; a float is clamped to 0..1, multiplied with 255 in its own precision, and
  rounded, halves upwards. What is no number is 0.
* `percentile`: linearly from the 1st to the 99th percentile of the picture. Let N be the number
  of its values, of all colour channels together; alpha, and what is no number, do not count.
  `lower` is the smallest value v of which at least ceil(0.01 N) values are <= v, `upper` the same
  with ceil(0.99 N): nearest rank. Then a value becomes 255 * (v - lower) / (upper - lower),
  rounded, halves upwards, and clamped to 0..255. Where upper <= lower, or one of them is not
  finite, the rule is `range`.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: So many values are converted at a time: NumPy's temporary arrays stay small.
BLOCK = 1 << 20

Values: TypeAlias = NDArray[Any]


def to_bytes(values: Values, stretch: str) -> NDArray[np.uint8]:
    """The values as 8 bits, in the same shape.

    Args:
        values: uint8 (which stay as they are), uint16, or float32 or float64.
        stretch: `range` or `percentile`.
    """
    if values.dtype == np.uint8:
        return values
    if stretch == "percentile":
        lower, upper = percentiles(values)
        if np.isfinite(lower) and np.isfinite(upper) and upper > lower:
            return between(values, lower, upper)
    return in_blocks(values, _whole if values.dtype == np.uint16 else _unit)


def percentiles(values: Values) -> tuple[float, float]:
    """The 1st and the 99th percentile by nearest rank; NaN where there is no number at all."""
    if values.dtype == np.uint16:
        return _of_histogram(values)
    known = values[~np.isnan(values)]
    if not known.size:
        return np.nan, np.nan
    ranks = _ranks(known.size)
    known.partition([rank - 1 for rank in ranks])
    return float(known[ranks[0] - 1]), float(known[ranks[1] - 1])


def _of_histogram(values: Values) -> tuple[float, float]:
    counts = np.zeros(65_536, np.int64)
    for block in _blocks(values):
        counts += np.bincount(block, minlength=65_536)
    below = np.cumsum(counts)
    lower, upper = np.searchsorted(below, _ranks(int(below[-1])))
    return float(lower), float(upper)


def _ranks(count: int) -> tuple[int, int]:
    """ceil(0.01 N) and ceil(0.99 N), in whole numbers."""
    return (count + 99) // 100, (99 * count + 99) // 100


def _whole(block: Values) -> NDArray[np.uint8]:
    return ((block.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _unit(block: Values) -> NDArray[np.uint8]:
    scaled = np.clip(block, 0, 1) * block.dtype.type(255)
    return rounded(scaled.astype(np.float64))


def between(values: Values, lower: float, upper: float) -> NDArray[np.uint8]:
    """Linearly from `lower`, which becomes 0, to `upper`, which becomes 255 and is greater."""
    if values.dtype == np.uint16:
        # A table of all values, in whole numbers: nothing depends on how floats are rounded.
        low, width = int(lower), int(upper - lower)
        steps = np.clip(np.arange(65_536, dtype=np.int64) - low, 0, width)
        table = ((510 * steps + width) // (2 * width)).astype(np.uint8)
        return in_blocks(values, lambda block: table[block])

    def line(block: Values) -> NDArray[np.uint8]:
        steps = np.clip(block.astype(np.float64), lower, upper) - lower
        return rounded(255 * (steps / (upper - lower)))

    return in_blocks(values, line)


def rounded(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """To whole numbers, halves upwards; what is no number is 0."""
    return np.floor(np.nan_to_num(values, nan=0.0) + 0.5).astype(np.uint8)


def in_blocks(values: Values, convert: Callable[[Values], Values]) -> NDArray[np.uint8]:
    """What `convert` makes of some values at a time, in the same shape."""
    flat = np.empty(values.size, np.uint8)
    start = 0
    for block in _blocks(values):
        flat[start : start + block.size] = convert(block)
        start += block.size
    return flat.reshape(values.shape)


def _blocks(values: Values) -> Iterator[Values]:
    flat = values.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        yield flat[start : start + BLOCK]
