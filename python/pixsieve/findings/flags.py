"""Pictures that are dark, blurred, empty, or otherwise unlike the rest by their statistics."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from pixsieve.findings.graph import attach

#: Beyond a quartile by so many times the distance between the quartiles: "far out" (Tukey 1977).
FENCE = 3.0
#: The quartiles are taken to lie so far apart at least: among a thousand pictures of one size one
#: that is a little larger is nothing odd.
LEAST_SPREAD = {
    "mean": 25.0,
    "log_stdv": 0.25,
    "log_blur": 0.5,
    "log_area": 0.25,
    "log_aspect_ratio": 0.15,
}
#: What a larger part of the collection has is nothing odd: it has two kinds of pictures.
FEW = 0.05
#: The values of a blank picture deviate less from their mean.
BLANK = 2.0
#: Where logarithms end.
LEAST = 1e-6


@dataclass(frozen=True)
class Rule:
    """One way to get a flag."""

    flag: str
    metric: str
    above: bool
    #: The setting that holds its absolute limit.
    limit: str | None = None
    #: The scale on which the collection has its fences; None: no relative rule.
    scale: str | None = None


RULES = (
    Rule("low_information", "entropy", above=False, limit="information_threshold"),
    Rule("low_contrast", "stdv", above=False, limit="contrast_threshold", scale="log_stdv"),
    Rule("dark", "mean", above=False, limit="dark_threshold", scale="mean"),
    Rule("bright", "mean", above=True, limit="bright_threshold", scale="mean"),
    Rule("blurry", "blur", above=False, limit="blur_threshold", scale="log_blur"),
    Rule("odd_size", "area", above=False, scale="log_area"),
    Rule("odd_size", "area", above=True, scale="log_area"),
    Rule("odd_aspect_ratio", "aspect_ratio", above=False, scale="log_aspect_ratio"),
    Rule("odd_aspect_ratio", "aspect_ratio", above=True, scale="log_aspect_ratio"),
    Rule("odd_aspect_ratio", "elongation", above=True, limit="aspect_ratio_threshold"),
)
#: The names of all flags, in the order in which they are listed.
FLAGS = (*dict.fromkeys(rule.flag for rule in RULES), "grayscale")


def flags(
    images: pl.DataFrame, measured: pl.DataFrame, *, limits: Mapping[str, float]
) -> pl.DataFrame:
    """One row per image and flag; `measured` is what `img_stats` gives.

    `metric` is the statistic that the flag judges, `value` what the image has, `threshold` what it
    passed. `rule` says where that comes from: `absolute`, one of the `limits`; `relative`, the
    image is far out among those of this collection: beyond a quartile by three times the distance
    between the quartiles (Tukey's outer fence), by their ratio for `blur`, `stdv`, sizes and
    aspect ratios, and at most one image in twenty is. Where it passed both, `absolute` stands.

    The flags are, in this order: `low_information` (entropy), `low_contrast` (stdv), `dark` and
    `bright` (mean), `blurry` (blur), `odd_size` (`area`, width times height), `odd_aspect_ratio`
    (also by `elongation`, the longer side divided by the shorter), and `grayscale` (grey pictures
    where at most one in twenty is grey). Within a flag absolute ones come first, then those that
    passed their threshold the farthest, then the smallest image.
    """
    measured = _on_scales(measured)
    parts = [part for rule in RULES for part in _of_rule(measured, rule, limits)]
    places = dict(zip(FLAGS, range(len(FLAGS)), strict=True))
    found = (
        pl.concat([*parts, _grey(measured)])
        .with_columns(place=pl.col("flag").replace_strict(places, return_dtype=pl.UInt8))
        .sort("place", "rule", "beyond", "image", descending=[False, False, True, False])
        .unique(["image", "flag"], keep="first", maintain_order=True)
    )
    return attach(found, images, "flags")


def _on_scales(measured: pl.DataFrame) -> pl.DataFrame:
    ratio = pl.col("aspect_ratio")
    measured = measured.with_columns(
        area=pl.col("width").cast(pl.Float64) * pl.col("height"),
        elongation=pl.max_horizontal(ratio, 1 / ratio),
    )
    logarithms = [scale for scale in LEAST_SPREAD if scale.startswith("log_")]
    return measured.with_columns(
        pl.col(scale.removeprefix("log_")).clip(lower_bound=LEAST).log().alias(scale)
        for scale in logarithms
    )


def _of_rule(
    measured: pl.DataFrame, rule: Rule, limits: Mapping[str, float]
) -> Iterator[pl.DataFrame]:
    if rule.limit is not None:
        yield _beyond(measured, rule, rule.metric, limits[rule.limit], "absolute")
    if rule.scale is not None:
        fence = _fence(measured[rule.scale], rule)
        if fence is not None:
            yield _few(_beyond(measured, rule, rule.scale, fence, "relative"), measured)


def _fence(values: pl.Series, rule: Rule) -> float | None:
    low, high = values.quantile(0.25), values.quantile(0.75)
    if low is None or high is None or rule.scale is None:
        return None
    reach = FENCE * max(high - low, LEAST_SPREAD[rule.scale])
    return high + reach if rule.above else low - reach


def _beyond(
    measured: pl.DataFrame, rule: Rule, scale: str, threshold: float, kind: str
) -> pl.DataFrame:
    value, limit = pl.col(scale), pl.lit(threshold, pl.Float64)
    beyond = value - limit if rule.above else limit - value
    return measured.select(
        "image",
        flag=pl.lit(rule.flag),
        metric=pl.lit(rule.metric),
        value=pl.col(rule.metric).cast(pl.Float64),
        threshold=limit.exp() if scale.startswith("log_") else limit,
        rule=pl.lit(kind),
        beyond=beyond.cast(pl.Float64),
    ).filter(pl.col("beyond") > 0)


def _grey(measured: pl.DataFrame) -> pl.DataFrame:
    rule = Rule("grayscale", "is_grayscale", above=True)
    grey = measured.with_columns(pl.col("is_grayscale").cast(pl.Float64))
    return _few(_beyond(grey, rule, "is_grayscale", 0.5, "relative"), measured)


def _few(found: pl.DataFrame, measured: pl.DataFrame) -> pl.DataFrame:
    return found if found.height <= FEW * measured.height else found.clear()


def blank(measured: pl.DataFrame) -> pl.DataFrame:
    """The images that show nothing at all, one row, `image`, each."""
    return measured.filter(pl.col("stdv") < BLANK).select("image")


def plain(measured: pl.DataFrame, *, limits: Mapping[str, float]) -> pl.DataFrame:
    """The images that show next to nothing, one row, `image`, each.

    Those are blank, near-blank and placeholder pictures: of little information or contrast, as
    the absolute limits of `flags` have it.
    """
    found = measured.filter(
        (pl.col("entropy") < limits["information_threshold"])
        | (pl.col("stdv") < limits["contrast_threshold"])
    )
    return found.select("image")
