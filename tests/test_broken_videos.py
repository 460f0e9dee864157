"""Videos that are damaged, cut off, hostile or no videos: a clear row for each."""

import struct
import wave
from pathlib import Path

import av
import numpy as np
import polars as pl
import pytest

from pixsieve.sources.places import Failure, Pixels
from pixsieve.sources.videos.listing import FRAMES
from video_cases import CONTAINERS, SIZE, fetched, listed, number_of, numbers, picture, write


def nothing(rows: pl.DataFrame) -> tuple[str, str]:
    """Error code and detail of the one row of a file without frames."""
    assert rows.schema == FRAMES
    assert rows.height == 1
    assert rows["kind"][0] == "nothing"
    assert rows["path"][0] == rows["source"][0]
    return rows["error_code"][0], rows["detail"][0]


# ---- no video ---- #


def test_an_empty_file(tmp_path):
    (tmp_path / "a.mp4").touch()
    assert nothing(listed(tmp_path / "a.mp4"))[0] == "empty_file"
    assert nothing(listed(tmp_path / "a.mp4", size=None))[0] == "empty_file"


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.mpg", "a.flv", "a.wmv"])
def test_text_and_noise(tmp_path, name):
    path = tmp_path / name
    path.write_text("this is no video\n" * 500)
    assert nothing(listed(path))[0] == "unknown_format"
    path.write_bytes(np.random.default_rng(1).bytes(20_000))
    assert nothing(listed(path))[0] == "unknown_format"


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{other}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {other}\n",
        "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'>"
        "<BaseURL>{other}</BaseURL></MPD>",
    ],
)
def test_lists_of_other_files_are_not_followed(tmp_path, text):
    other = write(tmp_path / "other.mp4")
    path = tmp_path / "a.mp4"
    path.write_text(text.format(other=other.name))
    assert nothing(listed(path))[0] == "unknown_format"


def test_a_picture_called_video(tmp_path):
    from PIL import Image

    Image.fromarray(picture(3)).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.mp4")
    assert nothing(listed(tmp_path / "a.mp4"))[0] == "unknown_format"


def test_a_file_that_is_gone_and_one_that_may_not_be_read(tmp_path, ordinary_user):
    path = write(tmp_path / "a.mp4")
    rows = listed(path)
    path.chmod(0)
    assert nothing(listed(path))[0] == "permission_denied"
    assert set(numbers(fetched(rows))) == {"permission_denied"}
    path.unlink()
    assert nothing(listed(path, size=9))[0] == "missing_file"
    assert set(numbers(fetched(rows))) == {"missing_file"}

    def opener(location: str) -> str:
        raise FileNotFoundError(location)

    assert set(numbers(fetched(rows, "key", opener))) == {"missing_file"}


def test_sound_only(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        stream.layout = "mono"
        for start in range(0, 8000, 1024):
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = 8000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    code, detail = nothing(listed(tmp_path / "a.mp4"))
    assert (code, "no video" in detail) == ("unknown_format", True)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(8000))
    (tmp_path / "a.wav").rename(tmp_path / "b.avi")
    assert nothing(listed(tmp_path / "b.avi"))[0] == "unknown_format"


def test_a_video_of_zero_length(tmp_path):
    data = bytearray(write(tmp_path / "a.mp4", frames=5).read_bytes())
    at = data.index(b"stsz")
    data[at + 12 : at + 16] = bytes(4)
    (tmp_path / "a.mp4").write_bytes(data)
    assert nothing(listed(tmp_path / "a.mp4"))[0] == "corrupt"


# ---- damaged ---- #


def test_a_file_cut_off_before_its_index(tmp_path):
    path = write(tmp_path / "a.mp4", frames=100)
    path.write_bytes(path.read_bytes()[:-2000])
    assert nothing(listed(path))[0] == "corrupt"


