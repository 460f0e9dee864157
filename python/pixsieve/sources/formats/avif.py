"""AVIF, through Pillow and libavif."""

import io

from pixsieve.sources.formats.colours import upright
from pixsieve.sources.formats.picture import Decoded, RefusedError, Request
from pixsieve.sources.formats.pillow import rgb

#: The planes, the picture, its copy for Python, Pillow's, and RGB, as measured.
PER_PIXEL = 14

ORIENTATION = 0x0112


def decode(data: bytes, request: Request) -> Decoded:
    """The first picture. More than 8 bits become 8 within libavif, by their range."""
    from PIL import AvifImagePlugin, Image  # noqa: PLC0415 - needed only for AVIF

    if not AvifImagePlugin.SUPPORTED:
        raise RefusedError("unknown_format", "the installed Pillow was built without AVIF")
    # Not `Image.open`, which has limits and warnings of its own for the whole process.
    with AvifImagePlugin.AvifImageFile(io.BytesIO(data)) as image:
        request.check(*image.size, image.width * image.height, PER_PIXEL)
        # Pillow writes there how the file says that the picture is to be turned.
        exif = Image.Exif()
        exif.load(image.info.get("exif", b""))
        array = rgb(image, request.stretch)
    array = upright(array, exif.get(ORIENTATION, 1))
    return Decoded(array, "avif", array.shape[1], array.shape[0])
