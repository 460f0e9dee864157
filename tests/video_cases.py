"""Videos whose frames say their number, in the containers that people have."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import polars as pl
from numpy.typing import NDArray

from conftest import draw
from pixsieve.config import Config
from pixsieve.sources.places import Content, Pixels
from pixsieve.sources.videos.frames import VideoFetcher
from pixsieve.sources.videos.listing import list_video

BITS = 8
SIZE = (176, 144)

#: Name, codec and number of B-frames, None where the codec has none.
CONTAINERS = [
    ("a.mp4", "h264", 2),
    ("a.mov", "h264", 2),
    ("a.m4v", "mpeg4", 2),
    ("a.mkv", "h264", 2),
    ("a.webm", "libvpx-vp9", None),
    ("a.avi", "mpeg4", 0),
    ("b.avi", "mpeg4", 2),
    ("h264.avi", "h264", 2),
    ("a.mpg", "mpeg2video", 2),
    ("a.mpeg", "mpeg2video", 0),
    ("a.flv", "flv1", None),
    ("h264.flv", "h264", 2),
    ("a.wmv", "wmv2", None),
    ("a.3gp", "h263", None),
]


def picture(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Vertical bars, white for each bit of the number that is set; the upper half is red."""
    width, height = size
    array = np.zeros((height, width, 3), np.uint8)
    for bit in range(BITS):
        left, right = bit * width // BITS, (bit + 1) * width // BITS
        array[:, left:right] = 255 if number >> bit & 1 else 0
    array[: height // 4] = (200, 30, 40)
    return array


def number_of(array: NDArray[np.uint8]) -> int:
    """The number that a picture says."""
    height, width, _ = array.shape
    middle = array[height // 3 : -height // 8].mean(axis=(0, 2))
    places = [(2 * bit + 1) * width // (2 * BITS) for bit in range(BITS)]
    return sum(
        1 << bit for bit, place in enumerate(places) if middle[place - 3 : place + 3].mean() > 127
    )


def write(
    path: Path,
    codec: str = "h264",
    b_frames: int | None = 2,
    *,
    frames: Sequence[int] | int = 40,
    stamps: Sequence[int] | None = None,
    gop: int = 10,
    sizes: Sequence[tuple[int, int]] = (SIZE,),
    options: dict[str, str] | None = None,
    file_format: str | None = None,
) -> Path:
    """A video of ten frames a second; `stamps` are tenths of seconds."""
    numbers = range(frames) if isinstance(frames, int) else frames
    with av.open(path, "w", format=file_format) as container:
        stream = container.add_stream(codec, rate=10, options=options or {})
        stream.width, stream.height = sizes[0]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = gop
        if b_frames is not None:
            stream.codec_context.max_b_frames = b_frames
        for place, number in enumerate(numbers):
            frame = av.VideoFrame.from_ndarray(picture(number, sizes[0]), format="rgb24")
            frame.pts = place if stamps is None else stamps[place]
            frame.time_base = Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def listed(path: Path, frames: str | float = "key", **changes: Any) -> pl.DataFrame:
    about = {"shown": path.name, "relative": path.name, "location": str(path), "modified": 5}
    changes = {"size": path.stat().st_size if path.exists() else None, "frames": frames} | changes
    return list_video(str(path), **(about | changes))


def fetched(
    rows: pl.DataFrame, frames: str | float = "key", opener: Any = str, **settings: Any
) -> dict[int, Content]:
    """What the fetcher answers, each row once."""
    settings = {"num_threads": 2, "video_frames": frames} | settings
    fetcher = VideoFetcher(opener, Config(**settings))
    answers = list(fetcher.fetch(rows.with_row_index("row")))
    assert sorted(row for row, _ in answers) == list(range(rows.height))
    return dict(answers)


def numbers(answers: dict[int, Content]) -> list[int | str]:
    """What the pictures say, in the order of the rows; error codes of those without one."""
    return [
        number_of(content.array) if isinstance(content, Pixels) else content.code
        for _, content in sorted(answers.items())
    ]


def film(path: Path, scenes: range, *, size: tuple[int, int] = (128, 96), crf: int = 20) -> Path:
    """Two seconds of each scene, ten frames a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=10, options={"crf": str(crf)})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for scene in scenes:
            frame = av.VideoFrame.from_image(draw(scene, *size))
            for _ in range(20):
                container.mux(stream.encode(frame))
                frame.pts = None
        container.mux(stream.encode(None))
    return path
