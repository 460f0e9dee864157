"""The flat picture of a PSD or PSB: what Photoshop shows, without its layers.

Photoshop writes it on white where it is transparent, so channels beyond the colours do not count.
"""

import struct
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pixsieve.sources.formats.colours import from_light, to_rgb
from pixsieve.sources.formats.picture import Decoded, RefusedError, Request
from pixsieve.sources.formats.stretch import to_bytes

BILEVEL, GREY, PALETTE, COLOUR, CMYK, MULTICHANNEL, DUOTONE, LAB = 0, 1, 2, 3, 4, 7, 8, 9
#: How many channels of each mode are the picture.
CHANNELS = {
    **dict.fromkeys((BILEVEL, GREY, PALETTE, MULTICHANNEL, DUOTONE), 1),
    COLOUR: 3,
    CMYK: 4,
    LAB: 3,
}
KINDS: dict[int, np.dtype[Any]] = {8: np.dtype(np.uint8), 16: np.dtype(">u2"), 32: np.dtype(">f4")}
DEPTHS = {BILEVEL: (1,), PALETTE: (8,), LAB: (8, 16)}
STORED, PACKED = 0, 1
#: What becomes of the rows, twice; to it come, for each byte in the file, its unpacked copy and
#: that in the machine's order.
PER_PIXEL, PER_BYTE = 6, 2


@dataclass(frozen=True)
class Header:
    """The first 26 bytes."""

    large: bool
    """A PSB, some of whose numbers are longer."""
    channels: int
    height: int
    width: int
    depth: int
    mode: int

    @classmethod
    def read(cls, data: bytes) -> Self:
        """The header.

        Raises:
            RefusedError: If it is broken, or of a kind that is not read.
        """
        if len(data) < 26:
            raise RefusedError("corrupt", "the file ends within its header")
        version, channels, height, width, depth, mode = struct.unpack(">4xH6xHIIHH", data[:26])
        if version not in (1, 2) or mode not in CHANNELS or channels < CHANNELS[mode]:
            raise RefusedError(
                "corrupt", f"version {version}, mode {mode} with {channels} channels"
            )
        if depth not in DEPTHS.get(mode, KINDS):
            raise RefusedError("unknown_format", f"PSD of mode {mode} with {depth} bits")
        return cls(version == 2, channels, height, width, depth, mode)

    @property
    def used(self) -> int:
        """Channels that are the picture; they come first."""
        return CHANNELS[self.mode]

    @property
    def row(self) -> int:
        """Bytes of a row of one channel."""
        return (self.width * self.depth + 7) // 8


def decode(data: bytes, request: Request) -> Decoded:
    """The flat picture."""
    header = Header.read(data)
    wide = PER_PIXEL + PER_BYTE * header.used * max(1, header.depth // 8)
    request.check(header.width, header.height, header.width * header.height, wide)
    colours, at = _section(data, 26)
    _, at = _section(data, at)
    _, at = _section(data, at, 8 if header.large else 4)
    planes = _planes(data, at, header)
    array = _colours(planes, colours, header.mode, request.stretch)
    return Decoded(array, "psd", header.width, header.height)


def _section(data: bytes, at: int, digits: int = 4) -> tuple[bytes, int]:
    """What is in it, and where the next one begins."""
    start = at + digits
    end = start + int.from_bytes(data[at:start], "big")
    if end > len(data):
        raise RefusedError("corrupt", "the file ends before the picture")
    # Only palettes are looked at; layers may take gigabytes.
    return data[start : min(end, start + 768)], end


def _planes(data: bytes, at: int, header: Header) -> NDArray[Any]:
    """(channels, h, w), in the machine's byte order; of one bit, as bytes of 0 and 1."""
    how = int.from_bytes(data[at : at + 2], "big")
    at += 2
    size = header.used * header.height * header.row
    if how == STORED:
        content = data[at : at + size]
    elif how == PACKED:
        content = _unpacked(data, at, header)
    else:
        raise RefusedError("unknown_format", f"PSD whose flat picture is packed by way {how}")
    if len(content) < size:
        raise RefusedError("corrupt", "the file ends early")
    shape = (header.used, header.height, header.row)
    if header.depth == 1:
        bits = np.unpackbits(np.frombuffer(content, np.uint8).reshape(shape), axis=2)
        return bits[..., : header.width]
    kind = KINDS[header.depth]
    values = np.frombuffer(content, kind).reshape(header.used, header.height, header.width)
    return values.astype(kind.newbyteorder("="), copy=False)


def _unpacked(data: bytes, at: int, header: Header) -> bytes:
    """The rows of the channels that are used, packed by PackBits."""
    from PIL import Image  # noqa: PLC0415 - needed only for PSD

    # The packed length of each row of each channel comes first.
    at += header.channels * header.height * (4 if header.large else 2)
    rows = Image.frombytes(
        "L", (header.row, header.used * header.height), data[at:], "packbits", "L"
    )
    return rows.tobytes()


def _colours(planes: NDArray[Any], palette: bytes, mode: int, stretch: str) -> NDArray[np.uint8]:
    values = np.moveaxis(planes, 0, 2)
    if mode == BILEVEL:
        return to_rgb(255 * (1 - values), stretch)
    if mode == PALETTE:
        if len(palette) < 768:
            raise RefusedError("corrupt", "the palette is not whole")
        table = np.frombuffer(palette, np.uint8, 768).reshape(3, 256).T
        return np.ascontiguousarray(table[values[..., 0]])
    if mode == CMYK:
        return from_light(to_bytes(values, stretch))
    if mode == LAB:
        return _from_lab(to_bytes(values, "range"))
    return to_rgb(values, stretch)


def _from_lab(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from PIL import Image, ImageCms  # noqa: PLC0415 - needed only for PSD

    # Photoshop counts a and b from 128 on, Pillow in two's complement.
    signed = values ^ np.array([0, 128, 128], np.uint8)
    picture = Image.frombytes("LAB", (values.shape[1], values.shape[0]), signed.tobytes())
    profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(picture, *profiles, outputMode="RGB")
    if converted is None:
        raise RefusedError("corrupt", "its colours cannot be converted")
    return np.ascontiguousarray(converted)
