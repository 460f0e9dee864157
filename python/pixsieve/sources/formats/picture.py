"""What a decoder is asked for, what it gives, and what it refuses."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pixsieve.sources.formats.room import Turn

#: Bytes that decoding may take for each pixel allowed, as in Rust.
BYTES_PER_PIXEL = 7


@dataclass(frozen=True)
class Decoded:
    """An upright picture, and what is known of the file it came from."""

    array: NDArray[np.uint8]
    """(h, w, 3) upright RGB, contiguous; smaller than the picture where that was asked for."""
    format: str
    width: int
    """Of the whole picture, upright."""
    height: int
    damage: str | None = None
    """What is wrong where pixels are missing but the rest could be read."""


class RefusedError(Exception):
    """A picture that is not decoded: an error code, and a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Request:
    """How a picture is to be decoded."""

    max_side: int
    max_pixels: int
    stretch: str
    short_side: int | None
    """A decoder may give a smaller picture, whose short side is not below this."""
    turn: Turn = field(default_factory=Turn, compare=False)
    """Its share of the memory that all decoders have together."""

    def check(self, width: int, height: int, held: float, per_pixel: int) -> None:
        """Refuses sizes beyond the limits, before memory is spent on them; waits for its turn.

        Args:
            width: In pixels; so is `height`.
            height: See above.
            held: How many of the pixels are in memory at once.
            per_pixel: Bytes that decoding takes for each of them at its worst moment.

        Raises:
            RefusedError: If a limit is exceeded, or a side is 0.
        """
        size = f"{width} x {height}"
        if width <= 0 or height <= 0:
            raise RefusedError("corrupt", f"{size} pixels")
        if max(width, height) > self.max_side:
            raise RefusedError("too_large", f"{size}: a side is longer than {self.max_side} pixels")
        if held > self.max_pixels:
            raise RefusedError("too_large", f"{size}: more than {self.max_pixels} pixels")
        needed, most = int(held * per_pixel), BYTES_PER_PIXEL * self.max_pixels
        if needed > most:
            raise RefusedError(
                "too_large", f"{size}: decoding takes {needed} bytes, more than {most}"
            )
        self.turn.wait(needed)

    def halvings(self, width: int, height: int, most: int) -> int:
        """How often the sides may be halved, at most `most` times."""
        if self.short_side is None:
            return 0
        count = 0
        while count < most and min(width, height) >> (count + 1) >= self.short_side:
            count += 1
        return count
