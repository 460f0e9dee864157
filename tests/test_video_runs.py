"""Videos through a whole run: frames as images, what is found of them, and what goes wrong."""

import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import polars as pl
import pytest

import pixsieve
from conftest import Pictures, Run, draw
from gallery_case import titles
from pixsieve import schema
from pixsieve.sources.videos import listing as sources_videos
from pixsieve.sources.videos.listing import NEEDS_PYAV
from video_cases import film, picture, write

CARPHONE = ["carphone_distorted.mp4", "carphone_pristine.mp4"]
KILLED = """
import os, sys
import pixsieve
from pixsieve.audit import job

job.Job.shard_size = 8

class Fatal:
    def stage(self, name, unit):
        self.name = name

    def update(self, done, total):
        if self.name == "extract" and done > 20:
            os._exit(9)

pixsieve.run(sys.argv[1], work_dir=sys.argv[2], progress=Fatal(), device="cpu", num_threads=2,
             video_frames=0.5)
"""
LONG = """
import sys
import pixsieve

class Announce:
    def stage(self, name, unit):
        print(name, flush=True)

    def update(self, done, total):
        pass

pixsieve.run(sys.argv[1], work_dir=sys.argv[2], progress=Announce(), device="cpu", num_threads=2,
             video_frames=float(sys.argv[3]))
"""


def pairs_of(audit: pixsieve.Audit, **asked: Any) -> list[list[str]]:
    found = audit.duplicate_videos(**asked)
    assert found.schema == schema.SCHEMAS["duplicate_videos"]
    names = found.select(pl.col("video_from", "video_to").str.split("/").list.last())
    return [sorted(row) for row in names.iter_rows()]


# ---- real videos ---- #


@pytest.mark.parametrize("frames", ["key", 1.0, 0.5])
def test_the_shared_videos(shared: Path, run: Run, frames: str | float):
    audit = run(shared / "videos", video_frames=frames)
    images = audit.images
    assert images["error_code"].null_count() == images.height
    assert images["source"].n_unique() == 5
    assert images["path"].is_unique().all()
    assert audit.embeddings().height == images.height
    first = images.filter(pl.col("source").str.ends_with("bikes.mp4"))
    assert first["frame"].is_sorted()
    assert first["time_s"][0] == 0
    assert set(first["width"]) == {640}
    # The same clip, once damaged on purpose.
    assert pairs_of(audit) == [CARPHONE]
    assert pairs_of(audit, threshold=0.99) == []
    (line,) = [line for line in audit.summary(verbose=False) if "audit.duplicate_videos()" in line]
    assert line.startswith("1 pair of videos with matching frames: 1 ")


def test_short_videos_with_one_key_frame_are_not_judged_by_it_alone(shared: Path, run: Run):
    audit = run([shared / "videos" / name for name in CARPHONE])
    counts = audit.images.group_by("source").len()["len"].to_list()
    assert counts == [4, 4]
    assert audit.duplicate_videos()["frames"].to_list() == [3]


def test_pictures_and_videos_in_one_folder(tmp_path: Path, run: Run, pictures: Pictures):
    folder = tmp_path / "in"
    (still, *_) = pictures(folder, *[f"{number}.png" for number in range(6)], size=(128, 96))
    film(folder / "a.mp4", range(100, 106))
    film(folder / "sub.mkv", range(100, 103), size=(64, 48), crf=28)
    film(folder / "b.mp4", range(200, 206))
    with av.open(str(folder / "a.mp4")) as container:
        shot = next(container.decode(video=0)).to_image()
    shot.save(folder / "shot.png")
    audit = run(folder, video_frames=1.0)
    images = audit.images
    assert images.filter(pl.col("source").is_null()).height == 7
    frames = images.filter(pl.col("source").is_not_null())
    assert frames.group_by("source").len().sort("source")["len"].to_list() == [12, 12, 6]
    # Frames are images like any other.
    groups = audit.duplicates()
    group = groups.filter(pl.col("path").str.ends_with("shot.png"))["group"]
    members = groups.filter(pl.col("group").is_in(group.implode()))["path"].to_list()
    assert any("a.mp4#t=0.000" in path for path in members)
    assert audit.outliers(0.5)["path"].str.contains("#t=").any()
    assert pairs_of(audit) == [["a.mp4", "sub.mkv"]]
    row = audit.duplicate_videos().row(0, named=True)
    assert (row["kind"], row["offset_s"], row["speed"]) == ("clip", 0, 1)
    assert min(row["share_from"], row["share_to"]) == 0.5
    assert max(row["share_from"], row["share_to"]) == 1
    listed = run([folder / "a.mp4", folder / "sub.mkv", still], video_frames=1.0)
    assert pairs_of(listed) == [["a.mp4", "sub.mkv"]]
    assert listed.images.height == 12 + 6 + 1


