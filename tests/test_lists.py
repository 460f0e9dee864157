"""Text and CSV files of paths."""

import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive_case import tar_of
from conftest import Pictures, Run
from pixsieve.sources.places import LISTED
from pixsieve.sources.tables.lists import is_list, read_list


def make(folder: Path, *names: str | bytes) -> None:
    for name in names:
        path = folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"picture of " + os.fsencode(name))


def written(folder: Path, data: bytes | str, name: str = "list.txt") -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def locations(frame: pl.DataFrame) -> list[str]:
    return [os.fsdecode(path) for path in frame["location"]]


def test_a_file_in_a_folder_that_is_listed_too_is_one_image(
    run: Run, pictures: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "in", "a.png", "b.png")
    (tmp_path / "c.tar").write_bytes(tar_of({"c.png": (tmp_path / "in/a.png").read_bytes()}))
    audit = run(written(tmp_path, "in/a.png\nin\nc.tar\n.\n"))
    assert audit.images["path"].to_list() == ["c.tar/c.png", "in/a.png", "in/b.png"]


def test_one_path_per_line_from_the_folder_of_the_list(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b/c.png")
    files = read_list(written(tmp_path, "a.jpg\r\n\r\nb/c.png\r\ngone.jpg\r\n"))
    assert files.frame.schema == LISTED
    assert files.frame["path"].to_list() == ["a.jpg", "b/c.png", "gone.jpg"]
    assert locations(files.frame)[:2] == [str(tmp_path / "a.jpg"), str(tmp_path / "b/c.png")]
    assert files.frame["size"].to_list() == [16, 18, 0]
    assert set(files.frame["kind"]) == {"file"}
    assert files.folders == []
    assert files.notes == {"repeated": 0}


def test_the_current_directory_comes_before_that_of_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "here/a.jpg", "lists/a.jpg", "lists/b.jpg")
    monkeypatch.chdir(tmp_path / "here")
    frame = read_list(written(tmp_path / "lists", "a.jpg\nb.jpg")).frame
    assert locations(frame) == [str(tmp_path / "here/a.jpg"), str(tmp_path / "lists/b.jpg")]


def test_the_home_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "home/a.jpg", "lists/~b.jpg")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    frame = read_list(written(tmp_path / "lists", "~/a.jpg\n~b.jpg")).frame
    assert locations(frame) == [str(tmp_path / "home/a.jpg"), str(tmp_path / "lists/~b.jpg")]


