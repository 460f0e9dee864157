import math

import numpy as np
import polars as pl
import pytest

from findings_cases import edges_of, images_of
from pixsieve import findings, schema
from pixsieve.config import LIMITS, Config

ORDINARY = {
    "mean": 120,
    "stdv": 60,
    "blur": 900,
    "entropy": 7.2,
    "aspect_ratio": 1.0,
    "is_grayscale": 0,
}
LIMIT = {name: getattr(Config(), name) for name in LIMITS}


def collection(*odd: dict[str, float], ordinary: int = 60) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ordinary pictures, all slightly different, and then odd ones."""
    rng = np.random.default_rng(0)
    rows = [ORDINARY | {"width": 100, "height": 100, **one} for one in [{}] * ordinary + list(odd)]
    for row in rows[:ordinary]:
        row["mean"] += rng.uniform(-20, 20)
        row["stdv"] *= rng.uniform(0.8, 1.25)
        row["blur"] *= rng.uniform(0.8, 1.25)
    images = images_of([{key: row[key] for key in ("width", "height")} for row in rows])
    values = {
        name: [row.get(name, 0.0) for row in rows] for name in schema.STATISTICS if name != "image"
    }
    statistics = pl.DataFrame({"image": range(len(rows)), **values}).cast(schema.STATISTICS)
    return images, findings.img_stats(images, statistics)


def flagged(*odd: dict[str, float], ordinary: int = 60) -> pl.DataFrame:
    return findings.flags(*collection(*odd, ordinary=ordinary), limits=LIMIT)


def test_ordinary_pictures_have_no_flag():
    assert flagged().height == 0


@pytest.mark.parametrize(
    ("odd", "flag", "rule"),
    [
        ({"mean": 24}, "dark", "absolute"),
        ({"mean": 236}, "bright", "absolute"),
        ({"mean": 230}, "bright", "relative"),
        ({"blur": 49}, "blurry", "absolute"),
        ({"blur": 55}, "blurry", "relative"),
        ({"stdv": 9}, "low_contrast", "absolute"),
        ({"entropy": 1.9}, "low_information", "absolute"),
        ({"width": 300, "height": 300}, "odd_size", "relative"),
        ({"width": 30, "height": 30}, "odd_size", "relative"),
        ({"aspect_ratio": 3.1}, "odd_aspect_ratio", "absolute"),
        ({"aspect_ratio": 1 / 3.1}, "odd_aspect_ratio", "absolute"),
        ({"aspect_ratio": 2}, "odd_aspect_ratio", "relative"),
        ({"is_grayscale": 1}, "grayscale", "relative"),
    ],
)
def test_each_flag(odd: dict[str, float], flag: str, rule: str):
    found = flagged(odd)
    assert found.select("image", "flag", "rule").rows() == [(60, flag, rule)]
    value, threshold = found["value"][0], found["threshold"][0]
    assert value != pytest.approx(threshold)


def test_a_value_at_the_threshold_passes():
    assert flagged({"mean": 25.0, "blur": 900}).filter(pl.col("rule") == "absolute").height == 0


def test_the_fence_is_that_of_tukey():
    images, measured = collection({"mean": 250})
    found = findings.flags(images, measured, limits=LIMIT | {"bright_threshold": 255})
    low, high = (measured["mean"].quantile(share) for share in (0.25, 0.75))
    reach = 3 * max(high - low, 25)
    assert found.select("flag", "threshold").rows() == [("bright", pytest.approx(high + reach))]


def test_what_many_have_is_not_odd():
    assert flagged(*[{"aspect_ratio": 1.8}] * 10).height == 0
    assert flagged(*[{"is_grayscale": 1}] * 10).height == 0
    assert flagged(*[{"mean": 10}] * 10)["flag"].to_list() == ["dark"] * 10


def test_the_worst_come_first_and_flags_in_order():
    found = flagged({"mean": 20}, {"mean": 10}, {"entropy": 0, "stdv": 0, "blur": 0, "mean": 0})
    assert found.select("flag", "image").rows() == [
        ("low_information", 62),
        ("low_contrast", 62),
        ("dark", 62),
        ("dark", 61),
        ("dark", 60),
        ("blurry", 62),
    ]


def test_no_picture_has_no_flag():
    empty = findings.flags(images_of([]), schema.empty("img_stats"), limits=LIMIT)
    assert empty.schema == schema.FLAGS
    assert empty.height == 0


def test_plain_pictures_are_those_of_little_information_or_contrast():
    _, measured = collection({"entropy": 1}, {"stdv": 2}, {"mean": 1})
    assert findings.plain(measured, limits=LIMIT)["image"].to_list() == [60, 61]


class TestPlaceholders:
    @staticmethod
    def found(odd: list[dict[str, float]], *links: tuple[int, int, float]) -> pl.DataFrame:
        images, measured = collection(*odd)
        return findings.placeholders(
            images, edges_of(*links), measured, contrast_threshold=10, threshold=0.96
        )

    def test_blank_pictures_that_are_alike_are_a_cluster(self):
        blank = [{"entropy": 0, "stdv": 9}] * 3
        found = self.found(blank, (60, 61, 0.99), (61, 62, 0.5), (0, 60, 0.99))
        assert found.select("cluster", "image", "kind", "size").rows() == [
            (0, 60, "near_empty", 2),
            (0, 61, "near_empty", 2),
        ]

    def test_a_simple_picture_many_times_over_is_a_placeholder(self):
        simple = [{"entropy": 1}, {"entropy": 3}, {"entropy": 4.4}]
        links = [(60, 61, 0.99), (61, 62, 0.99)]
        found = self.found(simple, *links)
        assert found.select("image", "kind").rows() == [
            (60, "placeholder"),
            (61, "placeholder"),
            (62, "placeholder"),
        ]
        assert self.found(simple[:2], *links[:1]).height == 0

    def test_where_all_pictures_are_simple_that_is_their_nature(self):
        links = [(a, b, 0.99) for a in range(60, 90) for b in range(60, a)]
        assert self.found([{"entropy": 3}] * 30, *links).height == 0

    def test_photographs_are_never_placeholders(self):
        assert self.found([{}] * 3, (60, 61, 0.99), (61, 62, 0.99)).height == 0


def test_elongation_is_the_longer_side_by_the_shorter():
    found = flagged({"aspect_ratio": 0.2})
    assert found.select("metric", "value").rows() == [("elongation", pytest.approx(5))]
    assert math.isclose(found["threshold"][0], 3)
