import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_cases import Case, case_of, never_rises, plans
from findings_oracles import label_parts, points


def cats(number: int) -> list[dict[str, object]]:
    return [{"label": "cat"}] * number


@given(plans())
def test_scores_are_those_of_the_oracle(plan):
    case = plan.build()
    parts = label_parts(case)
    found = case.opinions().frame
    assert dict(found.select("image", "part").iter_rows()) == pytest.approx(parts, abs=2e-6)
    free = found.filter(pl.col("strength").is_null()).sort("part")
    assert free["score"].is_sorted()


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
def test_voters_are_others_that_say_so(plan):
    case = plan.build()
    label = case.images["label"].to_list()
    found = case.mislabels(1.1)
    assert (found["label"] != found["suggested_label"]).all()
    assert found["score"].is_between(0, 1).all()
    assert found["agreement"].is_between(0, 1).all()
    for row in found.to_dicts():
        assert row["image"] not in row["neighbors"]
        assert len(set(row["neighbors"])) == len(row["neighbors"]) <= 10
        assert {label[i] for i in row["neighbors"]} == {row["suggested_label"]}


@given(plans())
def test_each_conflict_is_listed_and_comes_first(plan):
    case = plan.build()
    found = case.mislabels(0.01)
    place = points(case)
    named = {i: case.images["label"][i] for i in place if case.images["label"][i] is not None}
    clashes = {
        frozenset((a, b))
        for a in named
        for b in named
        if place[a] == place[b] and named[a] != named[b]
    }
    listed = set(found.filter(pl.col("conflict").is_not_null())["image"])
    assert all(pair & listed for pair in clashes)
    assert listed <= {image for pair in clashes for image in pair}
    kinds = [["exact", "pixel", "near", None].index(kind) for kind in found["conflict"]]
    assert kinds == sorted(kinds)


def test_a_lonely_dog_among_cats_is_suspected():
    rows = [*cats(3), {"label": "dog"}, {"label": "dog"}, {"label": "dog"}]
    edges = [(0, 1, 0.9), (0, 2, 0.9), (1, 2, 0.9), (3, 0, 0.8), (3, 1, 0.85), (4, 5, 0.9)]
    found = case_of(rows, *edges).mislabels(1)
    assert found.drop("score").row(0, named=True) == {
        "image": 3,
        "path": "003.jpg",
        "label": "dog",
        "suggested_label": "cat",
        "agreement": 0,
        "neighbors": [1, 0],
        "conflict": None,
    }
    assert found["image"].to_list() == [3]
    assert found["score"][0] < 0.97


def test_equal_pictures_of_two_labels_accuse_each_other():
    rows = [{"label": "cat", "digest": "a"}, {"label": "dog", "digest": "a"}]
    found = case_of(rows).mislabels(0.5)
    assert found.select("image", "suggested_label", "score", "neighbors", "conflict").rows() == [
        (0, "dog", 0.5, [1], "exact"),
        (1, "cat", 0.5, [0], "exact"),
    ]


def test_of_two_equal_pictures_the_one_whose_neighbors_disagree_is_wrong():
    rows = [{"label": "cat", "digest": "a"}, {"label": "dog", "digest": "a"}, *cats(3), *cats(3)]
    edges = [(0, 2, 0.9), (0, 3, 0.9), (2, 3, 0.9), (4, 5, 0.9)]
    found = case_of(rows, *edges).mislabels(0.5)
    assert found.select("image", "suggested_label", "conflict").rows() == [(1, "cat", "exact")]
    assert found["score"][0] < 0.4


def test_near_duplicates_with_different_labels_are_conflicts():
    rows = [{"label": "cat"}, {"label": "dog"}, {"label": "cat"}, {"label": "dog"}]
    case = case_of(rows, (0, 1, 0.97), (2, 3, 0.7))
    assert case.mislabels(0.1, near=0.9).select("image", "conflict", "score").rows() == [
        (0, "near", 0.5),
        (1, "near", 0.5),
    ]


