"""JPEG XL, through libjxl."""

from typing import Any

import numpy as np

from pixsieve import _native
from pixsieve.sources.formats.colours import to_rgb
from pixsieve.sources.formats.jxl_header import picture_size
from pixsieve.sources.formats.picture import Decoded, RefusedError, Request

#: libjxl's own numbers, the picture, and RGB: 7 to 15 as measured, and more for floats.
PER_PIXEL = 24
#: By the bytes of a value.
KINDS: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.uint8),
    2: np.dtype(np.uint16),
    4: np.dtype(np.float32),
}
CHANNELS = {"L": 1, "I;16": 1, "F": 1, "F;16": 1, "LA": 2, "RGB": 3, "RGBA": 4}


def decode(data: bytes, request: Request) -> Decoded:
    """The first picture; libjxl turns it as the file says, and EXIF does not count.

    A JPEG that was packed without loss comes out as that JPEG.
    """
    import pillow_jxl  # noqa: PLC0415 - needed only for JPEG XL

    width, height = picture_size(data)
    request.check(width, height, width * height, PER_PIXEL)
    try:
        # One thread: several pictures are decoded at once.
        is_jpeg, about, content, *_ = pillow_jxl.Decoder(num_threads=0)(data)
    except RuntimeError:
        raise RefusedError("corrupt", "libjxl cannot decode it") from None
    if is_jpeg:
        return _of_jpeg(content, request)
    channels = CHANNELS[about.mode]
    kind = KINDS[len(content) // (about.width * about.height * channels)]
    values = np.frombuffer(content, kind).reshape(about.height, about.width, channels)
    array = to_rgb(values, request.stretch)
    return Decoded(array, "jxl", about.width, about.height)


def _of_jpeg(content: bytes, request: Request) -> Decoded:
    try:
        array = _native.decode(
            data=content,
            extension="jpg",
            max_side=request.max_side,
            max_pixels=request.max_pixels,
            stretch=request.stretch,
        )
    except ValueError as error:
        code, _, detail = str(error).partition(": ")
        raise RefusedError(code, detail) from None
    return Decoded(array, "jxl", array.shape[1], array.shape[0])
