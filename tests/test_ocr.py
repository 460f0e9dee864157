"""Text in pictures, found and read by rapidocr."""

import sys
from functools import cache

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pixsieve import Config
from pixsieve.detectors import Detector, detect_all, load_detector
from pixsieve.progress import Silent


def resolve(name: str) -> None:
    raise AssertionError(f"nothing is downloaded, least of all {name}")


@cache
def reader() -> Detector:
    return load_detector("ocr", config=Config(device="cpu"), resolve=resolve)


def written(
    *lines: tuple[int, int, str], size: tuple[int, int] = (800, 500), angle: float = 0
) -> NDArray[np.uint8]:
    """Dark text on white, turned counterclockwise."""
    picture = Image.new("RGB", size, "white")
    for x, y, text in lines:
        ImageDraw.Draw(picture).text((x, y), text, "black", ImageFont.load_default(size=48))
    return np.asarray(picture.rotate(angle, expand=True, fillcolor="white"))


def test_text_is_read_where_it_stands(capfd: pytest.CaptureFixture[str]) -> None:
    found = reader().detect(written((60, 80, "Hello pixels"), (60, 300, "Invoice 4711")))
    texts = dict(zip(found.labels, found.boxes.tolist(), strict=True))
    assert sorted(texts) == ["Hello pixels", "Invoice 4711"]
    for top, text in ((80, "Hello pixels"), (300, "Invoice 4711")):
        left, upper, right, lower = texts[text]
        assert 40 <= left <= 70
        assert 300 <= right <= 380
        assert top - 15 <= upper <= top + 20
        assert top + 35 <= lower <= top + 80
    assert (found.confidences > 0.9).all()
    assert (np.diff(found.confidences) <= 0).all()
    assert capfd.readouterr() == ("", "")


def test_the_corners_follow_the_slope() -> None:
    found = reader().detect(written((60, 80, "Hello pixels"), angle=20))
    assert found.labels == ["Hello pixels"]
    x1, y1, x2, y2, *_ = found.corners[0]
    assert np.degrees(np.arctan2(y1 - y2, x2 - x1)) == pytest.approx(20, abs=3)
    points = found.corners.reshape(-1, 4, 2)
    assert found.boxes[0].tolist() == [*points[0].min(axis=0), *points[0].max(axis=0)]


def test_the_same_picture_is_read_in_the_same_way() -> None:
    pixels = written((10, 10, "one"), (300, 200, "two three"), (100, 400, "4 five"), angle=3)
    first, second = reader().detect(pixels), reader().detect(pixels)
    assert first.labels == second.labels
    assert (first.corners == second.corners).all()
    assert (first.confidences == second.confidences).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (400, 1), (1, 400), (2000, 12), (300, 300)])
def test_pictures_without_text(shape: tuple[int, int]) -> None:
    found = reader().detect(np.full((*shape, 3), 200, np.uint8))
    assert (len(found), found.boxes.shape) == (0, (0, 4))


def test_several_threads_read_as_one_does() -> None:
    texts = [f"number {row} of six" for row in range(6)]
    pages = [written((30, 40, text), size=(600, 150)) for text in texts]
    alone, together = (
        detect_all(
            pages.__getitem__,
            [(row, row) for row in range(6)],
            reader(),
            total=6,
            threads=threads,
            progress=Silent(),
        ).boxes
        for threads in (1, 4)
    )
    assert alone.equals(together)
    read = alone.group_by("row", maintain_order=True).agg(pl.col("label").str.join(" "))
    numbers = [str(row) for row in range(6)]
    assert [one for text, one in zip(read["label"], numbers, strict=True) if one in text] == numbers


def test_slender_pictures_are_read() -> None:
    found = reader().detect(written((20, 0, "a long and slender line"), size=(900, 64)))
    assert "".join(found.labels).replace(" ", "") == "alongandslenderline"
    assert found.boxes[:, 3].max() <= 64


def test_without_rapidocr_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(ImportError, match=r"needs rapidocr: pip install 'pixsieve\[ocr\]'"):
        load_detector("ocr", config=Config(device="cpu"), resolve=resolve)
