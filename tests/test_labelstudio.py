"""Label Studio: its exported tasks."""

import json
import math
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixsieve.annotations import counts, read_annotations
from pixsieve.annotations.labelstudio import picture_path
from pixsieve.config import Config

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

percent = st.floats(0, 100)
sizes = st.floats(0.5, 100)


def read(content: Any) -> pl.DataFrame:
    return read_annotations(content, Config())


def task(*results: Any, image: str = "a.jpg", **more: Any) -> dict[str, Any]:
    annotations = [{"id": 3, "completed_by": 4, "result": list(results)}]
    return {"id": 9, "data": {"image": image}, "annotations": annotations} | more


def box(*sides: Any, labels: Any = ("cat",), **more: Any) -> dict[str, Any]:
    value = dict(zip(("x", "y", "width", "height"), sides, strict=False))
    kind = "rectanglelabels"
    return {"id": "r", "type": kind, "value": value | {kind: list(labels)}} | more


def turned(angle: Any, sides: Any = (10, 20, 30, 40), **more: Any) -> dict[str, Any]:
    result = box(*sides, original_width=200, original_height=100)
    return result | {"value": result["value"] | {"rotation": angle}} | more


def shape(kind: str, **value: Any) -> dict[str, Any]:
    return {"id": "r", "type": f"{kind}labels", "value": {f"{kind}labels": ["cat"]} | value}


def choice(*names: str) -> dict[str, Any]:
    return {"type": "choices", "value": {"choices": list(names)}}


def points_of(frame: pl.DataFrame) -> list[complex]:
    """Corners in pixels of a picture of 200 x 100."""
    corners = frame["_box"][0].to_list()
    return [complex(x * 200, y * 100) for x, y in zip(corners[::2], corners[1::2], strict=True)]


