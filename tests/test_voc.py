"""Pascal VOC: its XML files, whole, broken and hostile."""

import math
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixsieve.annotations import counts, read_annotations
from pixsieve.config import Config

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(place: Any) -> pl.DataFrame:
    return read_annotations(place, Config())


def upright(left: float, top: float, right: float, bottom: float) -> list[float]:
    # As it is computed: from the width and the height.
    right, bottom = left + (right - left), top + (bottom - top)
    return [left, top, right, top, right, bottom, left, bottom]


def item(*sides: object, name: str = "cat", more: str = "") -> str:
    keys = ("xmin", "ymin", "xmax", "ymax")
    box = "".join(f"<{key}>{side}</{key}>" for key, side in zip(keys, sides, strict=True))
    return f"<object><name>{name}</name>{more}<bndbox>{box}</bndbox></object>"


def annotation(*objects: str, filename: str | None = "a.jpg") -> str:
    name = "" if filename is None else f"<filename>{filename}</filename>"
    return f"<annotation><folder>x</folder>{name}{''.join(objects)}</annotation>"


def written(folder: Path, text: str | bytes, name: str = "a.xml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


class TestBoxes:
    @untimed
    @given(
        st.lists(
            st.tuples(
                *[st.floats(0, 500)] * 2,
                *[st.floats(501, 5000)] * 2,
                st.sampled_from(["cat", "a & b", "<dog>", "кот", "  two words "]),
            )
        )
    )
    def test_what_is_written_comes_back(self, tmp_path, items):
        from xml.sax.saxutils import escape

        objects = [item(*row[:4], name=escape(row[4])) for row in items]
        frame = read(written(tmp_path, annotation(*objects)))
        expected = [(row[4].strip(), upright(*row[:4])) for row in items]
        assert frame.select("label", "_box").rows() == (expected or [(None, None)])
        assert frame["path"].unique().to_list() == ["a.jpg"]
        assert not frame["_relative"].any()

    def test_what_is_said_of_an_object(self, tmp_path):
        more = "<pose>Left</pose><truncated>1</truncated><difficult>true</difficult>"
        text = annotation(
            item(1, 2, 3, 4, more=more), item(1, 2, 3, 4, more="<occluded>x</occluded>")
        )
        frame = read(written(tmp_path, text))
        assert frame.select("pose", "truncated", "difficult").rows() == [
            ("Left", 1, 1),
            (None, None, None),
        ]
        assert "occluded" not in frame.columns

    def test_parts_are_no_objects(self, tmp_path):
        part = "<part><name>head</name><bndbox><xmin>7</xmin></bndbox></part>"
        frame = read(written(tmp_path, annotation(item(1, 2, 3, 4, more=part))))
        assert frame.select("label", "_box").rows() == [("cat", upright(1, 2, 3, 4))]

    @untimed
    @given(st.floats(-7, 7))
    def test_rotated_boxes(self, tmp_path, angle):
        box = f"<cx>50</cx><cy>40</cy><w>20</w><h>10</h><angle>{angle!r}</angle>"
        text = annotation(f"<object><name>x</name><robndbox>{box}</robndbox></object>")
        corners = read(written(tmp_path, text))["_box"][0].to_list()
        points = [complex(*corners[place : place + 2]) for place in range(0, 8, 2)]
        assert sum(points) / 4 == pytest.approx(50 + 40j)
        across, down = points[1] - points[0], points[3] - points[0]
        assert abs(across) == pytest.approx(20)
        assert abs(down) == pytest.approx(10)
        # Along the x axis at first; clockwise, as y points downwards.
        assert across / 20 == pytest.approx(complex(math.cos(angle), math.sin(angle)))
        assert down / across == pytest.approx(0.5j)

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            (item(1, 2, 1, 4), "its size is 0.0 x 2.0: both must be above 0"),
            (item(5, 2, 1, 4), "its size is -4.0 x 2.0: both must be above 0"),
            (item("", 2, 1, 4), "its bndbox has no xmin"),
            (item("x", 2, 1, 4), "its xmin is x, which is no number"),
            (item(0, 0, "nan", 4), "its numbers are not finite"),
            (item(0, 0, "1e999", 4), "its numbers are not finite"),
            ("<object><name>cat</name></object>", "its object has no bndbox"),
            (
                "<object><name>cat</name><robndbox><cx>1</cx></robndbox></object>",
                "its robndbox has no cy",
            ),
            (
                "<object><name>cat</name><robndbox><cx>1</cx><cy>1</cy><w>5</w><h>4</h>"
                "<angle>inf</angle></robndbox></object>",
                "its numbers are not finite",
            ),
        ],
    )
    def test_bad_boxes_say_why(self, tmp_path, text, error):
        frame = read(written(tmp_path, annotation(text, item(1, 2, 3, 4))))
        assert frame["_box_error"].to_list() == [error, None]
        assert frame["label"].to_list() == ["cat", "cat"]

    def test_boxes_that_repeat_stay(self, tmp_path):
        frame = read(written(tmp_path, annotation(*[item(1, 2, 3, 4)] * 2)))
        assert counts(frame)["duplicate_boxes"] == 1

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_encodings_and_windows_lines(self, tmp_path, encoding):
        text = annotation(item(1, 2, 3, 4, name="кот")).replace("><", ">\r\n<")
        frame = read(written(tmp_path, text.encode(encoding)))
        assert frame["label"].to_list() == ["кот"]


