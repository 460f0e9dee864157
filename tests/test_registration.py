"""Copies lie on each other, whatever was done to them; look-alikes do not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from pixsieve import Config, _native, engine

Transpose = Image.Transpose
Edit = Callable[[Image.Image], Image.Image]


def crop(share: float) -> Edit:
    """A corner, so that the centre does not help."""

    def edit(picture: Image.Image) -> Image.Image:
        width, height = (round(side * share) for side in picture.size)
        return picture.crop((picture.width - width, 0, picture.width, height))

    return edit


EDITS: dict[str, Edit] = {
    "half": lambda picture: picture.reduce(2),
    "crop": crop(0.7),
    "pad": lambda picture: ImageOps.expand(picture, picture.width // 8, fill=(20, 40, 60)),
    "bright": lambda picture: ImageEnhance.Brightness(picture).enhance(1.3),
    "grey": lambda picture: picture.convert("L").convert("RGB"),
    "blur": lambda picture: picture.filter(ImageFilter.GaussianBlur(2)),
    "flip_h": lambda picture: picture.transpose(Transpose.FLIP_LEFT_RIGHT),
    "flip_v": lambda picture: picture.transpose(Transpose.FLIP_TOP_BOTTOM),
    "rot90": lambda picture: picture.transpose(Transpose.ROTATE_90),
    "rot180": lambda picture: picture.transpose(Transpose.ROTATE_180),
    "rot270": lambda picture: picture.transpose(Transpose.ROTATE_270),
    "transpose": lambda picture: picture.transpose(Transpose.TRANSPOSE),
    "transverse": lambda picture: picture.transpose(Transpose.TRANSVERSE),
}


ORIENTATIONS = {"flip_h", "flip_v", "rot90", "rot180", "rot270", "transpose", "transverse"}


def signature(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture.convert("L").resize((32, 32), Image.Resampling.BOX))


def register(pairs: list[tuple[Image.Image, Image.Image]]) -> pl.DataFrame:
    signatures = np.stack([signature(picture) for pair in pairs for picture in pair])
    rows = np.arange(2 * len(pairs), dtype=np.uint32).reshape(-1, 2)
    frame = pl.DataFrame({"from": rows[:, 0], "to": rows[:, 1]})
    return engine.register_pairs(signatures, frame, config=Config(), progress=None)


@pytest.fixture(scope="module")
def photos(shared: Path) -> list[Image.Image]:
    files = sorted((shared / "photos").rglob("*.jpg"))[::12]
    files += sorted((shared / "scenes").rglob("*.jpg"))[::100]
    return [Image.open(path).convert("RGB") for path in files]


@pytest.mark.parametrize("name", EDITS)
def test_copies_of_photos_agree(photos: list[Image.Image], name: str) -> None:
    found = register([(photo, EDITS[name](photo)) for photo in photos])
    assert found["detail"].median() > 0.9
    assert (found["detail"] > 0.6).mean() >= 0.9
    orientation = name if name in ORIENTATIONS else "none"
    assert (found["orientation"] == orientation).mean() >= 0.93
    assert found["grown"].mean() == (pytest.approx(1, abs=0.1) if name == "pad" else 0)
    if name == "crop":
        assert found["area"].median() == pytest.approx(0.49, abs=0.06)


def test_strangers_do_not(photos: list[Image.Image]) -> None:
    pairs = [(a, b) for number, a in enumerate(photos) for b in photos[number + 1 :]]
    found = register(pairs)
    assert found["detail"].quantile(0.99) < 0.8
    assert found["detail"].median() < 0.3


def test_no_pairs() -> None:
    empty = pl.DataFrame(schema={"from": pl.UInt32, "to": pl.UInt32})
    signatures = np.zeros((0, 32, 32), dtype=np.uint8)
    found = engine.register_pairs(signatures, empty, config=Config(), progress=None)
    assert found.columns == [
        *("correlation", "detail", "texture", "tilt", "area", "orientation", "grown")
    ]
    assert found.height == 0


def test_progress_counts_pairs(photos: list[Image.Image]) -> None:
    signatures = np.stack([signature(photo) for photo in photos])
    frame = pl.DataFrame({"from": [0, 1, 2], "to": [1, 2, 3]})
    seen: list[tuple[int, int]] = []
    engine.register_pairs(
        signatures, frame, config=Config(), progress=lambda *place: seen.append(place)
    )
    assert seen[-1] == (3, 3)


def test_wrong_arrays() -> None:
    def call(signatures: NDArray[np.uint8], row: int) -> None:
        rows = np.array([row], dtype=np.uint32)
        _native.register_pairs(
            signatures=signatures, pairs_from=rows, pairs_to=rows, num_threads=1, progress=None
        )

    whole = np.zeros((2, 1024), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"^a signature has 1024 values, not 9$"):
        call(np.zeros((2, 9), dtype=np.uint8), 0)
    with pytest.raises(ValueError, match=r"^signatures must be contiguous"):
        call(np.zeros((2, 2048), dtype=np.uint8)[:, ::2], 0)
    with pytest.raises(ValueError, match=r"^a pair names a picture beyond 2$"):
        call(whole, 2)
