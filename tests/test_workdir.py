"""Which folders may be written into, and what is found in them again."""

import json
import os
import re
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import pixsieve
from conftest import Run
from pixsieve.store import WorkDir
from pixsieve.store.atomic import replacing, temporary_of, write_array, write_frame, write_text


def leftovers(work: Path) -> list[Path]:
    return list(work.rglob("*.tmp"))


def exactly(message: str) -> str:
    return f"^{re.escape(message)}$"


class TestForeignPlaces:
    def test_a_folder_with_something_else_is_not_touched(self, run: Run, seven: Path, work: Path):
        work.mkdir()
        (work / "thesis.txt").write_text("years of work")
        message = (
            f"work_dir {work} is not empty and holds no Pixsieve run (run.json is missing): "
            "give another folder"
        )
        for overwrite in (False, True):
            with pytest.raises(ValueError, match=exactly(message)):
                run(seven, work_dir=work, overwrite=overwrite)
        assert [path.name for path in work.iterdir()] == ["thesis.txt"]

    def test_a_file(self, run: Run, seven: Path, work: Path):
        work.write_text("")
        message = f"work_dir {work} is a file; give a folder"
        with pytest.raises(NotADirectoryError, match=exactly(message)):
            run(seven, work_dir=work)

    def test_below_a_file(self, run: Run, seven: Path, work: Path):
        work.write_text("")
        message = f"[Errno 20] work_dir cannot be made: Not a directory: '{work / 'sub'}'"
        with pytest.raises(NotADirectoryError, match=exactly(message)):
            run(seven, work_dir=work / "sub")

    @pytest.mark.usefixtures("ordinary_user")
    def test_a_folder_that_may_not_be_written(self, run: Run, seven: Path, work: Path):
        work.mkdir(mode=0o500)
        message = f"work_dir {work} cannot be written: no permission"
        with pytest.raises(PermissionError, match=exactly(message)):
            run(seven, work_dir=work)
        message = f"[Errno 13] work_dir cannot be made: Permission denied: '{work / 'sub'}'"
        with pytest.raises(PermissionError, match=exactly(message)):
            run(seven, work_dir=work / "sub")

    def test_an_empty_folder_will_do(self, run: Run, seven: Path, work: Path):
        work.mkdir()
        assert run(seven, work_dir=work).annotations().height == 7


def edit(work: Path, **changes: Any) -> None:
    info = json.loads((work / "run.json").read_text())
    (work / "run.json").write_text(json.dumps(info | changes))


NOT_JSON = "run.json is damaged (not JSON); run again with overwrite=True"


class TestEarlierRuns:
    def test_a_finished_one_is_kept_unless_told_otherwise(self, run: Run, seven: Path, work: Path):
        run(seven, work_dir=work)
        before = {path: path.stat().st_mtime_ns for path in work.rglob("*")}
        message = (
            f"work_dir {work} holds a finished run of '{seven}': look at it "
            "(pixsieve.load(), or pixsieve summary and report), or pass overwrite=True "
            "(--overwrite), or give another folder"
        )
        with pytest.raises(FileExistsError, match=exactly(message)):
            run(seven, work_dir=work)
        assert {path: path.stat().st_mtime_ns for path in work.rglob("*")} == before
        assert run(seven, work_dir=work, overwrite=True).annotations().height == 7

    def test_load_gives_the_same_frames(self, run: Run, seven: Path, work: Path):
        first, again = run(seven, work_dir=work, threshold=0.3), pixsieve.load(work)
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

    def test_of_another_format(self, run: Run, seven: Path, work: Path):
        run(seven, work_dir=work)
        edit(work, format=99, version="9.9.9")
        message = (
            f"work_dir {work} has format 99, written by Pixsieve 9.9.9; this version reads "
            "format 5: use that version, or run again in another folder"
        )
        with pytest.raises(ValueError, match=exactly(message)):
            pixsieve.load(work)
        with pytest.raises(ValueError, match=exactly(message)):
            run(seven, work_dir=work)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b'{"format": 1, "sta', NOT_JSON),
            (b"\xff\xfe", NOT_JSON),
            (b"", NOT_JSON),
            (b"[" * 100_000, NOT_JSON),
            (b"[]", "run.json was not written by Pixsieve"),
            (b'{"format": 1}', "run.json was not written by Pixsieve"),
        ],
    )
    def test_damaged(self, run: Run, seven: Path, work: Path, content: bytes, message: str):
        run(seven, work_dir=work)
        (work / "run.json").write_bytes(content)
        with pytest.raises(ValueError, match=exactly(f"work_dir {work}: {message}")):
            pixsieve.load(work)
        with pytest.raises(ValueError, match=exactly(f"work_dir {work}: {message}")):
            run(seven, work_dir=work)

    def test_unfinished(self, run: Run, seven: Path, work: Path):
        run(seven, work_dir=work)
        edit(work, state="running")
        message = f"work_dir {work}: the run was not finished; run it again"
        with pytest.raises(ValueError, match=exactly(message)):
            pixsieve.load(work)
        assert run(seven, work_dir=work).annotations().height == 7

    def test_with_a_table_missing(self, run: Run, seven: Path, work: Path):
        run(seven, work_dir=work)
        (work / "edges.parquet").unlink()
        message = f"work_dir {work}: edges.parquet missing; run again with overwrite=True"
        with pytest.raises(ValueError, match=exactly(message)):
            pixsieve.load(work)


