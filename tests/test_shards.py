"""What is kept when a run is repeated, meddled with, or out of room."""

import errno
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
from pixsieve.audit import extraction, job
from pixsieve.store import Shard, open_shard, read_shard, write_shard
from pixsieve.store.shards import PARTS


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Shards of three images; the names that each call of extract was given."""
    calls: list[list[str]] = []
    original = job.engine.extract

    def counted(images: job.engine.Images, **arguments: Any) -> Any:
        calls.append([Path(path).name for path in images.pictures["path"]])
        return original(images, **arguments)

    monkeypatch.setattr(job.Job, "shard_size", 3)
    monkeypatch.setattr(job.engine, "extract", counted)
    return calls


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    path.unlink()
    middle = len(data) // 2
    contents = {
        "cut": data[:20],
        "empty": b"",
        "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        # An NPY header that ends within a string.
        "header": data[:10] + b'{"descr": """' + data[23:],
    }
    if how == "folder":
        path.mkdir()
    elif how != "gone":
        path.write_bytes(contents[how])


class TestShards:
    def test_nothing_changed_nothing_read(
        self, run: Run, seven: Path, work: Path, extracted: list[list[str]]
    ):
        first = run(seven, work_dir=work)
        assert extracted == [
            ["0.png", "1.png", "2.png"],
            ["3.png", "4.png", "5.png"],
            ["6.png"],
        ]
        again = run(seven, work_dir=work, overwrite=True, threshold=0.5, nearest_neighbors_k=3)
        assert len(extracted) == 3
        assert first.annotations().equals(again.annotations())

    def test_a_changed_file_costs_its_shard(
        self, run: Run, seven: Path, work: Path, pictures: Pictures, extracted: list[list[str]]
    ):
        run(seven, work_dir=work)
        before = pixsieve.load(work).annotations()["digest"].to_list()
        pictures(seven, "4.png", seed=99)
        after = run(seven, work_dir=work, overwrite=True).annotations()["digest"].to_list()
        assert extracted[3:] == [["3.png", "4.png", "5.png"]]
        assert [row for row in range(7) if before[row] != after[row]] == [4]

    def test_a_setting_that_counts_costs_all(
        self, run: Run, seven: Path, work: Path, extracted: list[list[str]]
    ):
        run(seven, work_dir=work)
        run(seven, work_dir=work, overwrite=True, min_width=65)
        assert len(extracted) == 6

    def test_fewer_images_leave_no_old_shards(
        self, run: Run, seven: Path, work: Path, extracted: list[list[str]]
    ):
        run(seven, work_dir=work)
        run(seven, work_dir=work, overwrite=True, num_images=3)
        assert len(extracted) == 3
        assert {path.name[:5] for path in (work / "shards").iterdir()} == {"00000"}
        assert pixsieve.load(work).embeddings().height == 3

    @pytest.mark.parametrize("part", [*PARTS, "json"])
    @pytest.mark.parametrize("how", ["gone", "cut", "empty", "flipped", "header", "folder"])
    def test_a_damaged_part_costs_its_shard(
        self,
        run: Run,
        seven: Path,
        work: Path,
        extracted: list[list[str]],
        part: str,
        how: str,
    ):
        first = run(seven, work_dir=work).embeddings()
        path = work / "shards" / f"00001.{part}"
        damage(path, how)
        if how == "folder":
            # Somebody else's: it is read again, and told of when its name is needed.
            with pytest.raises(IsADirectoryError):
                run(seven, work_dir=work, overwrite=True)
            return
        again = run(seven, work_dir=work, overwrite=True).embeddings()
        assert extracted[3:] == [["3.png", "4.png", "5.png"]]
        assert first.equals(again)

    @pytest.mark.parametrize("part", [*PARTS, "json"])
    @pytest.mark.parametrize("how", ["gone", "cut", "flipped", "header"])
    @pytest.mark.usefixtures("extracted")
    def test_asking_names_the_damaged_file(
        self, run: Run, seven: Path, work: Path, part: str, how: str
    ):
        audit = run(seven, work_dir=work)
        damage(work / "shards" / f"00001.{part}", how)
        message = (
            rf"work_dir {work}: shards/00001\.\S+ is damaged .*; run again with overwrite=True"
        )
        with pytest.raises(ValueError, match=message):
            audit.embeddings()

    @pytest.mark.parametrize(
        ("part", "array"),
        [
            ("rows.npy", np.array([0, 2, 1], dtype=np.uint32)),
            ("rows.npy", np.array([0, 1, 3], dtype=np.uint32)),
            ("rows.npy", np.array([0, 1, 1], dtype=np.uint32)),
            ("rows.npy", np.arange(3, dtype=np.int64)),
            ("rows.npy", np.zeros((3, 1), dtype=np.uint32)),
            ("embeddings.npy", np.zeros((2, 8), dtype=np.float32)),
            ("embeddings.npy", np.zeros((3, 8), dtype=np.float64)),
            ("embeddings.npy", np.zeros(3, dtype=np.float32)),
            ("signatures.npy", np.zeros((2, 32, 32), dtype=np.uint8)),
            ("signatures.npy", np.zeros((3, 32, 32), dtype=np.int16)),
            ("signatures.npy", np.zeros((3, 1024), dtype=np.uint8)),
        ],
    )
    def test_numbers_that_do_not_fit(self, tmp_path: Path, part: str, array: NDArray[Any]):
        parts = {
            "rows.npy": np.arange(3, dtype=np.uint32),
            "embeddings.npy": np.zeros((3, 8), dtype=np.float32),
            "signatures.npy": np.zeros((3, 32, 32), dtype=np.uint8),
        } | {part: array}
        images = pl.DataFrame({"width": [1, 2, 3]})
        write_shard(tmp_path, 0, "same", Shard(images, *parts.values()))
        assert read_shard(tmp_path, 0, "same") is None
        with pytest.raises(ValueError, match="its numbers do not fit"):
            open_shard(tmp_path, 0)


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

    def test_a_file_that_vanishes_is_missing(self, run: Run, seven: Path):
        meddler = self.Meddler("extract", (seven / "3.png").unlink)
        audit = run(seven, progress=meddler)
        assert audit.invalid_instances().select("path", "error_code", "detail").rows() == [
            (f"{seven}/3.png", "missing_file", "no such file")
        ]
        assert audit.embeddings()["image"].to_list() == [0, 1, 2, 4, 5, 6]

    def test_a_file_that_is_cut_short_is_as_it_was_read(self, run: Run, seven: Path):
        path = seven / "3.png"
        half = path.read_bytes()[: path.stat().st_size // 2]
        audit = run(seven, progress=self.Meddler("extract", lambda: path.write_bytes(half)))
        row = audit.annotations().row(3, named=True)
        assert (row["error_code"], row["file_size"]) == ("truncated", len(half))

    def test_a_change_after_the_listing_is_seen_by_the_next_run(
        self, run: Run, seven: Path, work: Path, pictures: Pictures
    ):
        def change() -> None:
            pictures(seven, "3.png", seed=99)

        meddler = self.Meddler("graph", change)
        before = run(seven, work_dir=work, progress=meddler).annotations()["digest"]
        after = run(seven, work_dir=work, overwrite=True).annotations()["digest"]
        assert (before != after).to_list() == [False] * 3 + [True] + [False] * 3

    def test_all_files_vanish_after_extract(self, run: Run, seven: Path):
        shutil.copy(seven / "0.png", seven / "copy.png")
        audit = run(seven, progress=self.Meddler("pixels", lambda: shutil.rmtree(seven)))
        assert audit.duplicates()["kind"].to_list() == ["exact", "exact"]
        assert audit.invalid_instances().is_empty()
        assert not seven.exists()


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
                "[Errno 28] the disk is full; make room and try again: what is finished stays: "
            )
        assert left == ""

    def test_a_run_goes_on_when_there_is_room_again(
        self,
        run: Run,
        seven: Path,
        work: Path,
        extracted: list[list[str]],
        monkeypatch: pytest.MonkeyPatch,
    ):
        original, calls = extraction.write_shard, []

        def full(*arguments: Any) -> Shard:
            calls.append(arguments)
            if len(calls) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            return original(*arguments)

        monkeypatch.setattr(extraction, "write_shard", full)
        with pytest.raises(OSError, match="No space left on device"):
            run(seven, work_dir=work)
        assert run(seven, work_dir=work).annotations().height == 7
        # The first shard was kept, the second was read again.
        assert extracted == [
            ["0.png", "1.png", "2.png"],
            ["3.png", "4.png", "5.png"],
            ["3.png", "4.png", "5.png"],
            ["6.png"],
        ]
