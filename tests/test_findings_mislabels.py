import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_cases import case_of, never_rises, plans
from findings_oracles import label_votes


def cats(number: int) -> list[dict[str, object]]:
    return [{"label": "cat"}] * number


@given(plans(), st.sampled_from([0.3, 0.6, 1]))
def test_scores_are_those_of_the_oracle(plan, threshold):
    case = plan.build()
    label = case.images["label"].to_list()
    expected = {}
    for image, votes in label_votes(case).items():
        score = (votes.get(label[image], 0) + 0.025) / (sum(votes.values()) + 0.05)
        best = max(votes.values())
        # Equal votes are decided by names; the sums differ in their last digits.
        tied = [name for name in sorted(votes) if votes[name] > best * (1 - 1e-6)]
        suggested = label[image] if label[image] in tied else tied[0]
        if suggested != label[image] and abs(score - threshold) > 1e-5 and score < threshold:
            expected[image] = (suggested, pytest.approx(score, abs=1e-5))
    found = case.mislabels(threshold).select("image", "suggested_label", "score")
    near = {i: (name, score) for i, name, score in found.iter_rows() if score < threshold - 1e-5}
    assert near == {i: e for i, e in expected.items() if e[1].expected < threshold - 1e-5}


@given(plans(), st.randoms())
def test_order_of_the_images_does_not_matter(plan, random):
    order = list(range(len(plan.kinds)))
    random.shuffle(order)
    columns = ["path", "label", "suggested_label", "score", "agreement"]
    one, other = (plan.build(o).mislabels().select(columns) for o in (None, order))
    assert one.sort("path").equals(other.sort("path"))


@given(plans())
def test_a_lower_threshold_never_adds_rows(plan):
    case = plan.build()
    assert never_rises([case.mislabels(t).height for t in (1.1, 0.8, 0.5, 0.2, 0)])


@given(plans())
def test_voters_are_others_and_their_agreement_is_true(plan):
    case = plan.build()
    label = case.images["label"].to_list()
    found = case.mislabels(1.1)
    assert (found["label"] != found["suggested_label"]).all()
    assert found["score"].is_between(0, 1).all()
    for row in found.to_dicts():
        assert row["image"] not in row["neighbors"]
        assert len(set(row["neighbors"])) == len(row["neighbors"])
        same = [label[i] == row["label"] for i in row["neighbors"]]
        assert row["agreement"] == pytest.approx(sum(same) / len(same))


def test_a_lonely_dog_among_cats_is_suspected():
    rows = [*cats(3), {"label": "dog"}, {"label": "dog"}, {"label": "dog"}]
    edges = [(0, 1, 0.9), (0, 2, 0.9), (1, 2, 0.9), (3, 0, 0.8), (3, 1, 0.85), (4, 5, 0.9)]
    found = case_of(rows, *edges).mislabels(0.5)
    assert found.row(0, named=True) == {
        "image": 3,
        "path": "003.jpg",
        "label": "dog",
        "suggested_label": "cat",
        # 0.025 undecided votes against exp(-1.5) + exp(-2) and all the undecided.
        "score": pytest.approx(0.061213, abs=1e-5),
        "agreement": 0,
        "neighbors": [1, 0],
    }
    assert found["image"].to_list() == [3]


def test_equal_pictures_of_two_labels_accuse_each_other():
    rows = [{"label": "cat", "digest": "a"}, {"label": "dog", "digest": "a"}]
    found = case_of(rows).mislabels(0.5)
    assert found.select("image", "suggested_label", "score", "neighbors").rows() == [
        (0, "dog", pytest.approx(0.025 / 1.05, abs=1e-5), [1]),
        (1, "cat", pytest.approx(0.025 / 1.05, abs=1e-5), [0]),
    ]


def test_the_minority_of_equal_pictures_scores_lowest():
    rows = [*({"label": "cat", "digest": "a"} for _ in range(3)), {"label": "dog", "digest": "a"}]
    assert case_of(rows).mislabels(0.5)["image"].to_list() == [3]


def test_exact_copies_are_one_voter():
    copies = [{"label": "cat", "digest": "a"}] * 5
    rows = [*copies, {"label": "dog"}, {"label": "dog"}, {"label": "dog"}]
    edges = [(7, 0, 0.9), (7, 5, 0.9), (7, 6, 0.9), (5, 6, 0.9)]
    assert case_of(rows, *edges).mislabels(0.5).filter(pl.col("image") == 7).height == 0


def test_one_image_of_a_rare_class_does_not_outvote_many():
    rows = [*cats(30), {"label": "oddity"}]
    edges = [(0, i, 0.9) for i in range(1, 10)] + [(0, 30, 0.9)]
    found = case_of(rows, *edges).mislabels(1)
    assert 0 not in found["image"]


@pytest.mark.parametrize("label", [None, "cat"])
def test_one_class_or_none_is_never_wrong(label):
    rows = [{"label": label}] * 4
    assert case_of(rows, (0, 1, 0.9), (2, 3, 0.9)).mislabels(1.1).height == 0


def test_a_copy_speaks_for_a_representative_without_a_label():
    rows = [{"digest": "a"}, {"digest": "a", "label": "cat"}, {"label": "dog"}]
    found = case_of(rows, (0, 2, 0.9)).mislabels(0.5)
    assert found.select("image", "neighbors").rows() == [(1, [2]), (2, [1])]
