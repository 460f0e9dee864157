"""Rows of boxes that nothing was cut out for: what they say, and where they are counted."""

import json
from pathlib import Path

import polars as pl

from box_case import drawn, save, table
from conftest import Run


def test_boxes_too_small_are_no_broken_pictures(run: Run, tmp_path: Path):
    save(tmp_path / "in", "a.png", drawn(0))
    (tmp_path / "in" / "b.png").write_bytes(b"")
    boxes = [("a.png", 0, 0, 9, 40), ("a.png", 0, 50, 40, 9), ("a.png", 0, 0, 40, 40)]
    audit = run(tmp_path / "in", annotations=table(*boxes, ("b.png", 0, 0, 5, 5)))
    assert audit.summarize().counts["small_boxes"] == 2
    lines = audit.summary(verbose=False)
    assert "1 broken image (25.0%): 1 empty_file → audit.invalid_instances()" in lines
    assert "2 boxes (50.0%) too small to be looked at → audit.invalid_instances()" in lines
    codes = audit.invalid_instances()["error_code"].to_list()
    assert codes == ["too_small", "too_small", "empty_file"]
    page = audit.report().read_text()
    assert "Boxes too small to be looked at are not shown: 2." in page
    assert page.count(">too_small<") == 0
    assert page.count(">empty_file<") == 1


def test_of_detected_boxes_too(run: Run, tmp_path: Path):
    save(tmp_path / "in", "a.png", drawn(0))
    audit = run(tmp_path / "in", bounding_box="row_y=0,col_x=0,height=5,width=5")
    lines = audit.summary(verbose=False)
    assert "1 box (100.0%) too small to be looked at → audit.invalid_instances()" in lines
    assert not [line for line in lines if "broken" in line]


def test_whole_pictures_below_a_limit_are_counted_as_before(run: Run, tmp_path: Path):
    save(tmp_path / "in", "a.png", drawn(0))
    audit = run(tmp_path / "in", min_width=300)
    line = "1 broken image (100.0%): 1 too_small → audit.invalid_instances()"
    assert line in audit.summary(verbose=False)
    assert "small_boxes" not in audit.summarize().counts
    assert ">too_small<" in audit.report().read_text()


def test_where_shares_of_an_unknown_size_lie_is_not_known(run: Run, tmp_path: Path):
    save(tmp_path / "in", "images/a.png", drawn(0))
    labels = tmp_path / "in" / "labels"
    labels.mkdir()
    for name in ("a", "gone"):
        (labels / f"{name}.txt").write_text("0 .5 .5 .5 .5\n0 .5 .2 .8 .5 .5 .8 .2 .5\n")
    audit = run(tmp_path / "in", annotations=labels)
    found = audit.images.filter(error_code="missing_file")
    assert found.height == 2
    sides = [name for name in found.columns if name in ("col_x", "box_width", "x1", "y4")]
    assert found.select(sides).null_count().row(0) == (2,) * len(sides)
    assert audit.images.filter(pl.col("error_code").is_null())["col_x"].null_count() == 0


def test_a_line_without_a_class_is_no_image(run: Run, tmp_path: Path):
    save(tmp_path / "in", "images/a.png", drawn(0))
    labels = tmp_path / "in" / "labels"
    labels.mkdir()
    (labels / "a.txt").write_text("0 .5 .5 .5 .5\ncat .5 .5 .4 .4\n-1 .5 .2 .8 .5 .5 .8 .2 .5\n")
    audit = run(tmp_path / "in", annotations=labels, clip_boxes=True)
    assert audit.images["error_code"].to_list() == [None, *["bad_bounding_box"] * 2]
    assert audit.invalid_instances()["detail"].to_list() == [
        "its class is no whole number: cat .5 .5 .4 .4",
        "its class is no whole number: -1 .5 .2 .8 .5 .5 .8 .2 .5",
    ]


def test_a_picture_with_a_box_and_an_empty_row_has_a_box(run: Run, tmp_path: Path):
    for name in ("a.png", "b.png"):
        save(tmp_path / "in", name, drawn(ord(name[0])))
    empty = [None] * 4
    rows = table(("a.png", 0, 0, 40, 40), ("a.png", *empty), ("b.png", *empty))
    audit = run(tmp_path / "in", annotations=rows)
    paths = audit.unmatched()["path"].to_list()
    assert [Path(path).name for path in paths] == ["b.png"]


def test_pictures_that_two_inputs_name_are_one(run: Run, tmp_path: Path):
    picture = save(tmp_path, "images/a.png", drawn(0))
    save(tmp_path, "images/b.png", drawn(1))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("0 .5 .5 .5 .5\n")
    (tmp_path / "data.yaml").write_text("train: images\nnames: [cat]\n")
    coco = {
        "images": [{"id": 1, "file_name": "images/a.png"}],
        "annotations": [{"image_id": 1, "category_id": 2, "bbox": [1, 2, 30, 40]}],
        "categories": [{"id": 2, "name": "dog"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    data = tmp_path / "data.yaml"
    for others, labels in [
        ([picture.parent], ["cat"]),
        ([str(picture)], ["cat"]),
        ([data], ["cat"]),
        ([tmp_path / "coco.json"], ["cat", "dog"]),
    ]:
        audit = run([data, *others])
        assert audit.images["label"].to_list() == labels
        assert audit.images["error_code"].null_count() == len(labels)
        assert [Path(path).name for path in audit.unmatched()["path"]] == ["b.png"]