@pytest.mark.parametrize(("name", "codec", "b_frames"), CONTAINERS)
@pytest.mark.parametrize("part", [0.1, 0.6, 0.97])
def test_of_a_file_cut_off_is_read_what_is_there(tmp_path, name, codec, b_frames, part):
    path = write(tmp_path / name, codec, b_frames, frames=60)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    rows = listed(path, "all")
    if rows["kind"][0] == "nothing":
        assert nothing(rows)[0] == "corrupt"
        assert part < 0.5 or name.rsplit(".")[-1] in ("mp4", "mov", "m4v", "3gp")
        return
    answers = numbers(fetched(rows, "all"))
    found = [
        (said, frame) for said, frame in zip(answers, rows["frame"], strict=True) if said == frame
    ]
    assert len(found) >= len(answers) - 12
    if part > 0.5:
        assert len(found) >= 10


@pytest.mark.parametrize(
    "name", ["a.mkv", "a.avi", "a.mpg", "a.flv", "a.wmv", "a.webm", "fast.mp4"]
)
@pytest.mark.parametrize("frames", ["key", "all"])
def test_after_a_damaged_middle_it_goes_on(tmp_path, name, frames):
    # Times in an AVI are numbers of frames: behind lost ones they are late.
    cases = {case[0]: case[1:] for case in CONTAINERS}
    codec, b_frames = cases.get(name, ("h264", 2))
    path = write(tmp_path / name, codec, b_frames, frames=200)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 600] = np.random.default_rng(2).bytes(600)
    path.write_bytes(data)
    rows = listed(path, frames)
    answers = fetched(rows, frames)
    right = [
        frame
        for content, frame in zip(
            (answers[row] for row in range(rows.height)), rows["time_s"], strict=True
        )
        if isinstance(content, Pixels) and abs(number_of(content.array) - frame * 10) < 3.5
    ]
    assert min(right) < 1
    assert max(right) > 15
    assert len(right) > 0.6 * rows.height


@pytest.mark.parametrize(("name", "codec", "b_frames"), CONTAINERS)
def test_flipped_bits_never_raise(tmp_path, name, codec, b_frames):
    path = write(tmp_path / name, codec, b_frames, frames=30)
    data = path.read_bytes()
    random = np.random.default_rng(3)
    for number in range(12):
        broken = bytearray(data)
        for _ in range(1 + 6 * number):
            broken[random.integers(len(broken) if number % 2 else 400)] ^= 1 << int(
                random.integers(8)
            )
        path.write_bytes(broken)
        for frames in ("key", "all", 0.4):
            rows = listed(path, frames)
            assert rows["path"].is_unique().all()
            assert rows.height > 0
            if rows["kind"][0] == "frame":
                for content in fetched(rows, frames).values():
                    assert isinstance(content, Pixels | Failure)


def test_a_file_that_changed_since_it_was_listed(tmp_path):
    path = write(tmp_path / "a.mp4", frames=50)
    rows = listed(path, "all")
    write(tmp_path / "a.mp4", frames=20)
    answers = numbers(fetched(rows, "all"))
    assert answers[:20] == list(range(20))
    assert set(answers[20:]) == {"corrupt"}
    path.write_text("gone")
    assert set(numbers(fetched(rows, "all"))) == {"unknown_format"}


# ---- odd, and hostile ---- #


def turned(path: Path, matrix: tuple[int, ...]) -> None:
    """Writes another display matrix into an MP4."""
    data = bytearray(path.read_bytes())
    identity = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    at = data.index(identity, data.index(b"tkhd"))
    data[at : at + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("cosine", "sine", "upright"),
    [(0, 1, 3), (-1, 0, 2), (0, -1, 1), (1, 0, 0)],
)
def test_rotation_is_applied(tmp_path, cosine, sine, upright):
    path = write(tmp_path / "a.mp4", frames=3, options={"crf": "1"})
    one = 1 << 16
    turned(path, (cosine * one, sine * one, 0, -sine * one, cosine * one, 0, 0, 0, 1 << 30))
    content = fetched(listed(path, "all"), "all")[2]
    assert isinstance(content, Pixels)
    expected = np.rot90(picture(2), upright)
    assert content.array.shape == expected.shape
    assert content.array.flags.c_contiguous
    assert np.abs(content.array.astype(int) - expected).mean() < 4