class TestDamage:
    """A file that is not as it was written is told of, and never read as something else."""

    @pytest.mark.parametrize("table", ["images", "statistics", "edges", "pixel_digests"])
    @pytest.mark.parametrize("how", ["empty", "cut", "flipped", "replaced", "folder"])
    def test_a_table(self, run: Run, seven: Path, work: Path, table: str, how: str):
        run(seven, work_dir=work)
        path = work / f"{table}.parquet"
        data, loaded = path.read_bytes(), pixsieve.load(work)
        path.unlink()
        if how == "folder":
            path.mkdir()
        elif how == "replaced":
            write_frame(path, pl.DataFrame({"x": [1]}))
        else:
            middle = len(data) // 2
            flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
            path.write_bytes({"empty": b"", "cut": data[:middle], "flipped": flipped}[how])
        why = "Is a directory" if how == "folder" else "not what the run wrote"
        message = f"work_dir {work}: {path.name} is damaged ({why}); run again with overwrite=True"
        with pytest.raises(ValueError, match=exactly(message)):
            loaded.summary(verbose=False)
        if how != "folder":
            run(seven, work_dir=work, overwrite=True).summary(verbose=False)

    def test_a_changed_run_json(self, run: Run, seven: Path, work: Path):
        run(seven, work_dir=work)
        message = (
            f"work_dir {work}: run.json is damaged (not what the run wrote); "
            "run again with overwrite=True"
        )
        good = (work / "run.json").read_bytes()
        for changes in ({"counts": 3}, {"settings": None}, {"thresholds": {}}, {"checksums": {}}):
            (work / "run.json").write_bytes(good)
            edit(work, **changes)
            with pytest.raises(ValueError, match=exactly(message)):
                pixsieve.load(work)
        (work / "run.json").write_bytes(b"\0" * len(good))
        with pytest.raises(ValueError, match=exactly(f"work_dir {work}: {NOT_JSON}")):
            pixsieve.load(work)
        assert run(seven, work_dir=work, overwrite=True).annotations().height == 7
        assert pixsieve.load(work).annotations().height == 7

    def test_a_run_json_that_is_not_ours(self, run: Run, seven: Path, work: Path):
        work.mkdir()
        (work / "run.json").write_text("to do: run")
        message = "is not JSON, and there are no shards: not a Pixsieve run; give another folder"
        with pytest.raises(ValueError, match=message):
            run(seven, work_dir=work, overwrite=True)
        (work / "run.json").unlink()
        (work / "run.json").mkdir()
        for attempt in (lambda: pixsieve.load(work), lambda: run(seven, work_dir=work)):
            with pytest.raises(ValueError, match=r"run\.json is a folder, not Pixsieve's"):
                attempt()

    def test_shards_of_another_run_are_not_taken_for_ones_own(
        self, run: Run, seven: Path, work: Path, tmp_path: Path
    ):
        old = run(seven, work_dir=work)
        other = run(seven, work_dir=tmp_path / "other", num_images=5)
        shutil.rmtree(work / "shards")
        shutil.copytree(other.work_dir / "shards", work / "shards")
        for audit in (old, pixsieve.load(work)):
            with pytest.raises(ValueError, match="not what the run wrote"):
                audit.embeddings()


