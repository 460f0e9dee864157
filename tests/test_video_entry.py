"""Whatever is chosen of a video, each frame is what decoding from the first one on gives."""

from pathlib import Path

import av
import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from pixsieve.sources.places import Pixels
from video_cases import fetched, listed

MOST = 300
SHARED = ("bikes", "carphone_distorted", "carphone_pristine", "cockatoo", "realshort")
#: Name, codec, pixel format and options of the encoder.
CASES = {
    "open.mp4": ("libx264", "yuv420p", {"x264-params": "open-gop=1:keyint=25:bframes=3"}),
    "open.mkv": ("libx264", "yuv420p", {"x264-params": "open-gop=1:keyint=25:bframes=3"}),
    "open.ts": ("libx264", "yuv420p", {"x264-params": "open-gop=1:keyint=25:bframes=3"}),
    "refresh.mp4": ("libx264", "yuv420p", {"x264-params": "intra-refresh=1:keyint=25"}),
    "refresh.ts": ("libx264", "yuv420p", {"x264-params": "intra-refresh=1:keyint=25"}),
    "closed.mp4": ("libx264", "yuv420p", {"x264-params": "keyint=25:bframes=3"}),
    "closed.ts": ("libx264", "yuv420p", {"x264-params": "keyint=25:bframes=3"}),
    "interlaced.mp4": ("libx264", "yuv420p", {"x264-params": "tff=1:keyint=25"}),
    "full.mp4": ("libx264", "yuv444p", {"x264-params": "keyint=25"}),
    "hevc.mp4": ("libx265", "yuv420p", {"x265-params": "open-gop=1:keyint=25:log-level=0"}),
    "hevc.mkv": ("libx265", "yuv420p", {"x265-params": "open-gop=0:keyint=25:log-level=0"}),
    "hevc.ts": ("libx265", "yuv420p", {"x265-params": "open-gop=1:keyint=25:log-level=0"}),
    "two.mpg": ("mpeg2video", "yuv420p", {"bf": "2", "g": "25"}),
    "two.ts": ("mpeg2video", "yuv420p", {"bf": "2", "g": "25"}),
    "two.mkv": ("mpeg2video", "yuv420p", {"bf": "2", "g": "25", "sc_threshold": "0"}),
    "four.mp4": ("mpeg4", "yuv420p", {"bf": "2", "g": "25"}),
    "four.mkv": ("mpeg4", "yuv420p", {"bf": "2", "g": "25"}),
    "four.avi": ("mpeg4", "yuv420p", {"bf": "2", "g": "25"}),
    "vp8.webm": ("libvpx", "yuv420p", {"g": "25", "auto-alt-ref": "1", "lag-in-frames": "16"}),
    "vp9.webm": (
        *("libvpx-vp9", "yuv420p"),
        {"g": "25", "auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8", "deadline": "1"},
    ),
    "av1.mp4": (
        *("libsvtav1", "yuv420p"),
        {"preset": "12", "g": "25", "svtav1-params": "irefresh-type=1"},
    ),
    "film.flv": ("flv", "yuv420p", {"g": "25"}),
    "film.wmv": ("wmv2", "yuv420p", {"g": "25"}),
}


def write(path: Path, codec: str, pixels: str, options: dict[str, str], source: Path) -> Path:
    """A moving picture of ten frames a second, in which every frame differs from the others."""
    with av.open(source) as film:
        scene = next(film.decode(video=0)).to_ndarray(format="rgb24")
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 96, pixels
        for number in range(160):
            part = np.roll(scene, (3 * number, 5 * number), (0, 1))[:96, :160].copy()
            part[40:56, number : number + 12] = (250, 250 - number, 10)
            frame = av.VideoFrame.from_ndarray(part, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def decoded(path: Path) -> list[NDArray[np.uint8]]:
    """All frames, by a decoder that never sought, and on its own."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        frames = []
        for frame in container.decode(stream):
            space = frame.colorspace if frame.colorspace != 2 else (1 if frame.height >= 720 else 5)
            shown = frame.reformat(format="rgb24", src_colorspace=space).to_ndarray()
            frames.append(np.rot90(shown, round(frame.rotation / 90) % 4))
            if len(frames) == MOST:
                break
    return frames


def check(path: Path, singles: int) -> None:
    truth = decoded(path)
    rows = listed(path, "all")[:MOST]
    assert rows.height == len(truth)
    listing = {frames: listed(path, frames) for frames in ("key", 0.5, 2.5, 6.0)}
    assert listing["key"].height
    for frames, chosen in listing.items():
        same(chosen.filter(pl.col("frame") < MOST), frames, truth)
    random = np.random.default_rng(3)
    same(rows, "all", truth)
    for size, frames in ((5, "all"), (5, "key"), (17, 5.0), (17, "key")):
        same(rows[random.permutation(rows.height)[:size].tolist()], frames, truth)
    last = [rows.height - 1, rows.height * 2 // 3]
    for place in [*random.permutation(rows.height)[:singles].tolist(), *last]:
        same(rows[place : place + 1], random.choice(["all", "key"]), truth)
    for one in listing["key"].filter(pl.col("frame") < MOST).iter_slices(1):
        same(one, "key", truth)


def same(
    rows: pl.DataFrame, frames: str | float, truth: list[NDArray[np.uint8]], **settings: int
) -> None:
    answers = fetched(rows, frames, **settings)
    for row, frame in enumerate(rows["frame"]):
        content = answers[row]
        assert isinstance(content, Pixels), (frame, frames, content)
        off = np.abs(content.array.astype(np.int16) - truth[frame]).mean()
        assert off <= 2, (frame, frames, off)


@pytest.mark.parametrize("name", SHARED)
def test_frames_of_the_shared_videos(shared: Path, name: str):
    check(shared / "videos" / f"{name}.mp4", singles=4)


@pytest.mark.parametrize("name", CASES)
def test_frames_of_videos_without_clean_entries(shared: Path, tmp_path: Path, name: str):
    codec, pixels, options = CASES[name]
    if codec not in av.codecs_available:
        pytest.skip(f"PyAV has no {codec}")
    source = shared / "videos" / "bikes.mp4"
    check(write(tmp_path / name, codec, pixels, options, source), singles=12)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_what_only_the_first_packet_says_holds_for_all_frames(shared: Path, threads: int):
    """How this one is decoded depends on its encoder, which its other key frames do not name."""
    path = shared / "videos" / "cockatoo.mp4"
    truth, rows = decoded(path), listed(path, "all")
    for place in (130, 145, 200, 250):
        for frames in ("key", 2.5):
            same(rows[place : place + 1], frames, truth, num_threads=threads)
