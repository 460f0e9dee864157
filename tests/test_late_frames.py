"""Frames that cost much to come by again have their thumbnails made when they are read."""

from pathlib import Path

import pytest

from conftest import Run
from pixsieve.pages import load_thumbnails
from pixsieve.sources.videos import frames as module
from video_cases import fetched, listed, write

#: Name, codec, B-frames, options, and whether each frame must be decoded from the start.
FILMS = [
    ("a.mp4", "h264", 2, {}, False),
    ("a.webm", "libvpx-vp9", None, {}, False),
    ("a.avi", "mpeg4", 0, {}, False),
    ("open.mp4", "libx264", 2, {"x264-params": "open-gop=1:keyint=10:scenecut=0"}, True),
    ("a.mpg", "mpeg2video", 2, {}, True),
    ("a.wmv", "wmv2", None, {}, True),
    ("h264.avi", "h264", 2, {}, True),
]


@pytest.mark.parametrize(("name", "codec", "b_frames", "options", "is_far"), FILMS)
def test_what_is_said_of_frames_is_what_is_decoded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    codec: str,
    b_frames: int | None,
    options: dict[str, str],
    is_far: bool,
):
    path = write(tmp_path / name, codec, b_frames, options=options)
    rows = listed(path, "all")
    assert rows["stored"].to_list()[-1] == (39 if is_far else 0)
    searches: list[str] = []
    searched = module.VideoFetcher._searched

    def noted(self, location, wanted, search, threads):
        searches.append(search.how)
        return searched(self, location, wanted, search, threads)

    monkeypatch.setattr(module.VideoFetcher, "_searched", noted)
    fetched(rows[-1:], "all")
    assert (searches != ["stamped"]) == is_far


def test_each_frame_has_as_many_before_it_as_there_are(tmp_path: Path):
    rows = listed(write(tmp_path / "a.wmv", "wmv2", None), "all")
    assert rows["stored"].to_list() == rows["frame"].to_list() == list(range(40))


def test_thumbnails_are_there_when_the_video_has_gone(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pixsieve.audit.extraction.NEAR_FRAMES", 20)
    options = {"x264-params": "open-gop=1:keyint=10:scenecut=0"}
    for name, kept in (("open", options), ("closed", {})):
        path = write(tmp_path / f"{name}.mp4", "libx264", options=kept)
        audit = run(path, video_frames=1.0)
        path.unlink()
        found = load_thumbnails(audit, range(4), progress=False)
        assert {one.uri is not None for one in found.values()} == {name == "open"}
