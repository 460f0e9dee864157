"""Galleries: what each shows, its arguments, and that its page is safe to open."""

import html
import re
import shutil
import sys
import types
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from markupsafe import Markup
from PIL import Image

import pixsieve
from pixsieve.pages.text import visible
from report_case import NAMES, Page, assert_safe, collect, draw

KINDS = (
    *("duplicates", "leaks", "outliers", "similarity"),
    *("mislabels", "component", "stats", "invalid"),
)


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> pixsieve.Audit:
    """An audit that tests may read, not change: copies under hostile names and labels."""
    folder = tmp_path_factory.mktemp("gallery")
    return pixsieve.run(
        collect(folder / "pictures"),
        work_dir=folder / "out",
        labels="folder",
        device="cpu",
        progress=False,
        outlier_percentile=0.2,
    )


@pytest.fixture
def small(tmp_path: Path) -> pixsieve.Audit:
    """Three labelled pictures, two of them alike, for a test to spoil."""
    for name, seed in {"cat/a.png": 1, "dog/b.png": 1, "dog/c.png": 2}.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        draw(seed).save(tmp_path / "in" / name)
    picture = draw(1)
    picture.save(tmp_path / "in" / "dog" / "d.jpg", quality=70)
    return pixsieve.run(
        tmp_path / "in", work_dir=tmp_path / "out", labels="folder", device="cpu", progress=False
    )


def show(audit: pixsieve.Audit, kind: str, folder: Path, **options: object) -> str:
    """The page, as text."""
    return getattr(audit.vis, f"{kind}_gallery")(folder, **options).read_text(encoding="utf-8")


def titles(text: str) -> list[str]:
    return re.findall(r"<h2><bdi>(.*?)</bdi>", text)


def names(text: str) -> list[str]:
    """Below the pictures, in the order of the page."""
    found = re.findall(r'<span class="path"><bdi dir="auto" title="[^"]*">(.*?)</bdi>', text)
    return [html.unescape(name.replace("<wbr>", "")) for name in found]


