"""Decides which pictures the demo collection holds and what is wrong with each.

A plan holds files in memory, with their problems; `plant` writes it. All chance comes from one
generator, so that a plan is the same every time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from pixsieve import engine
from pixsieve.demo import edits
from pixsieve.demo.draw import SCENES, draw, draw_offtopic
from pixsieve.demo.edits import Pixels
from pixsieve.demo.offtopic import DRAWINGS

PER_CLASS = 88
SPLITS = ("train", "valid", "test")
_SPLIT_SHARES = (0.7, 0.15, 0.15)

COPIES = {
    "exact": 12,
    "reencoded": 12,
    "resized": 10,
    "cropped": 10,
    "flipped": 8,
    "recoloured": 8,
    "exif_rotation": 2,
}
"""Kinds of copies and how many of each: every one is an addition beside its original."""

CHANGED = {
    "mislabel": 15,
    "dark": 5,
    "bright": 5,
    "blurred": 6,
    "truncated": 3,
    "corrupt": 3,
    "wrong_extension": 2,
}
"""Kinds of problems that befall a picture that has no copy, and how many of each."""

_BLANKS = {
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "grey": (128, 128, 128),
    "blue": (28, 74, 160),
}


@dataclass
class File:
    """One file of the collection."""

    label: str
    split: str
    suffix: str
    data: bytes
    kind: str | None = None
    of: "File | None" = None
    detail: str = ""
    pixels: Pixels | None = field(default=None, repr=False)


def make_plan() -> list[File]:
    """All files of the collection, in the order in which they are numbered."""
    rng = np.random.Generator(np.random.PCG64(2024))
    base = [_clean(rng, label, number) for label in SCENES for number in range(PER_CLASS)]
    chosen = iter([base[at] for at in rng.permutation(len(base))])
    for kind, count in CHANGED.items():
        for number in range(count):
            _CHANGES[kind](rng, next(chosen), number)
    files = base + list(_copies(rng, chosen)) + _offtopic(rng) + _blank(rng)
    return [files[at] for at in rng.permutation(len(files))]


def _pick_split(rng: np.random.Generator) -> str:
    return str(rng.choice(SPLITS, p=_SPLIT_SHARES))


def _encode(pixels: Pixels, suffix: str, quality: int) -> bytes:
    if suffix == "png":
        return engine.encode_png(pixels)
    return engine.encode_jpeg(pixels, quality=quality)


def _clean(rng: np.random.Generator, label: str, number: int) -> File:
    suffix = "png" if rng.random() < 0.06 else "jpg"
    pixels = draw(label, number)
    data = _encode(pixels, suffix, int(rng.integers(82, 96)))
    return File(label, _pick_split(rng), suffix, data, pixels=pixels)


def _replace(file: File, kind: str, pixels: Pixels, detail: str) -> None:
    file.kind, file.detail = kind, detail
    file.data = _encode(pixels, file.suffix, 90)


def _pixels(file: File) -> Pixels:
    if file.pixels is None:
        raise AssertionError("only files drawn from a class are changed or copied")
    return file.pixels


def _mislabel(rng: np.random.Generator, file: File, _number: int) -> None:
    file.kind, file.detail = "mislabel", file.label
    file.label = str(rng.choice([label for label in SCENES if label != file.label]))


def _dark(rng: np.random.Generator, file: File, _number: int) -> None:
    mean = rng.uniform(4, 16)
    _replace(file, "dark", edits.darken(_pixels(file), mean), f"mean {mean:.1f}")


def _bright(rng: np.random.Generator, file: File, _number: int) -> None:
    mean = rng.uniform(242, 251)
    _replace(file, "bright", edits.brighten(_pixels(file), mean), f"mean {mean:.1f}")


def _blurred(rng: np.random.Generator, file: File, _number: int) -> None:
    sigma = rng.uniform(2.2, 4.5)
    _replace(file, "blurred", edits.blur(_pixels(file), sigma), f"sigma {sigma:.1f}")


def _as_jpeg(file: File) -> bytes:
    file.suffix = "jpg"
    return engine.encode_jpeg(_pixels(file), quality=90)


def _truncated(rng: np.random.Generator, file: File, _number: int) -> None:
    keep = rng.uniform(0.35, 0.8)
    file.kind, file.detail = "truncated", f"first {keep:.0%}"
    file.data = edits.truncate(_as_jpeg(file), keep)


def _corrupt(rng: np.random.Generator, file: File, number: int) -> None:
    """In turn: no signature, no headers, and a PNG whose checksums fail."""
    file.kind, seed = "corrupt", int(rng.integers(2**31))
    if number % 3 == 2:
        file.suffix, file.detail = "png", "pixel data overwritten"
        data = engine.encode_png(_pixels(file))
        file.data = edits.corrupt(data, len(data) // 3, 64, seed)
    elif number % 3 == 1:
        file.detail = "headers overwritten"
        file.data = edits.corrupt(_as_jpeg(file), 2, 600, seed)
    else:
        file.detail = "first bytes overwritten"
        file.data = edits.corrupt(_as_jpeg(file), 0, 256, seed)


def _wrong_extension(_rng: np.random.Generator, file: File, number: int) -> None:
    true, false = (("png", "jpg"), ("jpg", "png"))[number % 2]
    file.kind, file.detail = "wrong_extension", true
    file.suffix = false
    file.data = _encode(_pixels(file), true, 90)


_CHANGES: dict[str, Callable[[np.random.Generator, File, int], None]] = {
    "mislabel": _mislabel,
    "dark": _dark,
    "bright": _bright,
    "blurred": _blurred,
    "truncated": _truncated,
    "corrupt": _corrupt,
    "wrong_extension": _wrong_extension,
}


def _copies(rng: np.random.Generator, originals: Iterator[File]) -> Iterator[File]:
    """Copies, every third of them in another split than its original."""
    previous = None
    made = 0
    for kind, count in COPIES.items():
        for number in range(count):
            # The second exact copy shares its original with the first: a group of three.
            original = previous if kind == "exact" and number == 1 and previous else next(originals)
            copy = _copy(rng, kind, original, number)
            if made % 3 == 0:
                copy.split = str(rng.choice([split for split in SPLITS if split != original.split]))
            made += 1
            previous = original
            yield copy


def _copy(rng: np.random.Generator, kind: str, original: File, number: int) -> File:
    copy = File(original.label, original.split, "jpg", b"", kind, original)
    pixels, quality = _pixels(original), 90
    if kind == "exact":
        copy.suffix, copy.data = original.suffix, original.data
        return copy
    if kind == "exif_rotation":
        orientation = (6, 3, 8)[number % 3]
        copy.detail = f"orientation {orientation}"
        turned = engine.encode_jpeg(edits.turn_for_exif(pixels, orientation), quality=90)
        copy.data = edits.insert_exif(turned, orientation)
        return copy
    if kind == "reencoded":
        quality = int(rng.integers(20, 70))
        copy.suffix = "png" if number % 4 == 3 and original.suffix == "jpg" else "jpg"
        copy.detail = "png" if copy.suffix == "png" else f"quality {quality}"
    else:
        pixels, copy.detail = _edit(rng, kind, pixels, number)
    copy.data = _encode(pixels, copy.suffix, quality)
    return copy


def _edit(rng: np.random.Generator, kind: str, pixels: Pixels, number: int) -> tuple[Pixels, str]:
    if kind == "resized":
        scale = rng.uniform(0.4, 0.8) if number % 3 else rng.uniform(1.3, 1.8)
        return edits.resize(pixels, scale), f"scale {scale:.2f}"
    if kind == "cropped":
        keep = rng.uniform(0.85, 0.95)
        return edits.crop(pixels, keep, rng.random(), rng.random()), f"keeps {keep:.0%}"
    if kind == "flipped":
        vertical = number % 4 == 3
        return edits.flip(pixels, vertical=vertical), "vertical" if vertical else "horizontal"
    red, green, blue = rng.uniform(0.75, 1.2, 3)
    saturation = 0.0 if number % 4 == 3 else rng.uniform(0.4, 1.5)
    gamma = rng.uniform(0.75, 1.3)
    return edits.recolour(
        pixels, (red, green, blue), saturation, gamma
    ), f"saturation {saturation:.1f}"


def _offtopic(rng: np.random.Generator) -> list[File]:
    files = []
    for number, drawing in enumerate(DRAWINGS):
        data = engine.encode_jpeg(draw_offtopic(number), quality=90)
        files.append(_stray(rng, data, "offtopic", drawing.__name__.strip("_")))
    return files


def _stray(rng: np.random.Generator, data: bytes, kind: str, detail: str) -> File:
    """A file of no class, in the folder of a random one."""
    return File(str(rng.choice(list(SCENES))), _pick_split(rng), "jpg", data, kind, detail=detail)


def _blank(rng: np.random.Generator) -> list[File]:
    files = []
    for name, colour in _BLANKS.items():
        height, width = (int(side) for side in rng.integers(150, 280, 2))
        data = engine.encode_jpeg(edits.blank(height, width, colour), quality=90)
        files.append(
            File(str(rng.choice(list(SCENES))), _pick_split(rng), "jpg", data, "blank", detail=name)
        )
    return files
