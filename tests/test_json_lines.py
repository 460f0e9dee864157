"""JSON Lines, as inputs and as annotations."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from conftest import Pictures, Run


@pytest.fixture
def folder(tmp_path: Path, pictures: Pictures) -> Path:
    pictures(tmp_path / "in", "0.png", "1.png", "2.png")
    return tmp_path


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_records_are_a_table_of_paths(run: Run, folder: Path) -> None:
    source = lines(
        folder / "list.jsonl",
        {"path": "in/0.png", "label": "a", "split": "train", "n": 1, "width": 9},
        {"path": "in/1.png", "label": "b", "more": {"deep": [1, "é"]}, "n": 2.5},
        {"path": "in/gone.png", "n": 3},
        {"path": None},
    )
    frame = run(source).images
    assert frame["path"].str.split("/").list.last().to_list() == [
        *("list.jsonl#row=3", "0.png", "1.png", "gone.png"),
    ]
    assert frame["error_code"].to_list() == ["missing_file", None, None, "missing_file"]
    assert frame["label"].to_list() == [None, "a", "b", None]
    assert frame["split"].to_list() == [None, "train", None, None]
    assert frame["n"].to_list() == [None, 1, 2.5, 3]
    assert frame["width_user"].to_list() == [None, 9, None, None]
    assert frame["more"].to_list() == [None, None, '{"deep": [1, "é"]}', None]


def test_labels_may_be_lists_and_lines_may_be_paths(run: Run, folder: Path) -> None:
    several = lines(
        folder / "several.ndjson",
        {"file_name": "in/0.png", "label": ["b", "a"]},
        {"file_name": "in/1.png", "label": 7},
        {"file_name": "in/2.png"},
    )
    assert run(several).images["label"].to_list() == ["a|b", "7", None]
    texts = lines(folder / "texts.jsonl", "in/0.png", "in", "in/1.png")
    audit = run(texts)
    assert audit.images.height == 3
    assert audit.info["left_out"]["repeated"] == 2


def test_boxes(run: Run, folder: Path) -> None:
    sides = {"col_x": 1, "row_y": 2, "width": 20, "height": 20.5}
    rows = [{"path": "in/0.png", "label": "x", **sides}, {"path": "in/0.png", **sides, "col_x": 5}]
    source = lines(folder / "boxes.jsonl", *rows)
    for audit in (run(source), run(folder / "in", annotations=source)):
        assert audit.images["col_x"].to_list() == [1, 5]
        assert audit.images["label"].to_list() == ["x", None]


def test_annotations_as_of_the_image_folders_of_hugging_face(run: Run, folder: Path) -> None:
    known = lines(
        folder / "in" / "metadata.jsonl",
        {"file_name": "0.png", "label": "cat", "text": "one"},
        {"file_name": "2.png", "label": "dog", "text": "two"},
        {"file_name": "3.png", "label": "dog"},
    )
    audit = run(folder / "in", annotations=known)
    read = audit.images.filter(pl.col("error_code").is_null())
    assert read["label"].to_list() == ["cat", None, "dog"]
    assert read["text"].to_list() == ["one", None, "two"]
    assert audit.unmatched()["path"].to_list() == ["3.png", f"{folder}/in/1.png"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"path": "in/0.png"}\n{"path":', "line 2 is no valid JSON"),
        (b"[1, 2]", "line 1 is neither a record"),
        (b'{"a": 1}', "need a field path or filename; found are a"),
        (b"\n \n", "is empty"),
        (b"\xff\xfe", "no text in UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"path": ' + b"9" * 5000 + b"}", "thousands of digits"),
    ],
)
def test_what_is_none(run: Run, folder: Path, data: bytes, said: str) -> None:
    (folder / "bad.jsonl").write_bytes(data)
    with pytest.raises(ValueError, match=said):
        run(folder / "bad.jsonl")
    with pytest.raises(ValueError, match=said):
        run(folder / "in", annotations=folder / "bad.jsonl")


def test_odd_values(run: Run, folder: Path) -> None:
    odd = rb'{"path": "in/0.png", "t": "\ud800", "*": 1, "label": 5, "": 2, "big": %d}' % 10**20
    (folder / "odd.jsonl").write_bytes(b"\xef\xbb\xbf" + odd + b'\r\n{"path": 5}\r\n')
    frame = run(folder / "odd.jsonl").images
    assert frame["path"].str.split("/").list.last().to_list() == ["5", "0.png"]
    assert frame["t"].to_list() == [None, "\\ud800"]
    assert frame["*_user"].to_list() == [None, 1]
    assert frame["label"].to_list() == [None, "5"]