class TestOnlyOurNames:
    STRANGERS = (
        *("x.tmp", "notes/a.tmp", "images.parquet.tmp", "images.parquet.1.tmp", "images.csv"),
        *("thesis.txt.12.0123abcd.tmp", "reports/mine.html", "reports/report.html.tmp"),
        *("reports/deep/report.html.12.0123abcd.tmp", "shards/00007.txt", "shards/notes.txt"),
        *("shards/00007.json.bak", "shards/x.json.12.0123abcd.tmp", "thumbnails/ab/x.tmp"),
        *(f"thumbnails/{'ab' * 32}.jpg.1.tmp", f"thumbnails/cd/{'ab' * 32}.jpg.1.tmp"),
        *("pictures/images.parquet.12.0123abcd.tmp", "pictures/report.html"),
    )
    LEFTOVERS = (
        *("run.json.12.0123abcd.tmp", "edges.parquet.12.0123abcd.tmp"),
        *("reports/report.html.12.0123abcd.tmp", "reports/report.html"),
        *("shards/00001.rows.npy.12.0123abcd.tmp", "shards/00007.json", "shards/00007.rows.npy"),
        f"thumbnails/ab/{'ab' * 32}.jpg.7.ThreadId(3).tmp",
    )

    @pytest.mark.parametrize("state", ["finished", "running"])
    def test_are_touched(self, run: Run, seven: Path, work: Path, state: str):
        run(seven, work_dir=work)
        edit(work, state=state)
        for name in (*self.STRANGERS, *self.LEFTOVERS):
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text("kept")
        run(seven, work_dir=work, overwrite=state == "finished")
        assert [name for name in self.LEFTOVERS if (work / name).exists()] == []
        assert {name: (work / name).read_text() for name in self.STRANGERS} == dict.fromkeys(
            self.STRANGERS, "kept"
        )


class TestTwoRuns:
    def test_the_second_is_told(self, run: Run, seven: Path, work: Path):
        message = f"work_dir {work} is in use by another run: wait for it, or give another folder"
        with WorkDir(work).prepared(overwrite=False, source=""):
            for overwrite in (False, True):
                with pytest.raises(BlockingIOError, match=exactly(message)):
                    run(seven, work_dir=work, overwrite=overwrite)
        assert run(seven, work_dir=work).annotations().height == 7

    def test_threads_write_to_names_of_their_own(self, tmp_path: Path):
        target, names = tmp_path / "a.bin", []
        barrier = threading.Barrier(2)

        def write() -> None:
            with replacing(target) as file:
                names.append(Path(file.name).name)
                barrier.wait(10)
                file.write(b"whole")

        threads = [threading.Thread(target=write) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(names)) == 2
        assert {temporary_of(name) for name in names} == {"a.bin"}
        assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.skipif(os.name == "nt", reason="names are UTF-16 there")
def test_a_work_dir_whose_name_is_not_utf_8(run: Run, seven: Path, tmp_path: Path):
    work = Path(os.fsdecode(os.fsencode(tmp_path) + b"/o\xff"))
    try:
        work.mkdir()
    except OSError:
        pytest.skip("this disk has UTF-8 names only")
    first = run(seven, work_dir=work, thumbnails=True)
    again = pixsieve.load(work)
    assert first.annotations().equals(again.annotations())
    assert first.embeddings().equals(again.embeddings())
    assert again.report().is_file()
    assert run(seven, work_dir=work, overwrite=True).annotations().height == 7


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

    def test_no_run_leaves_temporary_files(self, run: Run, seven: Path, work: Path):
        run(seven, work_dir=work, thumbnails=True)
        assert leftovers(work) == []
