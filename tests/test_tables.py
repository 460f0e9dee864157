"""Tables in memory as inputs."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from PIL import Image

from conftest import Pictures, Run
from pixsieve.sources.places import LISTED, Content, Failure, Pixels
from pixsieve.sources.tables.frames import is_table, list_table
from pixsieve.sources.tables.given import Given

MAKERS = {
    "polars": pl.DataFrame,
    "lazy": pl.LazyFrame,
    "pandas": pd.DataFrame,
    "arrow": pa.table,
    "mapping": dict,
}


def listed(table: Any, **options: Any) -> Given:
    return list_table(table, **{"max_pixels": 10**6} | options)


def fetched(listing: Given) -> list[Content | None]:
    """What each row brings; None for files and rows without picture."""
    rows = listing.frame.with_row_index("row")
    given = rows.filter(pl.col("kind") == "given")
    assert listing.fetcher is not None
    content = dict(listing.fetcher.fetch(given))
    assert sorted(content) == given["row"].to_list()
    return [content.get(row) for row in range(rows.height)]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory with a.jpg and b.jpg."""
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("column", ["path", "filename"])
def test_paths(make: Any, column: str, files: Path) -> None:
    columns = {column: ["a.jpg", "gone.jpg", "b.jpg"], "label": ["x", None, "z"]}
    listing = listed(make(columns | {"size": [1.5, 2.5, 3.5]}))
    frame = listing.frame
    assert dict(list(frame.schema.items())[: len(LISTED)]) == dict(LISTED)
    assert frame["path"].to_list() == ["a.jpg", "gone.jpg", "b.jpg"]
    assert frame["location"][2] == os.fsencode(files / "b.jpg")
    assert frame["size"].to_list() == [7, 0, 7]
    assert frame["size_user"].to_list() == [1.5, 2.5, 3.5]
    assert frame["label"].to_list() == ["x", None, "z"]
    assert listing.fetcher is None


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_bytes(make: Any) -> None:
    columns = {"image": [b"one", None, b""], "split": ["train", "test", "test"]}
    listing = listed(make(columns), shown="t")
    frame = listing.frame
    assert frame["path"].to_list() == ["t#row=0", "t#row=1", "t#row=2"]
    assert frame["kind"].to_list() == ["given", "nothing", "given"]
    assert frame["error_code"].to_list() == [None, "missing_file", None]
    assert frame["size"].to_list() == [3, 0, 0]
    assert frame["split"].to_list() == ["train", "test", "test"]
    for _ in range(2):  # Once for the run, once more for what is compared.
        first, none, empty = fetched(listing)
        assert (first, none) == (b"one", None)
        assert isinstance(empty, Failure)
        assert empty.code == "empty_file"


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_structs_of_bytes_and_path(make: Any, files: Path) -> None:
    cells = [
        {"bytes": b"one", "path": "x/1.jpg"},
        {"bytes": None, "path": "a.jpg"},
        {"bytes": None, "path": None},
        {"bytes": b"two", "path": "x/2.jpg"},
    ]
    listing = listed(make({"image": cells, "n": [0, 1, 2, 3]}))
    by_n = {row["n"]: row for row in listing.frame.iter_rows(named=True)}
    assert [by_n[n]["kind"] for n in range(4)] == ["given", "file", "nothing", "given"]
    assert by_n[1]["location"] == os.fsencode(files / "a.jpg")
    content = dict(zip(listing.frame["n"], fetched(listing), strict=True))
    assert content == {0: b"one", 1: None, 2: None, 3: b"two"}


def test_structs_of_paths_only(files: Path) -> None:
    cells = [{"bytes": None, "path": "a.jpg"}, {"bytes": None, "path": "b.jpg"}]
    assert set(listed(pl.DataFrame({"image": cells})).frame["kind"]) == {"file"}


def test_bytes_come_before_paths_which_name_them() -> None:
    table = pl.DataFrame({"path": ["/x/1.jpg", "2.jpg"], "image": [b"1", b"2"]})
    listing = listed(table)
    assert listing.frame["path"].to_list() == ["x/1.jpg", "2.jpg"]
    assert listing.frame.columns == list(LISTED)
    assert fetched(listing) == [b"1", b"2"]


def test_other_bytes_are_no_pictures_beside_paths(files: Path) -> None:
    table = pl.DataFrame({"path": ["a.jpg"], "hash": [b"\x01\x02"], "n": [1]})
    listing = listed(table)
    assert listing.frame["kind"].to_list() == ["file"]
    assert listing.frame.columns == [*LISTED, "n"]


def test_the_only_column_of_bytes_may_have_any_name() -> None:
    assert fetched(listed(pl.DataFrame({"whatever": [b"1"]}))) == [b"1"]


