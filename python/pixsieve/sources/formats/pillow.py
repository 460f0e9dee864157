"""From Pillow's pictures to ours."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pixsieve.sources.formats.colours import from_light, to_rgb

if TYPE_CHECKING:
    from PIL import Image


def rgb(image: "Image.Image", stretch: str) -> NDArray[np.uint8]:
    """(h, w, 3) RGB, alpha on white, not turned."""
    if image.mode == "CMYK":
        return from_light(255 - np.asarray(image))
    image.load()
    if image.mode in ("P", "PA", "1"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return to_rgb(np.asarray(image), stretch)
