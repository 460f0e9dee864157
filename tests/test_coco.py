"""COCO: its real files against a plain loop, and what is wrong with others."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixsieve.annotations import counts, read_annotations
from pixsieve.config import Config

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

IMAGES = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}]
CATEGORIES = [{"id": 7, "name": "cat", "supercategory": "animal"}, {"id": 9, "name": "dog"}]


def read(content: Any) -> pl.DataFrame:
    return read_annotations(content, Config())


def coco(*annotations: Any, **more: Any) -> dict[str, Any]:
    return {
        "images": IMAGES,
        "categories": CATEGORIES,
        "annotations": [{"image_id": 1, "category_id": 7, **item} for item in annotations],
        **more,
    }


def upright(left: float, top: float, width: float, height: float) -> list[float]:
    right, bottom = left + width, top + height
    return [left, top, right, top, right, bottom, left, bottom]


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "file.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


class TestRealFiles:
    @pytest.mark.parametrize(
        "name", ["instances_train2017", "instances_val2017", "person_keypoints_val2017"]
    )
    def test_boxes_are_those_of_a_plain_loop(self, shared, name):
        path = shared / "coco" / "annotations" / f"{name}.json"
        content = json.loads(path.read_text())
        files = {image["id"]: image["file_name"] for image in content["images"]}
        names = {category["id"]: category["name"] for category in content["categories"]}
        above = {category["id"]: category["supercategory"] for category in content["categories"]}
        expected = []
        for item in content["annotations"]:
            label, kind = names[item["category_id"]], above[item["category_id"]]
            row = (files[item["image_id"]], label, kind, item["id"], item["area"], item["iscrowd"])
            expected.append((*row, upright(*item["bbox"])))
        with_boxes = {row[0] for row in expected}
        without = [file for file in files.values() if file not in with_boxes]
        columns = ("path", "label", "supercategory", "annotation_id", "area", "iscrowd", "_box")
        for form in (path, content):
            frame = read(form)
            assert frame.head(len(expected)).select(columns).rows() == expected
            rest = frame.slice(len(expected))
            assert rest["path"].to_list() == without
            assert rest["_box"].null_count() == rest["label"].null_count() == len(without)
            assert frame["_box_error"].count() == 0
            assert counts(frame)["pictures_without_boxes"] == len(without)

    def test_the_polygons_lie_in_the_boxes(self, shared):
        """The boxes of the file were made from its polygons."""
        path = shared / "coco" / "annotations" / "instances_val2017.json"
        content = json.loads(path.read_text())
        content["annotations"] = [
            item for item in content["annotations"] if isinstance(item["segmentation"], list)
        ]
        given_boxes = read(content).drop_nulls("_box")["_box"].to_numpy()
        for item in content["annotations"]:
            del item["bbox"]
        around = read(content).drop_nulls("_box")["_box"].to_numpy()
        assert np.abs(np.asarray(given_boxes) - np.asarray(around)).max() < 1

    def test_captions_are_lists(self, shared):
        path = shared / "coco" / "annotations" / "captions_val2017.json"
        content = json.loads(path.read_text())
        frame = read(path)
        assert frame["path"].to_list() == [image["file_name"] for image in content["images"]]
        assert "_box" not in frame.columns
        for number, captions in frame.select("image_id", "caption").rows():
            assert captions == [
                item["caption"] for item in content["annotations"] if item["image_id"] == number
            ]

    def test_images_keep_what_is_said_of_them(self, shared):
        path = shared / "coco" / "annotations" / "instances_val2017.json"
        content = json.loads(path.read_text())
        image = content["images"][0]
        names = {item["id"]: item["name"] for item in content["licenses"]}
        row = read(path).row(0, named=True)
        assert row["license"] == names[image["license"]]
        assert (row["image_width"], row["image_height"]) == (image["width"], image["height"])
        assert row["date_captured"] == image["date_captured"]


class TestRows:
    def test_floats_are_kept(self):
        frame = read(coco({"bbox": [0.125, 20.6, 1e-3, 3]}))
        assert frame["_box"][0].to_list() == upright(0.125, 20.6, 1e-3, 3)

    @untimed
    @given(
        st.lists(
            st.tuples(
                st.sampled_from([1, 2]),
                st.sampled_from([7, 9]),
                st.lists(st.floats(0.5, 500), min_size=4, max_size=4),
            ),
            min_size=1,
        )
    )
    def test_what_is_written_comes_back(self, items):
        keys = ("image_id", "category_id", "bbox")
        frame = read(coco(*(dict(zip(keys, item, strict=True)) for item in items)))
        found = frame.drop_nulls("_box").select("path", "label", "_box").rows()
        names = {7: "cat", 9: "dog"}
        assert found == [
            (f"{'ab'[image - 1]}.jpg", names[category], upright(*box))
            for image, category, box in items
        ]
        assert set(frame["path"]) == {"a.jpg", "b.jpg"}

    @pytest.mark.parametrize(
        ("item", "box"),
        [
            ({"segmentation": [[1, 2, 5, 2, 5, 9]]}, upright(1, 2, 4, 7)),
            ({"segmentation": [[1, 2, 5, 2, 5, 9], [0, 0, 1, 1]]}, upright(0, 0, 5, 9)),
            ({"bbox": [], "segmentation": [[1, 2, 5, 2, 5, 9]]}, upright(1, 2, 4, 7)),
            ({"bbox": None, "segmentation": [[1, 2, 5, 2, 5, 9]]}, upright(1, 2, 4, 7)),
            ({"bbox": (1, 2, 4, 7)}, upright(1, 2, 4, 7)),
            ({"bbox": np.array([1, 2, 4, 7])}, upright(1, 2, 4, 7)),
            ({"rot_bb_view": [[3, 5, 3, 1], [1, 3, 5, 3]]}, [3, 1, 5, 3, 3, 5, 1, 3]),
        ],
    )
    def test_shapes(self, item, box):
        frame = read(coco(item)).head(1)
        assert frame["_box"].to_list() == [box]
        assert frame["_box_error"].to_list() == [None]
        assert frame["_rotated"].to_list() == ["rot_bb_view" in item]

    @pytest.mark.parametrize(
        ("item", "error"),
        [
            ({"bbox": []}, "it has neither bbox nor polygon"),
            ({"bbox": [], "segmentation": []}, "it has neither bbox nor polygon"),
            ({"bbox": None}, "it has neither bbox nor polygon"),
            ({"segmentation": [[1, 1, 2, 2]]}, "its polygon has under 3 points"),
            ({"segmentation": [[1, 1, 2, 2, 3]]}, "its polygon is no list of x and y"),
            ({"segmentation": [["a"] * 6]}, "its polygon is no list of x and y"),
            ({"segmentation": "a"}, "its polygon is no list of x and y"),
            ({"segmentation": [[]]}, "its polygon has under 3 points"),
            (
                {"segmentation": {"counts": "a", "size": [2, 2]}},
                "it has a run-length mask, but no bbox",
            ),
            ({"bbox": [1, 2, 3]}, "its bbox is not four numbers"),
            ({"bbox": [1, 2, 3, "4"]}, "its bbox is not four numbers"),
            ({"bbox": [1, 2, 3, None]}, "its bbox is not four numbers"),
            ({"bbox": [1, 2, 3, True]}, "its bbox is not four numbers"),
            ({"bbox": [1, 2, [3], 4]}, "its bbox is not four numbers"),
            ({"bbox": {"x": 1}}, "its bbox is not four numbers"),
            ({"bbox": 5}, "its bbox is not four numbers"),
            ({"bbox": "1234"}, "its bbox is not four numbers"),
            ({"bbox": [1, 2, 0, 4]}, "its size is 0.0 x 4.0: both must be above 0"),
            ({"bbox": [1, 2, -3, 4]}, "its size is -3.0 x 4.0: both must be above 0"),
            ({"bbox": [math.nan, 2, 3, 4]}, "its numbers are not finite"),
            ({"bbox": [10**400, 2, 3, 4]}, "its numbers are not finite"),
            ({"rot_bb_view": [[1, 2], [3, 4]]}, "its rot_bb_view is not two rows of four numbers"),
            ({"rot_bb_view": 5}, "its rot_bb_view is not two rows of four numbers"),
        ],
    )
    def test_bad_boxes_say_why(self, item, error):
        frame = read(coco(item, {"bbox": [1, 1, 1, 1]}))
        assert frame["_box_error"].to_list() == [error, None, None]
        assert frame["_box"].null_count() == 1
        assert frame["label"].to_list() == ["cat", "cat", None]
        assert counts(frame)["bad_boxes"] == 1

    def test_an_unknown_category_is_counted(self):
        frame = read(coco({"bbox": [1, 1, 1, 1], "category_id": 8}))
        assert frame["label"].to_list() == [None, None]
        assert frame["category_id"].to_list() == [8, None]
        assert frame["_box_error"].count() == 0
        assert counts(frame)["unknown_categories"] == 1

    def test_a_box_of_an_image_that_is_not_listed(self):
        frame = read(coco({"bbox": [1, 1, 1, 1], "image_id": 77}, {"bbox": [1, 1, 1, 1]}))
        assert frame["path"].to_list() == ["image_id=77", "a.jpg", "b.jpg"]
        error = "the annotations list no image of its image_id"
        assert frame["_box_error"].to_list() == [error, None, None]

    def test_a_box_without_an_image(self):
        frame = read(coco({"bbox": [1, 1, 1, 1], "image_id": None}))
        assert frame["path"].to_list() == ["image_id=null", "a.jpg", "b.jpg"]

    def test_ids_of_several_kinds(self):
        images = [{"id": "x", "file_name": "a"}, {"id": 3.0, "file_name": "b"}]
        boxes = [{"bbox": [1, 1, 1, 1], "image_id": key} for key in ("x", 3, "3")]
        assert read(coco(*boxes, images=images))["path"].to_list() == ["a", "b", "b"]

    def test_one_image_listed_twice_is_one(self):
        frame = read(coco({"bbox": [1, 1, 1, 1], "image_id": 2}, images=[*IMAGES, IMAGES[0]]))
        assert frame["path"].to_list() == ["b.jpg", "a.jpg"]

    def test_one_file_with_two_ids_is_one_picture(self):
        images = [*IMAGES, {"id": 3, "file_name": "a.jpg"}]
        frame = read(coco({"bbox": [1, 1, 1, 1]}, images=images))
        assert frame["path"].to_list() == ["a.jpg", "b.jpg"]

    def test_backslashes(self):
        images = [{"id": 1, "file_name": "train\\cats\\a.jpg"}]
        assert read(coco(images=images))["path"].to_list() == ["train/cats/a.jpg"]

    def test_text_that_is_half_a_character(self, tmp_path):
        text = json.dumps(
            coco({"bbox": [1, 1, 1, 1]}, images=[{"id": 1, "file_name": "\ud800é.jpg"}])
        )
        assert read(written(tmp_path, text))["path"].to_list() == ["\\ud800é.jpg"]

    def test_boxes_that_repeat_stay(self):
        frame = read(coco(*[{"bbox": [1, 1, 2, 2]}] * 3))
        assert frame.height == 4
        assert counts(frame)["duplicate_boxes"] == 2

    def test_odd_values_of_columns_are_nothing(self):
        odd = {"area": "big", "iscrowd": 10**30, "num_keypoints": [1], "id": {}, "score": True}
        frame = read(coco({"bbox": [1, 1, 2, 2], **odd}))
        assert not {"area", "iscrowd", "num_keypoints"} & set(frame.columns)
        assert frame["_box_error"].count() == 0


class TestWholeImages:
    def test_labels_without_boxes(self):
        frame = read(coco({}, {"image_id": 2, "category_id": 9}))
        assert frame.select("path", "label").rows() == [("a.jpg", "cat"), ("b.jpg", "dog")]
        assert "_box" not in frame.columns

    def test_several_labels_are_a_list(self):
        frame = read(coco({}, {"category_id": 9}, {"category_id": 9}))
        assert frame["label"].to_list() == [["cat", "dog"], None]

    def test_an_unknown_category_is_counted(self):
        frame = read(coco({"category_id": 8}))
        assert frame["path"].to_list() == ["a.jpg", "b.jpg"]
        assert "label" not in frame.columns
        assert counts(frame) == {"unknown_categories": 1}

    def test_no_annotations_at_all(self):
        for content in (coco(), {"images": IMAGES, "categories": []}):
            frame = read(content)
            assert frame["path"].to_list() == ["a.jpg", "b.jpg"]
            assert "_box" not in frame.columns

    def test_a_table_with_a_column_called_images_is_a_table(self):
        frame = read({"path": ["a"], "images": [1], "annotations": [2]})
        assert frame.columns == ["path", "images", "annotations"]


class TestBroken:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (coco(images=5), "images is a number, not a list"),
            (coco(images=[7]), "images[0] is a number, not an object"),
            (coco(images=[{"file_name": "a"}]), "images[0].id is null, neither a number nor"),
            (coco(images=[{"id": True, "file_name": "a"}]), "images[0].id is true or false"),
            (coco(images=[*IMAGES, {"id": 3}]), "images[2].file_name is null"),
            (coco(images=[{"id": 1, "file_name": ""}]), "images[0].file_name is empty"),
            (coco(images=[{"id": 1, "file_name": [1]}]), "images[0].file_name is a list"),
            (
                coco(images=[*IMAGES, {"id": 1, "file_name": "c"}]),
                "two images have the id 1, 'a.jpg' and 'c'",
            ),
            (coco(annotations={"a": 1}), "annotations is an object, not a list"),
            (coco(annotations=[None]), "annotations[0] is null, not an object"),
            (coco({}, categories=[{"id": 1}]), "categories[0].name is null, not a text"),
            (coco({}, categories=[{"name": "x"}]), "categories[0].id is null"),
            (
                coco({}, categories=[*CATEGORIES, {"id": 7, "name": "cow"}]),
                "two categories have the id 7, 'cat' and 'cow'",
            ),
            (coco(licenses="x"), "licenses is a text, not a list"),
        ],
    )
    def test_structure(self, tmp_path, content, message):
        with pytest.raises(ValueError, match=f"^annotations: {re.escape(message)}"):
            read(content)
        path = written(tmp_path, json.dumps(content))
        with pytest.raises(ValueError, match=re.escape(f"annotations: {path}: {message}")):
            read(path)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "is no valid JSON: Expecting value, line 1, column 1"),
            ('{"images": [\n{]', "is no valid JSON: Expecting property name.*, line 2, column 2"),
            ("[" * 200_000, "is nested too deeply to be read"),
            (f"[{'1' * 5000}]", "holds a number of thousands of digits"),
            (b'{"images": "\xff\xfe"}', "is no text: invalid start byte at byte 12"),
            ("7", "is neither COCO, an object with images and annotations, nor an export"),
            ('{"images": []}', "is neither COCO"),
            ('[{"image_id": 1, "bbox": [1, 1, 1, 1], "score": 1}]', ".0. is no task.*COCO"),
        ],
    )
    def test_text(self, tmp_path, text, message):
        path = written(tmp_path, text)
        with pytest.raises(ValueError, match=f"^annotations: {re.escape(str(path))}.*{message}"):
            read(path)

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
    def test_byte_order_marks_and_windows_lines(self, tmp_path, encoding):
        text = json.dumps(coco({"bbox": [1, 1, 1, 1]}), indent=1).replace("\n", "\r\n")
        assert read(written(tmp_path, text.encode(encoding)))["path"][0] == "a.jpg"

    def test_constants_that_are_no_numbers(self, tmp_path):
        text = json.dumps(coco({"bbox": [0.5, math.nan, math.inf, 4]}))
        frame = read(written(tmp_path, text))
        assert frame["_box_error"][0] == "its numbers are not finite"

    @untimed
    @given(
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(
                    st.sampled_from(["id", "image_id", "bbox", "segmentation"]), inner
                )
            ),
        )
    )
    def test_whatever_an_annotation_holds_it_is_a_row(self, value):
        item = {"image_id": 1, "bbox": value, "segmentation": value, "id": value, "area": value}
        item |= {"category_id": value, "rot_bb_view": None}
        frame = read({"images": IMAGES, "categories": CATEGORIES, "annotations": [item]})
        assert frame["path"].to_list() == ["a.jpg", "b.jpg"]
        assert frame["_box"].null_count() == 1
