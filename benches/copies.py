"""Collections with known copies: what people do to pictures before they upload them again."""

import hashlib
import io
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

#: Beside the project, not part of it.
DATA = Path(__file__).parents[2] / "shared" / "data"

Edit = Callable[[Image.Image, random.Random], Image.Image]

#: (bytes of the file, its suffix)
File = tuple[bytes, str]


def _resize(picture: Image.Image, rng: random.Random) -> Image.Image:
    scale = 2 ** rng.uniform(-2, 1)
    size = [max(8, round(side * scale)) for side in picture.size]
    return picture.resize((size[0], size[1]), Image.Resampling.BICUBIC)


def _crop(picture: Image.Image, rng: random.Random) -> Image.Image:
    keep = rng.uniform(0.5, 0.9)
    width, height = (round(side * keep) for side in picture.size)
    left, top = rng.randint(0, picture.width - width), rng.randint(0, picture.height - height)
    return picture.crop((left, top, left + width, top + height))


def _pad(picture: Image.Image, rng: random.Random) -> Image.Image:
    colour = rng.choice(["black", "white", "#808080", "#203a5c", "#d8c8a0"])
    if rng.random() < 0.5:
        side = max(picture.size)
        if picture.width != picture.height:
            return ImageOps.pad(picture, (side, side), color=colour)
    share = rng.uniform(0.05, 0.25)
    return ImageOps.expand(picture, round(min(picture.size) * share), fill=colour)


def _rotate(picture: Image.Image, rng: random.Random) -> Image.Image:
    turn = rng.choice(
        [Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270]
    )
    return picture.transpose(turn)


def _tilt(picture: Image.Image, rng: random.Random) -> Image.Image:
    angle = rng.choice([-1, 1]) * rng.uniform(1, 10)
    return picture.rotate(
        angle,
        Image.Resampling.BICUBIC,
        expand=rng.random() < 0.3,
        fillcolor=rng.choice(["black", "white"]),
    )


def _flip(picture: Image.Image, rng: random.Random) -> Image.Image:
    return ImageOps.mirror(picture) if rng.random() < 0.7 else ImageOps.flip(picture)


def _brightness(picture: Image.Image, rng: random.Random) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(rng.choice([0.5, 0.7, 1.4, 1.7]))


def _contrast(picture: Image.Image, rng: random.Random) -> Image.Image:
    return ImageEnhance.Contrast(picture).enhance(rng.choice([0.4, 0.6, 1.4, 1.8]))


def _hue(picture: Image.Image, rng: random.Random) -> Image.Image:
    bands = np.array(picture.convert("HSV"))
    bands[..., 0] += np.uint8(rng.randint(20, 235))
    return Image.fromarray(bands, "HSV").convert("RGB")


def _grey(picture: Image.Image, _: random.Random) -> Image.Image:
    return picture.convert("L").convert("RGB")


def _blur(picture: Image.Image, rng: random.Random) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(rng.uniform(1, 3)))


