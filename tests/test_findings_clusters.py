from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_cases import case_of, never_rises, plans
from findings_oracles import components, digest_edges

THRESHOLDS = [0.0, 0.5, 0.7, 0.9, 1.0, 1.1]


def parts(found: pl.DataFrame) -> set[frozenset[str]]:
    return {frozenset(part["path"]) for part in found.partition_by("component")}


@given(plans(), st.sampled_from([0.5, 0.8, 0.95]))
def test_components_are_those_of_the_oracle(plan, threshold):
    case = plan.build()
    found = case.connected_components(threshold)
    path = case.images["path"].to_list()
    assert parts(found) == {
        frozenset(path[i] for i in part) for part in components(case, threshold)
    }
    assert all(set(part["size"]) == {part.height} for part in found.partition_by("component"))
    assert found.rows() == found.sort("component", "image").rows()


@given(plans())
def test_components_are_numbered_by_size_then_by_smallest_image(plan):
    found = plan.build().connected_components(0.7)
    first = found.group_by("component").agg(pl.len(), pl.col("image").min())
    order = first.sort("len", "image", descending=[True, False])["component"].to_list()
    assert order == list(range(first.height))


@given(plans(), st.randoms())
def test_order_of_the_images_does_not_matter(plan, random):
    order = list(range(len(plan.kinds)))
    random.shuffle(order)
    columns = ["path", "size", "similarity_mean", "similarity_min", "similarity_max"]
    one, other = plan.build().connected_components(), plan.build(order).connected_components()
    assert parts(one) == parts(other)
    assert one.select(columns).sort("path").equals(other.select(columns).sort("path"))


@given(plans())
def test_a_higher_threshold_never_grows_a_component_or_adds_a_pair(plan):
    case = plan.build()
    found = [parts(case.connected_components(t)) for t in THRESHOLDS]
    for low, high in pairwise(found):
        assert all(any(small <= large for large in low) for small in high)
    assert never_rises([case.similarity(t).height for t in THRESHOLDS])


def test_images_are_counted_and_pairs_are_averaged_once():
    rows = [{"digest": "a"}, {"digest": "a"}, {}, {}]
    found = case_of(rows, (0, 2, 0.75)).connected_components(0.75)
    assert found["image"].to_list() == [0, 1, 2]
    assert found["size"].to_list() == [3, 3, 3]
    assert found["similarity_mean"].to_list() == pytest.approx([0.875] * 3)
    assert found["similarity_min"].to_list() == pytest.approx([0.75] * 3)
    assert found["similarity_max"].to_list() == [1, 1, 1]


@given(plans(), st.sampled_from([0.5, 0.8]))
def test_every_pair_stands_once(plan, threshold):
    case = plan.build()
    found = case.similarity(threshold)
    assert (found["from"] < found["to"]).all()
    assert found.select("from", "to").is_unique().all()
    digest = case.images["digest"].to_list()
    between = [
        frozenset((digest[a], digest[b]))
        for a, b in found.select("from", "to").iter_rows()
        if digest[a] != digest[b]
    ]
    expected = {pair for pair, value in digest_edges(case).items() if value >= threshold}
    assert len(between) == len(set(between))
    assert set(between) == expected
    order = found.sort("similarity", "from", "to", descending=[True, False, False])
    assert found.equals(order)


def test_copies_are_a_star_around_the_one_in_the_graph():
    rows = [{"digest": "a"}, {"digest": "a"}, {"digest": "a"}, {}]
    found = case_of(rows, (1, 3, 0.9)).similarity(0.5)
    assert found.select("from", "to").rows() == [(0, 1), (1, 2), (1, 3)]
    assert found["similarity"].to_list() == pytest.approx([1, 1, 0.9])


def test_all_identical_images_are_one_component_of_linear_size():
    case = case_of([{"digest": "a"}] * 50)
    assert case.similarity(0.5).height == 49
    assert case.connected_components(0.5)["size"].to_list() == [50] * 50
    assert case.duplicates()["kind"].unique().to_list() == ["exact"]
    assert case.outliers().height == 0
