"""Boxes in the columns that tables of other tools have."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from box_case import drawn, save
from conftest import Run
from pixsieve.annotations import BOX, read_annotations
from pixsieve.config import Config

#: The same two boxes of one picture, as left, top, right and bottom.
EDGES = [(10.0, 20.0, 50.0, 70.0), (60.0, 5.0, 90.0, 100.0)]
SIZED = [(left, top, right - left, bottom - top) for left, top, right, bottom in EDGES]


def read(columns: Any) -> pl.DataFrame:
    return read_annotations(columns, Config())


def edges(frame: pl.DataFrame) -> list[tuple[float, ...] | None]:
    boxes = frame["_box"].to_list()
    return [box and tuple(box[place] for place in (0, 1, 4, 5)) for box in boxes]


def columns(names: str, rows: list[tuple[float, ...]]) -> dict[str, list[Any]]:
    sides = zip(*rows, strict=True)
    return {
        "path": ["a.png"] * len(rows),
        **dict(zip(names.split(), map(list, sides), strict=True)),
    }


FORMS: dict[str, Any] = {
    "x, y, w, h": columns("x y w h", SIZED),
    "x, y, width, height": columns("x y width height", SIZED),
    "xmin, ymin, xmax, ymax": columns("xmin ymin xmax ymax", EDGES),
    "XMin, YMin, XMax, YMax": columns("XMin YMin XMax YMax", EDGES),
    "x_min, y_min, x_max, y_max": columns("x_min y_min x_max y_max", EDGES),
    "x1, y1, x2, y2": columns("x1 y1 x2 y2", EDGES),
    "bbox": {"path": ["a.png"] * 2, "bbox": list(map(list, SIZED))},
    "bbox of arrays": pl.DataFrame(
        {"path": ["a.png"] * 2, "bbox": list(map(list, SIZED))},
        schema_overrides={"bbox": pl.Array(pl.Float64, 4)},
    ),
    "bbox of text": {"path": ["a.png"] * 2, "bbox": [json.dumps(box) for box in SIZED]},
    "bbox of tuples as text": {"path": ["a.png"] * 2, "bbox": list(map(str, SIZED))},
    "bbox of several": {"path": ["a.png"], "bbox": [list(map(list, SIZED))]},
    "bbox of pandas": pd.DataFrame({"path": ["a.png"] * 2, "bbox": list(map(np.array, SIZED))}),
    "objects": {"path": ["a.png"], "objects": [{"bbox": list(map(list, SIZED))}]},
    "objects as a list": [{"path": "a.png", "objects": [{"bbox": list(box)} for box in SIZED]}],
}


class TestForms:
    @pytest.mark.parametrize("form", FORMS)
    def test_each_is_the_same_boxes(self, form: str):
        frame = read(FORMS[form])
        assert edges(frame) == EDGES
        assert frame["_relative"].to_list() == [False, False]
        assert frame["_box_error"].null_count() == 2
        assert frame["_box_source"].unique().to_list() == [
            form.partition(" of")[0].partition(" as")[0]
        ]
        assert [name for name in frame.columns if name not in BOX] == ["path", "_box_source"]

    @pytest.mark.parametrize("form", FORMS)
    def test_they_may_be_the_input(self, run: Run, tmp_path: Path, form: str):
        path = str(save(tmp_path, "a.png", drawn(0)))
        given = FORMS[form]
        if isinstance(given, dict):
            given = given | {"path": [path] * len(given["path"])}
        elif isinstance(given, list):
            given = [row | {"path": path} for row in given]
        elif isinstance(given, pl.DataFrame):
            given = given.with_columns(path=pl.lit(path))
        else:
            given = given.assign(path=path)
        audit = run(given)
        sides = audit.images.select("col_x", "row_y", "box_width", "box_height").rows()
        assert sorted(sides) == sorted(SIZED)

    def test_the_summary_says_which_columns(self, run: Run, tmp_path: Path):
        save(tmp_path / "in", "a.png", drawn(0))
        audit = run(tmp_path / "in", annotations=FORMS["x, y, w, h"])
        assert "2 boxes; from the columns x, y, w, h." in audit.summary(verbose=False)
        audit = run(tmp_path / "in", annotations=FORMS["bbox"])
        assert "2 boxes; from the column bbox." in audit.summary(verbose=False)

    def test_numbers_from_0_to_1_are_shares(self, run: Run, tmp_path: Path):
        save(tmp_path / "in", "a.png", drawn(0, 200, 100))
        known = columns("xmin ymin xmax ymax", [(0.1, 0.2, 0.5, 1.0)])
        audit = run(tmp_path / "in", annotations=known)
        row = audit.images.row(0, named=True)
        assert [row[name] for name in ("col_x", "row_y")] == pytest.approx([20, 20])
        assert (row["width"], row["height"]) == (80, 80)

    def test_the_size_of_the_picture_is_a_column_of_its_own(self):
        frame = read(
            columns("xmin ymin xmax ymax", EDGES) | {"width": [200] * 2, "height": [150] * 2}
        )
        assert edges(frame) == EDGES
        assert frame.select("width_user", "height_user").rows() == [(200, 150)] * 2
        frame = read(columns("x y w h", SIZED) | {"width": [200] * 2, "height": [150] * 2})
        assert edges(frame) == EDGES

    def test_ours_come_first(self):
        known = columns("col_x row_y width height", SIZED)
        frame = read(known | {"xmin": [0, 0], "ymin": [0, 0], "xmax": [9, 9], "ymax": [9, 9]})
        assert edges(frame) == EDGES
        assert frame["xmax"].to_list() == [9, 9]


class TestWhatIsSaidOfEachBox:
    def test_lists_of_the_same_length_go_along(self):
        several = {
            "path": ["a.png", "b.png", "c.png"],
            "bbox": [list(map(list, SIZED)), [], None],
            "labels": [["cat", "dog"], [], None],
            "tags": [["x"], ["y"], []],
        }
        frame = read(several)
        assert edges(frame) == [*EDGES, None, None]
        assert frame["label"].to_list() == ["cat", "dog", None, None]
        assert frame["tags"].to_list() == [["x"], ["x"], ["y"], []]

    def test_objects_of_hugging_face(self):
        objects = {"bbox": list(map(list, SIZED)), "category": [3, 0], "id": [7, 8]}
        empty: dict[str, list[Any]] = {"bbox": [], "category": [], "id": []}
        frame = read(
            {"path": ["a", "b"], "objects": [objects, empty], "id": [1, 2], "label": ["p", "q"]}
        )
        assert edges(frame) == [*EDGES, None]
        assert frame["label"].to_list() == [3, 0, None]
        assert frame.select("id", "objects_id", "label_user").rows() == [
            (1, 7, "p"),
            (1, 8, "p"),
            (2, None, "q"),
        ]


class TestWhatIsNone:
    @pytest.mark.parametrize(
        "known",
        [
            {"x": ["left"], "y": [1], "w": [2], "h": [3]},
            {"x": [None], "y": [None], "w": [None], "h": [None]},
            {"x": [1], "y": [2], "w": [3]},
            {"bbox": ["none"]},
            {"bbox": [[1, 2, 3]]},
            {"bbox": [None]},
            {"objects": [{"bbox": [1, 2, 3, 4]}]},
            {"objects": ["chair"]},
        ],
    )
    def test_other_columns_are_the_users(self, known: dict[str, list[Any]]):
        frame = read({"path": ["a.png"], **known})
        assert frame.columns == ["path", *known]

    def test_a_bad_box_is_a_row(self):
        frame = read({"path": ["a"] * 3, "bbox": [[1, 2, 3, 4], [1, 2], [5, 6, -7, 8]]})
        assert frame["_box_error"].to_list() == [
            None,
            "its bbox is not four numbers",
            "its size is -7.0 x 8.0: both must be above 0",
        ]
        frame = read({"path": ["a"] * 3, "bbox": ["[1, 2, 3, 4]", "[1, x, 3, 4]", "[1]"]})
        assert frame["_box_error"].to_list() == [None, *["its bbox is not four numbers"] * 2]

    @pytest.mark.parametrize(
        "known",
        [
            {"x": [1], "y": [2], "w": [3], "h": [4], "bbox": [[1, 2, 3, 4]]},
            {
                "xmin": [1],
                "ymin": [2],
                "xmax": [3],
                "ymax": [4],
                "x": [1],
                "y": [1],
                "w": [1],
                "h": [1],
            },
        ],
    )
    def test_two_kinds_at_once(self, known: dict[str, list[Any]]):
        with pytest.raises(ValueError, match=r"the boxes may be in the columns x, y, w, h and "):
            read({"path": ["a.png"], **known})