def called(path: str, name: str) -> bool:
    """Whether this is what a page calls that path."""
    return visible(path).endswith(name.split("…")[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_is_safe_and_says_where_it_is_from(audit, tmp_path, kind):
    gallery = getattr(audit.vis, f"{kind}_gallery")(tmp_path)
    page = assert_safe(gallery.read_text(encoding="utf-8"), scripts=1)
    assert page.tags.count("img") > 0 or kind == "invalid"
    assert str(audit.info["input"]) in page.text
    assert ("name", "generator") in page.attributes


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_place_is_the_work_directory(audit, kind):
    gallery = getattr(audit.vis, f"{kind}_gallery")()
    expected = {"component": "components", "stats": "dark"}.get(kind, kind)
    assert gallery == audit.work_dir / "galleries" / f"{expected}.html"
    assert isinstance(gallery, Path)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_found_says_so(tmp_path, kind):
    (tmp_path / "in").mkdir()
    for seed in range(2):
        draw(seed).save(tmp_path / "in" / f"{seed}.png")
    audit = pixsieve.run(
        tmp_path / "in", work_dir=tmp_path / "out", device="cpu", progress=False, splits="none"
    )
    text = show(audit, kind, tmp_path / "page")
    assert_safe(text, scripts=1)
    assert ('class="empty"' in text) == (kind != "stats")


def test_names_that_are_not_html_are_shown_as_they_are(audit, tmp_path):
    text = show(audit, "leaks", tmp_path, num_images=50)
    assert "&lt;img src=x onerror=alert(1)&gt;.png" in text
    for hidden in ("\u202e", "two\nlines"):
        assert hidden not in text


# ---- pairs ---- #


def test_duplicates_stand_beside_the_one_that_is_kept(audit, tmp_path):
    text = show(audit, "duplicates", tmp_path, num_images=50)
    frame = audit.duplicates()
    removable = frame.filter(~pl.col("keep")).height
    assert text.count('class="block pair"') == removable == text.count(">could go<")
    assert text.count(">keep<") == removable
    assert titles(text)[0] == "Equal files"
    assert titles(text)[-1] == "Near duplicates"
    assert ">match " in text


def test_the_least_similar_first_when_asked(audit, tmp_path):
    text = show(audit, "duplicates", tmp_path, num_images=50, ascending=True)
    assert titles(text)[0] == "Near duplicates"
    assert titles(text)[-1] == "Equal files"


def test_what_was_done_to_a_picture_is_said_and_undone(tmp_path):
    (tmp_path / "in").mkdir()
    picture = draw(3, (240, 160))
    picture.save(tmp_path / "in" / "a.png")
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    turned.resize((144, 216)).save(tmp_path / "in" / "b.png")
    audit = pixsieve.run(tmp_path / "in", work_dir=tmp_path / "out", device="cpu", progress=False)
    text = show(audit, "duplicates", tmp_path / "page")
    assert 'data-transform="rot90"' in text
    assert ">rot90</span>" in text


def test_slices_by_label(small, tmp_path):
    def shown(**options: object) -> list[str]:
        found = names(show(small, "duplicates", tmp_path, **options))
        return list(zip(found[::2], found[1::2], strict=True))

    every = shown()
    assert len(every) == small.duplicates().height - 1 == 2
    differ = [pair for pair in every if len({name.split("/")[0] for name in pair}) == 2]
    assert shown(slice="diff") == differ
    assert shown(slice="same") == [pair for pair in every if pair not in differ]
    assert shown(slice=["cat", "dog"]) == every
    assert shown(slice="cat") == [pair for pair in every if "cat/a.png" in pair]
    with pytest.raises(ValueError, match="no image has the label 'horse'; there are 'cat', 'dog'"):
        shown(slice="horse")


def test_leaks_name_both_splits(audit, tmp_path):
    text = show(audit, "leaks", tmp_path)
    assert set(titles(text)) == {"train → test"}
    assert text.count('class="block pair"') == audit.leaks().height == len(NAMES) + 1
    assert "across splits" not in text


def test_outliers_stand_beside_their_nearest(audit, tmp_path):
    text = show(audit, "outliers", tmp_path, num_images=3)
    first = audit.outliers().row(0, named=True)
    shown = names(text)
    assert called(first["path"], shown[0])
    assert called(first["nearest_path"], shown[1])
    mildest = names(show(audit, "outliers", tmp_path, num_images=3, ascending=False))
    assert called(audit.outliers()["path"][-1], mildest[0])
    alike = show(audit, "outliers", tmp_path, how="all", num_images=99)
    similar = audit.info["thresholds"]["similar"]
    strangers = audit.outliers().filter(pl.col("similarity") < similar).height
    assert alike.count('class="block pair"') == strangers
    with pytest.raises(ValueError, match="how must be 'one' or 'all', not 'two'"):
        show(audit, "outliers", tmp_path, how="two")


# ---- strips ---- #


def test_look_alikes_have_a_label_score(audit, tmp_path):
    frame = audit.similarity()
    text = show(audit, "similarity", tmp_path, min_items=1, num_images=500)
    ends = pl.concat([frame["from"], frame["to"]]).unique()
    assert text.count('class="block strips"') == len(ends)
    suspects = show(audit, "similarity", tmp_path, min_items=1, slice="diff", num_images=500)
    scores = [int(score) for score in re.findall(r"label score (\d+)<", suspects)]
    assert scores == sorted(scores)
    agreeing = show(audit, "similarity", tmp_path, min_items=1, slice="same", num_images=500)
    scores = [int(score) for score in re.findall(r"label score (\d+)<", agreeing)]
    assert scores == sorted(scores, reverse=True)
    assert "block strips" not in show(audit, "similarity", tmp_path, max_items=0, min_items=0)


def test_label_score_is_that_of_fastdup(tmp_path):
    """A hundred times the share of neighbors of one's own label."""
    (tmp_path / "in").mkdir()
    for number in range(5):
        draw(number).save(tmp_path / "in" / f"{number}.png")
    labels = pl.DataFrame({"path": [f"{n}.png" for n in range(5)], "label": list("aabba")})
    audit = pixsieve.run(
        tmp_path / "in",
        work_dir=tmp_path / "out",
        annotations=labels,
        device="cpu",
        progress=False,
    )
    pairs = {"from": [0, 0, 0, 1], "to": [1, 2, 3, 4], "distance": [0.9, 0.8, 0.7, 0.6]}
    text = show(
        audit, "similarity", tmp_path / "page", external_df=pairs, slice="label_score", min_items=1
    )
    # Directed, as fastdup's are: 0 has 1 (a), 2 (b), 3 (b); 1 has 4 (a).
    assert re.findall(r"label score (\d+)<", text) == ["33", "100"]
    assert names(text)[0] == "0.png"


def test_suspects_stand_beside_the_neighbors_that_say_so(audit, tmp_path):
    frame = audit.mislabels(0.9)
    text = show(audit, "mislabels", tmp_path, threshold=0.9, num_images=500)
    assert text.count('class="block strips"') == frame.height > 0
    row = frame.row(0, named=True)
    assert called(row["path"], names(text)[0])
    label = row["label"]
    only = show(audit, "mislabels", tmp_path, threshold=0.9, slice=[label], num_images=500)
    assert only.count('class="block strips"') == frame.filter(pl.col("label") == label).height


# ---- clusters ---- #


def test_clusters_come_largest_first_with_their_labels(audit, tmp_path):
    frame = audit.connected_components()
    text = show(audit, "component", tmp_path, num_images=50)
    sizes = frame.group_by("component").len().sort("component")["len"].to_list()
    assert titles(text) == [f"{size} images" for size in sizes]
    smallest = show(audit, "component", tmp_path, num_images=50, ascending=True)
    assert titles(smallest) == [f"{size} images" for size in sorted(sizes)]


def test_clusters_by_size_slice_and_metric(audit, tmp_path):
    frame = audit.connected_components()
    two = show(audit, "component", tmp_path, min_items=2, max_items=2, num_images=50)
    sizes = frame.group_by("component").len()
    assert len(titles(two)) == sizes.filter(pl.col("len") == 2).height
    kinds = frame.group_by("component").agg(pl.col("label").drop_nulls().n_unique())
    for wanted, expected in (("diff", pl.col("label") > 1), ("same", pl.col("label") == 1)):
        text = show(audit, "component", tmp_path, slice=wanted, num_images=50)
        assert len(titles(text)) == kinds.filter(expected).height
    text = show(audit, "component", tmp_path, metric="mean", num_images=50)
    means = [float(mean) for mean in re.findall(r"mean mean ([\d.]+)<", text)]
    assert means == sorted(means, reverse=True)
    with pytest.raises(ValueError, match=r"metric must be one of width, height, .* not 'beauty'"):
        show(audit, "component", tmp_path, metric="beauty")
    with pytest.raises(ValueError, match="sort_by must be one of comp_size"):
        show(audit, "component", tmp_path, sort_by="beauty")
    with pytest.raises(ValueError, match="group_by must be 'visual' or 'label', not 'colour'"):
        show(audit, "component", tmp_path, group_by="colour")


def test_clusters_by_label(audit, tmp_path):
    text = show(audit, "component", tmp_path, group_by="label")
    frame = audit.connected_components()
    assert len(titles(text)) == frame["label"].drop_nulls().n_unique()
    assert "cluster 0" in text


# ---- statistics and broken files ---- #


@pytest.mark.parametrize(
    ("metric", "column", "lowest"),
    [
        *(("dark", "mean", True), ("bright", "mean", False), ("blur", "blur", True)),
        *(("sharp", "blur", False), ("entropy", "entropy", False), ("width", "width", False)),
        *(("low_contrast", "stdv", True), ("file_size", "file_size", False)),
    ],
)
def test_statistics_show_one_end(audit, tmp_path, metric, column, lowest):
    stats = audit.img_stats().sort(column, "image", descending=[not lowest, False])
    shown = names(show(audit, "stats", tmp_path, metric=metric, num_images=4))
    assert len(shown) == 4
    assert all(called(*pair) for pair in zip(stats["path"], shown, strict=False))


def test_the_histogram_marks_the_cut_and_what_lies_beyond(audit, tmp_path):
    text = show(audit, "stats", tmp_path, metric="dark")
    assert "dark below 25.0" in text
    beyond = [int(n) for n in re.findall(r'class="odd".*?: (\d+) images?<', text)]
    assert sum(beyond) == audit.img_stats().filter(pl.col("mean") < 25).height == 1
    rest = [int(n) for n in re.findall(r'class="bar".*?: (\d+) images?<', text)]
    assert sum(beyond) + sum(rest) == audit.img_stats().height


def test_a_statistic_that_is_none(audit, tmp_path):
    for metric in ("path", "../beauty", ""):
        message = f"metric must be one of low_information, low_contrast, .*; not '{metric}'"
        with pytest.raises(ValueError, match=message):
            show(audit, "stats", tmp_path, metric=metric)


def test_broken_files_say_why(audit, tmp_path):
    text = show(audit, "invalid", tmp_path)
    assert text.count('class="single"') == audit.invalid_instances().height == 3
    assert text.count('class="single"') - 2 == show(
        audit, "invalid", tmp_path, slice="empty_file"
    ).count('class="single"')


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


def boxes_in(text: str) -> list[str]:
    return re.findall(r'<i class="box" style="([^"]*)">', text)


def test_boxes_are_drawn_where_they_are(small, tmp_path):
    # 200 x 150: a quarter of the picture, and one that sticks out.
    given = {path: [[50, 0, 100, 75], [150, 100, 900, 900]] for path in small.images["path"]}
    expected = [
        "left:25.0%;top:0.0%;width:25.0%;height:50.0%",
        "left:75.0%;top:66.667%;width:25.0%;height:33.333%",
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
    with pytest.raises(ValueError, match="draw_bbox: the images have no columns"):
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
    assert boxes_in(text) == ["left:10.0%;top:10.0%;width:50.0%;height:50.0%"]


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
        ({"num_images": 0}, ValueError, "num_images must be a whole number of at least 1, not 0"),
        ({"max_width": 2.5}, ValueError, "max_width must be a whole number of at least 16"),
        ({"load_crops": True}, ValueError, "load_crops: this run was made on whole pictures"),
    ],
)
def test_arguments_that_are_wrong(small, tmp_path, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        show(small, "stats", tmp_path, **options)
    assert not list(tmp_path.glob("*.html"))


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


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([1, 2], ValueError, "external_df: cannot read a list as a table"),
        ({"from": [0]}, ValueError, "external_df has no column 'to' or 'image_to'; it has from"),
        ({"from": [0], "to": [99]}, ValueError, "external_df: there is no image 99"),
        ({"from": ["x.png"], "to": ["y.png"]}, ValueError, "no image has the path 'x.png'"),
    ],
)
def test_frames_that_do_not_fit(small, tmp_path, given, error, message):
    with pytest.raises(error, match=re.escape(message)):
        show(small, "duplicates", tmp_path, external_df=given)