@pytest.mark.parametrize("header", ["filename", "path", "Path", '"filename"', "\ufefffilename"])
def test_a_header_alone(tmp_path: Path, header: str) -> None:
    make(tmp_path, "a, b.jpg", "c.jpg")
    frame = read_list(written(tmp_path, f'{header}\na, b.jpg\n"c.jpg"\n')).frame
    assert locations(frame) == [str(tmp_path / "a, b.jpg"), str(tmp_path / "c.jpg")]


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_other_columns_are_the_users(tmp_path: Path, separator: str) -> None:
    make(tmp_path, "a.jpg", "b.jpg")
    rows = [
        ["", "Filename", "label", "score", "kind"],
        ["0", "a.jpg", "01", "0.5", "x"],
        ["1", "b.jpg", "", "2", "y"],
    ]
    text = "\n".join(separator.join(row) for row in rows)
    frame = read_list(written(tmp_path, text, "files.csv")).frame
    assert frame.columns == [*LISTED, "label", "score", "kind_user"]
    assert frame["label"].to_list() == ["01", None]
    assert frame["score"].to_list() == [0.5, 2.0]
    assert frame["kind_user"].to_list() == ["x", "y"]
    assert locations(frame) == [str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")]


def test_a_csv_without_header(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b.jpg")
    frame = read_list(written(tmp_path, "7,a.jpg,cat\n8,b.jpg,dog\n", "x.csv")).frame
    assert locations(frame) == [str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")]
    assert frame["column_1"].to_list() == [7, 8]
    assert frame["column_3"].to_list() == ["cat", "dog"]


def test_a_csv_without_header_whose_files_are_gone(tmp_path: Path) -> None:
    frame = read_list(written(tmp_path, "cat,a.jpg\ndog,b.jpg\n", "x.csv")).frame
    assert frame["path"].to_list() == ["a.jpg", "b.jpg"]


def test_a_line_that_is_a_file_is_its_path_whatever_commas_it_has(tmp_path: Path) -> None:
    make(tmp_path, "a,b.jpg", "b.jpg", "# c.jpg", " d.jpg")
    frame = read_list(written(tmp_path, "a,b.jpg\nb.jpg\n# c.jpg\n d.jpg")).frame
    assert frame["path"].to_list() == ["a,b.jpg", "b.jpg", "# c.jpg", " d.jpg"]
    assert frame["modified"].min() != 0


def test_quotes_and_blanks_around_a_path(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", 'b"c.jpg', '"d".jpg')
    frame = read_list(written(tmp_path, ' "a.jpg" \n"b""c.jpg"\n"d".jpg\n')).frame
    assert locations(frame) == [str(tmp_path / name) for name in ("a.jpg", 'b"c.jpg', '"d".jpg')]


def test_quoted_cells_hold_commas(tmp_path: Path) -> None:
    make(tmp_path, 'a, "b".jpg')
    text = 'filename,label\n"a, ""b"".jpg","x, y"\n'
    frame = read_list(written(tmp_path, text, "x.csv")).frame
    assert locations(frame) == [str(tmp_path / 'a, "b".jpg')]
    assert frame["label"].to_list() == ["x, y"]


@pytest.mark.parametrize("header", [b"", b"filename\n", b"filename,label\n"])
def test_names_that_are_not_utf8(tmp_path: Path, header: bytes) -> None:
    make(tmp_path, b"caf\xe9.jpg", "ok.jpg")
    cells = (b",gr\xfcn", b",blau") if b"label" in header else (b"", b"")
    data = header + b"caf\xe9.jpg" + cells[0] + b"\nok.jpg" + cells[1] + b"\n"
    frame = read_list(written(tmp_path, data)).frame
    assert frame["location"].to_list() == [
        os.fsencode(tmp_path) + b"/caf\xe9.jpg",
        os.fsencode(tmp_path) + b"/ok.jpg",
    ]
    assert frame["path"].to_list() == ["caf\\xe9.jpg", "ok.jpg"]
    if b"label" in header:
        assert frame["label"].to_list() == ["gr\\xfcn", "blau"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_lists_of_windows(tmp_path: Path, encoding: str) -> None:
    make(tmp_path, "ä.jpg", "日本.png")
    frame = read_list(written(tmp_path, "ä.jpg\r\n日本.png\r\n".encode(encoding))).frame
    assert frame["path"].to_list() == ["ä.jpg", "日本.png"]
    assert frame["modified"].min() != 0


def test_folders_are_given_back(tmp_path: Path) -> None:
    make(tmp_path, "x/a.jpg", "y/b.jpg")
    files = read_list(written(tmp_path, f"{tmp_path / 'x'}\n{tmp_path / 'y'}\n"))
    assert files.folders == [str(tmp_path / "x"), str(tmp_path / "y")]
    assert files.frame.is_empty()
    assert files.frame.schema == LISTED


def test_folders_relative_to_the_list_are_found_by_what_is_given_back(tmp_path: Path) -> None:
    make(tmp_path, "x/a.jpg", "b.jpg")
    files = read_list(written(tmp_path, "path,label\nb.jpg,p\nx,q\n", "x.csv"))
    assert files.folders == [str(tmp_path / "x")]
    assert files.frame.select("path", "label").rows() == [("b.jpg", "p")]


def test_one_file_in_several_spellings_is_one_picture(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    text = f"a.jpg\n./a.jpg\n{tmp_path}/a.jpg\nlink.jpg\nb.jpg\ngone.jpg\ngone.jpg"
    files = read_list(written(tmp_path, text))
    assert files.frame["path"].to_list() == ["a.jpg", "b.jpg", "gone.jpg"]
    assert files.notes == {"repeated": 4}


def test_rows_of_one_picture_that_disagree(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    same = "path,label\na.jpg,x\na.jpg,x\n"
    assert read_list(written(tmp_path, same)).notes == {"repeated": 1}
    with pytest.raises(ValueError, match=r"1 files have several rows .*'a.jpg'"):
        read_list(written(tmp_path, "path,label\na.jpg,x\n./a.jpg,y\n"))


def test_rows_of_boxes_all_stay(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    text = "filename,col_x,row_y,width,height\na.jpg,1,2,30,40\na.jpg,5,6,30,40\na.jpg,5,6,30,40\n"
    frame = read_list(written(tmp_path, text, "boxes.csv")).frame
    assert frame["col_x"].to_list() == [1, 5, 5]
    assert frame["width"].to_list() == [30, 30, 30]


def test_urls_stay_as_they_are(tmp_path: Path) -> None:
    make(tmp_path, "a b.jpg")
    lines = ["s3://bucket/a.jpg", "https://example.org/x?y=1", (tmp_path / "a b.jpg").as_uri()]
    frame = read_list(written(tmp_path, "\n".join([*lines, lines[0]]))).frame
    assert frame["location"].to_list() == [
        b"s3://bucket/a.jpg",
        b"https://example.org/x?y=1",
        os.fsencode(tmp_path / "a b.jpg"),
    ]


def test_empty_cells_are_rows(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    frame = read_list(written(tmp_path, "path,label\na.jpg,x\n,y\n,z\n", "x.csv")).frame
    assert frame["kind"].to_list() == ["file", "nothing", "nothing"]
    assert frame["error_code"].to_list() == [None, "missing_file", "missing_file"]
    assert frame["label"].to_list() == ["x", "y", "z"]
    assert frame["path"].n_unique() == 3


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\n \r\n", "is empty"),
        (b"\x89PNG\0\0\0", "is no text file"),
        (b"path,label\n", "no path below"),
        (b"filename\n", "no path below"),
        (b"Dear reader,\nnothing here is a path.\n", "none of its 2 lines is the path"),
        (b"path,label,label\na.jpg,x,y\n", "two of its columns have the same name"),
        (b"path,label\na.jpg,x,y,z\n", "cannot be read"),
        (b'path,label\n"a.jpg,x\n', "cannot be read|none of its 1"),
    ],
)
def test_no_lists(tmp_path: Path, data: bytes, message: str) -> None:
    path = written(tmp_path, data)
    with pytest.raises(ValueError, match=message) as caught:
        read_list(path)
    assert "list.txt" in str(caught.value)


def test_a_table_without_a_column_of_paths(tmp_path: Path) -> None:
    path = written(tmp_path, "name,age\nx,1\n", "people.csv")
    with pytest.raises(ValueError, match=r"people\.csv: its first line 'name,age' neither"):
        read_list(path)


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.txt"):
        read_list(tmp_path / "gone.txt")


def test_names_of_lists() -> None:
    assert [is_list(name) for name in ("a.TXT", "b.csv", "c.jpg", "txt")] == [
        True,
        True,
        False,
        False,
    ]


NAMES = st.binary(min_size=1, max_size=20).filter(
    lambda name: not set(name) & set(b"\0/\n\r") and name.strip() and name not in (b".", b"..")
)


@given(names=st.lists(NAMES, min_size=1, max_size=8, unique=True), end=st.sampled_from(["\n", ""]))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
def test_any_names_of_existing_files_are_found(
    tmp_path_factory: pytest.TempPathFactory, names: list[bytes], end: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    names = [name + b".jpg" for name in names]
    make(folder, *names)
    paths = [os.fsencode(folder) + b"/" + name for name in names]
    frame = read_list(written(folder, b"\n".join(paths) + end.encode())).frame
    assert frame["location"].to_list() == paths
    assert frame["size"].min() > 0
