"""Inputs that are broken, hostile or none: a row or a sentence for each, from the command line."""

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pixsieve
from archive_case import Files, tar_of, zip_of
from conftest import Run, png

COMMAND = [sys.executable, "-m", "pixsieve", "run", "--no-report", "--device", "cpu", "-q"]


FILES = {f"{number}.png": png(number) for number in range(6)}
Make = Callable[[Files], bytes]
ARCHIVES: dict[str, Make] = {
    "all.tar": tar_of,
    "all.tar.gz": lambda files: tar_of(files, "w:gz"),
    "all.tar.bz2": lambda files: tar_of(files, "w:bz2"),
    "all.tar.xz": lambda files: tar_of(files, "w:xz"),
    "stored.zip": lambda files: zip_of(files, zipfile.ZIP_STORED),
    "all.zip": zip_of,
}


def written(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


def command(*inputs: Path | str, cwd: Path) -> tuple[int, str]:
    """The exit code and what was printed."""
    call = [*COMMAND, *map(str, inputs), "-o", "work", "--overwrite"]
    done = subprocess.run(call, capture_output=True, text=True, cwd=cwd, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def errors(audit: pixsieve.Audit) -> list[tuple[str, str]]:
    frame = audit.invalid_instances()
    rows = frame.select("path", "error_code").iter_rows()
    return [(path.rpartition("/")[2], code) for path, code in rows]


def everything(*folders: Path) -> dict[Path, bytes]:
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in files}


#: Files that are no collections, and what is said of them.
REFUSED: dict[str, tuple[bytes, str]] = {
    "report.pdf": (b"%PDF-1.4\n" + bytes(500), "PDF is not read; give a folder"),
    "letter.docx": (zip_of({"word/media/1.png": FILES["0.png"]}), "packed (zip)"),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG is not read"),
    "packed.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), "7-Zip is not read"),
    "packed.rar": (b"Rar!\x1a\x07\0" + bytes(99), "RAR is not read"),
    "one.gz": (b"\x1f\x8b\x08" + bytes(99), "packed (gzip)"),
    "model.bin": (bytes(1000), "no pictures can be read from this file"),
    "empty": (b"", "no pictures can be read from this file"),
    "notes.txt": (b"Dear diary\nit rained\n", "none of its 2 lines is the path of a file"),
    "empty.txt": (b"\n\n", "is empty: a list has one path per line"),
    "binary.txt": (bytes(range(256)), "is no text file"),
    "numbers.csv": (b"a,b\n1,2\n", "add a header"),
    "header.csv": (b"path,label\n", "has a header, but no path below it"),
    "data.json": (b'{"a": 1}', "is neither COCO"),
    "broken.json": (b'{"images": ', "is no valid JSON"),
    "broken.yaml": (b"train: [1", "is no valid YAML"),
    "other.yaml": (b"a: 1", "none of the keys train, val and test"),
    "other.parquet": (parquet(a=[1]), "a column of paths (path or filename)"),
    "rowless.parquet": (parquet(image=pl.Series([], dtype=pl.Binary)), "it is empty"),
    "nothing.zip": (zip_of({}), "it is empty"),
    "texts.tar": (tar_of({"a.py": b"1", "b.csv": b"2"}), "left out: 2 not pictures"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_collection(name: str, tmp_path: Path):
    data, said = REFUSED[name]
    path = written(tmp_path / name, data)
    code, text = command(path, cwd=tmp_path)
    assert code == 1
    assert text.startswith("pixsieve: error: ")
    assert text.count("\n") == 1
    assert name in text
    assert said in text
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    "name", ["folder", "a.jpg", "a.tar", "list.txt", "c.json", "d.yaml", "e.parquet", "f.mp4"]
)
def test_what_is_not_there(name: str, tmp_path: Path):
    code, text = command(name, cwd=tmp_path)
    assert code == 1
    what = "folder" if name == "folder" else "file"
    assert text == f"pixsieve: error: {name}: there is no such {what}\n"


@pytest.mark.parametrize("source", [3, None, 2.5, object(), lambda: None, ["a.png", 7], [None]])
def test_objects_of_no_known_kind(source: Any, run: Run):
    with pytest.raises((ValueError, TypeError), match=r"cannot read a \w+: give a folder|no input"):
        run(source)


#: Inputs some of which can be read: the rows that say what cannot.
BROKEN: dict[str, tuple[bytes, int, list[tuple[str, str]]]] = {
    "empty.tar": (b"", 0, [("empty.tar", "empty_file")]),
    "junk.tar": (b"hello world" * 999, 0, [("junk.tar#byte=0", "corrupt")]),
    "junk.zip": (b"hello world" * 999, 0, [("junk.zip#byte=0", "corrupt")]),
    "nested.tar": (
        tar_of({"b.tar": tar_of(FILES), "a.png": FILES["0.png"], "c.zip": zip_of(FILES)}),
        1,
        [("b.tar", "unknown_format"), ("c.zip", "unknown_format")],
    ),
    "broken.parquet": (b"PAR1" + bytes(99) + b"PAR1", 0, [("broken.parquet", "corrupt")]),
    "cells.parquet": (
        parquet(image=[FILES["0.png"], None, b"", b"no picture"]),
        1,
        [
            ("cells.parquet#row=1", "missing_file"),
            ("cells.parquet#row=2", "empty_file"),
            ("cells.parquet#row=3", "unknown_format"),
        ],
    ),
    "list.txt": (b"ok.png\n/nowhere/b.png\n", 1, [("b.png", "missing_file")]),
    "list.csv": (b"path,label\nok.png,a\n,b\n", 1, [("list.csv#row=1", "missing_file")]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_can_be_read_is_read(name: str, run: Run, tmp_path: Path):
    data, good, rows = BROKEN[name]
    written(tmp_path / "ok.png", FILES["1.png"])
    path = written(tmp_path / name, data)
    audit = run(path)
    assert audit.info["counts"]["embedded"] == good
    assert errors(audit) == rows
    assert audit.invalid_instances()["detail"].null_count() == 0
    code, text = command(path, cwd=tmp_path)
    assert (code, text) == (0 if good else 1, "")


@pytest.mark.parametrize("name", ARCHIVES)
def test_cut_off_archives(name: str, run: Run, tmp_path: Path):
    """What came before the cut is read; that something is missing is a row."""
    data = ARCHIVES[name](FILES)
    reference = run(written(tmp_path / "whole" / name, data)).images
    digests = dict(
        zip(reference["path"].str.extract(r"([^/]+)$"), reference["digest"], strict=True)
    )
    for share in (0.2, 0.4, 0.6):
        path = written(tmp_path / "cut" / name, data[: int(len(data) * share)])
        audit = run(path)
        images = audit.images
        whole = images.filter(pl.col("error_code").is_null())
        for member, digest in whole.select("path", "digest").iter_rows():
            assert digests[member.rpartition("/")[2]] == digest
        assert audit.invalid_instances().height >= 1


@given(data=st.data())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_flipped_bits(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory):
    """What is as it was has the digest that it had; all else is told."""
    here = tmp_path_factory.mktemp("flipped")
    name = data.draw(st.sampled_from(list(ARCHIVES)))
    packed = bytearray(ARCHIVES[name](FILES))
    for _ in range(data.draw(st.integers(1, 3))):
        bit = data.draw(st.integers(0, len(packed) * 8 - 1))
        packed[bit // 8] ^= 1 << bit % 8
    path = written(here / name, bytes(packed))
    try:
        audit = pixsieve.run(path, work_dir=here / "work", progress=False, device="cpu")
    except ValueError as error:
        assert str(path) in str(error)  # noqa: PT017 - either is right
        return
    for code, detail in audit.invalid_instances().select("error_code", "detail").iter_rows():
        assert code
        assert detail


def hostile_names(here: Path) -> Files:
    names = (
        "../../up.png",
        str(here / "absolute.png"),
        "a/../../../b.png",
        "..\\w.png",
        "C:\\x.png",
    )
    return dict(zip(names, FILES.values(), strict=False))


@pytest.mark.parametrize("name", ARCHIVES)
def test_members_that_would_leave_the_folder(name: str, run: Run, tmp_path: Path):
    """Nothing is written anywhere but in the work directory, thumbnails and pages included."""
    path = written(tmp_path / "deep" / "er" / name, ARCHIVES[name](hostile_names(tmp_path)))
    before = everything(tmp_path)
    audit = run(path, work_dir=tmp_path / "work", hidden=True, thumbnails=True)
    assert audit.info["counts"]["embedded"] == 5
    audit.report()
    audit.vis.stats_gallery(metric="blur", show=False)
    work = tmp_path / "work"
    after = {one: data for one, data in everything(tmp_path).items() if work not in one.parents}
    assert after == before
    for shown in audit.images["path"]:
        assert shown.startswith(f"{path}/")
        assert ".." not in shown.removeprefix(f"{path}/").split("/")


@pytest.mark.parametrize("name", ["bomb.zip", "bomb.tgz"])
def test_bombs(name: str, run: Run, tmp_path: Path):
    """Some kilobytes that unpack to megabytes: that is said, and the others are read."""
    files = {"0.png": FILES["0.png"], "a.png": bytes(1 << 26)}
    data = zip_of(files) if name.endswith("zip") else tar_of(files, "w:gz")
    assert len(data) < 1 << 17
    audit = run(written(tmp_path / name, data), max_pixels=1_000_000)
    assert audit.images["error_code"].to_list() == [None, "too_large"]


def test_encrypted_zips(run: Run, tmp_path: Path):
    data = bytearray(zip_of(FILES))
    for sign, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = data.find(sign)
        data[place + at] |= 1
    audit = run(written(tmp_path / "locked.zip", bytes(data)))
    assert errors(audit) == [("0.png", "permission_denied")]
    assert (
        "password" in audit.invalid_instances()["detail"][0]
        or "encrypted" in (audit.invalid_instances()["detail"][0])
    )
    assert audit.info["counts"]["embedded"] == 5


class TestTables:
    @pytest.mark.parametrize(
        "table",
        [
            {"image": [], "label": []},
            pl.DataFrame({"path": []}, schema={"path": pl.String}),
            pl.DataFrame({"image": []}, schema={"image": pl.Binary}),
        ],
    )
    def test_empty(self, table: Any, run: Run):
        with pytest.raises(ValueError, match=r"empty|is needed"):
            run(table)

    def test_null_cells(self, run: Run):
        audit = run(pl.DataFrame({"image": [FILES["0.png"], None, b""], "label": ["a", None, "c"]}))
        assert errors(audit) == [("table#row=1", "missing_file"), ("table#row=2", "empty_file")]
        paths = pl.DataFrame({"path": [None, "/nowhere/a.png"]}, schema={"path": pl.String})
        assert [code for _, code in errors(run(paths))] == ["missing_file", "missing_file"]

    def test_beside_pictures(self, run: Run, tmp_path: Path):
        """A table in a folder of pictures that names them adds none; others are left out."""
        for name, data in FILES.items():
            written(tmp_path / "in" / name, data)
        written(tmp_path / "in" / "meta.parquet", parquet(path=list(FILES), score=range(6)))
        written(tmp_path / "in" / "other.parquet", parquet(a=[1]))
        audit = run(tmp_path / "in")
        assert audit.images.height == 6
        assert audit.info["left_out"]["not_pictures"] == 1
        assert audit.info["left_out"]["repeated"] == 6


def test_a_package_that_is_not_there_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from pixsieve.cli import app as cli

    def lack(**_: Any) -> None:
        raise ImportError("reading buckets needs obstore: pip install 'pixsieve[cloud]'")

    monkeypatch.setattr(cli, "app", lack)
    assert cli._run() == 1
    assert "pip install 'pixsieve[cloud]'" in capsys.readouterr().err
