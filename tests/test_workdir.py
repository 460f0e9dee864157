"""Which folders may be written into, and what stays when a run does not end well."""

import errno
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import pixsieve
from conftest import Pictures, Run
from pixsieve.audit import job
from pixsieve.store.atomic import write_array, write_frame, write_text


@pytest.fixture
def photos(tmp_path: Path, pictures: Pictures) -> Path:
    folder = tmp_path / "photos"
    pictures(folder, *[f"{number}.png" for number in range(7)])
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


def leftovers(work: Path) -> list[Path]:
    return list(work.rglob("*.tmp"))


def exactly(message: str) -> str:
    return f"^{re.escape(message)}$"


class TestForeignPlaces:
    def test_a_folder_with_something_else_is_not_touched(self, run: Run, photos: Path, work: Path):
        work.mkdir()
        (work / "thesis.txt").write_text("years of work")
        message = (
            f"work_dir {work} is not empty and holds no Pixsieve run (run.json is missing): "
            "give another folder"
        )
        for overwrite in (False, True):
            with pytest.raises(ValueError, match=exactly(message)):
                run(photos, work_dir=work, overwrite=overwrite)
        assert [path.name for path in work.iterdir()] == ["thesis.txt"]

    def test_a_file(self, run: Run, photos: Path, work: Path):
        work.write_text("")
        message = f"work_dir {work} is a file; give a folder"
        with pytest.raises(NotADirectoryError, match=exactly(message)):
            run(photos, work_dir=work)

    def test_below_a_file(self, run: Run, photos: Path, work: Path):
        work.write_text("")
        message = f"[Errno 20] work_dir cannot be made: Not a directory: '{work / 'sub'}'"
        with pytest.raises(NotADirectoryError, match=exactly(message)):
            run(photos, work_dir=work / "sub")

    @pytest.mark.usefixtures("ordinary_user")
    def test_a_folder_that_may_not_be_written(self, run: Run, photos: Path, work: Path):
        work.mkdir(mode=0o500)
        message = f"work_dir {work} cannot be written: no permission"
        with pytest.raises(PermissionError, match=exactly(message)):
            run(photos, work_dir=work)
        message = f"[Errno 13] work_dir cannot be made: Permission denied: '{work / 'sub'}'"
        with pytest.raises(PermissionError, match=exactly(message)):
            run(photos, work_dir=work / "sub")

    def test_an_empty_folder_will_do(self, run: Run, photos: Path, work: Path):
        work.mkdir()
        assert run(photos, work_dir=work).annotations().height == 7


def edit(work: Path, **changes: Any) -> None:
    info = json.loads((work / "run.json").read_text())
    (work / "run.json").write_text(json.dumps(info | changes))


