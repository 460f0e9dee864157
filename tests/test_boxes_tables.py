"""Tables of boxes: whatever columns they come in, they are brought into one form."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixsieve.annotations import BOX, counts, read_annotations
from pixsieve.config import Config

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

RECTANGLE = ("col_x", "row_y", "width", "height")
CORNERS = ("x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4")

#: One box, and its corners.
COLUMNS = {"path": ["a.png"], "col_x": [1.5], "row_y": [2], "width": [3], "height": [4.25]}
CORNERS_OF_IT = [1.5, 2, 4.5, 2, 4.5, 6.25, 1.5, 6.25]

numbers = st.floats(-5000, 5000)
sizes = st.floats(0.01, 5000)
rectangle = st.tuples(numbers, numbers, sizes, sizes)


def read(columns: Any) -> pl.DataFrame:
    return read_annotations(columns, Config())


def table(boxes: list[Any], names: tuple[str, ...] = RECTANGLE) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "path": [f"{number}.png" for number in range(len(boxes))],
            **{
                name: pl.Series([box[place] for box in boxes], dtype=pl.Float64)
                for place, name in enumerate(names)
            },
        }
    )


def only_error(**columns: Any) -> str:
    frame = read({"path": ["a.png"], **{name: [value] for name, value in columns.items()}})
    assert frame["_box"].null_count() == 0
    return str(frame["_box_error"][0])


class TestForm:
    @untimed
    @given(st.lists(rectangle, min_size=1))
    def test_rectangles_come_back(self, boxes):
        frame = read(table(boxes))
        for (left, top, width, height), box in zip(boxes, frame["_box"].to_list(), strict=True):
            right, bottom = left + width, top + height
            assert box == [left, top, right, top, right, bottom, left, bottom]
        assert frame["_box_error"].null_count() == len(boxes)
        assert not frame["_rotated"].any()
        assert not frame["_relative"].any()

    @untimed
    @given(st.lists(st.tuples(rectangle, st.floats(-7, 7)), min_size=1), st.booleans())
    def test_corners_come_back_clockwise(self, boxes, turned_round):
        corners = []
        for (cx, cy, width, height), angle in boxes:
            points = [
                complex(cx, cy) + complex(x, y) * complex(math.cos(angle), math.sin(angle))
                for x, y in ((0, 0), (width, 0), (width, height), (0, height))
            ]
            if turned_round:
                points = [points[0], *points[:0:-1]]
            corners.append([side for point in points for side in (point.real, point.imag)])
        frame = read(table(corners, CORNERS))
        for given_box, box in zip(corners, frame["_box"].to_list(), strict=True):
            points = list(zip(given_box[::2], given_box[1::2], strict=True))
            if turned_round:
                points = [points[0], *points[:0:-1]]
            assert list(zip(box[::2], box[1::2], strict=True)) == points

    def test_the_schema_of_every_table_of_boxes(self):
        for frame in (table([(0, 0, 1, 1)]), table([(0, 0, 1, 1)]).clear()):
            found = read(frame)
            assert pl.Schema({name: found.schema[name] for name in BOX}) == BOX
            assert found.columns == ["path", *BOX]

    def test_upright_corners_are_not_rotated(self):
        frame = read(table([(0, 0, 2, 0, 2, 1, 0, 1), (2, 0, 2, 1, 0, 1, 0, 0)], CORNERS))
        assert frame["_rotated"].to_list() == [False, True]

    def test_rows_without_a_box_stay(self):
        columns = {key: [1, None] for key in RECTANGLE}
        frame = read({"path": ["a", "b"], **columns})
        assert frame["_box"].to_list() == [[1, 1, 2, 1, 2, 2, 1, 2], None]
        assert (
            frame.select("_rotated", "_relative", "_box_error").rows() == [(False, False, None)] * 2
        )

    def test_the_users_columns_travel(self):
        frame = read(
            {"filename": ["a"], "score": [0.5], **{key: [3] for key in RECTANGLE}, "z": ["q"]}
        )
        assert frame.select("path", "score", "z").row(0) == ("a", 0.5, "q")
        assert frame.columns == ["path", "score", "z", *BOX]

    def test_width_and_height_alone_are_no_box(self):
        frame = read({"path": ["a"], "width": [3], "height": [4]})
        assert frame.columns == ["path", "width", "height"]
        corners = dict(zip(CORNERS, [[0], [0], [2], [0], [2], [1], [0], [1]], strict=True))
        frame = read({"path": ["a"], "width": [3], **corners})
        assert frame["width"].to_list() == [3]

    def test_corners_go_before_a_rectangle(self):
        both = {
            **{key: [5, 5] for key in RECTANGLE},
            **dict(zip(CORNERS, [[n, None] for n in (0, 0, 2, 0, 2, 1, 0, 1)], strict=True)),
        }
        frame = read({"path": ["a", "b"], **both})
        assert frame["_box"].to_list() == [
            [0, 0, 2, 0, 2, 1, 0, 1],
            [5, 5, 10, 5, 10, 10, 5, 10],
        ]

    def test_columns_called_like_the_programs_own_give_way(self):
        frame = read({"path": ["a"], "_box": [1], "_box_error": ["x"], "_stem": [2]})
        assert frame.columns == ["path", "_box_user", "_box_error_user", "_stem_user"]


class TestKinds:
    def test_all_give_the_same(self, tmp_path: Path):
        frame = pl.DataFrame(COLUMNS)
        csv, tsv, parquet = (tmp_path / f"b{end}" for end in (".csv", ".TSV", ".parquet"))
        frame.write_csv(csv)
        frame.write_csv(tsv, separator="\t")
        frame.write_parquet(parquet)
        forms: list[Any] = [frame, frame.lazy(), pd.DataFrame(COLUMNS), csv, tsv, parquet]
        forms += [pa.table(COLUMNS), COLUMNS, str(csv)]
        for form in forms:
            assert read(form)["_box"].to_list() == [CORNERS_OF_IT]

    def test_an_arrow_stream_of_any_maker(self):
        class Stream:
            def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
                return pa.table(COLUMNS).__arrow_c_stream__(requested_schema)

        assert read(Stream())["_box"].to_list() == [CORNERS_OF_IT]

    def test_whole_numbers_among_others(self):
        columns = {**{key: [1, 2.5, None] for key in RECTANGLE}, "path": list("abc")}
        assert read(columns)["_box"].to_list()[1][0] == 2.5

    def test_numbers_as_text(self):
        frame = read({"path": ["a"], **{key: [" 2.50 "] for key in RECTANGLE}})
        assert frame["_box"].to_list() == [[2.5, 2.5, 5, 2.5, 5, 5, 2.5, 5]]

    @pytest.mark.parametrize("kind", [pl.UInt8, pl.Int64, pl.Float32, pl.Decimal(10, 2)])
    def test_kinds_of_numbers(self, kind):
        frame = pl.DataFrame({"path": ["a"], **{n: pl.Series([3]).cast(kind) for n in RECTANGLE}})
        assert read(frame)["_box"].to_list() == [[3, 3, 6, 3, 6, 6, 3, 6]]

    def test_pandas_with_two_columns_of_one_name(self):
        frame = pd.DataFrame([["a", 1, 2]], columns=["path", "x", "x"])
        with pytest.raises(ValueError, match=r"^annotations: two columns have the same name"):
            read(frame)


class TestBadBoxes:
    @pytest.mark.parametrize(
        ("box", "error"),
        [
            ((0, 0, 0, 5), "its size is 0.0 x 5.0: both must be above 0"),
            ((0, 0, -1, 5), "its size is -1.0 x 5.0: both must be above 0"),
            ((1e6, 0, 1e-30, 5), "its size is 1e-30 x 5.0: both must be above 0"),
            ((math.nan, 0, 1, 5), "its numbers are not finite"),
            ((0, math.inf, 1, 5), "its numbers are not finite"),
            ((0, 0, 1e300, 5), "it lies up to 1e+300 away, which no picture reaches"),
            ((0, None, 1, 5), "it has no row_y"),
            ((1, "x" * 99, 1, 5), f"its row_y is {'x' * 40}, which is no number"),
            ((1, "", 1, 5), "its row_y is , which is no number"),
        ],
    )
    def test_rectangles(self, box, error):
        assert only_error(**dict(zip(RECTANGLE, box, strict=True))) == error

    @pytest.mark.parametrize(
        "corners",
        [
            (0, 0, 2, 2, 2, 0, 0, 2),  # crossed
            (0, 0, 2, 0, 0.5, 0.5, 0, 2),  # bent inwards
            (0, 0, 1, 1, 2, 2, 3, 3),  # a line
            (1, 1, 1, 1, 1, 1, 1, 1),
            (0, 0, 1, 0, 2, 0, 0, 2),  # a triangle
        ],
    )
    def test_corners(self, corners):
        error = only_error(**dict(zip(CORNERS, corners, strict=True)))
        assert error == "its corners do not go round an area, clockwise from the top left"

    def test_a_corner_that_is_missing(self):
        columns = dict(zip(CORNERS, (0, 0, 2, 0, 2, 1, None, 1), strict=True))
        assert only_error(**columns) == "it has no x4"

    @untimed
    @given(st.lists(st.tuples(*[st.floats(allow_nan=True, allow_infinity=True)] * 8), min_size=1))
    def test_whatever_the_numbers_a_box_without_error_has_an_area(self, boxes):
        frame = read(table(boxes, CORNERS))
        good = frame.filter(pl.col("_box_error").is_null())["_box"].to_numpy()
        assert np.isfinite(good).all()
        points = np.asarray(good).reshape(-1, 4, 2)
        sides = np.roll(points, -1, axis=1) - points
        after = np.roll(sides, -1, axis=1)
        assert (sides[..., 0] * after[..., 1] - sides[..., 1] * after[..., 0] > 0).all()

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            ({"col_x": [1]}, "there is no row_y, width, height"),
            ({"row_y": [1], "width": [1], "height": [1]}, "there is no col_x"),
            ({key: [1] for key in CORNERS[:5]}, "there is no y3, x4, y4"),
            ({key: [[1]] for key in RECTANGLE}, "the column 'col_x' of boxes holds List(Int64)"),
            ({key: [True] for key in RECTANGLE}, "the column 'col_x' of boxes holds Boolean"),
        ],
    )
    def test_tables(self, columns, message):
        with pytest.raises(ValueError, match=f"^annotations: .*{re.escape(message)}"):
            read({"path": ["a"], **columns})


class TestRepeated:
    def test_boxes_may_repeat_and_are_counted(self):
        columns = {name: [1, 1, 1, 2, None] for name in RECTANGLE}
        frame = read({"path": ["a", "a", "a", "a", "b"], "label": list("xxyxx"), **columns})
        assert frame.height == 5
        assert counts(frame) == {
            "boxes": 4,
            "bad_boxes": 0,
            "duplicate_boxes": 1,
            "pictures_without_boxes": 1,
            "unknown_categories": 0,
        }

    def test_lists_of_labels_are_compared(self):
        columns = {name: [1, 1, 1] for name in RECTANGLE}
        frame = read({"path": ["a"] * 3, "label": [["x"], ["x"], ["x", "y"]], **columns})
        assert counts(frame)["duplicate_boxes"] == 1

    def test_of_whole_images_a_path_is_named_once(self):
        columns = {name: [1, None, None] for name in RECTANGLE}
        with pytest.raises(
            ValueError, match=r"^annotations name 1 paths more than once, such as 'a'"
        ):
            read({"path": ["a"] * 3, **columns})

    def test_there_is_nothing_to_count_without_boxes(self):
        assert counts(read({"path": ["a"]})) == {}
