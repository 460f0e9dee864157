"""Which folders may be written into, and what is found in them again."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import pixsieve
from conftest import Run
from pixsieve.store.atomic import write_array, write_frame, write_text


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


class TestEarlierRuns:
    def test_a_finished_one_is_kept_unless_told_otherwise(self, run: Run, seven: Path, work: Path):
        run(seven, work_dir=work)
        before = {path: path.stat().st_mtime_ns for path in work.rglob("*")}
        message = (
            f"work_dir {work} holds a finished run of '{seven}': look at it with "
            "pixsieve.load(), or pass overwrite=True (--overwrite), or give another folder"
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
            "format 1: run again, or use that version"
        )
        with pytest.raises(ValueError, match=exactly(message)):
            pixsieve.load(work)
        with pytest.raises(ValueError, match=exactly(message)):
            run(seven, work_dir=work)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b'{"format": 1, "sta', "run.json is damaged; give another folder"),
            (b"\xff\xfe", "run.json is damaged; give another folder"),
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
        message = (
            f"work_dir {work}: the run was not finished; run it again with the same settings "
            "and it goes on where it was"
        )
        with pytest.raises(ValueError, match=exactly(message)):
            pixsieve.load(work)
        assert run(seven, work_dir=work).annotations().height == 7

    def test_with_a_table_missing(self, run: Run, seven: Path, work: Path):
        run(seven, work_dir=work)
        (work / "edges.parquet").unlink()
        message = f"work_dir {work}: edges.parquet missing; run again"
        with pytest.raises(ValueError, match=exactly(message)):
            pixsieve.load(work)


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
