"""Damaged Parquet files, files that are none, and Parquet files where pyarrow is not installed."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixsieve.config import Config
from pixsieve.sources.inputs import list_input
from pixsieve.sources.places import Content, Failure
from pixsieve.sources.tables.given import Given
from pixsieve.sources.tables.parquet import ParquetRows, list_parquet

RANDOM = np.random.default_rng(5)


def fetched(listing: Given) -> list[Content]:
    """What each row of the listing brings, in its order."""
    rows = listing.frame.filter(pl.col("kind") == "row").with_row_index("row")
    content = dict(ParquetRows().fetch(rows))
    assert sorted(content) == list(range(rows.height))
    return [content[row] for row in range(rows.height)]


def codes(contents: list[Content]) -> list[str | None]:
    return [one.code if isinstance(one, Failure) else None for one in contents]


PAGES = {"use_dictionary": False, "data_page_size": 1, "write_batch_size": 5}


def two_row_groups(path: Path, **options: Any) -> list[bytes]:
    """Writes 400 pictures in pages of 5."""
    data = [RANDOM.bytes(400) for _ in range(400)]
    pq.write_table(pa.table({"image": data}), path, row_group_size=200, **PAGES, **options)
    return data


def lost_from(first: int) -> list[str | None]:
    """The codes where the rest of the first row group is lost."""
    return [None] * first + ["corrupt"] * (200 - first) + [None] * 200


@pytest.mark.parametrize("checksum", [True, False])
def test_a_damaged_page_loses_the_rest_of_its_row_group(tmp_path: Path, checksum: bool) -> None:
    path = tmp_path / "a.parquet"
    data = two_row_groups(path, compression="zstd", write_page_checksum=checksum)
    raw = bytearray(path.read_bytes())
    at = raw.index(data[147][:64])  # Random bytes are stored as they are.
    # With no checksum, of the frame itself.
    at = at + 3 if checksum else raw.rindex(b"\x28\xb5\x2f\xfd", 0, at)
    raw[at] ^= 0xFF
    path.write_bytes(raw)
    content = fetched(list_parquet(path))
    assert codes(content) == lost_from(128)  # What comes together with the page is lost too.
    assert content[:128] + content[200:] == data[:128] + data[200:]


def test_a_damaged_head_of_a_page_loses_the_rest_of_its_row_group(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    data = two_row_groups(path, compression="none", write_statistics=False)
    raw = bytearray(path.read_bytes())
    begin = raw.index(data[99]) + 400
    raw[begin : begin + 8] = b"\xff" * 8
    path.write_bytes(raw)
    content = fetched(list_parquet(path))
    assert codes(content) == lost_from(64)
    assert isinstance(content[70], Failure)
    assert "this part of the Parquet file cannot be read: " in str(content[70].detail)


def test_damaged_paths_beside_empty_cells(tmp_path: Path) -> None:
    mixed = [{"bytes": b"here", "path": "0.jpg"}, {"bytes": None, "path": "1.jpg"}, None]
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": mixed}), path, compression="none", use_dictionary=False)
    listing = list_parquet(path)
    raw = path.read_bytes()
    modified = path.stat().st_mtime_ns
    at = raw.index(b"\x05\0\0\x000.jpg")
    path.write_bytes(raw[:at] + b"\xff" * 4 + raw[at + 4 :])
    os.utime(path, ns=(0, modified))
    content = fetched(listing)
    assert content[0] == b"here"
    assert codes(content[1:]) == ["corrupt", "corrupt"]


def example(path: Path) -> bytearray:
    """A small file with columns of several kinds."""
    numbers = range(12)
    images = [{"bytes": RANDOM.bytes(60), "path": f"{number}.jpg"} for number in numbers]
    columns = {"image": images, "n": list("abcdefghijkl"), "tags": [["x", "y"]] * 12}
    pq.write_table(pa.table(columns), path, row_group_size=6)
    return bytearray(path.read_bytes())


def check_damaged(path: Path) -> None:
    """Either all of the file is refused, or each row has a picture or says why not."""
    try:
        listing = list_parquet(path)
    except ValueError as error:
        assert str(path) in str(error)  # noqa: PT017 - not all damage is one
        return
    for one in fetched(listing):
        assert isinstance(one, bytes | Failure)


@given(
    flips=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=5
    )
)
@settings(deadline=None, max_examples=300, derandomize=True)
def test_no_damage_is_an_odd_error(
    tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[float, int]]
) -> None:
    path = tmp_path_factory.mktemp("hurt") / "a.parquet"
    raw = example(path)
    for place, flip in flips:
        raw[int(place * len(raw))] ^= flip
    path.write_bytes(raw)
    check_damaged(path)


def test_no_damage_of_the_end_ends_the_process(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    raw = example(path)
    end = int.from_bytes(raw[-8:-4], "little") + 8
    for at in range(len(raw) - end, len(raw)):
        flipped = raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :]
        path.write_bytes(flipped)
        check_damaged(path)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off(tmp_path: Path, part: float) -> None:
    path = tmp_path / "a.parquet"
    raw = example(path)
    path.write_bytes(raw[: int(part * len(raw))])
    with pytest.raises(ValueError, match=r"a\.parquet cannot be read: "):
        list_parquet(path)


@pytest.mark.parametrize(
    "raw", [b"", b"PAR1", b"PAR1PAR1", b"x" * 100, b"PAR1....\xff\xff\xff\x7fPAR1"]
)
def test_what_is_not_parquet(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"a\.parquet cannot be read: .*Parquet"):
        list_parquet(path)


def test_an_encrypted_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PARE" + bytes(40) + b"PARE")
    with pytest.raises(ValueError, match=r"a\.parquet cannot be read: .*encrypted"):
        list_parquet(path)


@pytest.fixture
def without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    """Hides pyarrow; has the settings of `list_input`."""
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    return {"config": Config(), "work_dir": None, "progress": None}


NEEDED = r"reading Parquet needs pyarrow: pip install 'pixsieve\[parquet\]'"


def test_a_file_given_by_itself_needs_pyarrow(
    tmp_path: Path, without_pyarrow: Mapping[str, Any]
) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"image": [b"x"]}).write_parquet(path)
    with pytest.raises(ImportError, match=NEEDED):
        list_input(path, **without_pyarrow)
    rows = {"row": [0], "offset": [0], "location": [os.fsencode(path)], "modified": [0]}
    with pytest.raises(ImportError, match=NEEDED):
        list(ParquetRows().fetch(pl.DataFrame(rows)))


def test_a_file_beside_others_that_needs_pyarrow_is_a_row(
    tmp_path: Path, without_pyarrow: Mapping[str, Any]
) -> None:
    pl.DataFrame({"image": [b"x"]}).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.jpg").write_bytes(b"x")
    frame = list_input(tmp_path, **without_pyarrow).frame.sort("path")
    assert frame["kind"].to_list() == ["nothing", "file"]
    assert frame["error_code"].to_list() == ["unknown_format", None]
    assert frame["detail"][0] == "reading Parquet needs pyarrow: pip install 'pixsieve[parquet]'"