def test_names_of_ours_make_way() -> None:
    table = pl.DataFrame(
        {"image": [b"1"], "kind": ["x"], "kind_user": ["y"], "offset": [3], "width": [4]}
    )
    frame = listed(table).frame
    assert frame.columns == [*LISTED, "kind_user_user", "kind_user", "offset_user", "width"]
    assert frame.row(0)[-4:] == ("x", "y", 3, 4)


def test_duplicate_columns() -> None:
    table = pd.DataFrame([["a.jpg", "x", "y"]], columns=["path", "label", "label"])
    with pytest.raises(ValueError, match=r"table: this cannot be read as a table: .*label"):
        listed(table)
    with pytest.raises(ValueError, match="label"):
        listed(pa.table([["a.jpg"], ["x"], ["y"]], names=["path", "label", "label"]))


def test_pictures_as_objects() -> None:
    picture = Image.new("RGB", (4, 3), (1, 2, 3))
    for table in (pd.DataFrame({"image": [picture], "n": [1]}), pl.DataFrame({"image": [picture]})):
        (content,) = fetched(listed(table))
        assert isinstance(content, Pixels)
        assert content.array.shape == (3, 4, 3)
        assert content.array[0, 0].tolist() == [1, 2, 3]


def test_objects_that_are_paths(files: Path) -> None:
    table = pd.DataFrame({"path": [files / "a.jpg", files / "b.jpg"], "extra": [object()] * 2})
    frame = listed(table).frame
    assert frame["location"].to_list() == [os.fsencode(files / name) for name in ("a.jpg", "b.jpg")]
    assert frame.columns == list(LISTED)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": ["x"]}, "column of paths .* found are label"),
        ({"path": [1.5]}, "column path holds Float64, not paths"),
        ({"path": [object()]}, "column path holds a object, not paths"),
        ({"image": [[b"x", b"y"]]}, "several pictures per row"),
        ({"a": [b"x"], "b": [b"y"]}, "a, b could all hold"),
        ({"image": [b"x"], "png": [b"y"]}, "image, png could all hold"),
        ({}, "found are none"),
    ],
)
def test_no_pictures(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^table: .*{message}"):
        listed(pl.DataFrame(columns))


def test_many_paths_that_are_not_there() -> None:
    paths = pl.select(pl.format("{}.jpg", pl.arange(0, 200_000))).to_series()
    frame = listed({"path": paths}).frame
    assert frame.height == 200_000
    assert frame["path"].equals(paths, check_names=False)


def test_no_rows() -> None:
    for column in ("path", "image"):
        dtype = pl.String if column == "path" else pl.Binary
        assert listed(pl.DataFrame(schema={column: dtype})).frame.is_empty()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        *[(make({"path": ["a"]}), True) for make in MAKERS.values()],
        ("folder", False),
        (["a.jpg"], False),
        (Path("x"), False),
        (np.zeros((3, 3)), False),
        ({"train": object()}, False),
    ],
)
def test_what_is_a_table(source: Any, expected: bool) -> None:
    assert is_table(source) is expected


@pytest.mark.parametrize("kind", [pl.Series, pd.Series, pd.Index])
def test_a_series_is_a_column_of_paths_or_pictures(
    run: Run, pictures: Pictures, tmp_path: Path, kind: Any
) -> None:
    files = list(map(str, pictures(tmp_path, "a.png", "b.png")))
    audit = run(kind([*files, None, files[0]]))
    assert audit.images["path"].to_list() == [*files, "table#row=2"]
    assert audit.images["error_code"].to_list() == [None, None, "missing_file"]
    assert run([kind(files), tmp_path]).images["path"].to_list() == files
    data = kind([Path(file).read_bytes() for file in files])
    assert run(data).images["digest"].equals(audit.images["digest"][:2])
    with pytest.raises(ValueError, match="the column path holds Int64, not paths"):
        run(kind([1, 2]))
    with pytest.raises(ValueError, match="it is empty"):
        run(kind([]))


def test_pandas_without_arrow(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["pyarrow"] = None
import pandas as pd
from pixsieve.sources.tables.frames import list_table
frame = pd.DataFrame({"image": [b"x", None], "n": [1, 2], "label": ["a", None]})
listing = list_table(frame, max_pixels=100)
rows = listing.frame.with_row_index("row").filter(kind="given")
print(list(listing.fetcher.fetch(rows)), listing.frame["label"].to_list())
frame = pd.DataFrame({"path": ["a.jpg", "b.jpg"], "when": pd.to_datetime(["2020-01-01"] * 2)})
print(list_table(frame, max_pixels=100).frame["path"].to_list())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout == "[(0, b'x')] ['a', None]\n['a.jpg', 'b.jpg']\n", done.stderr
