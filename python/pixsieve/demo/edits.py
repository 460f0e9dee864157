"""What befalls pictures: edits of pixels, and damage to files.

Pixels are (h, w, 3) uint8 RGB; files are bytes. Nothing here reads or writes.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pixsieve.demo.noise import gaussian, resample

Pixels: TypeAlias = NDArray[np.uint8]

_JPEG_START = b"\xff\xd8"
_QUARTER_TURNS = {3: 2, 6: 1, 8: 3}  # EXIF orientation: turns to the left that a viewer undoes


def resize(pixels: Pixels, scale: float) -> Pixels:
    """The whole picture with sides `scale` times as long."""
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    return _to_bytes(resample(pixels.astype(np.float32), height, width))


def crop(pixels: Pixels, keep: float, x: float, y: float) -> Pixels:
    """A window with sides `keep` times as long; `x`, `y` in 0..1 say where it lies."""
    height, width = (max(1, round(side * keep)) for side in pixels.shape[:2])
    top, left = round((pixels.shape[0] - height) * y), round((pixels.shape[1] - width) * x)
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def flip(pixels: Pixels, *, vertical: bool) -> Pixels:
    """Mirrored left to right, or top to bottom."""
    return np.ascontiguousarray(pixels[::-1] if vertical else pixels[:, ::-1])


def recolour(
    pixels: Pixels, gains: tuple[float, float, float], saturation: float, gamma: float
) -> Pixels:
    """Another white balance, saturation (0 grey, 1 as it was) and gamma."""
    light = pixels.astype(np.float32) / 255
    grey = light.mean(axis=2, keepdims=True)
    vivid = np.clip((grey + saturation * (light - grey)) * np.array(gains, np.float32), 0, 1)
    return _to_bytes(vivid ** np.float32(gamma) * 255)


def darken(pixels: Pixels, mean: float) -> Pixels:
    """Underexposed until the mean of all channels is `mean`, at most what it was."""
    share = min(1.0, mean / max(float(pixels.mean()), 1e-6))
    return _to_bytes(pixels * np.float32(share))


def brighten(pixels: Pixels, mean: float) -> Pixels:
    """Overexposed until the mean of all channels is `mean`, at least what it was."""
    return 255 - darken(255 - pixels, 255 - mean)


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Out of focus: a Gaussian of `sigma` pixels."""
    return _to_bytes(gaussian(pixels.astype(np.float32), sigma))


def blank(height: int, width: int, colour: tuple[int, int, int]) -> Pixels:
    """One colour."""
    return np.broadcast_to(np.array(colour, np.uint8), (height, width, 3)).copy()


def turn_for_exif(pixels: Pixels, orientation: int) -> Pixels:
    """Turned so that a viewer who obeys EXIF orientation 3, 6 or 8 sees it upright again."""
    return np.ascontiguousarray(np.rot90(pixels, _QUARTER_TURNS[orientation]))


def insert_exif(jpeg: bytes, orientation: int) -> bytes:
    """A JPEG file with an EXIF segment that holds nothing but the orientation.

    Raises:
        ValueError: the bytes are no JPEG file.
    """
    if not jpeg.startswith(_JPEG_START):
        raise ValueError(
            "an EXIF segment goes into JPEG files only: encode the picture as JPEG first"
        )
    entry = (
        b"\x01\x12"
        + b"\x00\x03"
        + b"\x00\x00\x00\x01"
        + orientation.to_bytes(2, "big")
        + b"\x00\x00"
    )
    tiff = b"MM\x00\x2a\x00\x00\x00\x08" + b"\x00\x01" + entry + b"\x00\x00\x00\x00"
    body = b"Exif\x00\x00" + tiff
    return _JPEG_START + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + jpeg[2:]


def truncate(data: bytes, keep: float) -> bytes:
    """The first `keep` of a file, as a broken download leaves it."""
    return data[: int(len(data) * keep)]


def corrupt(data: bytes, start: int, length: int, seed: int) -> bytes:
    """The file with `length` bytes from `start` on replaced by random ones."""
    rng = np.random.Generator(np.random.PCG64(seed))
    end = min(start + length, len(data))
    return data[:start] + rng.bytes(end - start) + data[end:]


def _to_bytes(pixels: NDArray[np.float32]) -> Pixels:
    return (np.clip(pixels, 0, 255) + 0.5).astype(np.uint8)