def _noise(picture: Image.Image, rng: random.Random) -> Image.Image:
    generator = np.random.default_rng(rng.getrandbits(32))
    pixels = np.asarray(picture, dtype=np.float32)
    noisy = pixels + generator.normal(0, rng.uniform(8, 30), pixels.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def _overlay(picture: Image.Image, rng: random.Random) -> Image.Image:
    """A line of text on a bar, or a logo in a corner."""
    picture = picture.copy()
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    ink = rng.choice(["white", "yellow", "#ff3040"])
    if rng.random() < 0.6:
        size = max(10, round(height * rng.uniform(0.08, 0.16)))
        top = round(rng.uniform(0, height - 1.5 * size))
        if rng.random() < 0.5:
            draw.rectangle((0, top, width, top + 1.4 * size), fill=rng.choice(["black", "#b01020"]))
        words = rng.choice(["SALE -50 %", "when it is Monday", "www.example.com", "SAMPLE SAMPLE"])
        draw.text((width * 0.05, top), words, fill=ink, font=ImageFont.load_default(size))
    else:
        side = round(min(width, height) * rng.uniform(0.15, 0.3))
        left, top = rng.choice([0, width - side]), rng.choice([0, height - side])
        draw.ellipse((left, top, left + side, top + side), fill=ink)
        draw.rectangle(
            (left + side // 3, top + side // 3, left + side * 2 // 3, top + side), "navy"
        )
    return picture


def _screenshot(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Within the window of a viewer: a bar above, a toolbar below, plain margins."""
    dark = rng.random() < 0.5
    back, bar, ink = ("#1c1c1e", "#333338", "#c8c8c8") if dark else ("white", "#e4e4e8", "#404040")
    width, height = picture.size
    side = round(width * rng.uniform(0, 0.12))
    above, below = (round(height * rng.uniform(0.08, 0.16)) for _ in range(2))
    window = Image.new("RGB", (width + 2 * side, height + above + below), back)
    draw = ImageDraw.Draw(window)
    draw.rectangle((0, 0, window.width, above * 0.7), fill=bar)
    for number in range(3):
        radius = above * 0.15
        x = above * (0.4 + 0.5 * number)
        draw.ellipse((x - radius, above * 0.2, x + radius, above * 0.5), fill=ink)
    font = ImageFont.load_default(max(8, round(below * 0.4)))
    draw.text((width * 0.1, height + above + below * 0.25), "Photos   Share   Edit", ink, font)
    window.paste(picture, (side, above))
    return window


def _same(picture: Image.Image, _: random.Random) -> Image.Image:
    return picture


EDITS: dict[str, Edit] = {
    "jpeg": _same,
    "resize": _resize,
    "crop": _crop,
    "pad": _pad,
    "rotate": _rotate,
    "tilt": _tilt,
    "flip": _flip,
    "brightness": _brightness,
    "contrast": _contrast,
    "hue": _hue,
    "grey": _grey,
    "blur": _blur,
    "noise": _noise,
    "overlay": _overlay,
    "screenshot": _screenshot,
    "format": _same,
}


def edited(source: Path, name: str, rng: random.Random) -> File:
    """A copy of a picture with one kind of edit, as the bytes of a file.

    All but `jpeg` and `format` are saved as JPEG of quality 90.
    """
    with Image.open(source) as opened:
        picture = EDITS[name](opened.convert("RGB"), rng)
    target = io.BytesIO()
    if name == "format":
        kind = rng.choice(["PNG", "WEBP", "BMP"])
        picture.save(target, kind)
        return target.getvalue(), f".{kind.lower()}"
    picture.save(target, "JPEG", quality=rng.randint(10, 90) if name == "jpeg" else 90)
    return target.getvalue(), ".jpg"


#: Pictures of `scenes` and `photos` that show one view, by the beginnings of their names: found by
#: eye among the pairs that match best. They are neither copies nor false alarms.
SAME_VIEW = (
    ("20858", "22586"),
    ("20916", "22917"),
    ("20713", "21060", "22254"),
    ("21990", "22819"),
    ("22764", "24011"),
    ("22441", "22623"),
    ("20267", "21311"),
    ("06de9ebd", "76f8420a"),
)


@dataclass(frozen=True)
class Collection:
    """Pictures, and edited copies of some of them."""

    paths: list[str]
    """The originals, then the copies."""
    origins: list[int]
    """For each the row of the original that it shows."""
    edits: list[str]
    """What was done to it; empty for originals."""

    def relation(self, one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.int8]:
        """For each pair 1 if it shows one picture, -1 if one view in two pictures, else 0."""
        origins = np.array(self.origins)
        a, b = origins[one], origins[other]
        views = np.arange(len(self.paths))
        names = [Path(path).stem for path in self.paths]
        for group in SAME_VIEW:
            same = [row for row, name in enumerate(names) if name.startswith(group)]
            views[same] = min(same, default=0)
        return np.where(a == b, 1, np.where(views[a] == views[b], -1, 0)).astype(np.int8)


def half(path: Path) -> int:
    """Which half of the pictures it belongs to: 0 is for tuning, 1 for reporting."""
    return hashlib.sha256(path.name.encode()).digest()[0] & 1


def collection(
    data: Path, folder: Path, *, which: int, copies: int | None, seed: int, complete: bool = False
) -> Collection:
    """All pictures of `photos` and `scenes`, and copies of some, which are written into `folder`.

    Of the half `which` so many get one edit each, all kinds alike often; None takes all. The
    originals stay where they are, unless `folder` is to be complete.
    """
    names = ("photos", "scenes")
    originals = [path for name in names for path in sorted((data / name).rglob("*.jpg"))]
    rng = random.Random(seed)
    chosen = [row for row, path in enumerate(originals) if half(path) == which]
    rng.shuffle(chosen)
    folder.mkdir(parents=True, exist_ok=True)
    if complete:
        paths = [shutil.copy(path, folder / path.name) for path in originals]
    else:
        paths = list(originals)
    origins, edits = list(range(len(originals))), [""] * len(originals)
    kinds = list(EDITS)
    for number, row in enumerate(chosen[:copies]):
        kind = kinds[number % len(kinds)]
        content, suffix = edited(originals[row], kind, random.Random(f"{seed} {row}"))
        target = folder / f"copy-{number:05}{suffix}"
        target.write_bytes(content)
        paths.append(target)
        origins.append(row)
        edits.append(kind)
    return Collection([str(path) for path in paths], origins, edits)