def test_without_videos_there_is_nothing_to_find(seven: Path, run: Run):
    audit = run(seven)
    assert audit.duplicate_videos().equals(schema.empty("duplicate_videos"))
    assert not any("video" in line for line in audit.summary(verbose=False))
    assert "Duplicate videos" not in audit.report().read_text(encoding="utf-8")


def test_black_frames_do_not_make_videos_alike(tmp_path: Path, run: Run):
    for name, scene in (("a.mp4", 1), ("b.mp4", 2)):
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream("h264", rate=10)
            stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
            black = av.VideoFrame.from_ndarray(np.zeros((96, 128, 3), np.uint8), format="rgb24")
            shown = av.VideoFrame.from_image(draw(scene, 128, 96))
            for frame in [black] * 60 + [shown] * 10:
                frame.pts = None
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    audit = run(tmp_path, video_frames=0.5)
    assert audit.placeholders().height >= 24
    assert pairs_of(audit) == []
    assert "No duplicate videos found." in audit.summary(verbose=False)


# ---- pages ---- #


def test_frames_are_shown_in_report_and_galleries(shared: Path, run: Run, tmp_path: Path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in CARPHONE:
        shutil.copy(shared / "videos" / name, folder / f"<script>{name}")
    audit = run(folder, video_frames=0.5)
    text = audit.report().read_text(encoding="utf-8")
    assert 'id="videos"' in text
    assert "<script>carphone" not in text
    assert "No picture" not in text
    section = text.split('id="videos"')[1].split("</section>")[0]
    assert section.count("data:image/jpeg") == 4
    page = audit.vis.duplicate_videos_gallery(tmp_path / "pages").read_text(encoding="utf-8")
    assert len(titles(page)) == 1
    assert "data:image/jpeg" in page
    assert "No picture" not in page
    nothing = audit.vis.duplicate_videos_gallery(tmp_path / "pages", threshold=0.999)
    assert "No videos show the same." in nothing.read_text(encoding="utf-8")


def test_a_video_that_changed_or_has_gone_since(tmp_path: Path, run: Run):
    folder = tmp_path / "in"
    folder.mkdir()
    film(folder / "a.mp4", range(4))
    film(folder / "b.mp4", range(4), crf=30)
    audit = run(folder, video_frames=1.0)
    (folder / "a.mp4").unlink()
    film(folder / "b.mp4", range(1))
    assert pairs_of(audit) == [["a.mp4", "b.mp4"]]
    report = audit.report().read_text(encoding="utf-8")
    assert "No picture: the file has gone" in report
    gallery = audit.vis.duplicate_videos_gallery(tmp_path / "pages", num_images=20)
    assert "No picture: the file has gone" in gallery.read_text(encoding="utf-8")


# ---- interrupted ---- #


def test_a_killed_run_gives_the_same_tables_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, scenes in (("a.mp4", range(8)), ("b.avi.mp4", range(4, 12)), ("c.mkv", range(9))):
        film(folder / name, scenes)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(killed)], check=False, timeout=120
    )
    assert done.returncode == 9
    assert list((killed / "shards").glob("*.json"))
    monkeypatch.setattr("pixsieve.audit.job.Job.shard_size", 8)
    settings = {"progress": False, "device": "cpu", "num_threads": 2, "video_frames": 0.5}
    audits = [pixsieve.run(folder, work_dir=work, **settings) for work in (killed, whole)]
    tables = sorted(path.name for path in whole.glob("*.parquet"))
    assert "images.parquet" in tables
    for name in tables:
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    one, other = (audit.duplicate_videos() for audit in audits)
    assert one.equals(other)
    assert one.height


@pytest.mark.parametrize("every", ["200", "0.5"])
def test_ctrl_c_ends_in_the_midst_of_a_long_video(tmp_path: Path, every: str):
    folder = tmp_path / "in"
    folder.mkdir()
    long_one(folder / "a.mkv", 12_000)
    command = [sys.executable, "-c", LONG, str(folder), str(tmp_path / "work"), every]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert any(line == b"extract\n" for line in process.stdout)
    time.sleep(0.5)
    assert process.poll() is None
    started = time.perf_counter()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert time.perf_counter() - started < 2
    assert errors.rstrip().endswith(b"KeyboardInterrupt")
    assert process.returncode == -signal.SIGINT


