"""What lies beside the pictures of a shard: labels, texts and fields."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_case import JPEG, listed, names, tar_of, zip_of
from pixsieve.sources.archives.webdataset import MOST_BYTES, sample_key
from pixsieve.sources.listing import stacked
from pixsieve.sources.places import LISTED

Row = dict[str, object]


def beside(data: bytes, name: str = "a.tar") -> list[Row]:
    """What the sidecars say of each picture."""
    frame, _ = listed(data, name)
    return frame.drop(LISTED.names()).rows(named=True)


def notes(data: bytes) -> dict[str, int]:
    return listed(data)[1]


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_labels_texts_and_fields(make):
    files = {
        "s/000.cls": b"7\n",
        "s/000.jpg": JPEG,
        "s/000.json": b'{"width": 640, "score": 0.5, "ok": true, "tags": ["b", "a"], "none": null}',
        "s/000.txt": b"ein Hund\n",
        "s/001.jpg": JPEG,
        "s/001.json": b'{"width": 10, "score": 2, "ok": false, "tags": {"x": 1}}',
    }
    data = make(files)
    frame, found = listed(data, f"a.{make.__name__[:3]}")
    assert not found
    assert frame.columns[:11] == LISTED.names()
    assert frame.schema["width"] == pl.Int64
    assert frame.schema["score"] == pl.Float64
    assert frame.schema["ok"] == pl.Boolean
    first, second = beside(data, f"a.{make.__name__[:3]}")
    assert first == {
        "label": "7",
        "txt": "ein Hund",
        "key": "s/000",
        "width": 640,
        "score": 0.5,
        "ok": True,
        "tags": '["b", "a"]',
        "none": None,
    }
    assert (second["label"], second["txt"], second["tags"]) == (None, None, '{"x": 1}')


@pytest.mark.parametrize(
    ("files", "label"),
    [
        ({"a.cls": b"dog", "a.json": b'{"label": "cat"}'}, "dog"),
        ({"a.json": b'{"label": "cat"}'}, "cat"),
        ({"a.json": b'{"class": 3}'}, "3"),
        ({"a.json": b'{"cls": "x", "class": "y"}'}, "y"),
        ({"a.json": b'{"label": ["dog", "cat", "dog"]}'}, "cat|dog"),
        ({"a.cls": b"\xef\xbb\xbf 12 \r\n"}, "12"),
        ({"a.cls": b"\xff\xfe"}, "\ufffd\ufffd"),
    ],
)
def test_labels(files: dict[str, bytes], label: str):
    (row,) = beside(tar_of(files | {"a.jpg": JPEG}))
    assert row["label"] == label


def test_a_text_is_no_label():
    (row,) = beside(tar_of({"a.jpg": JPEG, "a.txt": b"a dog"}))
    assert row == {"txt": "a dog", "key": "a"}


def test_pictures_alone_have_no_columns():
    assert listed(tar_of({"a.jpg": JPEG}))[0].columns == LISTED.names()
    assert listed(tar_of({"a.jpg": JPEG, "b.txt": b"x"}))[0].columns == LISTED.names()
    assert notes(tar_of({"a.jpg": JPEG, "b.txt": b"x"})) == {"not_pictures": 1}


def test_several_pictures_of_one_sample():
    data = tar_of({"a.left.jpg": JPEG, "a.right.png": JPEG, "a.cls": b"1", "a.seg.txt": b"x"})
    assert [row["label"] for row in beside(data)] == ["1", "1"]
    assert "txt" not in beside(data)[0]


def test_samples_of_the_same_name_in_other_folders():
    data = tar_of({"x/a.jpg": JPEG, "x/a.cls": b"1", "y/a.jpg": JPEG, "y/a.cls": b"2"})
    assert [(row["label"], row["key"]) for row in beside(data)] == [("1", "x/a"), ("2", "y/a")]
    assert sample_key("x.y/a.b.c") == "x.y/a"


@pytest.mark.parametrize(
    "broken",
    [b"", b"{", b"[1, 2]", b"\xff\xfe", b'"text"', b"[" * 100_000, b"1" * 10_000, b"nul"],
)
def test_broken_json_is_counted(broken: bytes):
    data = tar_of({"a.jpg": JPEG, "a.json": broken, "b.jpg": JPEG, "b.json": b'{"n": 1}'})
    assert notes(data) == {"broken_sidecars": 1}
    assert [row["n"] for row in beside(data)] == [None, 1]


def test_large_sidecars_are_left_out():
    data = tar_of({"a.jpg": JPEG, "a.txt": b"x" * (MOST_BYTES + 1), "a.cls": b"1"})
    assert notes(data) == {"large_sidecars": 1}
    assert beside(data) == [{"label": "1", "key": "a"}]


def test_names_of_columns_that_are_taken():
    fields = {"path": "x", "size": 3, "*": 1, "^a$": 2, "": 4, "\ud800": 5, "key": "mine"}
    data = tar_of({"a.jpg": JPEG, "a.json": json.dumps(fields).encode()})
    (row,) = beside(data)
    assert row == {
        "key": "a",
        "path_user": "x",
        "size_user": 3,
        "*_user": 1,
        "^a$_user": 2,
        "\\ud800": 5,
    }


def test_a_name_that_is_taken_twice():
    fields = {"path": "x", "path_user": "y"}
    data = tar_of({"a.jpg": JPEG, "a.json": json.dumps(fields).encode()})
    assert set(beside(data)[0].values()) == {"a", "x", "y"}


def test_more_fields_than_a_table_should_have():
    files = {}
    for n in range(300):
        files[f"{n}.jpg"] = JPEG
        files[f"{n}.json"] = json.dumps({f"field{n}": n}).encode()
    frame, found = listed(tar_of(files))
    assert len(frame.columns) == len(LISTED) + 1 + 100
    assert found == {"fields": 200}


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2], pl.Int64, [1, 2]),
        ([1, 2.5], pl.Float64, [1.0, 2.5]),
        ([1, "x"], pl.String, ["1", "x"]),
        ([True, 1], pl.String, ["true", "1"]),
        ([1, 2**70], pl.String, ["1", str(2**70)]),
        ([10**400, 0.5], pl.Float64, [float("inf"), 0.5]),
        (["\ud800", None], pl.String, ["\\ud800", None]),
        ([[1], {"a": "ü"}], pl.String, ["[1]", '{"a": "ü"}']),
    ],
)
def test_types(values: list[object], kind: pl.DataType, expected: list[object]):
    files = {}
    for n, value in enumerate(values):
        files[f"{n}.jpg"] = JPEG
        files[f"{n}.json"] = json.dumps({"field": value}).encode()
    frame, _ = listed(tar_of(files))
    assert frame.schema["field"] == kind
    assert frame["field"].to_list() == expected


def shard(value: object) -> pl.DataFrame:
    data = tar_of({"a.jpg": JPEG, "a.json": json.dumps({"field": value}).encode()})
    return listed(data)[0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], [1, 2]),
        ([1, 0.5], [1.0, 0.5]),
        ([1, "x"], ["1", "x"]),
        ([True, "x"], ["true", "x"]),
        ([None, 3], [None, 3]),
    ],
)
def test_types_that_differ_between_shards(values: list[object], expected: list[object]):
    plain = listed(tar_of({"b.jpg": JPEG}))[0]
    frame = stacked([*map(shard, values), plain])
    assert frame["field"].to_list() == [*expected, None]
    assert frame.columns[:11] == LISTED.names()


def test_no_shards():
    assert stacked([]).schema == LISTED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.lists(st.dictionaries(st.text(max_size=4), JSON, max_size=4), max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_json_makes_a_table(samples: list[dict[str, object]]):
    files = {}
    for n, sample in enumerate(samples):
        files[f"{n}.json"] = json.dumps(sample).encode()
        files[f"{n}.jpg"] = JPEG
    frame, _ = listed(tar_of(files))
    assert names(frame) == [f"{n}.jpg" for n in range(len(samples))]
    assert not samples or frame["key"].to_list() == [str(n) for n in range(len(samples))]