class TestBoxes:
    @untimed
    @given(st.lists(st.tuples(percent, percent, sizes, sizes, st.text(min_size=1)), min_size=1))
    def test_what_is_written_comes_back(self, items):
        frame = read([task(*(box(*item[:4], labels=[item[4]]) for item in items))])
        expected = []
        for x, y, width, height, label in items:
            left, top = x / 100, y / 100
            right, bottom = left + width / 100, top + height / 100
            text = label.encode("utf-8", "backslashreplace").decode()
            expected.append((text, [left, top, right, top, right, bottom, left, bottom]))
        assert frame.select("label", "_box").rows() == expected
        assert frame["_relative"].all()
        assert not frame["_rotated"].any()

    @untimed
    @given(st.floats(-720, 720))
    def test_rotated_ones_turn_clockwise_round_their_top_left_corner(self, degrees):
        first, second, third, fourth = points_of(read([task(turned(degrees))]))
        angle = complex(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
        assert first == pytest.approx(20 + 20j)
        assert second - first == pytest.approx(60 * angle)
        assert fourth - first == pytest.approx(40 * angle * 1j)
        assert third - second == pytest.approx(fourth - first)

    def test_rotated_by_a_quarter(self):
        frame = read([task(turned(90))])
        assert points_of(frame) == pytest.approx([20 + 20j, 20 + 80j, -20 + 80j, -20 + 20j])
        assert frame["_rotated"].to_list() == [True]

    @pytest.mark.parametrize(
        ("result", "expected"),
        [
            (shape("polygon", points=[[10, 20], [40, 20], [40, 60]]), (0.1, 0.2, 0.4, 0.6)),
            (shape("ellipse", x=25, y=40, radiusX=15, radiusY=20), (0.1, 0.2, 0.4, 0.6)),
        ],
    )
    def test_shapes_become_the_box_around_them(self, result, expected):
        frame = read([task(result)])
        corners = frame["_box"][0].to_list()
        assert (*corners[:2], *corners[4:6]) == pytest.approx(expected)
        assert frame["label"].to_list() == ["cat"]

    @pytest.mark.parametrize(
        ("result", "error"),
        [
            (box(1, 2, 3), "its height is null, not a number"),
            (box(1, "2", 3, 4), "its y is a text, not a number"),
            (box(1, 2, 0, 4), "its size is 0.0 x 0.04: both must be above 0"),
            (box(1, math.nan, 3, 4), "its numbers are not finite"),
            (box(1, 10**400, 3, 4), "its numbers are not finite"),
            (box(1, 2, 3, 4) | {"value": [1]}, "its value is a list, not an object"),
            (
                box(1, 2, 3, 4, image_rotation=90),
                "its picture was turned by 90 degrees: turn the file itself",
            ),
            (
                turned(5, original_width=None),
                "it is rotated, but has no original_width and original_height",
            ),
            (
                turned(5, original_height=0),
                "it is rotated, but has no original_width and original_height",
            ),
            (turned("x"), "its rotation is no number"),
            (turned(math.inf), "its numbers are not finite"),
            (shape("polygon", points=[[1, 2], [3, 4]]), "its polygon has under 3 points"),
            (shape("polygon", points=[[1, 2], [3]]), "its points are no list of x and y"),
            (shape("polygon", points="x"), "its points are no list of x and y"),
            (shape("brush", rle=[1, 2]), "it is a mask of a brush, not a box"),
            (
                shape("ellipse", x=1, y=1, radiusX=1, radiusY=1, rotation=5),
                "it is a rotated ellipse, which has no box of its own",
            ),
            (shape("ellipse", x=1, y=1), "its radiusX is null, not a number"),
        ],
    )
    def test_bad_boxes_say_why(self, result, error):
        frame = read([task(result, box(1, 2, 3, 4))])
        assert frame["_box_error"].to_list() == [error, None]
        assert frame["_box"].null_count() == 0

    def test_what_is_no_box_is_passed_over(self):
        others = [
            {"type": kind, "value": {"x": 1}} for kind in ("keypointlabels", "textarea", "rating")
        ]
        assert read([task(*others, {"type": None}, {})])["path"].to_list() == ["a.jpg"]
        assert read([task(*others, box(1, 2, 3, 4))]).height == 1

    def test_boxes_that_repeat_stay(self):
        frame = read([task(box(1, 2, 3, 4), box(1, 2, 3, 4))])
        assert counts(frame)["duplicate_boxes"] == 1


class TestLabels:
    def test_labels_that_stand_apart(self):
        first = {"id": "r", "type": "rectangle", "value": box(1, 2, 3, 4)["value"]}
        del first["value"]["rectanglelabels"]
        labels = {"id": "r", "type": "labels", "value": {"labels": ["dog"]}}
        other = first | {"id": "s"}
        assert read([task(labels, first, other)])["label"].to_list() == ["dog", None]

    def test_several_labels_of_a_box_are_a_list(self):
        frame = read([task(box(1, 2, 3, 4, labels=["a", "b"]), box(1, 2, 3, 4, labels=[]))])
        assert frame["label"].to_list() == [["a", "b"], []]

    def test_choices_are_the_labels_of_pictures(self):
        frame = read([task(choice("cat")), task(image="b.jpg")])
        assert frame.select("path", "label").rows() == [("a.jpg", "cat"), ("b.jpg", None)]
        assert "_box" not in frame.columns

    def test_several_choices_are_a_list(self):
        frame = read([task(choice("cat", "old"), choice("cat")), task(image="b.jpg")])
        assert frame["label"].to_list() == [["cat", "old"], []]

    def test_choices_beside_boxes(self):
        frame = read([task(choice("night"), box(1, 2, 3, 4)), task(choice("day"), image="b.jpg")])
        assert frame.select("path", "label", "choices").rows() == [
            ("a.jpg", "cat", "night"),
            ("b.jpg", "day", "day"),
        ]
        assert frame["_box"].is_null().to_list() == [False, True]
        assert counts(frame)["pictures_without_boxes"] == 1


class TestTasks:
    def test_what_is_kept(self):
        data = {"image": "a.jpg", "camera": "left", "year": 2020, "nested": {"a": 1}, "label": "x"}
        frame = read([task(box(1, 2, 3, 4), data=data)])
        kept = frame.select("task_id", "annotation_id", "annotator", "camera", "year", "data_label")
        assert kept.row(0) == ("9", "3", "4", "left", "2020", "x")
        assert "nested" not in frame.columns

    def test_of_two_annotators_all_boxes_are_kept_but_the_cancelled(self):
        people = [
            {"id": 1, "completed_by": {"id": 5, "email": "a@b.c"}, "result": [box(1, 2, 3, 4)]},
            {"id": 2, "completed_by": 6, "result": [box(1, 2, 3, 4)]},
            {"id": 3, "was_cancelled": True, "result": [box(1, 2, 3, 4)]},
        ]
        frame = read([task(annotations=people)])
        assert frame["annotator"].to_list() == ["a@b.c", "6"]

    def test_predictions_are_passed_over(self):
        frame = read([task(predictions=[{"result": [box(1, 2, 3, 4)]}])])
        assert "_box" not in frame.columns

    @pytest.mark.parametrize(
        ("url", "path"),
        [
            ("/data/local-files/?d=my%20data/a%2Bb.jpg", "my data/a+b.jpg"),
            ("http://host:8080/data/local-files/?x=1&d=b/c.jpg&y=2", "b/c.jpg"),
            ("/data/local-files/?d=b%5Cc.jpg", "b/c.jpg"),
            ("/data/upload/12/3f2a1b9c-my-cat.jpg", "my-cat.jpg"),
            ("/data/upload/3f2a1b9c-cat%20one.jpg", "cat one.jpg"),
            ("/data/upload/1/cat.jpg", "cat.jpg"),
            ("https://host/data/upload/1/3f2a1b9c-cat.jpg", "cat.jpg"),
            ("s3://bucket/a b/c.jpg", "s3://bucket/a b/c.jpg"),
            ("https://host/a.jpg?size=1", "https://host/a.jpg?size=1"),
            ("C:\\data\\a.jpg", "C:/data/a.jpg"),
            ("plain/a.jpg", "plain/a.jpg"),
        ],
    )
    def test_urls(self, url, path):
        assert picture_path(url) == path
        assert read([task(image=url)])["path"].to_list() == [path]

    @pytest.mark.parametrize("key", ["image", "photo", "my_field"])
    def test_where_the_picture_is_named(self, key):
        frame = read([task(data={"text": "hello", key: "x/a.JPG"})])
        assert frame.select("path", "text").rows() == [("x/a.JPG", "hello")]


class TestBroken:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ([], " is an empty list: there is nothing in it"),
            ([5], "[0] is a number, not an object"),
            ([task(), None], "[1] is null, not an object"),
            ([{"image": "a.jpg", "label": []}], "[0] is no task of Label Studio"),
            ([{"data": {"image": "a.jpg"}}], "[0] is no task of Label Studio"),
            (
                [task(data={"text": "x"})],
                "[0].data names no picture, such as image; found are text",
            ),
            (
                [task(data={"image": 5})],
                "[0].data names no picture, such as image; found are image",
            ),
            ([task(data={})], "[0].data names no picture, such as image; found are none"),
            ([task(annotations=7)], "[0]: annotations is a number, not a list"),
            ([task(annotations=[7])], "[0]: annotations[0] is a number, not an object"),
            (
                [task(), task(annotations=[{"result": "x"}])],
                "[1].annotations[0]: result is a text, not a list",
            ),
            (
                [task(annotations=[{"result": [True]}])],
                "[0].annotations[0]: result[0] is true or false, not an object",
            ),
        ],
    )
    def test_structure(self, tmp_path: Path, content, message):
        with pytest.raises(ValueError, match=f"^annotations{re.escape(message)}"):
            read(content)
        path = tmp_path / "tasks.json"
        path.write_text(json.dumps(content))
        with pytest.raises(ValueError, match=re.escape(f"annotations: {path}{message}")):
            read(path)

    @untimed
    @given(
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["x", "points", "choices"]), inner)
            ),
        ),
        st.sampled_from(["rectangle", "polygonlabels", "ellipselabels", "choices", "labels"]),
    )
    def test_whatever_a_result_holds_it_is_a_row(self, value, kind):
        sides = dict.fromkeys(("x", "y", "width", "height", "radiusX", "radiusY"), value)
        inner = sides | {"points": value, "rotation": value, kind: value}
        results = [{"id": value, "type": kind, "value": inner}, {"type": kind, "value": value}]
        frame = read([task(*results)])
        assert frame["path"].unique().to_list() == ["a.jpg"]
