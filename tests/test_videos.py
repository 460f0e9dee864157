"""Videos: which frames are listed, and that each row brings the very frame it names."""

import io
import subprocess
import sys
import threading
from pathlib import Path

import av
import numpy as np
import polars as pl
import pytest

from pixsieve.config import Config
from pixsieve.sources.places import LISTED, Pixels
from pixsieve.sources.videos.frames import VideoFetcher
from pixsieve.sources.videos.listing import FRAMES, available, list_video, unread_video
from video_cases import CONTAINERS, SIZE, fetched, listed, numbers, picture, write


@pytest.mark.parametrize(("name", "codec", "b_frames"), CONTAINERS)
@pytest.mark.parametrize("frames", ["key", "all", 0.7])
def test_each_row_brings_the_frame_it_names(tmp_path, name, codec, b_frames, frames):
    rows = listed(write(tmp_path / name, codec, b_frames), frames)
    assert rows.schema == FRAMES
    assert set(rows["kind"]) == {"frame"}
    assert rows["path"].is_unique().all()
    assert set(rows["source"]) == {name}
    expected = rows["frame"].to_list()
    if frames == "all":
        assert expected == list(range(40))
    elif frames == "key":
        assert expected[0] == 0
        assert 4 <= len(expected) <= 8
    else:
        # Milliseconds of some containers are cut off.
        assert np.abs(np.array(expected) - [0, 7, 14, 21, 28, 35]).max() <= 1
    assert rows["time_s"].to_list() == pytest.approx(
        [number / 10 for number in expected], abs=0.002
    )
    answers = fetched(rows, frames)
    assert numbers(answers) == expected
    some = answers[0]
    assert isinstance(some, Pixels)
    assert some.array.shape == (SIZE[1], SIZE[0], 3)
    assert some.array.flags.c_contiguous
    assert some.format == {"libvpx-vp9": "vp9"}.get(codec, codec)


def test_what_a_row_says(tmp_path):
    (first, *_, last) = listed(write(tmp_path / "film.mp4"), "all").iter_rows(named=True)
    assert first["path"] == "film.mp4#t=0.000" == first["relative"]
    assert last["path"] == "film.mp4#t=3.900"
    assert first["location"] == str(tmp_path / "film.mp4").encode()
    assert (first["size"], first["stored"], first["modified"], first["check"]) == (0, 0, 5, None)
    assert first["error_code"] is None
    assert list(FRAMES)[: len(LISTED)] == list(LISTED)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "h264.avi", "a.mpg", "a.webm"])
def test_files_are_read_as_paths_are(tmp_path, name):
    codec, b_frames = next(case[1:] for case in CONTAINERS if case[0] == name)
    path = write(tmp_path / name, codec, b_frames)
    rows = listed(path, 0.5)
    with path.open("rb") as file:
        same = list_video(
            file,
            shown=name,
            relative=name,
            location=str(path),
            size=None,
            modified=5,
            frames=0.5,
        )
    assert same.equals(rows)
    files = []

    def opener(location: str) -> io.BytesIO:
        files.append(io.BytesIO(Path(location).read_bytes()))
        return files[-1]

    assert numbers(fetched(rows, 0.5, opener)) == rows["frame"].to_list()
    assert all(file.closed for file in files)


def test_any_choice_of_rows_in_any_order(tmp_path):
    rows = listed(write(tmp_path / "a.mp4", frames=200, gop=50), "all")
    chosen = np.random.default_rng(0).permutation(200)[:23]
    picked = rows[chosen.tolist()]
    for frames in ("all", "key", 1.0):
        assert numbers(fetched(picked, frames)) == picked["frame"].to_list()
    assert numbers(fetched(pl.concat([picked[:3], picked[:3]]), "all")) == [
        *picked["frame"][:3],
        *picked["frame"][:3],
    ]


def test_frames_far_apart_are_sought(tmp_path):
    path = write(tmp_path / "a.mkv", frames=2400, options={"qp": "1"})
    rows = listed(path, 90.0)
    assert rows["frame"].to_list() == [0, 900, 1800]
    data, read = path.read_bytes(), []

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            read.append(super().read(size))
            return read[-1]

    answers = fetched(rows, 90.0, lambda _: Counting(data))
    assert numbers(answers) == [frame % 256 for frame in rows["frame"].to_list()]
    assert sum(map(len, read)) < len(data) / 2


def test_variable_frame_rate(tmp_path):
    stamps = [0, 1, 2, 13, 14, 15, 16, 40, 41, 90, 91, 92]
    path = write(tmp_path / "a.mkv", frames=len(stamps), stamps=stamps)
    rows = listed(path, "all")
    assert rows["time_s"].to_list() == pytest.approx([stamp / 10 for stamp in stamps])
    every = listed(path, 1.0)
    assert every["time_s"].to_list() == pytest.approx([0, 1.3, 4.0, 9.0])
    assert numbers(fetched(every, 1.0)) == [0, 3, 7, 9]


