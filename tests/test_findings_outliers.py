import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_cases import case_of, never_rises, plans
from findings_oracles import decoded, outlier_scores

BURST = [(0, 1, 0.98), (1, 2, 0.98), (0, 2, 0.98), (3, 4, 0.7), (4, 5, 0.7), (3, 5, 0.7)]


@given(plans())
def test_scores_are_those_of_the_oracle(plan):
    case = plan.build()
    scores = outlier_scores(case)
    expected = {r["image"]: scores[r["digest"]] for r in decoded(case) if r["digest"] in scores}
    found = case.outliers(1)
    assert dict(found.select("image", "score").iter_rows()) == pytest.approx(expected, abs=2e-6)
    assert (found["score"].diff().drop_nulls() <= 0).all()
    assert (found["score"].is_finite()).all()


@given(plans(), st.sampled_from([0, 0.05, 0.3, 0.5, 1]))
def test_images_are_counted(plan, share):
    case = plan.build()
    scored = case.outliers(1).height
    wanted = max(1, int(share * len(decoded(case)) + 0.5)) if share else 0
    found = case.outliers(share)
    assert found.height == min(scored, wanted)
    assert found.equals(case.outliers(1).head(found.height))


@given(plans())
def test_a_smaller_share_never_adds_rows(plan):
    case = plan.build()
    assert never_rises([case.outliers(share).height for share in (1, 0.5, 0.2, 0.01, 0)])


@given(plans(), st.randoms())
def test_order_of_the_images_does_not_matter(plan, random):
    order = list(range(len(plan.kinds)))
    random.shuffle(order)
    columns = ["path", "similarity", "score", "percentile"]
    one, other = (plan.build(o).outliers(1).select(columns) for o in (None, order))
    assert one.sort("path").equals(other.sort("path"))


def test_copies_share_their_score_and_are_not_their_own_neighbor():
    rows = [{"digest": "a"}, {"digest": "a"}, {}, {}]
    found = case_of(rows, (0, 2, 0.2), (2, 3, 0.9)).outliers(1)
    assert found["image"].to_list()[:2] == [0, 1]
    assert found["nearest"].to_list()[:2] == [2, 2]
    assert found["nearest_path"].to_list()[:2] == ["002.jpg", "002.jpg"]
    assert found["similarity"].to_list()[:2] == pytest.approx([0.2, 0.2])
    assert found["percentile"].to_list()[:2] == [0.5, 0.5]


def test_the_far_member_of_a_tight_burst_is_no_stranger_than_a_lonely_image():
    rows = [{}] * 8
    edges = [*BURST, (6, 0, 0.93), (6, 1, 0.93), (7, 3, 0.2), (7, 4, 0.2)]
    found = case_of(rows, *edges).outliers(1)
    assert found["image"][0] == 7
    assert found.filter(pl.col("image") == 6)["score"][0] < 0.2


def test_one_image_has_no_score():
    assert case_of([{}]).outliers(1).height == 0


def test_a_neighbor_without_edges_of_its_own_does_no_harm():
    case = case_of([{}, {}], (0, 1, 0.5))
    case.edges = case.edges.head(1)
    assert case.outliers(1).select("image", "score").rows() == [(0, 0.5)]