def long_one(path: Path, frames: int) -> None:
    """One key frame, and then nothing moves, which still takes a while to decode."""
    size = (1280, 720)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.gop_size = 600
        stream.codec_context.max_b_frames = 0
        packets = []
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(picture(5, size), format="rgb24")
            packets += stream.encode(frame)
        packets += stream.encode(None)
        first, second = bytes(packets[0]), bytes(packets[1])
        for number in range(frames):
            packet = av.Packet(second if number else first)
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            packet.is_keyframe = not number
            container.mux(packet)


# ---- bad videos ---- #


def bad(folder: Path) -> dict[str, str]:
    """Names and what is said of each."""
    folder.mkdir()
    write(folder / "whole.mp4", frames=30)
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("no video at all\n" * 50)
    with wave.open(str(folder / "sound.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(8000))
    (folder / "sound.wav").rename(folder / "sound.avi")
    data = bytearray(write(folder / "zero.mp4", frames=5).read_bytes())
    at = data.index(b"stsz")
    data[at + 12 : at + 16] = struct.pack(">i", 0)
    (folder / "zero.mp4").write_bytes(data)
    cut = write(folder / "cut.mp4", frames=100)
    cut.write_bytes(cut.read_bytes()[:-2000])
    return {
        "empty.mp4": "empty_file",
        "text.mp4": "unknown_format",
        "sound.avi": "unknown_format",
        "zero.mp4": "corrupt",
        "cut.mp4": "corrupt",
    }


def test_bad_videos_are_rows(tmp_path: Path, run: Run):
    expected = bad(tmp_path / "in")
    audit = run(tmp_path / "in")
    invalid = audit.invalid_instances()
    names = invalid["path"].str.split("/").list.last()
    assert dict(zip(names, invalid["error_code"], strict=True)) == expected
    assert invalid["detail"].null_count() == 0
    assert audit.images.filter(pl.col("error_code").is_null())["source"].n_unique() == 1
    assert pairs_of(audit) == []
    for code in set(expected.values()):
        assert code in audit.report().read_text(encoding="utf-8")


def test_a_damaged_middle_and_no_key_frames(tmp_path: Path, run: Run):
    folder = tmp_path / "in"
    folder.mkdir()
    path = write(folder / "middle.mkv", frames=200)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 600] = np.random.default_rng(2).bytes(600)
    path.write_bytes(data)
    # The first packet, the only key frame, is left out.
    with av.open(str(write(tmp_path / "keys.avi", "mpeg4", 0, frames=40, gop=100))) as source:
        stream = source.streams.video[0]
        packets = [packet for packet in source.demux(stream) if packet.size][1:]
        with av.open(str(folder / "keyless.avi"), "w") as target:
            copy = target.add_stream_from_template(stream)
            for packet in packets:
                packet.stream = copy
                target.mux(packet)
    audit = run(folder, video_frames="all")
    images = audit.images
    of = {
        name: images.filter(pl.col("source").str.ends_with(name))
        for name in ("middle.mkv", "keyless.avi")
    }
    read = of["middle.mkv"].filter(pl.col("error_code").is_null())
    assert read.height > 0.6 * of["middle.mkv"].height
    assert read["time_s"].min() < 1
    assert read["time_s"].max() > 15
    assert of["keyless.avi"].height >= 1
    assert set(of["keyless.avi"]["error_code"]) <= {None, "corrupt"}


def test_without_pyav_rows_say_what_to_install(
    tmp_path: Path, run: Run, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
):
    pictures(tmp_path / "in", "0.png", "1.png")
    write(tmp_path / "in" / "a.mp4", frames=5)
    monkeypatch.setattr(sources_videos, "available", lambda: False)
    monkeypatch.setitem(sys.modules, "av", None)
    audit = run(tmp_path / "in")
    (row,) = audit.invalid_instances().to_dicts()
    assert Path(row["path"]).name == "a.mp4"
    assert (row["error_code"], row["detail"]) == ("unknown_format", NEEDS_PYAV)
    assert pairs_of(audit) == []
    assert audit.report().is_file()


def test_from_the_command_line(tmp_path: Path):
    film(tmp_path / "a.mp4", range(4))
    command = [sys.executable, "-m", "pixsieve", "run", "a.mp4", "--video-frames", "0.5"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, check=False, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("16 images, 16 valid (100.0%)")
    assert "No duplicate videos found." in done.stdout
