"""Parquet files: pictures in a column, or paths."""

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixsieve.sources.places import LISTED, Content, Failure
from pixsieve.sources.tables.given import Given
from pixsieve.sources.tables.parquet import ParquetRows, is_parquet, list_parquet

RANDOM = np.random.default_rng(5)


def fetched(listing: Given, fetcher: ParquetRows | None = None) -> list[Content]:
    """What each row of the listing brings, in its order."""
    rows = listing.frame.with_row_index("row")
    content = dict((fetcher or ParquetRows()).fetch(rows))
    assert sorted(content) == list(range(rows.height))
    return [content[row] for row in range(rows.height)]


def codes(contents: list[Content]) -> list[str | None]:
    return [one.code if isinstance(one, Failure) else None for one in contents]


def cells(count: int, size: int = 500) -> list[bytes]:
    return [bytes([number % 251, number // 251]) * (size // 2) for number in range(count)]


def test_a_column_of_bytes(tmp_path: Path) -> None:
    data = cells(10)
    frame = pl.DataFrame({"image": data, "label": ["a", "b"] * 5, "offset": range(10)})
    path = tmp_path / "a.parquet"
    frame.write_parquet(path)
    listing = list_parquet(path)
    assert dict(list(listing.frame.schema.items())[: len(LISTED)]) == dict(LISTED)
    assert listing.frame.columns[len(LISTED) :] == ["label", "offset_user"]
    assert listing.frame["path"][3] == f"{path}#row=3"
    assert listing.frame["relative"][3] == "a.parquet#row=3"
    assert set(listing.frame["location"]) == {os.fsencode(path)}
    assert set(listing.frame["modified"]) == {path.stat().st_mtime_ns}
    assert listing.frame["offset"].to_list() == list(range(10))
    assert fetched(listing) == data


def test_names_stand_behind_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    images = [{"bytes": data, "path": f"{number}.jpg"} for number, data in enumerate(cells(3))]
    pl.DataFrame({"image": images}).write_parquet(path)
    alone = list_parquet(path, shown="a.parquet").frame
    assert alone["path"].to_list() == ["a.parquet/0.jpg", "a.parquet/1.jpg", "a.parquet/2.jpg"]
    assert alone["relative"].to_list() == ["0.jpg", "1.jpg", "2.jpg"]
    among = list_parquet(path, shown="in/a.parquet", relative="a.parquet").frame
    assert among["relative"].to_list() == alone["path"].to_list()


def test_names_that_do_not_tell_pictures_apart_are_a_column(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame = pl.DataFrame({"filename": ["x", "x", None], "image": cells(3), "path": ["p", "p", "q"]})
    frame.write_parquet(path)
    frame = list_parquet(path, shown="t").frame
    assert frame["path"].to_list() == ["t#row=0", "t#row=1", "t#row=2"]
    assert frame["path_user"].to_list() == ["p", "p", "q"]
    assert frame["filename"].to_list() == ["x", "x", None]


SOME = st.lists(st.none() | st.binary(max_size=300), min_size=1, max_size=120)
KINDS = st.sampled_from(["bytes", "struct", "fixed"])
WRITTEN = st.fixed_dictionaries(
    {
        "compression": st.sampled_from(["none", "snappy", "gzip", "zstd", "lz4", "brotli"]),
        "use_dictionary": st.booleans(),
        "data_page_version": st.sampled_from(["1.0", "2.0"]),
        "data_page_size": st.sampled_from([1, 400, 1 << 20]),
        "write_batch_size": st.sampled_from([1, 7, 1024]),
        "row_group_size": st.sampled_from([1, 10, 1000]),
        "write_page_checksum": st.booleans(),
        "write_page_index": st.booleans(),
        "write_statistics": st.booleans(),
        "dictionary_pagesize_limit": st.sampled_from([50, 1 << 20]),
    }
)


def as_table(data: list[bytes | None], kind: str) -> pa.Table:
    column: Any = data
    if kind == "struct":
        column = [None if one == b"none" else {"bytes": one, "path": "name"} for one in data]
        image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
        return pa.table({"n": pa.array([{"a": 1}] * len(data)), "image": pa.array(column, image)})
    if kind == "fixed":
        column = [None if one is None else one[:8].ljust(8, b".") for one in data]
        return pa.table({"image": pa.array(column, pa.binary(8)), "n": ["x"] * len(data)})
    return pa.table({"image": pa.array(column, pa.binary())})


@given(data=SOME, kind=KINDS, written=WRITTEN, chosen=st.data())
@settings(deadline=None, max_examples=150)
def test_any_file_brings_what_arrow_wrote(
    tmp_path_factory: pytest.TempPathFactory,
    data: list[bytes | None],
    kind: str,
    written: dict[str, Any],
    chosen: st.DataObject,
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.parquet"
    table = as_table(data, kind)
    pq.write_table(table, path, **written)
    truth = table["image"].to_pylist()
    if kind == "struct":
        truth = [None if one is None else one["bytes"] for one in truth]
    frame = list_parquet(path).frame
    rows = chosen.draw(st.lists(st.integers(0, len(data) - 1), unique=True))
    some = frame.filter(pl.col("kind") == "row", pl.col("offset").is_in(rows)).with_row_index("row")
    assert some.height == len(rows) or not any(truth)
    content = dict(ParquetRows().fetch(some))
    for row, offset in some.select("row", "offset").iter_rows():
        if truth[offset]:
            assert content[row] == truth[offset]
        else:
            assert isinstance(content[row], Failure)
    assert len(content) == some.height


def test_empty_cells(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"image": [b"x", None, b""]}).write_parquet(path)
    assert codes(fetched(list_parquet(path))) == [None, "missing_file", "empty_file"]


def test_cells_with_a_path_but_no_bytes_are_files(tmp_path: Path) -> None:
    (tmp_path / "there.jpg").write_bytes(b"there")
    there, gone = {"bytes": None, "path": "there.jpg"}, {"bytes": None, "path": "gone.jpg"}
    mixed = [{"bytes": b"here", "path": "0.jpg"}, there, gone, {"bytes": None, "path": None}, None]
    image = pl.Struct({"bytes": pl.Binary, "path": pl.String})
    path = tmp_path / "mixed.parquet"
    pl.DataFrame({"image": mixed}, schema={"image": image}).write_parquet(path)
    content = fetched(list_parquet(path))
    assert content[:2] == [b"here", b"there"]
    assert codes(content[2:]) == ["missing_file"] * 3


@pytest.mark.parametrize("dtype", [pl.Binary, pl.Null])
def test_a_column_without_any_bytes_lists_files(tmp_path: Path, dtype: pl.DataType) -> None:
    (tmp_path / "there.jpg").write_bytes(b"there")
    images = [{"bytes": None, "path": "there.jpg"}, {"bytes": None, "path": "gone.jpg"}]
    image = pl.Struct({"bytes": dtype, "path": pl.String})
    path = tmp_path / "paths.parquet"
    pl.DataFrame({"image": images}, schema={"image": image}).write_parquet(path)
    listing = list_parquet(path)
    assert listing.frame["kind"].to_list() == ["file", "file"]
    assert listing.frame["location"][0] == os.fsencode(tmp_path / "there.jpg")


def test_paths_of_files(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    path = tmp_path / "t.parquet"
    frame = pl.DataFrame({"filename": ["a.jpg", "gone.jpg", None], "label": [1, 2, 3]})
    frame.write_parquet(path)
    listing = list_parquet(path)
    assert listing.frame["kind"].to_list() == ["file", "file", "nothing"]
    assert listing.frame["size"].to_list() == [1, 0, 0]
    assert listing.frame["label"].to_list() == [1, 2, 3]


def hugging_face(path: Path) -> None:
    features = {
        "picture": {"_type": "Image"},
        "mask": {"_type": "Image"} if "two" in path.name else {"dtype": "binary", "_type": "Value"},
        "label": {"names": ["cat", "dog"], "_type": "ClassLabel"},
        "tags": {"feature": {"names": ["x", "y"], "_type": "ClassLabel"}, "_type": "List"},
    }
    image = [{"bytes": b"1", "path": None}, {"bytes": b"2", "path": None}]
    columns = {"picture": image, "mask": [b"m", b"m"], "label": [1, -1], "tags": [[0, 1], []]}
    info = json.dumps({"info": {"features": features}})
    pq.write_table(pa.table(columns).replace_schema_metadata({"huggingface": info}), path)


def test_what_hugging_face_wrote_down(tmp_path: Path) -> None:
    path = tmp_path / "train-00000-of-00002.parquet"
    hugging_face(path)
    listing = list_parquet(path)
    assert listing.frame["label"].to_list() == ["dog", None]
    assert listing.frame["tags"].to_list() == [["x", "y"], []]
    assert listing.frame["split"].to_list() == ["train", "train"]
    assert fetched(listing) == [b"1", b"2"]


def test_two_columns_of_pictures_are_not_clear(tmp_path: Path) -> None:
    path = tmp_path / "two.parquet"
    hugging_face(path)
    with pytest.raises(ValueError, match=r"two\.parquet.*picture, mask could all hold"):
        list_parquet(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list_parquet(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": ["x"]}, "a column of paths .* found are label"),
        ({"image": [[b"x", b"y"]]}, "several pictures per row"),
        ({"a": [b"x"], "b": [b"y"]}, "a, b could all hold the pictures"),
        ({"image": [b"x"], "img": [b"y"]}, "image, img could all hold the pictures"),
        ({"image": [{"width": 3}]}, "a column of paths .* found are image"),
    ],
)
def test_no_column_of_pictures(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame(columns).write_parquet(path)
    with pytest.raises(ValueError, match=rf"a\.parquet.*{message}"):
        list_parquet(path)


def test_a_file_that_changes_between_listing_and_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"image": cells(3)}).write_parquet(path)
    listing = list_parquet(path)
    os.utime(path, ns=(0, 1))
    assert codes(fetched(listing)) == ["corrupt"] * 3
    path.unlink()
    assert codes(fetched(listing)) == ["missing_file"] * 3


def test_a_file_with_fewer_rows_than_were_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"image": cells(3)}).write_parquet(path)
    listing = list_parquet(path)
    pl.DataFrame({"image": cells(2)}).write_parquet(path)
    os.utime(path, ns=(0, listing.frame["modified"][0]))
    assert codes(fetched(listing)) == [None, None, "corrupt"]


def test_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame(schema={"image": pl.Binary, "label": pl.String}).write_parquet(path)
    listing = list_parquet(path)
    assert listing.frame.is_empty()
    assert listing.frame.columns == [*LISTED, "label"]


class Ranges(io.BytesIO):
    """A remote file, which counts what is read of it."""

    read_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.read_bytes += len(data)
        return data


def test_an_opened_file_is_read_in_parts(tmp_path: Path) -> None:
    data = cells(200, 10_000)
    table = pa.table({"image": data, "label": ["x"] * 200})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=10, compression="none")
    raw = (tmp_path / "a.parquet").read_bytes()
    url = "s3://bucket/a.parquet"
    listing = list_parquet(url, file=(opened := Ranges(raw)))
    assert opened.read_bytes < len(raw) / 20
    assert not opened.closed
    assert listing.frame["path"][7] == f"{url}#row=7"
    asked = []

    def open_file(location: bytes) -> Ranges:
        asked.append((location, Ranges(raw)))
        return asked[-1][1]

    assert [
        content
        for _, content in ParquetRows(open_file).fetch(
            listing.frame[[150, 3]].with_row_index("row")
        )
    ] == [data[3], data[150]]
    ((location, opened),) = asked
    assert opened.read_bytes < len(raw) / 5
    assert location == url.encode()
    assert opened.closed
    assert fetched(listing, ParquetRows(open_file)) == data


def test_a_row_group_is_read_up_to_the_last_wanted_row(tmp_path: Path) -> None:
    data = cells(600, 10_000)
    options = {"compression": "none", "data_page_size": 1, "write_batch_size": 10}
    pq.write_table(pa.table({"image": data}), tmp_path / "a.parquet", **options)
    opened = Ranges((tmp_path / "a.parquet").read_bytes())
    listing = list_parquet("s3://bucket/a.parquet", file=opened)
    opened.read_bytes = 0
    wanted = listing.frame[[100, 3]].with_row_index("row")
    assert dict(ParquetRows(lambda _: opened).fetch(wanted)) == {0: data[100], 1: data[3]}
    assert opened.read_bytes < 3_000_000


def test_types_of_user_columns(tmp_path: Path) -> None:
    text = pa.array(["x", "y", "x"])
    columns = {
        "image": [b"1", b"2", b"3"],
        "categories": text.dictionary_encode(),
        "extension": pa.ExtensionArray.from_storage(pa.json_(), text),
        "list": [[1], None, []],
        "null": pa.nulls(3),
        "*": [1, 2, 3],
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    frame = list_parquet(tmp_path / "a.parquet").frame
    types = [pl.String, pl.String, pl.List(pl.Int64), pl.Null, pl.Int64]
    assert list(frame.schema.values())[len(LISTED) :] == types
    assert frame["categories"].to_list() == frame["extension"].to_list() == ["x", "y", "x"]


def test_real_pictures(shared: Path, tmp_path: Path) -> None:
    paths = sorted((shared / "photos").rglob("*.jpg"))
    data = [path.read_bytes() for path in paths]
    table = pa.table({"image": data, "label": [path.parent.name for path in paths]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=100)
    listing = list_parquet(tmp_path / "a.parquet")
    assert fetched(listing) == data
    assert listing.frame["label"].to_list() == table["label"].to_pylist()


def test_names_of_parquet_files() -> None:
    names = ("a.parquet", "A.PARQUET", "a.parq", "a.csv")
    assert [is_parquet(name) for name in names] == [True, True, True, False]
