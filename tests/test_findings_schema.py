import polars as pl
import polars.selectors as cs
import pytest
from hypothesis import given

from findings_cases import Case, case_of, images_of, plans, statistics_of
from pixsieve import findings, schema

HOSTILE = {
    "nothing": [],
    "one image": [{}],
    "no valid image": [{"error_code": "corrupt", "digest": None, "width": None, "height": None}]
    * 3,
    "all identical": [{"digest": "a", "label": "cat", "split": "train"}] * 5,
    "no labels": [{}] * 4,
    "all truncated": [{"error_code": "truncated"}] * 3,
    "nasty names": [{"path": "<script>\n\u202e", "label": "", "split": ""}, {"label": '"'}],
}


def check(found: dict[str, pl.DataFrame]) -> None:
    for name, frame in found.items():
        assert frame.schema == schema.SCHEMAS[name], name
        assert not any(column.is_nan().any() for column in frame.select(cs.float()))


@pytest.mark.parametrize("rows", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_collections_give_exact_schemas(rows):
    edges = [(i, i + 1, 0.9) for i in range(len(rows) - 1)]
    valid = all(row.get("error_code") != "corrupt" and row.get("digest") != "a" for row in rows)
    check(case_of(rows, *(edges if valid else [])).every_finding())


@given(plans())
def test_every_collection_gives_exact_schemas_without_nan(plan):
    check(plan.build().every_finding())


@given(plans())
def test_two_runs_give_the_same_frames(plan):
    one, other = plan.build().every_finding(), plan.build().every_finding()
    assert all(one[name].equals(other[name]) for name in one)


@pytest.mark.parametrize("rows", [0, 3])
def test_user_columns_follow_in_their_order(rows):
    images = images_of([{"digest": "a", "label": "cat"}] * rows).with_columns(
        weather=pl.lit("rain"), score=pl.lit(1, pl.Int8), boxes=pl.lit([1, 2])
    )
    case = Case(images, schema.empty("edges"), schema.empty("pixel_digests"))
    for name, frame in case.every_finding().items():
        extra = frame.columns[len(schema.SCHEMAS[name]) :]
        expected = {
            "similarity": [
                f"{c}_{e}" for c in ("weather", "score", "boxes") for e in ("from", "to")
            ],
            "outliers": ["weather", "score_user", "boxes"],
            "mislabels": ["weather", "score_user", "boxes"],
        }
        expected["leaks"] = expected["similarity"]
        expected["confusion"] = expected["leak_counts"] = []
        assert extra == expected.get(name, ["weather", "score", "boxes"]), name
        assert not extra or frame.schema[extra[0]] == pl.String


def test_user_names_never_meet():
    names = schema.user_names("outliers", ["score", "score_user", "score_user_user", "x"])
    assert names == {
        "score": "score_user_user_user",
        "score_user": "score_user",
        "score_user_user": "score_user_user",
        "x": "x",
    }


def test_conform_orders_casts_and_drops():
    frame = pl.DataFrame({"similarity": [0.5], "mine": ["a"], "to": [1], "from": [0], "no": [0]})
    found = schema.conform(frame, "edges", ["mine"])
    assert found.schema == {**schema.EDGES, "mine": pl.String}


def test_conform_says_which_column_is_missing():
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="similarity"):
        schema.conform(pl.DataFrame({"from": [0], "to": [1]}), "edges", [])


@pytest.mark.parametrize("name", sorted(schema.SCHEMAS))
def test_empty_has_the_schema(name):
    assert schema.empty(name).schema == schema.SCHEMAS[name]


def test_invalid_instances_are_all_with_an_error_code():
    images = images_of(
        [{}, {"error_code": "corrupt", "detail": "bad"}, {"error_code": "truncated"}]
    )
    found = findings.invalid_instances(images)
    assert found.select("image", "error_code", "detail").rows() == [
        (1, "corrupt", "bad"),
        (2, "truncated", None),
    ]


def test_img_stats_are_of_decoded_images_and_null_where_unknown():
    images = images_of([{}, {"error_code": "corrupt"}, {"error_code": "truncated"}])
    statistics = statistics_of(images).with_columns(
        entropy=pl.lit(float("nan"), pl.Float32), unique=pl.lit(256, pl.Float32)
    )
    found = findings.img_stats(images, statistics)
    assert found["image"].to_list() == [0, 2]
    assert found["entropy"].null_count() == 2
    assert found["unique"].to_list() == [256, 256]
    assert found["is_grayscale"].to_list() == [False, True]
