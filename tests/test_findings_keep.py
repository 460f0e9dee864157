import polars as pl
import pytest
from hypothesis import given

from findings_cases import ORDERS, images_of, plans
from findings_oracles import keep_order
from pixsieve import findings


@given(plans())
def test_rank_is_the_order_of_the_oracle(plan):
    images = plan.build().images
    rank = findings.keep_rank(images, **ORDERS)
    assert [int(rank[i]) for i in keep_order(images)] == list(range(images.height))


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"error_code": None, "width": 1}, {"error_code": "truncated"}),
        ({"error_code": "truncated", "width": 1}, {"error_code": "corrupt"}),
        ({"width": 9, "file_size": 1}, {}),
        ({}, {"width": None, "height": None, "file_size": 1000}),
        ({"file_size": 101}, {"format": "png"}),
        ({}, {"file_size": None, "format": "png"}),
        ({"format": "PNG"}, {"split": "test"}),
        ({"split": "test"}, {"split": "val", "path": "a"}),
        ({"split": "train"}, {"split": None, "path": "a"}),
        ({"path": "zz"}, {"path": "aaa"}),
        ({"path": "aaa"}, {"path": "aab"}),
    ],
)
def test_each_rule_wins_over_those_after_it(better, worse):
    rank = findings.keep_rank(images_of([worse, better]), **ORDERS)
    assert rank.tolist() == [1, 0]


def test_empty_orders_are_no_preference():
    images = images_of([{"format": "png", "path": "bb"}, {"format": "jpeg", "path": "a"}])
    assert findings.keep_rank(images, format_order=(), split_order=()).tolist() == [1, 0]


def test_collapse_leaves_invalid_images_out_and_never_joins_missing_digests():
    images = images_of(
        [
            {"digest": "same", "path": "longer.jpg"},
            {"digest": "same", "path": "a.jpg"},
            {"digest": None},
            {"digest": None},
            {"digest": "same", "error_code": "corrupt"},
        ]
    )
    assert findings.collapse(images, **ORDERS).rows() == [(0, 1), (1, 1), (2, 2), (3, 3)]


def test_rows_out_of_order_are_refused():
    images = images_of([{}, {}]).sort("image", descending=True)
    with pytest.raises(ValueError, match="row number"):
        findings.collapse(images, **ORDERS)


@given(plans())
def test_collapse_keeps_the_best_of_each_digest(plan):
    images = plan.build().images
    order = keep_order(images)
    digest = dict(zip(images["image"], images["digest"], strict=True))
    valid = set(findings.collapse(images, **ORDERS)["image"])
    for image, kept in findings.collapse(images, **ORDERS).iter_rows():
        copies = [i for i in order if i in valid and digest[i] == digest[image]]
        assert kept == copies[0]
    assert images.filter(pl.col("error_code") == "corrupt")["image"].is_in(valid).sum() == 0
