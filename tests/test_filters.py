"""Which pictures the settings leave, of folders, archives and tables alike."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive_case import tar_of, zip_of
from conftest import Run, draw
from pixsieve import Config
from pixsieve.sources.select import select

NAMES = (
    *("a/0.png", "a/1.jpg", "b/2.png", "b/c/3.PNG", "b/c/4.jpg", "d/5_mask.png", "thumbs/6.png"),
    "x.y/7.jpeg",
)


def picture(number: int, name: str) -> bytes:
    buffer = io.BytesIO()
    kind = "jpeg" if Path(name).suffix.lower().startswith(".j") else "png"
    draw(number, 40 + number, 30 + 2 * number).save(buffer, kind)
    return buffer.getvalue()


FILES = {name: picture(number, name) for number, name in enumerate(NAMES)}


def folder(here: Path) -> Path:
    for name, data in FILES.items():
        path = here / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return here / "in"


def packed(name: str, data: bytes) -> Callable[[Path], Path]:
    def make(here: Path) -> Path:
        (here / name).write_bytes(data)
        return here / name

    return make


SOURCES: dict[str, Callable[[Path], Any]] = {
    "folder": folder,
    "tar": packed("all.tar", tar_of(FILES)),
    "tgz": packed("all.tgz", tar_of(FILES, "w:gz")),
    "zip": packed("all.zip", zip_of(FILES, zipfile.ZIP_STORED)),
    "table": lambda _: pl.DataFrame({"path": list(FILES), "image": list(FILES.values())}),
}
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "find_regex": ({"find_regex": r"b/"}, "2 3 4"),
    "the end of a path": ({"find_regex": r"(?i)\.PNG$"}, "0 2 3 5 6"),
    "extensions": ({"extensions": ["png"]}, "0 2 3 5 6"),
    "extensions with dots": ({"extensions": [".JPG", "jpeg"]}, "1 4 7"),
    "a folder": ({"exclude": ["thumbs"]}, "0 1 2 3 4 5 7"),
    "a folder with a slash": ({"exclude": ["b/"]}, "0 1 5 6 7"),
    "a folder below": ({"exclude": ["c"]}, "0 1 2 5 6 7"),
    "globs": ({"exclude": ["*_mask.png", "b/c/*"]}, "0 1 2 6 7"),
    "a glob of folders": ({"exclude": ["*.y"]}, "0 1 2 3 4 5 6"),
    "a glob that meets nothing": ({"exclude": ["nothing*"]}, "0 1 2 3 4 5 6 7"),
    "subset": ({"subset": ["a/0.png", "b/2.png", "gone.png"]}, "0 2"),
    "num_images": ({"num_images": 3}, "0 1 2"),
    "offsets": ({"min_offset": 2, "max_offset": 5}, "2 3 4"),
    "an offset and a number": ({"min_offset": 2, "num_images": 2}, "2 3"),
    "a number beyond the last": ({"min_offset": 6, "num_images": 9, "max_offset": 99}, "6 7"),
    "all": (
        {
            "extensions": ["png", "jpg"],
            "exclude": ["thumbs", "*_mask.*"],
            "find_regex": r"[ab]/",
            "min_offset": 1,
            "num_images": 3,
        },
        "1 2 3",
    ),
}


@pytest.mark.parametrize("source", SOURCES)
def test_filters(source: str, run: Run, tmp_path: Path):
    given = SOURCES[source](tmp_path)
    for case, (chosen, expected) in CASES.items():
        audit = run(given, **chosen)
        found = [re.findall(r"(\d)[^/]*$", path)[0] for path in audit.images["path"]]
        assert " ".join(found) == expected, case
        left_out = audit.info["left_out"].get("filtered", 0)
        assert left_out == len(FILES) - len(found), case


def test_the_report_says_how_many(run: Run, tmp_path: Path):
    page = Path(run(folder(tmp_path), exclude=["b"]).report()).read_text()
    assert "3 filtered" in page


@pytest.mark.parametrize("source", SOURCES)
def test_small_ones_are_rows(source: str, run: Run, tmp_path: Path):
    given = SOURCES[source](tmp_path)
    errors = run(given, min_width=42, min_height=36).images["error_code"].to_list()
    assert errors == ["too_small"] * 3 + [None] * 5
    most = max(map(len, FILES.values()))
    errors = run(given, min_file_size=most).images["error_code"].to_list()
    assert errors == [None if len(data) == most else "file_too_small" for data in FILES.values()]


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({"find_regex": "zzz"}, "find_regex='zzz'"),
        ({"subset": ["nope"]}, "subset=['nope']"),
        ({"extensions": ["gif"]}, "extensions=['gif']"),
        ({"exclude": ["*"]}, "exclude=['*']"),
        ({"exclude": ["a"], "extensions": ["gif"]}, "extensions=['gif'] and exclude=['a']"),
        ({"min_offset": 70}, "there are 8, and min_offset is 70"),
        ({"min_offset": 3, "max_offset": 2}, "there are 8, and min_offset is 3, max_offset 2"),
    ],
)
def test_nothing_left_says_by_what(chosen: dict[str, Any], named: str, run: Run, tmp_path: Path):
    for make in SOURCES.values():
        with pytest.raises(ValueError, match=r"^no image is left") as caught:
            run(make(tmp_path), **chosen)
        assert named in str(caught.value)
    assert not (tmp_path / "work1").exists()


def test_a_long_subset_is_cut_in_sentences(run: Run, tmp_path: Path):
    with pytest.raises(ValueError, match="no image is left") as caught:
        run(folder(tmp_path), subset=[f"{number}.png" for number in range(10_000)])
    assert len(str(caught.value)) < 300


class TestOtherNames:
    def test_those_of_fastdup(self, run: Run, tmp_path: Path):
        audit = run(folder(tmp_path), min_input_image_width=42, min_input_image_height=36)
        assert (audit.config.min_width, audit.config.min_height) == (42, 36)
        assert audit.images["error_code"].count() == 3

    def test_both_at_once(self):
        with pytest.raises(TypeError, match="min_input_image_width is another name of min_width"):
            Config().replace(min_width=1, min_input_image_width=2)

    def test_others_are_told(self):
        with pytest.raises(TypeError, match="no setting 'min_input_width'"):
            Config().replace(min_input_width=1)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(1, 12), st.booleans()
)
def test_offsets_are_slices_of_what_is_left(
    first: int, last: int, count: int, height: int, second: bool
):
    """For each of two inputs by itself."""
    paths = [f"{number:02}.png" for number in range(height)]
    frame = pl.DataFrame({"path": paths, "relative": paths, "_second": [False] * height})
    if second:
        frame = pl.concat([frame, frame.with_columns(_second=~pl.col("_second"))])
    end = min(last or height, first + count if count else height)
    expected = paths[first:end] * (2 if second else 1)
    config = Config(min_offset=first, max_offset=last, num_images=count)
    if expected:
        assert select(frame, config)["path"].to_list() == expected
    else:
        with pytest.raises(ValueError, match="no image is left"):
            select(frame, config)
