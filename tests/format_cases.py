"""Pictures of every kind, and how Pillow reads them."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from conftest import draw
from pixsieve import engine

Pixels = NDArray[np.float64]


def with_pillow(source: Path | io.BytesIO) -> Pixels:
    """Upright, first frame, 8 bits, alpha on white."""
    with Image.open(source) as image:
        image.load()
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):
            grey = np.asarray(upright, dtype=np.float64) / 257  # 65535 is white
            return np.repeat(grey[..., None], 3, axis=2)
        if upright.has_transparency_data:
            canvas = Image.new("RGBA", upright.size, "white")
            canvas.alpha_composite(upright.convert("RGBA"))
            upright = canvas
        return np.asarray(upright.convert("RGB"), dtype=np.float64)


def difference(data: bytes, extension: str = "") -> float:
    """Mean over all values, between us and Pillow."""
    ours, theirs = engine.decode(data, extension=extension), with_pillow(io.BytesIO(data))
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).mean())


def saved(image: Image.Image, format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def with_alpha(image: Image.Image) -> Image.Image:
    ramp = np.linspace(0, 255, image.width).astype(np.uint8)
    image.putalpha(Image.fromarray(np.tile(ramp, (image.height, 1))))
    return image


def sixteen_bits() -> Image.Image:
    ramp = np.linspace(0, 65535, 64 * 48).astype(np.uint16)
    return Image.fromarray(ramp.reshape(48, 64))


KINDS: dict[str, Callable[[], Image.Image]] = {
    "bilevel": lambda: draw(1).convert("1"),
    "grey": lambda: draw(1).convert("L"),
    "grey and alpha": lambda: with_alpha(draw(1).convert("L")),
    "palette": lambda: draw(1).convert("P", palette=Image.Palette.ADAPTIVE, colors=16),
    "colour": lambda: draw(1),
    "colour and alpha": lambda: with_alpha(draw(1)),
    "CMYK": lambda: draw(1).convert("CMYK"),
    "16 bits": sixteen_bits,
}
