"""Annotations that name a video hold for all its frames; frames that are named win."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from conftest import Run, draw
from test_similar_frames import still


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two films of four frames in two folders, and a photo."""
    for name in ("x", "y"):
        (tmp_path / "in" / name).mkdir(parents=True)
    still(tmp_path / "in" / "x" / "a.mp4", [1, 2], seconds=2)
    still(tmp_path / "in" / "y" / "b.mp4", [3, 4], seconds=2)
    draw(9).save(tmp_path / "in" / "photo.png")
    return tmp_path / "in"


def annotated(run: Run, folder: Any, rows: dict[str, list[Any]], **settings: Any) -> Any:
    return run(folder, annotations=pl.DataFrame(rows), video_frames="all", **settings)


def said(audit: Any, *columns: str) -> list[tuple[Any, ...]]:
    return [row for _, *row in audit.images.select("path", *columns).iter_rows()]  # type: ignore[misc]


@pytest.mark.parametrize("how", ["name", "relative", "shown", "absolute", "windows"])
def test_all_frames_get_what_is_said_of_their_video(folder: Path, run: Run, how: str):
    names = {
        "name": ["a.mp4", "b.mp4"],
        "relative": ["x/a.mp4", "./y/b.mp4"],
        "shown": [str(folder / "x" / "a.mp4"), str(folder / "y" / "b.mp4")],
        "absolute": [str((folder / "x" / ".." / "x" / "a.mp4").absolute()), "b.mp4"],
        "windows": ["x\\a.mp4", "y\\b.mp4"],
    }[how]
    rows = {"path": names, "label": ["cat", None], "split": ["train", "test"], "camera": [7, 8]}
    audit = annotated(run, folder, rows)
    assert said(audit, "label", "split", "camera") == [
        [None, None, None],
        *[["cat", "train", 7]] * 4,
        *[[None, "test", 8]] * 4,
    ]
    assert audit.unmatched()["path"].to_list() == [str(folder / "photo.png")]
    assert audit.summarize().counts["images"] == 9


def test_frames_that_are_named_win_and_are_completed(folder: Path, run: Run):
    frame = "a.mp4#t=1.000"
    rows = {"path": [frame, "a.mp4"], "label": ["dog", "cat"], "camera": [None, 7]}
    labels = said(annotated(run, folder / "x", rows), "label", "camera")
    assert labels == [["cat", 7], ["dog", 7], ["cat", 7], ["cat", 7]]


def test_boxes_do_not_spread_but_what_is_said_beside_them_does(folder: Path, run: Run):
    rows = {
        "path": ["a.mp4#t=1.000", "a.mp4#t=1.000", "a.mp4", "b.mp4"],
        "col_x": [0, 20, None, 0],
        "row_y": [0, 20, None, 0],
        "width": [50, 50, None, 50],
        "height": [50, 50, None, 50],
        "label": ["cat", "dog", None, "bird"],
        "camera": [None, None, 7, 8],
    }
    audit = annotated(run, folder, rows)
    found = audit.images.select("source", "label", "camera", "error_code").rows()
    source = str(folder / "x" / "a.mp4#t=1.000")
    assert found[:2] == [(source, "cat", 7, None), (source, "dog", 7, None)]
    # A box without a frame is of nothing that is there.
    assert found[2][1:] == ("bird", 8, "missing_file")
    reasons = dict(audit.unmatched().group_by("reason").len().iter_rows())
    assert reasons == {"the input has no such picture": 1, "no box": 8}


def test_a_name_that_may_mean_two_videos(folder: Path, run: Run):
    still(folder / "y" / "a.mp4", [5])
    with pytest.raises(ValueError, match=r"'a\.mp4' may be .*x/a\.mp4' or .*y/a\.mp4'"):
        annotated(run, folder, {"path": ["a.mp4"], "label": ["cat"]})


def test_a_video_that_is_named_in_two_ways(folder: Path, run: Run):
    rows = {"path": ["a.mp4", "x/a.mp4"], "label": ["cat", "dog"]}
    with pytest.raises(ValueError, match=r"1 videos twice, such as 'a\.mp4' and 'x/a\.mp4'"):
        annotated(run, folder, rows)


def test_what_lists_say_of_videos_gives_way_to_annotations(folder: Path, run: Run):
    table = pl.DataFrame({"path": [str(folder / "x" / "a.mp4")], "label": ["old"], "place": ["z"]})
    rows = {"path": ["a.mp4"], "label": ["new"]}
    assert said(annotated(run, table, rows), "label", "place") == [["new", "z"]] * 4


def test_columns_called_as_ours_keep_their_values(folder: Path, run: Run):
    rows = {"path": ["a.mp4"], "_video": ["mine"], "source": ["s"], "frame": ["f"]}
    audit = annotated(run, folder / "x", rows)
    for name, value in (("_video_user", "mine"), ("source_user", "s"), ("frame_user", "f")):
        assert audit.images[name].to_list() == [value] * 4
    assert audit.images["frame"].to_list() == [0, 1, 2, 3]
