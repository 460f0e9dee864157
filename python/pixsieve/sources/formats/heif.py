"""HEIF and HEIC, through libheif."""

import numpy as np

from pixsieve.sources.formats.colours import to_rgb
from pixsieve.sources.formats.picture import Decoded, RefusedError, Request

#: The planes, the picture, and RGB, as measured; with more than 8 bits, and with 8.
PER_PIXEL_OF_MORE, PER_PIXEL = 20, 11
#: libheif's own limit, for pictures that are larger than they say.
TOO_LARGE = "Image size"


def decode(data: bytes, request: Request) -> Decoded:
    """The primary picture; libheif turns it as the file says, and EXIF does not count."""
    try:
        return _decoded(data, request)
    except (EOFError, RuntimeError, SyntaxError, ValueError) as error:
        _, limit, reason = str(error).partition(f"Security limit exceeded: {TOO_LARGE}")
        if limit:
            raise RefusedError("too_large", f"{TOO_LARGE}{reason}") from None
        raise


def _decoded(data: bytes, request: Request) -> Decoded:
    import pillow_heif  # noqa: PLC0415 - needed only for HEIF

    opened = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)
    image = opened[opened.primary_index]
    width, height = image.size
    more = image.mode.endswith(";16")
    request.check(width, height, width * height, PER_PIXEL_OF_MORE if more else PER_PIXEL)
    values = np.asarray(image)
    array = to_rgb(values, request.stretch, premultiplied=image.premultiplied_alpha)
    return Decoded(array, "heif", array.shape[1], array.shape[0])
