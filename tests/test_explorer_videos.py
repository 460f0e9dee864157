"""The explorer's list of duplicate videos."""

from pathlib import Path

import pytest

from conftest import Pictures, Run
from explorer_case import exploring

pytest.importorskip("av")

from video_cases import film


def test_runs_are_listed_frame_by_frame(tmp_path: Path, run: Run):
    (tmp_path / "in").mkdir()
    film(tmp_path / "in" / "a.mp4", range(4))
    film(tmp_path / "in" / "b.mp4", range(4), crf=30)
    audit = run(tmp_path / "in", video_frames=1.0)
    (expected,) = audit.duplicate_videos().iter_rows(named=True)
    with exploring(audit) as client:
        titles = {one["name"]: one["title"] for one in client.get("/api/overview")["lists"]}
        assert titles["videos"] == "Duplicate videos"
        page = client.get("/api/list/videos")
        assert page["total"] == 1
        (item,) = page["items"]
        pairs = zip(expected["images_from"], expected["images_to"], strict=True)
        shown = [image for pair in pairs for image in pair]
        assert [card["image"] for card in item["cards"]] == shown
        assert item["tags"][0]["text"] == "the same video"
        found = client.get(f"/api/image/{shown[0]}")["found"]
        assert "videos" in [one["finding"] for one in found]


def test_where_there_are_no_videos_there_is_no_list(tmp_path: Path, run: Run, pictures: Pictures):
    pictures(tmp_path / "in", "a.png", "b.png")
    with exploring(run(tmp_path / "in")) as client:
        lists = [one["name"] for one in client.get("/api/overview")["lists"]]
        assert "videos" not in lists
        assert client.get("/api/list/videos")["total"] == 0
