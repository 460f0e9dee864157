"""What galleries can be asked for, frames that users bring along, and notebooks."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from markupsafe import Markup
from PIL import Image

import pixsieve
from gallery_case import hostile, names, show, three_alike, titles
from report_case import draw


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> pixsieve.Audit:
    """An audit that tests may read, not change."""
    return hostile(tmp_path_factory.mktemp("gallery"))


@pytest.fixture
def small(tmp_path: Path) -> pixsieve.Audit:
    """An audit for a test to spoil."""
    return three_alike(tmp_path)


# ---- arguments of all galleries ---- #


def test_functions_say_more(small, tmp_path):
    text = show(
        small,
        "duplicates",
        tmp_path,
        get_label_func=lambda path: f"<label of {Path(path).stem}>",
        get_reformat_filename_func=lambda path: f"<{Path(path).name}>",
        get_extra_col_func=lambda _: ["<i>text</i>", Markup("<b>html</b>")],
    )
    assert "&lt;label of b&gt;" in text
    assert "<b.png>" in names(text)
    assert "&lt;i&gt;text&lt;/i&gt;" in text
    assert '<span class="extra"><b>html</b></span>' in text


def test_a_mapping_gives_labels_too(small, tmp_path):
    labels = dict.fromkeys(small.images["path"], "one")
    assert names(show(small, "duplicates", tmp_path, slice="diff", get_label_func=labels)) == []


def test_any_column_may_be_the_label(audit, tmp_path):
    text = show(audit, "stats", tmp_path, label_col="format")
    assert re.search(r'<span class="meta"><bdi [^>]*>png</bdi>', text)
    with pytest.raises(ValueError, match="label_col: the images have no column 'colour'"):
        show(audit, "stats", tmp_path, label_col="colour")


def boxes_in(text: str) -> list[tuple[float, ...]]:
    """Left, top, width and height of the boxes that are drawn."""
    boxes = []
    for points in re.findall(r'<polygon class="box" points="(.*?)"', text):
        corners = [tuple(map(float, point.split(","))) for point in points.split()]
        (left, top), (right, bottom) = corners[0], corners[2]
        assert corners == [(left, top), (right, top), (right, bottom), (left, bottom)]
        boxes.append((left, top, right - left, bottom - top))
    return boxes


def test_boxes_are_drawn_where_they_are(small, tmp_path):
    # 200 x 150: a quarter of the picture, and one that sticks out.
    given = {path: [[50, 0, 100, 75], [150, 100, 900, 900]] for path in small.images["path"]}
    expected = [
        (50, 0, 50, 75),
        (150, 100, 50, 50),
    ]
    for one in (given, given.get):
        text = show(small, "stats", tmp_path, num_images=1, get_bounding_box_func=one)
        assert boxes_in(text) == expected
    rows = {"filename": [small.images["path"][0]], "col_x": [50], "row_y": [0]}
    table = pl.DataFrame({**rows, "width": [50], "height": [75]})
    table.write_csv(tmp_path / "boxes.csv")
    for one in (table, pd.DataFrame(table.to_dict(as_series=False)), tmp_path / "boxes.csv"):
        text = show(small, "stats", tmp_path, get_bounding_box_func=one)
        assert boxes_in(text) == expected[:1]


def test_boxes_that_are_none(small, tmp_path):
    with pytest.raises(ValueError, match=r"a bounding box of .* must be \[x1, y1, x2, y2\]"):
        show(small, "stats", tmp_path, get_bounding_box_func=lambda _: [[1, 2, 3]])
    with pytest.raises(ValueError, match="the table has no column 'row_y'"):
        show(
            small, "stats", tmp_path, get_bounding_box_func=pl.DataFrame({"path": [], "col_x": []})
        )
    with pytest.raises(FileNotFoundError, match=r"there is no file nowhere\.csv"):
        show(small, "stats", tmp_path, get_bounding_box_func="nowhere.csv")
    with pytest.raises(TypeError, match="must be a function, a mapping, a frame or a CSV file"):
        show(small, "stats", tmp_path, get_bounding_box_func=7)
    with pytest.raises(ValueError, match="draw_bbox: the images have no boxes"):
        show(small, "stats", tmp_path, draw_bbox=True)


def test_boxes_of_the_annotations(tmp_path):
    (tmp_path / "in").mkdir()
    draw(1).save(tmp_path / "in" / "a.png")
    boxes = {"filename": ["a.png"], "col_x": [20], "row_y": [15], "width": [100], "height": [75]}
    audit = pixsieve.run(
        tmp_path / "in",
        work_dir=tmp_path / "out",
        annotations=boxes,
        device="cpu",
        progress=False,
    )
    text = show(audit, "stats", tmp_path / "page", draw_bbox=True)
    # Not over the crop, but over the picture that it is of.
    assert '<svg viewBox="0 0 200 150"' in text
    assert boxes_in(text) == [(20, 15, 100, 75)]


def test_pictures_beside_the_page(small, tmp_path):
    gallery = small.vis.duplicates_gallery(tmp_path / "g", lazy_load=True)
    text = gallery.read_text(encoding="utf-8")
    sources = re.findall(r'<img src="([^"]*)"', text)
    assert sources
    assert text.count('loading="lazy"') == len(sources)
    for source in sources:
        with Image.open(gallery.parent / source) as picture:
            assert picture.format == "JPEG"
    assert "data:image/jpeg" not in text
    assert gallery._repr_html_().count("data:image/jpeg;base64,") == len(sources)
    shutil.rmtree(gallery.parent / "images")
    assert "data:image/jpeg" not in gallery._repr_html_()


def test_larger_pictures_where_asked(small, tmp_path):
    large = draw(5, (900, 700))
    large.save(tmp_path / "in" / "dog" / "e.png")
    audit = pixsieve.run(tmp_path / "in", work_dir=tmp_path / "o2", device="cpu", progress=False)
    for width, side in ((None, 256), (300, 512), (700, 900)):
        gallery = audit.vis.stats_gallery(
            tmp_path / f"g{width}", metric="width", max_width=width, lazy_load=True, num_images=1
        )
        (picture,) = (gallery.parent / "images").iterdir()
        with Image.open(picture) as opened:
            assert max(opened.size) == side
        assert ("max-width: min(100%, 300px)" in gallery.read_text()) == (width == 300)


def test_what_is_shown_as_csv(audit, tmp_path):
    gallery = audit.vis.mislabels_gallery(tmp_path, threshold=0.9, save_artifacts=True)
    frame = pl.read_csv(gallery.with_suffix(".csv"))
    assert frame["image"].to_list() == audit.mislabels(0.9)["image"].head(20).to_list()


def test_a_file_that_is_no_page_is_not_replaced(small, tmp_path):
    target = tmp_path / "mine.html"
    target.write_text("<p>My thesis")
    with pytest.raises(FileExistsError, match="is not a page of Pixsieve"):
        small.vis.duplicates_gallery(target)
    assert target.read_text() == "<p>My thesis"
    first = small.vis.duplicates_gallery(tmp_path / "page.html")
    assert small.vis.duplicates_gallery(tmp_path / "page.html") == first


def test_a_new_run_removes_old_galleries_and_no_other_page(small, tmp_path):
    gallery = small.vis.duplicates_gallery()
    mine = gallery.with_name("mine.html")
    mine.write_text("<p>My thesis")
    pixsieve.run(
        tmp_path / "in", work_dir=tmp_path / "out", device="cpu", progress=False, overwrite=True
    )
    assert not gallery.exists()
    assert mine.exists()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_image": 3}, TypeError, "no argument 'num_image'; did you mean num_images?"),
        ({"colour": 3}, TypeError, "no argument 'colour'; there are label_col, "),
        ({"num_images": None}, ValueError, "num_images must be a whole number of at least 1"),
        ({"num_images": True}, ValueError, "num_images must be a whole number of at least 1"),
        ({"slice": 5}, ValueError, "slice must be a label or a list of labels, not 5"),
        ({"slice": b"cat"}, ValueError, "slice must be a label or a list of labels, not b'cat'"),
        ({"slice": "diff"}, ValueError, "slice='diff' compares two images: give a label"),
        ({"num_images": 0}, ValueError, "num_images must be a whole number of at least 1, not 0"),
        ({"max_width": 2.5}, ValueError, "max_width must be a whole number of at least 16"),
    ],
)
def test_arguments_that_are_wrong(small, tmp_path, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        show(small, "stats", tmp_path, **options)
    assert not list(tmp_path.glob("*.html"))


def test_crops_that_came_as_files_are_shown_as_they_are(small, tmp_path):
    plain = show(small, "stats", tmp_path / "plain")
    assert show(small, "stats", tmp_path / "crops", load_crops=True) == plain


# ---- frames that users bring along ---- #


def test_pairs_of_ones_own_in_their_order(small, tmp_path):
    by_number = pl.DataFrame({"from": [2, 0], "to": [3, 1], "distance": [0.5, 0.9]})
    paths = small.images["path"]
    by_path = pd.DataFrame(
        {"from": [paths[2], paths[0]], "to": [paths[3], paths[1]], "similarity": [0.5, 0.9]}
    )
    by_name = {"from": ["dog/c.png", "cat/a.png"], "to": ["dog/d.jpg", "dog/b.png"]}
    expected = ["dog/c.png", "dog/d.jpg", "cat/a.png", "dog/b.png"]
    for given in (by_number, by_path, by_name):
        text = show(small, "duplicates", tmp_path, external_df=given)
        assert names(text) == expected
    assert names(show(small, "outliers", tmp_path, external_df={"outlier": [3, 1]})) == [
        "dog/d.jpg",
        "dog/b.png",
    ]
    assert names(
        show(
            small,
            "stats",
            tmp_path,
            metric="blur",
            external_df={"filename": [3, 1], "blur": [2, 1]},
        )
    ) == ["dog/d.jpg", "dog/b.png"]
    clusters = {"component_id": [7, 7, 5], "files": ["cat/a.png", "dog/b.png", "dog/c.png"]}
    text = show(small, "component", tmp_path, external_df=clusters)
    assert titles(text) == ["2 images", "1 image"]


def test_pairs_of_ones_own_may_have_labels(small, tmp_path):
    pairs = {"from": [0], "to": [1], "distance": [0.9], "label": ["a cat"], "label2": ["a cat"]}
    text = show(small, "duplicates", tmp_path, external_df=pairs)
    assert text.count(">a cat</bdi>") == 2
    assert "labels differ" not in text
    del pairs["label"], pairs["label2"]
    assert "labels differ" in show(small, "duplicates", tmp_path, external_df=pairs)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([1, 2], ValueError, "external_df: cannot read a list as a table"),
        ({"from": [0]}, ValueError, "external_df has no column 'to' or 'image_to'; it has from"),
        ({"from": [0], "to": [99]}, ValueError, "external_df: there is no image 99"),
        ({"from": [0], "to": [None]}, ValueError, "external_df: there is no image None"),
        ({"from": [[0]], "to": [[1]]}, ValueError, "no image has the path"),
        (
            {"from": [0], "to": [1], "distance": ["far"]},
            ValueError,
            "external_df: similarity must hold numbers, not String",
        ),
        ({"from": ["x.png"], "to": ["y.png"]}, ValueError, "no image has the path 'x.png'"),
    ],
)
def test_frames_that_do_not_fit(small, tmp_path, given, error, message):
    with pytest.raises(error, match=re.escape(message)):
        show(small, "duplicates", tmp_path, external_df=given)


def test_a_picture_that_has_gone_says_so(small, tmp_path):
    (tmp_path / "in" / "dog" / "c.png").unlink()
    text = show(small, "stats", tmp_path / "page")
    assert "No picture: the file has gone" in text


def test_no_run_no_gallery(tmp_path):
    with pytest.raises(RuntimeError, match="nothing has been run yet"):
        pixsieve.create(tmp_path / "out", tmp_path).vis.duplicates_gallery()


# ---- what is not ours ---- #


def test_a_table_of_the_user_is_not_replaced(small, tmp_path):
    table = tmp_path / "page.csv"
    table.write_text("mine")
    with pytest.raises(FileExistsError, match=r"page.csv exists: give another save_path"):
        small.vis.stats_gallery(tmp_path / "page.html", save_artifacts=True)
    assert table.read_text() == "mine"
    assert not (tmp_path / "page.html").exists()
    for _ in range(2):
        small.vis.stats_gallery(tmp_path / "other.html", save_artifacts=True)
    assert pl.read_csv(tmp_path / "other.csv").height == 4


def test_pictures_do_not_go_among_those_of_the_user(small, tmp_path):
    images = tmp_path / "set" / "images"
    images.mkdir(parents=True)
    draw(8).save(images / "mine.png")
    with pytest.raises(FileExistsError, match="images, where the pictures of this page would go"):
        small.vis.stats_gallery(tmp_path / "set", lazy_load=True)
    assert [path.name for path in images.iterdir()] == ["mine.png"]
    with pytest.raises(FileExistsError, match=r"save_path .*mine.png is a file: give a folder"):
        small.vis.stats_gallery(images / "mine.png")


@pytest.mark.parametrize("metric", ["../evil", "a/b", "/tmp/evil", "duplicates", ""])
def test_a_metric_of_ones_own_is_no_path(small, tmp_path, metric):
    with pytest.raises(ValueError, match="cannot be the name of a page"):
        show(small, "stats", tmp_path, metric=metric, external_df={"image": [0], metric: [1]})


# ---- filters ---- #


def test_what_does_not_fit_is_not_denied(audit, tmp_path):
    text = show(audit, "component", tmp_path, min_items=900)
    found = audit.connected_components()["component"].n_unique()
    assert f"None of {found} clusters fits what was asked for." in text
    assert "As a frame" not in show(audit, "leaks", tmp_path, slice="diff")
    with pytest.raises(ValueError, match="no image has the error code 'nope'; there are 'corrupt'"):
        show(audit, "invalid", tmp_path, slice="nope")


def test_the_call_on_the_page_gives_what_it_shows(audit, tmp_path):
    text = show(audit, "mislabels", tmp_path, threshold=0.9, num_images=500)
    assert "<code>audit.mislabels(0.9)</code>" in text
    text = show(audit, "component", tmp_path, threshold=0.8125)
    assert "audit.connected_components(0.8125)" in text


def test_several_labels_are_sliced_one_by_one(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(4):
        draw(number).save(tmp_path / "in" / f"{number}.png")
    labels = [["sky", "boat"], ["sky"], ["boat"], None]
    table = pl.DataFrame({"path": [f"{number}.png" for number in range(4)], "label": labels})
    audit = pixsieve.run(
        tmp_path / "in", work_dir=tmp_path / "out", annotations=table, progress=False
    )
    shown = names(show(audit, "stats", tmp_path / "page", slice="boat"))
    assert sorted(shown) == ["0.png", "2.png"]
    with pytest.raises(ValueError, match="no image has the label 'cat'; there are 'boat', 'sky'"):
        show(audit, "stats", tmp_path / "page", slice=["cat"])


def test_boxes_are_found_by_any_name_of_a_picture(small, tmp_path, monkeypatch):
    path = small.images["path"][0]
    monkeypatch.chdir(Path(path).parent)
    array = np.array([[0, 0, 100, 75]])
    for name in (path, Path(path), "cat/a.png", "a.png"):
        text = show(small, "stats", tmp_path, get_bounding_box_func={name: array})
        assert boxes_in(text) == [(0, 0, 100, 75)]
    with pytest.raises(ValueError, match=r"none of its 1 paths, such as 'nowhere.png', is that"):
        show(small, "stats", tmp_path, get_bounding_box_func={"nowhere.png": array})
    with pytest.raises(ValueError, match="must be a list, not 7"):
        show(small, "stats", tmp_path, get_bounding_box_func=lambda _: 7)
