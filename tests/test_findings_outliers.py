import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_cases import case_of, never_rises, plans
from findings_oracles import decoded, outlier_scores
from pixsieve.findings.outliers import departing, upper_tail


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


def test_strange_images_that_come_together_are_strange():
    loose = [(a, b, 0.8) for a in range(8) for b in range(a)]
    apart = [(8, 9, 0.55), (8, 10, 0.55), (9, 10, 0.55)]
    found = case_of([{}] * 11, *loose, *apart).outliers(1)
    assert set(found["image"][:3]) == {8, 9, 10}


def test_what_shows_nothing_is_told_apart():
    found = case_of([{}, {}, {}], (0, 1, 0.2), (1, 2, 0.9)).outliers(1)
    assert dict(found.select("image", "reason").iter_rows()) == {
        0: "low_information",
        1: "strange",
        2: "strange",
    }


class TestAutomaticCut:
    @staticmethod
    def scores(strange: int, seed: int = 0, size: int = 1000) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return np.concatenate([rng.normal(0.3, 0.05, size), rng.uniform(0.6, 0.9, strange)])

    @pytest.mark.parametrize("seed", range(5))
    def test_nothing_is_cut_off_a_bulk(self, seed):
        assert departing(self.scores(0, seed)).sum() <= 1

    @pytest.mark.parametrize("strange", [1, 5, 50])
    def test_what_departs_is_cut_off(self, strange):
        chosen = departing(self.scores(strange))
        assert chosen[-strange:].all()
        assert chosen.sum() <= strange + 1 + 0.3 * strange

    def test_the_tail_is_that_of_the_normal_distribution(self):
        at = np.array([2.0, 2.5, 3.0, 4.0, 6.0, 9.0])
        expected = [math.erfc(z / math.sqrt(2)) / 2 for z in at]
        assert upper_tail(at) == pytest.approx(expected, rel=1e-4)

    def test_equal_scores_and_none_have_no_tail(self):
        assert not departing(np.full(50, 0.3)).any()
        assert not departing(np.empty(0)).any()

    def test_only_those_are_listed(self):
        rng = np.random.default_rng(0)
        dense = [(a, b, rng.uniform(0.7, 0.9)) for a in range(40) for b in range(a)]
        case = case_of([{}] * 41, *dense, (40, 0, 0.1), (40, 1, 0.1))
        assert case.outliers(None)["image"][0] == 40
        assert case.outliers(None).height <= 3
        assert case_of([{}] * 40, *dense).outliers(None).height == 0


def test_one_image_has_no_score():
    assert case_of([{}]).outliers(1).height == 0


def test_a_neighbor_without_edges_of_its_own_does_no_harm():
    case = case_of([{}, {}], (0, 1, 0.5))
    case.edges = case.edges.head(1)
    assert case.outliers(1).select("image", "score").rows() == [(0, 0.5)]
