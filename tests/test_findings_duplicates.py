import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_cases import case_of, images_of, plans
from findings_oracles import star_groups
from pixsieve import findings, schema

KINDS = ["exact", "pixel", "near"]


def stars(found: pl.DataFrame) -> dict[str, set[tuple[str, str, float]]]:
    """Path of the representative → (path, kind, similarity) of each member."""
    head = found.filter("representative").select("group", head="path")
    rows = found.filter(~pl.col("representative")).join(head, on="group")
    result = {path: set() for path in head["head"]}
    for row in rows.to_dicts():
        result[row["head"]].add((row["path"], row["kind"], row["similarity"]))
    return result


@given(plans(), st.sampled_from([0.5, 0.8, 0.95]))
def test_groups_are_those_of_the_oracle(plan, threshold):
    case = plan.build()
    path = case.images["path"].to_list()
    expected = {
        path[head]: {(path[i], KINDS[kind], similarity) for i, (kind, similarity) in star.items()}
        for head, star in star_groups(case, threshold).items()
    }
    assert stars(case.duplicates(threshold)) == expected


@given(plans())
def test_groups_are_numbered_by_size_and_have_one_representative(plan):
    found = plan.build().duplicates()
    groups = found.group_by("group").agg(
        pl.len(),
        pl.col("image").min(),
        kept=pl.col("keep").sum(),
        heads=pl.col("representative").sum(),
    )
    assert groups.sort("len", "image", descending=[True, False])["group"].to_list() == list(
        range(groups.height)
    )
    assert (groups["heads"] == 1).all()
    assert (groups["kept"] == 1).all()
    assert (groups["len"] > 1).all()
    assert found["image"].is_unique().all()
    assert found.group_by("group", maintain_order=True).first()["representative"].all()


@given(plans(min_size=1), st.data())
def test_a_copied_image_makes_one_exact_group_or_grows_one(plan, data):
    image = data.draw(st.integers(0, len(plan.kinds) - 1))
    case, more = plan.build(), plan.build(copied=image)
    before, after = stars(case.duplicates()), stars(more.duplicates())
    invalid = plan.errors[plan.kinds[image]] == "corrupt"
    members = sum(map(len, after.values())) - sum(map(len, before.values()))
    assert members == (0 if invalid else 1)
    assert len(after) - len(before) in ((0,) if invalid else (0, 1))


@given(plans(), st.randoms())
def test_order_of_the_images_does_not_matter(plan, random):
    order = list(range(len(plan.kinds)))
    random.shuffle(order)
    assert stars(plan.build().duplicates()) == stars(plan.build(order).duplicates())


@given(plans())
def test_what_is_kept_has_no_duplicates_left(plan):
    case = plan.build()
    gone = set(case.duplicates(0.6).filter(~pl.col("keep"))["image"])
    left = case.edges.filter(
        pl.col("similarity") >= 0.6, ~pl.col("from").is_in(gone), ~pl.col("to").is_in(gone)
    )
    assert left.height == 0


@given(plans())
def test_near_members_are_at_or_above_the_threshold(plan):
    near = plan.build().duplicates(0.7).filter(~pl.col("representative"))
    assert (near["similarity"] >= 0.7).all()


def test_every_member_is_a_duplicate_of_the_representative_not_of_a_chain():
    case = case_of([{"width": 9}, {}, {}], (0, 1, 0.9), (1, 2, 0.9))
    assert stars(case.duplicates(0.85)) == {"000.jpg": {("001.jpg", "near", np.float32(0.9))}}


def test_an_edge_in_one_direction_is_enough():
    case = case_of([{}, {}], (0, 1, 0.9))
    case.edges = case.edges.filter(pl.col("from") == 1)
    assert case.duplicates(0.85).height == 2


