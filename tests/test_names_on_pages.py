"""What pages call images that are parts of files."""

from pathlib import Path

import pytest

from conftest import Pictures, Run
from pixsieve.explorer.pictures import LINE, _drawn
from pixsieve.pages.text import short_name


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("in/cat.jpg", "in/cat.jpg"),
        ("in/cat.jpg#xywh=10,20,81.25,36", "in/cat.jpg [10, 20, 81 \u00d7 36]"),
        ("a.jpg#xywh=percent:7.311,6.063,75.248,9.5", "a.jpg [7.3, 6.1, 75.2 \u00d7 9.5 %]"),
        ("a.jpg#corners=10,20,30,25,28,40,8,35", "a.jpg [10, 20, turned]"),
        ("a.jpg#xywh=?", "a.jpg#xywh=?"),
        ("a.jpg#xywh=?,2,3,4", "a.jpg [?, 2, 3 \u00d7 4]"),
        ("a.jpg#xywh=1e+300,2,3,-", "a.jpg#xywh=1e+300,2,3,-"),
        ("film.mp4#t=2.500", "film.mp4#t=2.500"),
        ("odd#xywh=1,2", "odd#xywh=1,2"),
    ],
)
def test_a_box_is_called_by_round_numbers(path: str, shown: str):
    assert short_name(path) == shown


def test_long_reasons_are_wrapped():
    reason = "permission_denied: s3://bucket/folder/picture.jpg: the server denies access: " * 2
    lines = _drawn(reason).split("</tspan>")[:-1]
    said = [line.rpartition(">")[2] for line in lines]
    assert all(len(line) <= LINE for line in said)
    assert "".join(said).replace(" ", "").startswith("permission_denied:s3://bucket/folder/pict")


def test_a_gallery_of_videos_without_videos(run: Run, pictures: Pictures, tmp_path: Path):
    audit = run(pictures(tmp_path / "in", "a.png", "b.png"))
    page = audit.vis.duplicate_videos_gallery(tmp_path / "pages").read_text(encoding="utf-8")
    assert "No videos show the same." in page