def test_intervals_that_are_no_binary_fractions(tmp_path):
    rows = listed(write(tmp_path / "a.mp4"), 0.1)
    assert rows["frame"].to_list() == list(range(40))
    assert listed(tmp_path / "a.mp4", 0.3)["frame"].to_list() == list(range(0, 40, 3))
    assert listed(tmp_path / "a.mp4", 1e-300)["frame"].to_list() == list(range(40))
    assert listed(tmp_path / "a.mp4", 1e300)["frame"].to_list() == [0]


def test_colours_and_their_spaces(tmp_path):
    path = write(tmp_path / "a.mp4", frames=3, options={"crf": "1"})
    some = fetched(listed(path))[0]
    assert isinstance(some, Pixels)
    red = some.array[5:30].reshape(-1, 3).mean(axis=0)
    assert np.abs(red - (200, 30, 40)).max() < 4
    assert np.abs(some.array[50:].astype(int) - picture(0)[50:]).mean() < 3


@pytest.mark.parametrize(
    ("name", "count"), [("bikes", 250), ("carphone_distorted", 120), ("realshort", 36)]
)
def test_the_real_ones(shared, name, count):
    path = shared / "videos" / f"{name}.mp4"
    rows = listed(path, "all")
    with av.open(str(path)) as container:
        plain = [frame.to_ndarray(format="rgb24")[::4, ::4] for frame in container.decode(video=0)]
    assert rows.height == len(plain) == count
    keys, some = listed(path, "key"), listed(path, 0.9)
    assert set(keys["path"]) | set(some["path"]) <= set(rows["path"])
    for chosen, frames in ((keys, "key"), (some, 0.9)):
        answers = fetched(chosen, frames)
        for row, number in enumerate(chosen["frame"].to_list()):
            array = answers[row].array[::4, ::4].astype(int)
            off = [np.abs(array - other).mean() for other in plain]
            assert int(np.argmin(off)) == number


# ---- several at once ---- #


def test_several_videos_at_once_give_all_rows(tmp_path):
    paths = [
        write(tmp_path / f"{number}.mp4", frames=range(number, number + 20)) for number in range(6)
    ]
    rows = pl.concat([listed(path, "all") for path in paths])
    expected = [number + place for number in range(6) for place in range(20)]
    for threads in (1, 3, 8):
        assert numbers(fetched(rows, "all", num_threads=threads)) == expected


def test_closing_early_ends_threads_and_lets_go_of_files(tmp_path):
    paths = [write(tmp_path / f"{number}.mp4") for number in range(4)]
    rows = pl.concat([listed(path, "all") for path in paths]).with_row_index("row")
    files = []

    def opener(location: str) -> io.BytesIO:
        files.append(io.BytesIO(Path(location).read_bytes()))
        return files[-1]

    answers = VideoFetcher(opener, Config(num_threads=3, video_frames="all")).fetch(rows)
    next(answers)
    next(answers)
    answers.close()
    assert files
    assert all(file.closed for file in files)
    assert not [one for one in threading.enumerate() if one.name == "pixsieve-video"]


def test_an_opener_that_fails_in_an_unforeseen_way_is_heard(tmp_path):
    paths = [write(tmp_path / f"{number}.mp4", frames=3) for number in range(3)]
    rows = pl.concat([listed(path, "all") for path in paths])

    def opener(location: str) -> str:
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        fetched(rows, "all", opener)
    assert not [one for one in threading.enumerate() if one.name == "pixsieve-video"]


# ---- without PyAV ---- #


def test_without_pyav_it_is_said_what_to_install(tmp_path):
    assert available()
    row = unread_video(
        shown="a.mp4", relative="a.mp4", location="/x/a.mp4", modified=1, failure=None
    )
    assert row.schema == FRAMES
    assert row.select("path", "kind", "error_code").row(0) == ("a.mp4", "nothing", "unknown_format")
    assert row["detail"][0] == "reading videos needs PyAV: pip install 'pixsieve[video]'"
    code = (
        "import sys; sys.modules['av'] = None\n"
        "from pixsieve.sources.videos import listing as videos\n"
        "assert not videos.available()\n"
        "try: videos.list_video('a', shown='a', relative='a', location='a', size=1, modified=0,"
        " frames='key')\n"
        "except ImportError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "reading videos needs PyAV: pip install 'pixsieve[video]'"


@pytest.mark.parametrize(("size", "space"), [((1280, 720), "ITU709"), ((640, 360), "ITU601")])
@pytest.mark.parametrize("tagged", [True, False])
def test_colours_of_large_and_small_videos(tmp_path, size, space, tagged):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=10, options={"crf": "1"})
        (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        if tagged:
            stream.codec_context.colorspace = {"ITU709": 1, "ITU601": 5}[space]
        plain = av.VideoFrame.from_ndarray(np.full((*size[::-1], 3), (200, 30, 40), np.uint8))
        frame = plain.reformat(format="yuv420p", dst_colorspace=space)
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    content = fetched(listed(path))[0]
    assert isinstance(content, Pixels)
    assert np.abs(content.array.reshape(-1, 3).mean(axis=0) - (200, 30, 40)).max() < 4