class TestPictures:
    def test_the_folders_of_the_challenge(self, tmp_path):
        root = tmp_path / "VOC2012"
        for name in ("b", "a", "c"):
            text = annotation(item(1, 2, 3, 4), filename=f"{name}.jpg")
            written(root, text, f"Annotations/{name}.xml")
        written(root, b"", "JPEGImages/a.jpg")
        written(root, "a\n\nb 1\n", "ImageSets/Main/train.txt")
        written(root, "a\n", "ImageSets/Main/val.txt")
        for place in (root, root / "Annotations"):
            frame = read(place).sort(pl.col("path").str.tail(5))
            below = "Annotations/" if place == root else ""
            paths = [str(root / "JPEGImages/a.jpg"), f"{below}b.jpg", f"{below}c.jpg"]
            assert frame["path"].to_list() == paths
            assert frame["split"].to_list() == ["train", "train", None]

    @pytest.mark.parametrize("name", ["C:\\data\\a.jpg", "/home/me/a.jpg", "a.jpg"])
    def test_paths_of_other_machines(self, tmp_path, name):
        frame = read(written(tmp_path, annotation(filename=name)))
        assert frame["path"].to_list() == ["a.jpg"]

    @pytest.mark.parametrize("name", [None, "", "  "])
    def test_without_a_file_name(self, tmp_path, name):
        path = written(tmp_path, annotation(filename=name), "x/b.xml")
        assert read(tmp_path).select("path", "_stem").rows() == [("x/b", True)]
        (tmp_path / "x" / "b.png").touch()
        assert read(path)["path"].to_list() == [str(tmp_path / "x" / "b.png")]


class TestBroken:
    BOMB = (
        '<!DOCTYPE a [<!ENTITY a "x"><!ENTITY b "&a;&a;">]>'
        "<annotation><filename>&b;</filename></annotation>"
    )
    OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>'

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "is no valid XML: no element found"),
            ("<annotation><object></annotation>", "is no valid XML: mismatched tag: line 1"),
            ("<annotation>", "is no valid XML: no element found: line 1, column 12"),
            (b"<annotation>\xff</annotation>", "is no valid XML: not well-formed"),
            ("<html></html>", "is not Pascal VOC: it is a <html>, no <annotation>"),
            ("<annotation>" + "<a>" * 100_000, "is nested too deeply to be Pascal VOC"),
            (BOMB, "defines entities, which are not read"),
            (OUTSIDE, "defines entities, which are not read"),
            ("<annotation>&undefined;</annotation>", "is no valid XML: undefined entity"),
            ('<?xml version="1.0" encoding="klingon"?><annotation/>', "text encoding"),
        ],
    )
    def test_a_file_by_itself(self, tmp_path, text, message):
        path = written(tmp_path, text)
        with pytest.raises(ValueError, match=f"^annotations: {re.escape(str(path))}.*{message}"):
            read(path)
        with pytest.raises(ValueError, match=f"^annotations: .*{message}"):
            read(tmp_path)

    def test_one_among_others_is_a_row(self, tmp_path):
        written(tmp_path, self.BOMB, "Annotations/b.xml")
        written(tmp_path, annotation(item(1, 2, 3, 4)), "Annotations/a.xml")
        (tmp_path / "images").mkdir()
        (tmp_path / "images" / "b.png").touch()
        frame = read(tmp_path / "Annotations")
        assert frame["path"].to_list() == ["a.jpg", str(tmp_path / "images" / "b.png")]
        broken = tmp_path / "Annotations" / "b.xml"
        assert frame["_box_error"].to_list() == [
            None,
            f"{broken} defines entities, which are not read",
        ]

    def test_a_document_type_without_entities_is_read(self, tmp_path):
        text = f"<!DOCTYPE annotation>{annotation(item(1, 2, 3, 4))}"
        assert read(written(tmp_path, text))["_box"].to_list() == [upright(1, 2, 3, 4)]

    @untimed
    @given(st.binary(max_size=60), st.integers(0, 200))
    def test_damage_is_a_row_or_a_clear_error(self, tmp_path, noise, place):
        whole = annotation(item(1, 2, 3, 4)).encode()
        path = written(tmp_path, whole[:place] + noise + whole[place + len(noise) :])
        try:
            frame = read(path)
        except ValueError as error:
            assert str(error).startswith(f"annotations: {path}")  # noqa: PT017
        else:
            assert frame.height == 1