def test_byte_equal_twins_are_exact_also_where_both_are_near_the_representative():
    rows = [
        {"width": 9, "digest": "a"},
        {"digest": "b"},
        {"digest": "b"},
        {"digest": "a", "width": 9},
    ]
    found = case_of(rows, (0, 1, 0.9)).duplicates(0.85)
    assert found["image"].to_list() == [0, 3, 1, 2]
    assert found["kind"].to_list() == ["exact", "exact", "exact", "exact"]
    assert found["similarity"].to_list() == pytest.approx([1, 1, 0.9, 0.9])
    assert found["transform"].to_list() == ["none", "none", None, None]
    assert found["match"].to_list() == [1, 1, None, None]


def test_a_pair_without_equal_bytes_or_pixels_is_near():
    found = case_of([{}, {}], (0, 1, 0.9)).duplicates(0.85)
    assert found["kind"].to_list() == ["near", "near"]
    assert found["similarity"].to_list() == pytest.approx([1, 0.9])


def test_equal_pixels_need_no_edge():
    case = case_of([{}, {}, {}], (0, 2, 0.1), pixels={0: b"p", 1: b"p", 2: None})
    assert case.duplicates()["kind"].to_list() == ["pixel", "pixel"]


def test_a_graph_built_on_other_copies_is_still_usable():
    rows = [{"digest": "a"}, {"digest": "a", "path": "a rather long path"}, {"path": "z"}]
    case = case_of(rows, (1, 2, 0.9), pixels={1: b"p", 2: b"p"})
    assert stars(case.duplicates(0.8)) == {
        "z": {("000.jpg", "exact", 1.0), ("a rather long path", "exact", 1.0)}
    }


def test_nan_similarity_is_no_duplicate():
    assert case_of([{}, {}], (0, 1, float("nan"))).duplicates(0.8).height == 0


def equal_statistics(images: pl.DataFrame, **changes: list[float]) -> pl.DataFrame:
    names = [name for name in schema.STATISTICS if name != "image"]
    same = images.select("image", **{name: pl.lit(7, pl.Float32) for name in names})
    return same.with_columns(pl.Series(name, values) for name, values in changes.items())


def test_pixel_candidates_have_equal_size_and_are_similar():
    images = images_of([{}, {}, {"width": 9}, {"error_code": "corrupt"}, {}])
    edges = case_of([], (0, 1, 0.9), (0, 2, 0.9), (0, 3, 0.9), (1, 4, 0.7)).edges
    found = findings.pixel_candidates(images, edges, equal_statistics(images), threshold=0.8)
    assert found.rows() == [(0,), (1,)]
    assert found.schema == {"image": pl.UInt32}


@pytest.mark.parametrize(
    ("side", "formats", "apart", "worth"),
    [
        (100, ["jpeg", "png"], 0.0, True),
        (100, ["jpeg", "png"], 0.5, False),
        (600, ["jpeg", "png"], 0.5, True),
        (600, ["jpeg", "png"], 2.0, False),
        (600, ["jpeg", "jpeg"], 0.5, False),
        (600, ["png", "tiff"], 0.5, False),
    ],
)
def test_pixel_candidates_have_the_statistics_that_equal_pixels_have(side, formats, apart, worth):
    images = images_of([{"width": side, "height": side, "format": name} for name in formats])
    statistics = equal_statistics(images, stdv=[7.0, 7.0 + apart])
    edges = case_of([], (0, 1, 0.99)).edges
    found = findings.pixel_candidates(images, edges, statistics, threshold=0.9)
    assert found.height == (2 if worth else 0)


def test_pixel_candidates_of_nothing():
    empty = (schema.empty("images"), schema.empty("edges"), schema.empty("statistics"))
    assert findings.pixel_candidates(*empty, threshold=0.5).schema == {"image": pl.UInt32}


def test_copies_that_cannot_be_read_are_no_duplicates():
    rows = [{"digest": "a", "error_code": "empty_file"}] * 2
    assert case_of(rows).duplicates().height == 0


def test_equal_pixels_stay_together_when_one_of_them_joins_a_better_image():
    case = case_of([{"width": 9}, {}, {}], (0, 1, 0.9), pixels={1: b"p", 2: b"p"})
    near = np.float32(0.9)
    assert stars(case.duplicates()) == {
        "000.jpg": {("001.jpg", "pixel", near), ("002.jpg", "pixel", near)}
    }
