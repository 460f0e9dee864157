"""YOLO: label files, the names of classes, and data.yaml."""

import os
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixsieve.annotations import (
    BOX,
    boxes_of_pictures,
    counts,
    labels_for,
    pictures_of,
    read_annotations,
    read_data_yaml,
)
from pixsieve.annotations.yolo import read_list, read_names
from pixsieve.config import Config

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

YAML = "train: images/train\nval: images/val\nnames: [cat, dog]\n"

shares = st.floats(0, 1)


def read(place: Any) -> pl.DataFrame:
    return read_annotations(place, Config())


def upright(cx: float, cy: float, width: float, height: float) -> list[float]:
    left, top = cx - width / 2, cy - height / 2
    right, bottom = left + width, top + height
    return [left, top, right, top, right, bottom, left, bottom]


def lay(root: Path, files: dict[str, str | bytes]) -> Path:
    """Writes files by their relative names."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return root


def boxes(folder: Path, text: str | bytes, names: Any = None, **more: Any) -> pl.DataFrame:
    lay(folder, {"labels/a.txt": text, "images/a.jpg": b""})
    return boxes_of_pictures([str(folder / "images/a.jpg")], names or {}, **more)


class TestWhereLabelsLie:
    @pytest.mark.parametrize(
        ("picture", "label"),
        [
            ("/d/images/train/a.jpg", "/d/labels/train/a.txt"),
            ("/images/d/images/a.b.png", "/images/d/labels/a.b.txt"),
            ("images/a.jpg", "labels/a.txt"),
            ("/d/myimages/a.jpg", "/d/myimages/a.txt"),
            ("/d/images.jpg", "/d/images.txt"),
            ("a.jpg", "a.txt"),
            ("/d/images/images/a", "/d/images/labels/a.txt"),
            ("/d\n/images/a.jpg", "/d\n/labels/a.txt"),
        ],
    )
    def test_the_last_images_becomes_labels(self, picture, label):
        assert labels_for(picture) == label


class TestLines:
    @untimed
    @given(
        st.lists(
            st.tuples(st.integers(0, 1), shares, shares, st.floats(0.001, 1), st.floats(0.001, 1))
        )
    )
    def test_boxes_come_back(self, tmp_path, rows):
        text = "".join(" ".join(map(repr, row)) + "\n" for row in rows)
        frame = boxes(tmp_path, text, {0: "cat", 1: "dog"})
        if not rows:
            assert frame.select("label", "_box").rows() == [(None, None)]
            return
        assert frame["label"].to_list() == [("cat", "dog")[row[0]] for row in rows]
        assert frame["_box"].to_list() == [upright(*row[1:]) for row in rows]
        assert frame["_relative"].all()
        assert frame["_box_error"].null_count() == len(rows)

    def test_confidence(self, tmp_path):
        frame = boxes(tmp_path, "0 .5 .5 .2 .2 .875\n1 .5 .5 .2 .2\n")
        assert frame["confidence"].to_list() == [0.875, None]
        assert frame["label"].to_list() == ["0", "1"]

    @pytest.mark.parametrize("confidence", ["", " 0.5"])
    def test_eight_numbers_are_corners(self, tmp_path, confidence):
        frame = boxes(tmp_path, f"0 .5 .1 .9 .5 .5 .9 .1 .5{confidence}")
        assert frame["_box"].to_list() == [[0.5, 0.1, 0.9, 0.5, 0.5, 0.9, 0.1, 0.5]]
        assert frame["_rotated"].to_list() == [True]

    def test_beside_other_polygons_they_are_polygons(self, tmp_path):
        quad, triangle = "0 .5 .1 .9 .5 .5 .9 .1 .5", "0 .2 .2 .4 .2 .4 .6"
        frame = boxes(tmp_path, f"{quad}\n{triangle}\n")
        assert frame["_rotated"].any() is False
        assert frame["_box"][0].to_list() == pytest.approx(upright(0.5, 0.5, 0.8, 0.8))
        assert frame["_box"][1].to_list() == pytest.approx(upright(0.3, 0.4, 0.2, 0.4))

    @untimed
    @given(st.lists(st.tuples(shares, shares), min_size=5, max_size=40))
    def test_polygons_become_the_box_around_them(self, tmp_path, points):
        text = " ".join(f"{x!r} {y!r}" for x, y in points)
        box = boxes(tmp_path, f"0 {text}")["_box"][0].to_list()
        xs, ys = [x for x, _ in points], [y for _, y in points]
        assert box[:2] == [min(xs), min(ys)]
        assert box[4:6] == pytest.approx([max(xs), max(ys)])

    def test_keypoints_are_passed_over(self, tmp_path):
        line = "0 .5 .5 .25 .25 " + " ".join([".1 .2 2"] * 17)
        frame = boxes(tmp_path, line, keypoints=(17, 3))
        assert frame["_box"].to_list() == [upright(0.5, 0.5, 0.25, 0.25)]
        assert frame["_box_error"].to_list() == [None]

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n \n"])
    def test_line_ends_tabs_and_a_byte_order_mark(self, tmp_path, end):
        text = end.join(["0\t.5  .5 .2 .2", " 1 .5 .5 .2 .2 "]) + end
        frame = boxes(tmp_path, text.encode("utf-8-sig"))
        assert frame["class_id"].to_list() == [0, 1]
        assert frame["_box_error"].to_list() == [None, None]

    @pytest.mark.parametrize(
        ("line", "error"),
        [
            ("0", "its line has 0 numbers after the class, not 4 or more: 0"),
            ("0 .1 .2 .3", "its line has 3 numbers after the class, not 4 or more: 0 .1 .2 .3"),
            ("cat .1 .2 .3 .3", "its class is no whole number: cat .1 .2 .3 .3"),
            ("0.5 .1 .2 .3 .3", "its class is no whole number: 0.5 .1 .2 .3 .3"),
            ("-1 .1 .2 .3 .3", "its class is no whole number: -1 .1 .2 .3 .3"),
            ("9" * 30 + " .1 .2 .3 .3", f"its class is no whole number: {'9' * 30} .1 .2 .3 .3"),
            ("0 .1 x .3 .3", "its line holds what is no finite number: 0 .1 x .3 .3"),
            ("0 .1 nan .3 .3", "its line holds what is no finite number: 0 .1 nan .3 .3"),
            ("0 .1 .1 .3 1e999", "its line holds what is no finite number: 0 .1 .1 .3 1e999"),
            (
                "0 320 240 50 50",
                "its line has 320.0, which is no share of a picture, 0 to 1: 0 320 240 50 50",
            ),
            (
                "0 -.5 .5 .5 .5",
                "its line has -0.5, which is no share of a picture, 0 to 1: 0 -.5 .5 .5 .5",
            ),
            ("0 .5 .5 0 .5", "its size is 0.0 x 0.5: both must be above 0"),
            ("\x00\x01", "its line has 0 numbers after the class, not 4 or more: \x00\x01"),
        ],
    )
    def test_lines_that_are_none(self, tmp_path, line, error):
        frame = boxes(tmp_path, f"{line}\n0 .5 .5 .2 .2\n")
        assert frame["_box_error"].to_list() == [error, None]
        assert counts(frame)["bad_boxes"] == 1

    def test_a_class_may_be_written_as_a_float(self, tmp_path):
        frame = boxes(tmp_path, "1.0 .5 .5 .2 .2", {1: "dog"})
        assert frame["label"].to_list() == ["dog"]

    def test_an_unknown_class_is_counted(self, tmp_path):
        frame = boxes(tmp_path, "3 .5 .5 .2 .2\n0 .5 .5 .2 .2", {0: "cat"})
        assert frame.select("label", "class_id").rows() == [(None, 3), ("cat", 0)]
        assert counts(frame)["unknown_categories"] == 1

    def test_boxes_that_repeat_stay(self, tmp_path):
        frame = boxes(tmp_path, "3 .5 .5 .2 .2\n" * 3)
        assert frame.height == 3
        assert counts(frame)["duplicate_boxes"] == 2

    @untimed
    @given(st.binary(max_size=200))
    def test_whatever_a_file_holds_it_gives_rows(self, tmp_path, raw):
        frame = boxes(tmp_path, raw)
        assert frame["path"].unique().to_list() == [str(tmp_path / "images/a.jpg")]
        assert pl.Schema({name: frame.schema[name] for name in BOX}) == BOX

    @untimed
    @given(st.lists(st.lists(st.sampled_from(["0", ".5", "1", "x", "nan", "7"]), max_size=12)))
    def test_whatever_the_words_every_line_is_a_row(self, tmp_path, lines):
        frame = boxes(tmp_path, "\n".join(" ".join(line) for line in lines))
        assert frame.height == max(1, sum(bool(line) for line in lines))


class TestFiles:
    def test_missing_empty_and_unreadable_ones(self, tmp_path):
        files = {"labels/b.txt": "", "labels/c.txt": b"\xff\xfe\x00", "labels/d.txt/x": ""}
        lay(tmp_path, files)
        pictures = [str(tmp_path / f"images/{name}.jpg") for name in "abcd"]
        frame = boxes_of_pictures(pictures, {}).sort("path")
        assert frame["path"].to_list() == pictures
        assert frame["_box_error"].to_list() == [
            None,
            None,
            "its label file is no text: invalid start byte at byte 0",
            "its label file cannot be read: Is a directory",
        ]
        assert frame["_box"].is_null().to_list() == [True, True, False, False]

    def test_no_pictures(self):
        frame = boxes_of_pictures([], {0: "cat"})
        assert frame.height == 0
        assert pl.Schema({name: frame.schema[name] for name in BOX}) == BOX


class TestDataYaml:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        line = "1 .5 .5 .2 .2\n"
        return lay(
            tmp_path / "coco8",
            {
                "data.yaml": YAML,
                "images/train/a.jpg": b"",
                "images/train/b.jpg": b"",
                "images/val/c.jpg": b"",
                "labels/train/a.txt": line,
                "labels/val/c.txt": line,
            },
        )

    def test_all_of_it_as_annotations(self, root):
        for place in (root, root / "data.yaml"):
            frame = read(place).sort("path")
            assert frame["path"].to_list() == [
                str(root / f"images/{name}.jpg") for name in ("train/a", "train/b", "val/c")
            ]
            assert frame["split"].to_list() == ["train", "train", "val"]
            assert frame["label"].to_list() == ["dog", None, "dog"]
            assert frame["_box"].is_null().to_list() == [False, True, False]

    def test_a_picture_in_two_splits_is_of_the_first(self, root):
        (root / "data.yaml").write_text("train: images/train\nval: images/train\n")
        assert read(root)["split"].unique().to_list() == ["train"]

    @pytest.mark.parametrize(
        "path",
        ["path: ../coco8", "path: coco8", "path: {root}", "path:", "path: '..\\coco8'", "path: ''"],
    )
    def test_where_path_leads(self, root, path, monkeypatch):
        monkeypatch.chdir(root.parent)
        (root / "data.yaml").write_text(f"{path.format(root=root)}\n{YAML}")
        data = read_data_yaml(root / "data.yaml")
        assert data.splits == {
            "train": [str(root / "images/train")],
            "val": [str(root / "images/val")],
        }
        assert data.names == {0: "cat", 1: "dog"}

    def test_where_the_program_runs_does_not_matter_for_a_whole_path(self, root, monkeypatch):
        monkeypatch.chdir("/")
        assert read_data_yaml(root / "data.yaml").splits["val"] == [str(root / "images/val")]

    def test_a_path_that_is_nowhere_is_the_folder_of_the_file(self, root, monkeypatch):
        monkeypatch.chdir("/")
        (root / "data.yaml").write_text(f"path: datasets/coco8\n{YAML}")
        assert read_data_yaml(root / "data.yaml").splits["val"] == [str(root / "images/val")]

    def test_the_dots_of_roboflow(self, root):
        (root / "data.yaml").write_text("train: ../images/train\n")
        assert read_data_yaml(root / "data.yaml").splits == {"train": [str(root / "images/train")]}

    def test_lists_of_folders_and_of_files(self, root, monkeypatch):
        monkeypatch.chdir("/")
        (root / "train.txt").write_bytes(
            b"\xef\xbb\xbf./images/train/a.jpg\r\nimages\\val\\c.jpg\r\n\r\n"
            + f"{root}/x.jpg".encode()
        )
        (root / "data.yaml").write_text("train: [train.txt, images/train]\ntest: null\n")
        data = read_data_yaml(root / "data.yaml")
        assert data.splits == {"train": [str(root / "train.txt"), str(root / "images/train")]}
        listed = [str(root / name) for name in ("images/train/a.jpg", "images/val/c.jpg", "x.jpg")]
        assert read_list(root / "train.txt") == pictures_of(str(root / "train.txt")) == listed
        assert read(root)["path"].n_unique() == 4

    def test_lines_relative_to_where_the_program_runs(self, root, monkeypatch):
        monkeypatch.chdir(root.parent)
        (root / "train.txt").write_text("coco8/images/val/c.jpg\n")
        assert read_list(root / "train.txt") == [str(root / "images/val/c.jpg")]

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            ("{0: cat, '7': dog}", {0: "cat", 7: "dog"}),
            ("[1, 2.5]", {0: "1", 1: "2.5"}),
            ("", {}),
        ],
    )
    def test_names(self, root, names, expected):
        (root / "data.yaml").write_text(f"train: images/train\nnames: {names}\n")
        assert read_data_yaml(root / "data.yaml").names == expected
        assert read_names(root / "data.yaml") == expected

    def test_a_test_split_that_was_not_exported_is_counted(self, root):
        (root / "data.yaml").write_text(YAML + "test: [../test/images, images/other]\n")
        found = read_data_yaml(root / "data.yaml")
        assert (found.absent, found.splits.keys()) == (2, {"train", "val"})

    @pytest.mark.parametrize(
        ("text", "error", "message"),
        [
            ("test: images/test\n", FileNotFoundError, "test is 'images/test', but there is no"),
            ("train: /no/such/folder\n", FileNotFoundError, "there is no /no/such/folder: correct"),
            ("path: /no/such\ntrain: a\n", FileNotFoundError, "there is no /no/such/a: correct"),
            ("names: [a]\n", ValueError, "there is none of the keys train, val and test"),
            ("train: 5\n", ValueError, "train is 5, not a folder or a list"),
            ("train: [images/train, {a: 1}]\n", ValueError, "train is {'a': 1}, not a folder"),
            ('train: "a\\0b"\n', ValueError, "train is 'a\\x00b', not a folder"),
            ("path: [a]\ntrain: a\n", ValueError, "path is ['a'], not a folder"),
            ("", ValueError, "a data.yaml holds keys such as train, val and names"),
            ("- a\n", ValueError, "a data.yaml holds keys"),
            ("a: [\n", ValueError, "is no valid YAML: while parsing"),
            ("a: !!python/object/apply:os.getcwd []\n", ValueError, "is no valid YAML: could not"),
            ("train: images/train\nnames: x\n", ValueError, "names is 'x', neither a list nor"),
            ("train: images/train\nnames: {a: b}\n", ValueError, "names has the key 'a', which is"),
            ("train: images/train\nnames: [[a]]\n", ValueError, "names[0] is ['a'], not a text"),
            ("train: images/train\nkpt_shape: 17\n", ValueError, "kpt_shape is 17, not [17, 3]"),
            ("a: " + "[" * 5000, ValueError, "cannot be read as YAML"),
        ],
    )
    def test_what_is_wrong_is_said(self, root, text, error, message):
        path = root / "data.yaml"
        path.write_text(text)
        with pytest.raises(error, match=f"^{re.escape(str(path))}.*{re.escape(message)}"):
            read_data_yaml(path)

    def test_aliases_that_multiply_are_not_written_out(self, root):
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
        (root / "data.yaml").write_text("\n".join([*lines, "train: *a11\n"]))
        with pytest.raises(ValueError, match=r"train is .*, not a folder") as caught:
            read_data_yaml(root / "data.yaml")
        assert len(str(caught.value)) < 1000

    def test_a_file_that_is_missing_binary_or_huge(self, tmp_path):
        path = tmp_path / "data.yaml"
        with pytest.raises(FileNotFoundError, match=r"there is no file"):
            read_data_yaml(path)
        path.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ValueError, match=r"is no text: invalid start byte at byte 0"):
            read_data_yaml(path)
        os.truncate(path, 2**30)
        with pytest.raises(ValueError, match=r"is larger than any data.yaml"):
            read_data_yaml(path)

    def test_no_pictures_at_all(self, tmp_path):
        lay(tmp_path, {"data.yaml": "train: images\n", "images/note.txt": ""})
        with pytest.raises(ValueError, match=r"there is no picture in train"):
            read(tmp_path)