def test_equal_pixels_are_conflicts_of_their_kind():
    rows = [{"label": "cat"}, {"label": "dog"}]
    case = case_of(rows, (0, 1, 1.0), pixels={0: b"p", 1: b"p"})
    assert case.mislabels(0.1)["conflict"].to_list() == ["pixel", "pixel"]


def test_the_minority_of_equal_pictures_is_listed():
    rows = [*({"label": "cat", "digest": "a"} for _ in range(3)), {"label": "dog", "digest": "a"}]
    found = case_of(rows).mislabels(0.5)
    assert found.select("image", "score", "agreement").rows() == [
        (3, pytest.approx(0.31, abs=0.01), 0)
    ]


def test_classes_that_are_confused_are_counted():
    rows = [*cats(4), *({"label": "dog"} for _ in range(4)), {"label": "dog"}]
    edges = [(a, b, 0.9) for a in range(4) for b in range(a)]
    edges += [(a, b, 0.9) for a in range(4, 8) for b in range(4, a)]
    edges += [(8, a, 0.88) for a in range(3)]
    found = case_of(rows, *edges).confusion(1)
    assert found.rows() == [("dog", "cat", 1, pytest.approx(0.2), 1)]
    assert case_of(rows, *edges).confusion(0)["suspected"].to_list() == [0]


def test_a_picture_that_was_copied_a_thousand_times_is_judged_once():
    size = 1000
    rows = [{"digest": "a", "label": f"l{i % 7}"} for i in range(size)]
    rows += [{"label": "cat"} for _ in range(size)]
    known = case_of(rows, *((0, size + i, 0.9) for i in range(size))).opinions()
    assert known.votes.rows.height < 30 * size
    assert known.frame.height == 2 * size
    many = case_of([{"digest": "a", "label": f"l{i}"} for i in range(size)])
    assert many.opinions().votes.rows.height < 20 * size
    assert many.mislabels(0.1).height == size


class TestSeveralLabels:
    @staticmethod
    def case(odd: str) -> Case:
        rows = [{"label": "cat|grass"} for _ in range(5)] + [{"label": odd}]
        rows += [{"label": "dog"} for _ in range(3)]
        edges = [(a, b, 0.9) for a in range(6) for b in range(a)]
        edges += [(a, b, 0.9) for a in range(6, 9) for b in range(6, a)]
        return case_of(rows, *edges)

    @pytest.mark.parametrize(
        ("odd", "suggestion"),
        [("cat", "cat|grass"), ("cat|dog|grass", "cat|grass"), ("dog|grass", "cat|grass")],
    )
    def test_a_missing_or_wrong_label_is_found(self, odd, suggestion):
        found = self.case(odd).mislabels(0.9, separator="|")
        assert found.select("image", "label", "suggested_label").rows() == [(5, odd, suggestion)]
        assert set(found["neighbors"][0]) <= {0, 1, 2, 3, 4}

    def test_of_duplicates_with_other_labels_theirs_are_suggested(self):
        rows = [{"label": "a|b", "digest": "x"}, {"label": "a", "digest": "x"}]
        found = case_of(rows).mislabels(separator="|")
        suggested = dict(found.select("label", "suggested_label").iter_rows())
        assert all(label != other for label, other in suggested.items())
        assert set(found["conflict"]) == {"exact"}

    @pytest.mark.parametrize("other", ["b|a", " b | a ", "a|b|", "a||b|a"])
    def test_the_same_labels_written_otherwise_are_no_conflict(self, other):
        rows = [{"label": "a|b", "digest": "x"}, {"label": other, "digest": "x"}]
        assert case_of(rows).mislabels(1, separator="|").height == 0

    def test_what_agrees_is_not_listed(self):
        assert self.case("grass|cat").mislabels(0.9, separator="|").height == 0

    def test_labels_are_one_where_no_separator_is_given(self):
        found = self.case("cat").mislabels(0.9)
        assert found.select("image", "suggested_label").rows() == [(5, "cat|grass")]


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
    found = case_of(rows, (0, 2, 0.9)).mislabels(1)
    assert found.select("image", "neighbors").rows() == [(1, [2]), (2, [1])]