def test_no_key_frames_are_marked(tmp_path):
    path = write(tmp_path / "a.mkv", "mpeg4", 0, frames=30)
    data = bytearray(path.read_bytes())
    at, cleared = 0, 0
    while (at := data.find(b"\xa3", at)) >= 0:
        for width in (1, 2, 4):
            head = data[at + 1 : at + 1 + width]
            if len(head) == width and head[0] >> (8 - width) and data[at + 1 + width] == 0x81:
                flags = at + 1 + width + 3
                if data[flags] == 0x80:
                    data[flags] = 0
                    cleared += 1
                break
        at += 1
    assert cleared >= 3
    path.write_bytes(data)
    rows = listed(path)
    assert set(rows["kind"]) == {"frame"}
    assert rows["frame"][0] == 0
    assert 3 <= rows.height <= 8
    assert numbers(fetched(rows)) == rows["frame"].to_list()


def test_pictures_that_are_too_large(tmp_path):
    path = write(tmp_path / "a.mp4", frames=5)
    answers = fetched(listed(path), max_pixels=SIZE[0] * SIZE[1] - 1)
    assert set(numbers(answers)) == {"too_large"}
    assert numbers(fetched(listed(path, "all"), "all", max_pixels=SIZE[0] * SIZE[1])) == [
        0,
        1,
        2,
        3,
        4,
    ]


def test_dimensions_that_are_claimed(tmp_path):
    path = write(tmp_path / "a.mkv", "mpeg4", 0, frames=5)
    data = path.read_bytes()
    wide, high = b"\xb0\x81\xb0", b"\xba\x81\x90"
    assert wide in data
    assert high in data
    path.write_bytes(data.replace(wide, b"\xb0\x81\xff").replace(high, b"\xba\x81\xff"))
    for content in fetched(listed(path, "all"), "all").values():
        assert isinstance(content, Pixels | Failure)


def test_a_stream_whose_size_changes(tmp_path):
    first = write(tmp_path / "1.ts", "mpeg2video", 0, frames=20, file_format="mpegts")
    second = write(
        tmp_path / "2.ts",
        "mpeg2video",
        0,
        frames=20,
        sizes=((320, 240),),
        file_format="mpegts",
        stamps=range(20, 40),
    )
    path = tmp_path / "a.mpg"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    rows = listed(path, "all")
    answers = fetched(rows, "all")
    assert rows.height >= 36
    shapes = {content.array.shape for content in answers.values() if isinstance(content, Pixels)}
    assert shapes == {(144, 176, 3), (240, 320, 3)}


def test_more_frames_than_there_can_be(tmp_path):
    data = bytearray(write(tmp_path / "a.mp4", "mpeg4", 0, frames=5).read_bytes())
    at = data.index(b"stsz")
    data[at + 8 : at + 16] = struct.pack(">II", 1, 100_000_000)
    (tmp_path / "a.mp4").write_bytes(data)
    rows = listed(tmp_path / "a.mp4", "all")
    assert rows.height < 10_000


@pytest.mark.parametrize("delta", [0, 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_durations_that_are_claimed(tmp_path, delta):
    data = bytearray(write(tmp_path / "a.mp4", "mpeg4", 0, frames=6).read_bytes())
    at = data.index(b"stts")
    (entries,) = struct.unpack(">I", data[at + 8 : at + 12])
    for entry in range(entries):
        data[at + 16 + 8 * entry : at + 20 + 8 * entry] = struct.pack(">I", delta)
    (tmp_path / "a.mp4").write_bytes(data)
    for frames in ("all", 0.001):
        rows = listed(tmp_path / "a.mp4", frames)
        assert rows.height <= 6
        assert rows["path"].is_unique().all()
        assert rows["time_s"].is_finite().all()
        fetched(rows, frames)
