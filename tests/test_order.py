"""The order of images: by path, but frames of a film by time and rows of a table by number."""

import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import Run, draw
from pixsieve.sources import in_order
from video_cases import write

pytest.importorskip("av")

PARTS = st.one_of(
    st.just(""),
    st.integers(0, 2000).map("#row={}".format),
    st.integers(0, 200_000).map(lambda ms: f"#t={ms / 1000:.3f}"),
    st.integers(0, 20).map("#t=1.000&frame={}".format),
)
NAMES = st.tuples(st.sampled_from(["a.mp4", "a.mp4 (2).mp4", "b", "ä.parquet"]), PARTS)


def encoded(number: int) -> bytes:
    buffer = io.BytesIO()
    draw(number).save(buffer, "png")
    return buffer.getvalue()


def key(name: tuple[str, str]) -> tuple[bytes, list[float], str]:
    file, part = name
    numbers = [float(one.partition("=")[2]) for one in part.split("&") if one]
    return file.encode(), numbers, part


@given(st.lists(st.tuples(NAMES, st.sampled_from(["frame", "row", "given", "nothing", None]))))
def test_parts_follow_each_other_by_number(rows):
    frame = pl.DataFrame(
        {"path": ["".join(name) for name, _ in rows], "_kind": [kind for _, kind in rows]},
        schema={"path": pl.String, "_kind": pl.String},
    )
    expected = ["".join(name) for name in sorted((name for name, _ in rows), key=key)]
    assert in_order(frame, kind="_kind")["path"].to_list() == expected


def test_names_of_files_that_end_so_are_names():
    paths = ["x#t=10", "x#t=9", "x#row=2"]
    frame = pl.DataFrame({"path": paths, "kind": ["file", "member", "zipped"]})
    assert in_order(frame, kind="kind")["path"].to_list() == sorted(paths)


def test_what_comes_after_the_path_breaks_ties():
    frame = pl.DataFrame({"path": ["a"] * 3, "kind": ["row"] * 3, "n": [None, 2, 1]})
    assert in_order(frame, "n", kind="kind")["n"].to_list() == [1, 2, None]


def test_frames_of_a_film_come_by_time(tmp_path: Path, run: Run):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "film.mp4", frames=130)
    draw(1).save(tmp_path / "in" / "film.mp4.png")
    images = run(tmp_path / "in", video_frames=1.0).images
    assert images["frame"].to_list() == [*range(0, 130, 10), None]
    assert images["image"].to_list() == list(range(14))
    first = run(tmp_path / "in", video_frames="all", num_images=12).images
    assert first["frame"].to_list() == list(range(12))


def test_of_a_table_the_first_rows_are_its_head(run: Run):
    table = pl.DataFrame({"image": [encoded(number) for number in range(12)], "n": range(12)})
    images = run(table).images
    assert images["n"].to_list() == list(range(12))
    assert run(table, num_images=11).images["n"].to_list() == list(range(11))
