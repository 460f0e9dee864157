"""Camera RAW, through LibRaw."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixsieve.sources.formats.colours import to_rgb, upright
from pixsieve.sources.formats.picture import Decoded, RefusedError, Request
from pixsieve.sources.formats.pillow import rgb

#: The sensor's values, four channels of 16 bits while they are developed, the picture, and RGB,
#: as measured: by range, by percentile, and at half the size; and of the camera's own JPEG.
PER_PIXEL, PER_PIXEL_OF_16, PER_PIXEL_HALVED, PER_PIXEL_OF_PREVIEW = 14, 21, 5, 7
#: LibRaw's turns, by EXIF's number: 4 swaps rows and columns, 2 reverses rows, 1 columns.
ORIENTATIONS = {0: 1, 1: 2, 3: 3, 2: 4, 4: 5, 6: 6, 7: 7, 5: 8}
#: The camera's own JPEG stands for the picture if its sides are no shorter than this share of
#: the picture's, and no other shape.
SHARE, SHAPE = 0.9, 0.02


def decode(data: bytes, request: Request) -> Decoded:
    """The camera's own full-size JPEG, as people see it, or else what LibRaw develops.

    With `stretch` "percentile" always the latter. It is developed at half the size where
    `short_side` allows it.
    """
    import rawpy  # noqa: PLC0415 - needed only for camera RAW

    with rawpy.RawPy() as raw:
        try:
            return _opened(raw, data, request)
        except rawpy.LibRawFileUnsupportedError:
            raise RefusedError("unknown_format", "LibRaw knows no such camera file") from None
        except rawpy.LibRawError as error:
            raise RefusedError("corrupt", _message(error)) from None


def _opened(raw: Any, data: bytes, request: Request) -> Decoded:
    raw.open_buffer(io.BytesIO(data))
    sizes = raw.sizes
    width, height = sizes.width, sizes.height
    orientation = ORIENTATIONS.get(sizes.flip, 1)
    request.check(width, height, 0, 0)
    array = None if request.stretch == "percentile" else _preview(raw, width, height, request)
    if array is None:
        array = _developed(raw, request)
    array = upright(array, orientation)
    if orientation > 4:
        width, height = height, width
    return Decoded(array, "raw", width, height)


def _preview(raw: Any, width: int, height: int, request: Request) -> NDArray[np.uint8] | None:
    """The camera's own JPEG, not turned, if it is large enough and shows the whole picture."""
    import rawpy  # noqa: PLC0415 - needed only for camera RAW
    from PIL import JpegImagePlugin  # noqa: PLC0415 - likewise

    try:
        preview = raw.extract_thumb()
        if preview.format != rawpy.ThumbFormat.JPEG:
            return None
        # Not `Image.open`, which has limits and warnings of its own for the whole process.
        with JpegImagePlugin.JpegImageFile(io.BytesIO(preview.data)) as image:
            wanted = request.short_side or SHARE * min(width, height)
            shape = (image.width * height) / (image.height * width)
            if min(image.size) < wanted or abs(shape - 1) > SHAPE:
                return None
            request.check(*image.size, image.width * image.height, PER_PIXEL_OF_PREVIEW)
            if request.short_side is not None:
                image.draft("RGB", _reduced(image.size, request))
            return rgb(image, request.stretch)
    except (rawpy.LibRawError, SyntaxError, OSError, RefusedError):
        # One that is broken or too large, or none, is no loss: there is the picture itself.
        return None


def _reduced(size: tuple[int, int], request: Request) -> tuple[int, int]:
    halvings = request.halvings(*size, 3)
    return size[0] >> halvings, size[1] >> halvings


def _developed(raw: Any, request: Request) -> NDArray[np.uint8]:
    """As LibRaw develops it, with the camera's white balance, not turned."""
    sizes, wide = raw.sizes, request.stretch == "percentile"
    halved = request.halvings(sizes.width, sizes.height, 1) == 1
    sensor = max(sizes.raw_width * sizes.raw_height, sizes.width * sizes.height)
    if halved:
        request.check(sizes.width, sizes.height, sensor / 4, 4 * PER_PIXEL_HALVED)
    else:
        request.check(sizes.width, sizes.height, sensor, PER_PIXEL_OF_16 if wide else PER_PIXEL)
    values = raw.postprocess(
        half_size=halved,
        use_camera_wb=True,
        no_auto_bright=wide,
        output_bps=16 if wide else 8,
        user_flip=0,
    )
    return to_rgb(values, request.stretch)


def _message(error: Exception) -> str:
    """LibRaw's sentences come as bytes."""
    text = error.args[0] if error.args else type(error).__name__
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)
