"""From the channels of a file to RGB of 8 bits, alpha on white, upright."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixsieve.sources.formats.stretch import BLOCK, to_bytes

#: Rows and columns swapped, then rows reversed, then columns, by EXIF's number.
TURNS = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def to_rgb(values: NDArray[Any], stretch: str, *, premultiplied: bool = False) -> NDArray[np.uint8]:
    """(h, w, 3) RGB of 8 bits, contiguous.

    Args:
        values: (h, w), or (h, w, c) of grey, grey and alpha, RGB, or RGB and alpha; uint8, uint16
            or float.
        stretch: How more than 8 bits become 8; alpha is always brought there by its range.
        premultiplied: The colours were multiplied with alpha already.
    """
    if values.ndim == 2:
        values = values[..., None]
    channels = values.shape[2]
    if channels in (1, 3):
        return _three(to_bytes(values, stretch))
    colour = to_bytes(values[..., :-1], stretch)
    return on_white(_three(colour), to_bytes(values[..., -1], "range"), premultiplied)


def on_white(
    colour: NDArray[np.uint8], alpha: NDArray[np.uint8], premultiplied: bool = False
) -> NDArray[np.uint8]:
    """The picture on white paper: (h, w, 3), rounded as Rust rounds."""
    flat = np.empty_like(colour, order="C")
    rows = max(1, BLOCK // max(1, colour.shape[1]))
    for start in range(0, len(colour), rows):
        part = slice(start, start + rows)
        cover = alpha[part, :, None].astype(np.uint32)
        value = colour[part].astype(np.uint32)
        light = value * (255 if premultiplied else cover) + 255 * (255 - cover) + 127
        flat[part] = np.minimum(light // 255, 255)
    return flat


def from_light(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(h, w, 3) RGB from (h, w, 4) CMYK in which 255 is no ink, as in JPEG files of Rust's."""
    flat = np.empty((*ink.shape[:2], 3), np.uint8)
    rows = max(1, BLOCK // max(1, ink.shape[1]))
    for start in range(0, len(ink), rows):
        part = ink[start : start + rows].astype(np.uint32)
        flat[start : start + rows] = (part[..., :3] * part[..., 3:] + 127) // 255
    return flat


def upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The picture turned as EXIF's orientation says; other numbers than 2 to 8 leave it."""
    if orientation in TURNS:
        swapped, rows, columns = TURNS[orientation]
        if swapped:
            pixels = pixels.swapaxes(0, 1)
        pixels = pixels[:: -1 if rows else 1, :: -1 if columns else 1]
    return np.ascontiguousarray(pixels)


def _three(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.broadcast_to(values, (*values.shape[:2], 3)))