# ---- in a notebook ---- #


def test_a_notebook_shows_the_page_in_a_frame(small, tmp_path):
    gallery = small.vis.duplicates_gallery(tmp_path)
    shown = Page(gallery._repr_html_())
    assert shown.tags == ["iframe"]
    attributes = dict(shown.attributes)
    assert attributes["srcdoc"] == gallery.read_text(encoding="utf-8")
    assert attributes["sandbox"] == "allow-scripts"
    gallery.unlink()
    assert gallery._repr_html_() is None
    assert gallery.parent._repr_html_() is None


def test_a_notebook_shows_it_once(small, tmp_path, monkeypatch):
    shown: list[str] = []
    fake = types.SimpleNamespace(
        get_ipython=lambda: types.SimpleNamespace(kernel=1),
        display=types.SimpleNamespace(display=lambda one: shown.append(one._repr_html_())),
    )
    monkeypatch.setitem(sys.modules, "IPython", fake)
    gallery = small.vis.duplicates_gallery(tmp_path)
    assert [page[:7] for page in shown] == ["<iframe"]
    assert gallery._repr_html_() is None
    assert gallery._repr_html_().startswith("<iframe")
    small.vis.duplicates_gallery(tmp_path, show=False)
    assert len(shown) == 1


def test_a_picture_that_has_gone_says_so(small, tmp_path):
    (tmp_path / "in" / "dog" / "c.png").unlink()
    text = show(small, "stats", tmp_path / "page")
    assert "No picture: the file has gone" in text


def test_no_run_no_gallery(tmp_path):
    with pytest.raises(RuntimeError, match="nothing has been run yet"):
        pixsieve.create(tmp_path / "out", tmp_path).vis.duplicates_gallery()