class TestEarlierRuns:
    def test_a_finished_one_is_kept_unless_told_otherwise(self, run: Run, photos: Path, work: Path):
        run(photos, work_dir=work)
        before = {path: path.stat().st_mtime_ns for path in work.rglob("*")}
        message = (
            f"work_dir {work} holds a finished run of '{photos}': look at it with "
            "pixsieve.load(), or pass overwrite=True (--overwrite), or give another folder"
        )
        with pytest.raises(FileExistsError, match=exactly(message)):
            run(photos, work_dir=work)
        assert {path: path.stat().st_mtime_ns for path in work.rglob("*")} == before
        assert run(photos, work_dir=work, overwrite=True).annotations().height == 7

    def test_load_gives_the_same_frames(self, run: Run, photos: Path, work: Path):
        first, again = run(photos, work_dir=work, threshold=0.3), pixsieve.load(work)
        for name in ("annotations", "similarity", "duplicates", "outliers", "img_stats"):
            assert getattr(first, name)().equals(getattr(again, name)())
        assert again.config.threshold == 0.3
        assert np.array_equal(
            first.embeddings()["embedding"].to_numpy(), again.embeddings()["embedding"].to_numpy()
        )

    def test_load_of_nothing(self, tmp_path: Path, work: Path):
        message = f"work_dir {work}: there is no such folder"
        with pytest.raises(FileNotFoundError, match=exactly(message)):
            pixsieve.load(work)
        message = (
            f"work_dir {tmp_path} is not empty and holds no Pixsieve run (run.json is missing): "
            "give another folder"
        )
        with pytest.raises(ValueError, match=exactly(message)):
            pixsieve.load(tmp_path)

    def test_of_another_format(self, run: Run, photos: Path, work: Path):
        run(photos, work_dir=work)
        edit(work, format=99, version="9.9.9")
        message = (
            f"work_dir {work} has format 99, written by Pixsieve 9.9.9; this version reads "
            "format 1: run again, or use that version"
        )
        with pytest.raises(ValueError, match=exactly(message)):
            pixsieve.load(work)
        with pytest.raises(ValueError, match=exactly(message)):
            run(photos, work_dir=work)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b'{"format": 1, "sta', "run.json is damaged; give another folder"),
            (b"\xff\xfe", "run.json is damaged; give another folder"),
            (b"[]", "run.json was not written by Pixsieve"),
            (b'{"format": 1}', "run.json was not written by Pixsieve"),
        ],
    )
    def test_damaged(self, run: Run, photos: Path, work: Path, content: bytes, message: str):
        run(photos, work_dir=work)
        (work / "run.json").write_bytes(content)
        with pytest.raises(ValueError, match=exactly(f"work_dir {work}: {message}")):
            pixsieve.load(work)
        with pytest.raises(ValueError, match=exactly(f"work_dir {work}: {message}")):
            run(photos, work_dir=work)

    def test_unfinished(self, run: Run, photos: Path, work: Path):
        run(photos, work_dir=work)
        edit(work, state="running")
        message = (
            f"work_dir {work}: the run was not finished; run it again with the same settings "
            "and it goes on where it was"
        )
        with pytest.raises(ValueError, match=exactly(message)):
            pixsieve.load(work)
        assert run(photos, work_dir=work).annotations().height == 7

    def test_with_a_table_missing(self, run: Run, photos: Path, work: Path):
        run(photos, work_dir=work)
        (work / "edges.parquet").unlink()
        message = f"work_dir {work}: edges.parquet missing; run again"
        with pytest.raises(ValueError, match=exactly(message)):
            pixsieve.load(work)


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Shards of three images; the names that each call of extract was given."""
    calls: list[list[str]] = []
    original = job.engine.extract

    def counted(locations: list[str], **arguments: Any) -> Any:
        calls.append([Path(location).name for location in locations])
        return original(locations, **arguments)

    monkeypatch.setattr(job, "SHARD_SIZE", 3)
    monkeypatch.setattr(job.engine, "extract", counted)
    return calls


class TestShards:
    def test_nothing_changed_nothing_read(
        self, run: Run, photos: Path, work: Path, extracted: list[list[str]]
    ):
        first = run(photos, work_dir=work)
        assert extracted == [
            ["0.png", "1.png", "2.png"],
            ["3.png", "4.png", "5.png"],
            ["6.png"],
        ]
        again = run(photos, work_dir=work, overwrite=True, threshold=0.5, nearest_neighbors_k=3)
        assert len(extracted) == 3
        assert first.annotations().equals(again.annotations())

    def test_a_changed_file_costs_its_shard(
        self, run: Run, photos: Path, work: Path, pictures: Pictures, extracted: list[list[str]]
    ):
        run(photos, work_dir=work)
        before = pixsieve.load(work).annotations()["digest"].to_list()
        pictures(photos, "4.png", seed=99)
        after = run(photos, work_dir=work, overwrite=True).annotations()["digest"].to_list()
        assert extracted[3:] == [["3.png", "4.png", "5.png"]]
        assert [row for row in range(7) if before[row] != after[row]] == [4]

    def test_a_setting_that_counts_costs_all(
        self, run: Run, photos: Path, work: Path, extracted: list[list[str]]
    ):
        run(photos, work_dir=work)
        run(photos, work_dir=work, overwrite=True, min_input_image_width=65)
        assert len(extracted) == 6

    def test_fewer_images_leave_no_old_shards(
        self, run: Run, photos: Path, work: Path, extracted: list[list[str]]
    ):
        run(photos, work_dir=work)
        run(photos, work_dir=work, overwrite=True, num_images=3)
        assert len(extracted) == 3
        assert {path.name[:5] for path in (work / "shards").iterdir()} == {"00000"}
        assert pixsieve.load(work).embeddings().height == 3

    @pytest.mark.parametrize("part", ["embeddings.npy", "rows.npy", "images.parquet", "json"])
    @pytest.mark.parametrize("how", ["gone", "cut"])
    def test_a_damaged_part_costs_its_shard(
        self,
        run: Run,
        photos: Path,
        work: Path,
        extracted: list[list[str]],
        part: str,
        how: str,
    ):
        first = run(photos, work_dir=work).embeddings()
        path = work / "shards" / f"00001.{part}"
        if how == "gone":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:20])
        again = run(photos, work_dir=work, overwrite=True).embeddings()
        assert extracted[3:] == [["3.png", "4.png", "5.png"]]
        assert first.equals(again)


class TestDuringTheRun:
    """A folder that others change while it is read."""

    class Meddler:
        """Does something when a stage begins."""

        def __init__(self, stage: str, act: Any) -> None:
            self.name, self.act = stage, act

        def stage(self, name: str, _unit: str) -> None:
            if name == self.name:
                self.act()

        def update(self, done: int, total: int) -> None:
            pass

    def test_a_file_that_vanishes_is_missing(self, run: Run, photos: Path):
        meddler = self.Meddler("extract", (photos / "3.png").unlink)
        audit = run(photos, progress=meddler)
        assert audit.invalid_instances().select("path", "error_code", "detail").rows() == [
            (f"{photos}/3.png", "missing_file", "no such file")
        ]
        assert audit.embeddings()["image"].to_list() == [0, 1, 2, 4, 5, 6]

    def test_a_file_that_is_cut_short_is_as_it_was_read(self, run: Run, photos: Path):
        path = photos / "3.png"
        half = path.read_bytes()[: path.stat().st_size // 2]
        audit = run(photos, progress=self.Meddler("extract", lambda: path.write_bytes(half)))
        row = audit.annotations().row(3, named=True)
        assert (row["error_code"], row["file_size"]) == ("truncated", len(half))

    def test_a_change_after_the_listing_is_seen_by_the_next_run(
        self, run: Run, photos: Path, work: Path, pictures: Pictures
    ):
        def change() -> None:
            pictures(photos, "3.png", seed=99)

        meddler = self.Meddler("graph", change)
        before = run(photos, work_dir=work, progress=meddler).annotations()["digest"]
        after = run(photos, work_dir=work, overwrite=True).annotations()["digest"]
        assert (before != after).to_list() == [False] * 3 + [True] + [False] * 3

    def test_all_files_vanish_after_extract(self, run: Run, photos: Path):
        shutil.copy(photos / "0.png", photos / "copy.png")
        audit = run(photos, progress=self.Meddler("pixels", lambda: shutil.rmtree(photos)))
        assert audit.duplicates()["kind"].to_list() == ["exact", "exact"]
        assert audit.invalid_instances().is_empty()
        assert not photos.exists()


FULL_DISK = """
import sys, pixsieve
from pathlib import Path
source, work, thumbnails, filler = sys.argv[1:]
try:
    (Path(work).parent / "filler").write_bytes(bytes(int(filler)))
    pixsieve.run(
        source, work_dir=work, progress=False, device="cpu", thumbnails=bool(int(thumbnails))
    )
