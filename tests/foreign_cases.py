"""Files of the formats that Python decodes, made by hand or by other libraries."""

import io
import struct
from collections.abc import Callable, Sequence

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - Pillow learns JPEG XL from it
from numpy.typing import NDArray
from PIL import Image

from conftest import draw
from format_cases import saved
from pixsieve.sources.formats import Decoded, decode
from pixsieve.sources.places import Failure

MAX_SIDE, MAX_PIXELS = 65_535, 120_000_000


def outcome(data: bytes, extension: str | None = None, **options: object) -> Decoded | Failure:
    settings = {"max_side": MAX_SIDE, "max_pixels": MAX_PIXELS, "stretch": "range"}
    return decode(data, extension=extension, **(settings | options))


def decoded(data: bytes, extension: str | None = None, **options: object) -> Decoded:
    found = outcome(data, extension, **options)
    assert isinstance(found, Decoded), found
    assert found.array.dtype == np.uint8
    assert found.array.ndim == 3
    assert found.array.shape[2] == 3
    assert found.array.flags.c_contiguous
    return found


def failed(data: bytes, extension: str | None = None, **options: object) -> Failure:
    found = outcome(data, extension, **options)
    assert isinstance(found, Failure), found.array.shape
    return found


def far(ours: NDArray[np.uint8], theirs: NDArray[np.uint8] | Image.Image) -> float:
    """Mean difference of all values."""
    expected = np.asarray(theirs, dtype=np.float64)
    assert ours.shape == expected.shape
    return float(np.abs(ours - expected).mean())


def exif_of(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def heif(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, **({"quality": -1, "chroma": 444} | options))
    return buffer.getvalue()


def avif(image: Image.Image, **options: object) -> bytes:
    return saved(image, "AVIF", **({"quality": 100, "subsampling": "4:4:4"} | options))


def jp2(image: Image.Image, **options: object) -> bytes:
    return saved(image, "JPEG2000", **options)


def jxl(image: Image.Image, **options: object) -> bytes:
    return saved(image, "JXL", **({"lossless": True} | options))


def packbits(row: bytes) -> bytes:
    """As pieces that are not packed, and runs where a byte comes at least three times."""
    packed, at = bytearray(), 0
    while at < len(row):
        run = 1
        while at + run < len(row) and run < 128 and row[at + run] == row[at]:
            run += 1
        if run >= 3:
            packed += bytes([257 - run, row[at]])
        else:
            packed += bytes([run - 1]) + row[at : at + run]
        at += run
    return bytes(packed)


def psd(
    planes: Sequence[NDArray[np.generic]],
    mode: int,
    *,
    depth: int = 8,
    large: bool = False,
    packed: bool = False,
    palette: bytes = b"",
    size: tuple[int, int] | None = None,
) -> bytes:
    """A PSD without layers; `size` (width, height) only if the header is to lie."""
    high, wide = planes[0].shape
    width, height = size or (wide, high)
    header = struct.pack(
        ">4sH6xHIIHH", b"8BPS", 2 if large else 1, len(planes), height, width, depth, mode
    )
    header += struct.pack(">I", len(palette)) + palette
    header += struct.pack(">I", 12) + b"8BIM\x04\x0b\0\0\0\0\0\0"
    header += struct.pack(">Q" if large else ">I", 4) + b"\0\0\0\0"
    kinds = {16: ">u2", 32: ">f4"}
    rows = [
        np.packbits(row).tobytes() if depth == 1 else row.astype(kinds.get(depth, "u1")).tobytes()
        for plane in planes
        for row in plane
    ]
    if not packed:
        return header + b"\0\0" + b"".join(rows)
    short = [packbits(row) for row in rows]
    lengths = struct.pack(f">{len(short)}{'I' if large else 'H'}", *map(len, short))
    return header + b"\0\1" + lengths + b"".join(short)


def _tiff(entries: dict[int, tuple[int, Sequence[int]]], strip: bytes) -> bytes:
    """A little-endian TIFF of one directory: tag to type and values; 273 is where `strip` is."""
    kinds = {1: ("B", 1), 2: ("B", 1), 3: ("H", 2), 4: ("I", 4), 5: ("I", 4), 10: ("i", 4)}
    start = 8 + 2 + 12 * len(entries) + 4
    directory, beyond = b"", b""
    length_of_beyond = sum(
        -(-len(values) * kinds[kind][1] // 4) * 4
        for kind, values in entries.values()
        if len(values) * kinds[kind][1] > 4
    )
    for tag, (kind, values) in sorted(entries.items()):
        letter, _ = kinds[kind]
        numbers = [start + length_of_beyond] if tag == 273 else values
        packed = struct.pack(f"<{len(values)}{letter}", *numbers)
        count = len(values) // 2 if kind in (5, 10) else len(values)
        packed += b"\0" * (-len(packed) % 4)
        if len(packed) > 4:
            place = struct.pack("<I", start + len(beyond))
            beyond += packed
        else:
            place = packed.ljust(4, b"\0")
        directory += struct.pack("<HHI", tag, kind, count) + place
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries))
    return head + directory + b"\0\0\0\0" + beyond + strip


def dng(
    colours: NDArray[np.uint16], *, orientation: int = 1, size: tuple[int, int] | None = None
) -> bytes:
    """A DNG whose sensor (RGGB) saw these colours, linear, (h, w, 3); without any preview."""
    high, wide, _ = colours.shape
    width, height = size or (wide, high)
    sensor = np.empty((high, wide), "<u2")
    for (row, column), channel in {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}.items():
        sensor[row::2, column::2] = colours[row::2, column::2, channel]
    strip = sensor.tobytes()
    one = [1, 1]
    # From XYZ to the camera's colours: those of sRGB, so that they stay as they are.
    matrix = [32406, -15372, -4986, -9689, 18758, 415, 557, -2040, 10570]
    text: Callable[[str], list[int]] = lambda word: [*word.encode(), 0]  # noqa: E731
    entries = {
        254: (4, [0]),
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [16]),
        259: (3, [1]),
        262: (3, [32803]),
        271: (2, text("Pixsieve")),
        272: (2, text("Box")),
        273: (4, [0]),
        274: (3, [orientation]),
        277: (3, [1]),
        278: (4, [height]),
        279: (4, [len(strip)]),
        284: (3, [1]),
        33421: (3, [2, 2]),
        33422: (1, [0, 1, 1, 2]),
        50706: (1, [1, 4, 0, 0]),
        50708: (2, text("Pixsieve Box")),
        50714: (3, [0]),
        50717: (4, [65535]),
        50721: (10, [part for value in matrix for part in (value, 10000)]),
        50728: (5, one * 3),
        50778: (3, [21]),
    }
    return _tiff(entries, strip)


def corners(width: int = 64, height: int = 48) -> Image.Image:
    """Red, green, blue and white corners, of no symmetry."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = 255, 0, 0
    pixels[: height // 2, width // 2 :] = 0, 255, 0
    pixels[height // 2 :, : width // 2] = 0, 0, 255
    pixels[height // 2 :, width // 2 :] = 255, 255, 255
    return Image.fromarray(pixels)


#: A file of each format that can be written here.
FILES: dict[str, Callable[[], bytes]] = {
    "heif": lambda: heif(draw(1)),
    "avif": lambda: avif(draw(1)),
    "jp2": lambda: jp2(draw(1)),
    "jxl": lambda: jxl(draw(1)),
    "psd": lambda: psd(list(np.moveaxis(np.asarray(draw(1)), 2, 0)), 3, packed=True),
    "raw": lambda: dng(np.asarray(draw(1)).astype(np.uint16) * 257),
}
