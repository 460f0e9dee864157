"""Galleries: what each shows, and that its page is safe to open."""

import re
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

import pixsieve
from gallery_case import called, hostile, names, show, three_alike, titles
from report_case import NAMES, assert_safe, draw

KINDS = (
    *("duplicates", "leaks", "outliers", "similarity"),
    *("mislabels", "component", "stats", "invalid"),
)


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> pixsieve.Audit:
    """An audit that tests may read, not change."""
    return hostile(tmp_path_factory.mktemp("gallery"))


@pytest.fixture
def small(tmp_path: Path) -> pixsieve.Audit:
    """An audit for a test to spoil."""
    return three_alike(tmp_path)


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