except Exception as error:
    print(type(error).__name__, error.errno, error, sep="|")
print(*sorted(path.name for path in Path(work).rglob("*.tmp")))
"""


class TestFullDisk:
    @pytest.mark.parametrize(
        ("kilobytes", "filler", "thumbnails", "file"),
        [
            (16, 16_384, 0, "run.json"),
            (64, 0, 0, "shards/00000.embeddings.npy"),
            (512, 0, 1, "thumbnails/"),
        ],
    )
    def test_an_error_that_names_the_file_and_leaves_nothing_half_written(
        self,
        tmp_path: Path,
        pictures: Pictures,
        kilobytes: int,
        filler: int,
        thumbnails: int,
        file: str,
    ):
        """On a disk of a few kilobytes, mounted in a namespace of its own."""
        disk, source = tmp_path / "disk", tmp_path / "in"
        disk.mkdir()
        pictures(source, *[f"{number}.png" for number in range(200)])
        mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(disk)]
        try:
            probe = subprocess.run(["unshare", "-rm", *mount], capture_output=True, check=False)
        except FileNotFoundError:
            pytest.skip("a small disk cannot be mounted: there is no unshare")
        if probe.returncode:
            pytest.skip(f"a small disk cannot be mounted: {probe.stderr.decode().strip()}")
        work = disk / "work"
        arguments = [str(source), str(work), str(thumbnails), str(filler)]
        done = subprocess.run(
            [
                *("unshare", "-rm", "sh", "-c", f'{" ".join(mount)} && exec "$@"', "sh"),
                *(sys.executable, "-c", FULL_DISK, *arguments),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        error, left = done.stdout.split("\n")[:2]
        kind, number, message = error.split("|")
        assert (kind, int(number)) == ("OSError", errno.ENOSPC)
        assert f"{work}/{file}" in message
        if not thumbnails:
            assert message.startswith(
                "[Errno 28] The disk is full; make room and run again: finished parts are kept: "
            )
        assert left == ""

    def test_a_run_goes_on_when_there_is_room_again(
        self,
        run: Run,
        photos: Path,
        work: Path,
        extracted: list[list[str]],
        monkeypatch: pytest.MonkeyPatch,
    ):
        original, calls = job.write_shard, []

        def full(*arguments: Any) -> None:
            calls.append(arguments)
            if len(calls) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            original(*arguments)

        monkeypatch.setattr(job, "write_shard", full)
        with pytest.raises(OSError, match="No space left on device"):
            run(photos, work_dir=work)
        assert run(photos, work_dir=work).annotations().height == 7
        # The first shard was kept, the second was read again.
        assert extracted == [
            ["0.png", "1.png", "2.png"],
            ["3.png", "4.png", "5.png"],
            ["3.png", "4.png", "5.png"],
            ["6.png"],
        ]


class TestAtomicFiles:
    @pytest.mark.parametrize(
        "array",
        [
            np.arange(12, dtype=np.float32).reshape(3, 4),
            np.empty((0, 5), dtype=np.float32),
            np.empty(0, dtype=np.uint32),
            np.ones((2, 6, 4), dtype=np.uint8)[:, ::2],
        ],
    )
    def test_arrays_come_back(self, tmp_path: Path, array: NDArray[Any]):
        write_array(tmp_path / "a.npy", array)
        back = np.load(tmp_path / "a.npy", allow_pickle=False)
        assert back.dtype == array.dtype
        np.testing.assert_array_equal(back, array)

    def test_a_failure_leaves_the_old_file_and_no_other(self, tmp_path: Path):
        target = tmp_path / "a.txt"
        write_text(target, "old")
        with pytest.raises(UnicodeEncodeError):
            write_text(target, "\udc80")
        assert target.read_text() == "old"
        assert list(tmp_path.iterdir()) == [target]

    def test_folders_are_made(self, tmp_path: Path):
        write_frame(tmp_path / "a" / "b.parquet", pl.DataFrame({"x": [1]}))
        assert pl.read_parquet(tmp_path / "a" / "b.parquet")["x"].to_list() == [1]

    def test_no_run_leaves_temporary_files(self, run: Run, photos: Path, work: Path):
        run(photos, work_dir=work, thumbnails=True)
        assert leftovers(work) == []


class TestSmallCollections:
    def test_no_valid_picture(self, run: Run, tmp_path: Path):
        folder = tmp_path / "in"
        folder.mkdir()
        (folder / "a.jpg").write_bytes(b"no picture at all")
        (folder / "b.png").write_bytes(b"")
        audit = run(folder)
        assert audit.summary(verbose=False)[:2] == [
            "2 images, 0 valid (0.0%) → audit.annotations()",
            "2 broken images (100.0%): 1 empty_file, 1 unknown_format → audit.invalid_instances()",
        ]
        for name in ("duplicates", "similarity", "connected_components", "outliers", "mislabels"):
            assert getattr(audit, name)().is_empty()
        assert audit.img_stats().is_empty()
        assert audit.embeddings().height == 0

    def test_one_picture(self, run: Run, tmp_path: Path, pictures: Pictures):
        pictures(tmp_path / "in", "a.png")
        audit = run(tmp_path / "in")
        assert audit.summary(verbose=False)[0] == "1 image, 1 valid (100.0%) → audit.annotations()"
        assert audit.similarity(threshold=-1).is_empty()
        assert audit.embeddings().height == 1

    @pytest.mark.parametrize("nnf_mode", ["Flat", "HNSW32"])
    def test_all_pictures_identical(
        self, run: Run, tmp_path: Path, pictures: Pictures, nnf_mode: str
    ):
        folder = tmp_path / "in"
        (first,) = pictures(folder, "0.png")
        for number in range(1, 30):
            shutil.copy(first, folder / f"{number}.png")
        audit = run(folder, nnf_mode=nnf_mode)
        groups = audit.duplicates()
        assert groups.height == 30
        assert set(groups["kind"]) == {"exact"}
        assert groups["group"].n_unique() == 1
        assert groups["keep"].sum() == 1
        assert audit.connected_components()["size"].to_list() == [30] * 30
        assert audit.outliers().is_empty()

    @pytest.mark.parametrize("nnf_mode", ["Flat", "HNSW32"])
    def test_more_neighbors_than_images(self, run: Run, photos: Path, nnf_mode: str):
        audit = run(photos, nearest_neighbors_k=1000, nnf_mode=nnf_mode)
        assert audit.similarity(threshold=-1).height == 7 * 6 / 2
