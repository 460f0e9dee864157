"""Frames that are like others of their own video are told apart from copies of something else."""

from pathlib import Path

import av
import polars as pl
import pytest

import pixsieve
from conftest import Run, draw
from findings_cases import case_of
from pixsieve.audit.videos import within_one
from pixsieve.report.build import build_report
from test_findings_summary import summary_of


def still(path: Path, scenes: list[int], seconds: int = 4) -> Path:
    """Each scene for some seconds, one frame a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=1, options={"crf": "20"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for scene in scenes:
            frame = av.VideoFrame.from_image(draw(scene, 128, 96))
            for _ in range(seconds):
                container.mux(stream.encode(frame))
                frame.pts = None
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def audit(tmp_path: Path, run: Run) -> pixsieve.Audit:
    """A film of five scenes, a copy of the first two, and a photo of the fourth."""
    folder = tmp_path / "in"
    folder.mkdir()
    still(folder / "a.mp4", [1, 2, 3, 4, 5])
    still(folder / "b.mp4", [1, 2], seconds=2)
    draw(4, 256, 192).save(folder / "photo.png")
    return run(folder, video_frames="all")


def test_what_could_go_is_a_copy_of_something_else(audit: pixsieve.Audit):
    counts = audit.summarize().counts
    found = audit.duplicates()
    assert found["group"].n_unique() == 5
    assert found.height == 20 + 4 + 1
    # Of the third and fifth scene all frames are of one film; the photo stands for the fourth.
    assert counts["removable"] == 4 + 4
    assert counts["similar_frames"] == 4 * 3
    (line,) = [str(one) for one in audit.summarize().lines if "duplicates()" in str(one)]
    share = "12 frames (48.0%) are like others of the same video"
    assert line.endswith(f"8 images (32.0%) could go, {share} → audit.duplicates()")


def test_the_table_with_and_without_them(audit: pixsieve.Audit):
    every, between = audit.duplicates(), audit.duplicates(within_videos=False)
    assert between.schema == every.schema
    assert between.filter(~pl.col("representative")).height == 8
    assert (
        between.group_by("group").agg(pl.col("representative").sum())["representative"].sum() == 3
    )
    assert between.join(every, on=every.columns, how="semi", nulls_equal=True).height == (
        between.height
    )
    assert audit.duplicates().equals(every)


def test_the_report_shows_copies_of_other_things_first(audit: pixsieve.Audit):
    section = build_report(audit).duplicates
    whole = section.items
    assert [
        len({member.card.name.partition("#")[0] for member in one.members}) for one in whole
    ] == [
        *(2, 2, 2),
        *(1, 1),
    ]
    assert "as 12 of these are" in section.text


def test_boxes_of_one_film_are_its_frames_too(tmp_path: Path, run: Run):
    still(tmp_path / "a.mp4", [1, 2], seconds=2)
    names = [f"a.mp4#t={second}.000" for second in range(4)]
    boxes = pl.DataFrame({"path": names, "col_x": 8, "row_y": 8, "width": 100, "height": 80})
    counts = run(tmp_path / "a.mp4", annotations=boxes, video_frames="all").summarize().counts
    assert (counts["removable"], counts["similar_frames"]) == (0, 2)


def test_without_videos_nothing_is_counted_or_said(seven: Path, run: Run):
    audit = run(seven)
    assert audit.summarize().counts["similar_frames"] is None
    assert not any("video" in str(line) for line in audit.summarize().lines)
    assert not audit.within_videos(audit.duplicates()).any()


def test_counts_add_up():
    case = case_of([{"digest": "a"}] * 4 + [{"digest": "b"}] * 3)
    duplicates = case.duplicates()
    location = [b"x", b"x", b"y", b"x", b"z", b"z", None]
    kind = ["frame", "frame", "frame", "file", "frame", "frame", None]
    images = pl.DataFrame({"image": range(7), "_location": location, "_kind": kind})
    within = within_one(images, duplicates)
    rest = duplicates.filter(within)["image"].to_list()
    heads = duplicates.filter("representative")["image"].to_list()
    expected = [
        image
        for image, head in zip(range(7), [heads[0]] * 4 + [heads[1]] * 3, strict=True)
        if image != head and kind[image] == kind[head] == "frame"
        if location[image] == location[head]
    ]
    assert sorted(rest) == expected
    assert expected
    assert summary_of(case).counts["removable"] == 5
