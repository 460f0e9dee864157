"""What the first bytes of a JPEG 2000 codestream say (ISO/IEC 15444-1, annex A)."""

import struct
from dataclasses import dataclass
from typing import Self

from pixsieve.sources.formats.boxes import boxes
from pixsieve.sources.formats.picture import RefusedError, Request

START = b"\xff\x4f\xff\x51"
CODING = 0xFF52
TILE = 0xFF90
#: No honest file has more.
MOST_TILES = 65_535
MOST_LEVELS = 32


@dataclass(frozen=True)
class Header:
    """Of the codestream; what the file says around it does not count."""

    width: int
    height: int
    channels: int
    levels: int
    """How often the sides can be halved without decoding the rest."""

    @classmethod
    def read(cls, data: bytes) -> Self:
        """The header.

        Raises:
            RefusedError: If there is none, or it is broken.
        """
        at = _codestream(data)
        size = data[at + 6 : at + 42]
        if len(size) < 36:
            raise RefusedError("corrupt", "the file ends within its header")
        _, right, bottom, left, top, *tiles, channels = struct.unpack(">H8IH", size)
        width, height = right - left, bottom - top
        if width <= 0 or height <= 0:
            raise RefusedError("corrupt", f"{width} x {height} pixels")
        _check_tiles(right, bottom, tiles)
        # Pillow rounds sizes otherwise where the picture does not start at 0.
        levels = _levels(data, at) if left == top == 0 else 0
        return cls(width, height, channels, levels)

    def halvings(self, request: Request) -> int:
        """How often the sides are halved; OpenJPEG and Pillow must round the size alike."""
        count = request.halvings(self.width, self.height, self.levels)
        while count and self.reduced(count) != self._as_pillow_rounds(count):
            count -= 1
        return count

    def reduced(self, halvings: int) -> tuple[int, int]:
        """The size after so many halvings."""
        return -(-self.width >> halvings), -(-self.height >> halvings)

    def _as_pillow_rounds(self, halvings: int) -> tuple[int, int]:
        half = 1 << halvings >> 1
        return (self.width + half) >> halvings, (self.height + half) >> halvings


def _codestream(data: bytes) -> int:
    """Where it begins."""
    if data.startswith(START):
        return 0
    for kind, start, _ in boxes(data):
        if kind == b"jp2c" and data.startswith(START, start):
            return start
    raise RefusedError("corrupt", "there is no codestream in the file")


def _check_tiles(right: int, bottom: int, tiles: list[int]) -> None:
    width, height, left, top = tiles
    if not width or not height or left > right or top > bottom:
        raise RefusedError("corrupt", "the tiles do not cover the picture")
    count = -((left - right) // width) * -((top - bottom) // height)
    if count > MOST_TILES:
        raise RefusedError("corrupt", f"{count} tiles, more than {MOST_TILES}")


def _levels(data: bytes, at: int) -> int:
    """Of the coding style's default; 0 where it is not found."""
    at += 2
    while at + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, at)
        if marker == CODING and at + 9 < len(data):
            return min(data[at + 9], MOST_LEVELS)
        if marker == TILE or length < 2:
            break
        at += 2 + length
    return 0
