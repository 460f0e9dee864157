"""JPEG 2000, through Pillow and OpenJPEG."""

import io

import numpy as np
from numpy.typing import NDArray

from pixsieve.sources.formats.jp2_header import Header
from pixsieve.sources.formats.picture import Decoded, RefusedError, Request
from pixsieve.sources.formats.pillow import rgb

#: Pillow's picture and ours; to it comes what each channel takes within OpenJPEG. As
#: measured.
PER_PIXEL, PER_CHANNEL = 5, 6


def decode(data: bytes, request: Request) -> Decoded:
    """The picture; colours of more than 8 bits become 8 within Pillow, by their range.

    It may be decoded at a half, a quarter, or less, of its size. There is no orientation.
    """
    header = Header.read(data)
    halvings = header.halvings(request)
    width, height = header.reduced(halvings)
    per_pixel = PER_PIXEL + PER_CHANNEL * header.channels
    request.check(header.width, header.height, width * height, per_pixel)
    array = _pixels(data, header, halvings, request.stretch)
    return Decoded(array, "jp2", header.width, header.height)


def _pixels(data: bytes, header: Header, halvings: int, stretch: str) -> NDArray[np.uint8]:
    from PIL import Jpeg2KImagePlugin  # noqa: PLC0415 - needed only for JPEG 2000

    # Not `Image.open`, which has limits and warnings of its own for the whole process.
    with Jpeg2KImagePlugin.Jpeg2KImageFile(io.BytesIO(data)) as image:
        if image.size != (header.width, header.height):
            raise RefusedError(
                "corrupt", f"{image.width} x {image.height} pixels without, other ones within"
            )
        # Pillow's way to ask for it; the name is a method's, too.
        setattr(image, "reduce", halvings)  # noqa: B010
        return rgb(image, stretch)
