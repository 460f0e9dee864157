import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_cases import case_of, never_rises, plans
from findings_oracles import leaks
from pixsieve import Config, findings
from pixsieve.sources import SPLIT_PLACES

KINDS = ["exact", "pixel", "near"]
TRAIN, VAL, TEST = ({"split": split} for split in ("train", "val", "test"))


@given(plans(), st.sampled_from([0.5, 0.8, 0.95]))
def test_leaks_are_those_of_the_oracle(plan, threshold):
    case = plan.build()
    found = case.leaks(threshold)
    columns = ["image_to", "split_from", "kind", "similarity", "image_from"]
    assert {
        (to, split): (KINDS.index(kind), similarity, start)
        for to, split, kind, similarity, start in found.select(columns).iter_rows()
    } == leaks(case, threshold)
    assert found.select("image_to", "split_from").is_unique().all()
    assert (found["split_from"] != found["split_to"]).all()


@given(plans(), st.randoms())
def test_order_of_the_images_does_not_matter(plan, random):
    order = list(range(len(plan.kinds)))
    random.shuffle(order)
    columns = ["split_from", "split_to", "path_to", "kind", "similarity"]
    one, other = (plan.build(o).leaks().select(columns).sort(columns) for o in (None, order))
    assert one.equals(other)


@given(plans())
def test_a_higher_threshold_never_adds_rows(plan):
    case = plan.build()
    assert never_rises([case.leaks(t).height for t in (0.4, 0.6, 0.8, 0.9, 1.1)])


def test_copies_in_two_splits_are_linear():
    rows = [TRAIN | {"digest": "a"}] * 100 + [TEST | {"digest": "a"}] * 100
    found = case_of(rows).leaks()
    assert found.height == 100
    assert set(found["image_from"]) == {0}
    assert found["image_to"].to_list() == list(range(100, 200))


def test_a_group_of_copies_that_spans_splits_counts_on_both_sides():
    rows = [TRAIN | {"digest": "a"}, TEST | {"digest": "a"}, VAL, TEST]
    found = case_of(rows, (0, 2, 0.9), (0, 3, 0.95)).leaks(0.8)
    columns = ["split_from", "split_to", "image_from", "image_to", "kind"]
    assert found.select(columns).rows() == [
        ("train", "test", 0, 1, "exact"),
        ("train", "test", 0, 3, "near"),
        ("train", "val", 0, 2, "near"),
        ("val", "test", 2, 1, "near"),
    ]


@pytest.mark.parametrize(
    ("first", "second"), [("training", "testing"), ("eval", "test"), ("Train", "other"), ("a", "b")]
)
def test_splits_have_an_order_whatever_the_images_have(first, second):
    found = case_of([{"digest": "a", "split": second}, {"digest": "a", "split": first}]).leaks()
    assert found.select("split_from", "split_to").rows() == [(first, second)]


def test_each_name_of_a_split_has_a_place_among_those_to_keep():
    assert set(Config().prefer_splits) == set(SPLIT_PLACES)


def test_pixel_is_stronger_than_near_and_needs_no_edge():
    case = case_of([TRAIN, TRAIN, TEST], (0, 2, 0.99), pixels={1: b"p", 2: b"p"})
    assert case.leaks(0.8).select("image_from", "image_to", "kind").rows() == [(1, 2, "pixel")]


def test_equal_pixels_meet_even_if_the_best_of_them_has_no_split():
    case = case_of([{}, TRAIN, TEST], pixels={0: b"p", 1: b"p", 2: b"p"})
    assert case.leaks().select("image_from", "image_to").rows() == [(1, 2)]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("train", "val"),
        ("TRAIN", "validation"),
        ("valid", "test"),
        ("dev", "test"),
        ("test", "holdout"),
        ("holdout", "a"),
        ("a", "b"),
    ],
)
def test_splits_have_an_order(earlier, later):
    rows = [{"split": later, "digest": "a"}, {"split": earlier, "digest": "a"}]
    found = case_of(rows).leaks()
    assert found.select("split_from", "split_to").rows() == [(earlier, later)]


def test_no_splits_no_leaks():
    assert case_of([{"digest": "a"}, TRAIN | {"digest": "a"}]).leaks().height == 0
    assert case_of([TRAIN | {"digest": "a"}, TRAIN | {"digest": "a"}]).leaks().height == 0
    assert case_of([]).leaks().height == 0


def test_the_nearest_stand_beside_the_leaks():
    rows = [TRAIN | {"digest": "a"}, TRAIN, TEST | {"digest": "a"}, TEST, VAL]
    case = case_of(rows)
    nearest = pl.DataFrame(
        [(0, 2, 1.0), (1, 3, 0.4), (1, 4, 0.3), (4, 2, 0.2), (4, 3, 0.1)],
        schema={"image_from": pl.UInt32, "image_to": pl.UInt32, "similarity": pl.Float32},
        orient="row",
    )
    found = findings.leaks(case.images, case.near(0.8), case.pixel_digests, nearest)
    columns = ["split_from", "split_to", "image_from", "image_to", "kind"]
    assert found.select(columns).rows() == [
        ("train", "test", 0, 2, "exact"),
        ("train", "test", 1, 3, None),
        ("train", "val", 1, 4, None),
        ("val", "test", 4, 2, None),
        ("val", "test", 4, 3, None),
    ]


def test_leaks_are_counted_by_class():
    cat, dog = {"label": "cat"}, {"label": "dog"}
    rows = [TRAIN | cat | {"digest": "a"}, TRAIN | dog | {"digest": "b"}]
    rows += [TEST | cat | {"digest": "a"}, TEST | cat, TEST | dog | {"digest": "b"}]
    rows += [TEST | dog | {"digest": "b"}, TEST | {"digest": "b"}]
    case = case_of(rows)
    found = findings.leak_counts(case.images, case.leaks())
    assert found.rows() == [
        ("train", "test", "dog", "exact", 2, 1.0),
        ("train", "test", "cat", "exact", 1, 0.5),
        ("train", "test", None, "exact", 1, 1.0),
    ]


@given(plans())
def test_counts_add_up_to_the_leaks(plan):
    case = plan.build()
    found = findings.leak_counts(case.images, case.leaks())
    assert found["images"].sum() == case.leaks().height
    assert found["share"].is_between(0, 1).all()
    assert found.select("split_from", "split_to", "label", "kind").is_unique().all()
