"""Near duplicates: which pairs are compared, what the comparison says, and which of them pass."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve import engine
from pixsieve.findings.graph import Rows, pairs, split_pairs, unordered

#: Neighbors of an image that are compared with it.
COMPARED = 3
#: Of the splits of look-alikes so many are looked at: each image may have one of its own.
SPLITS = 8
#: The largest match of a pair that was compared: only what is equal matches for certain.
SUREST = 0.9999
#: Correlations are stretched near 1, where they differ most; beyond this they are all the same.
HIGHEST = 0.999
#: A picture that shows less of another than this share is a crop of it.
CROPPED = 0.9
#: From this difference of a channel's mean (0..255) on, colours were changed.
RECOLOURED = 12.0


def candidate_pairs(
    images: pl.DataFrame,
    edges: pl.DataFrame,
    shapes: pl.DataFrame,
    *,
    rank: Rows,
    least: float,
    threshold: float,
) -> pl.DataFrame:
    """The pairs to compare, `from` < `to`, each once, sorted.

    Those are each image with its nearest neighbors, if they are similar at `least` or above, and
    with the like of its shape; where more neighbors than these are similar at `threshold` or
    above, with the nearest of each split and with the one that is kept before the others: of a
    thousand look-alikes each is compared with the one that would stand for it, not with all.
    """
    order = pl.int_range(pl.len()).over("from")
    nearest = edges.filter(order < COMPARED, pl.col("similarity") >= least)
    similar = edges.filter(order >= COMPARED, pl.col("similarity") >= threshold)
    split = images.select(pl.col("split").fill_null(""))["split"]
    kept = similar.with_columns(
        rank=pl.Series(rank[similar["to"].to_numpy()], dtype=pl.UInt32),
        split=split[similar["to"]],
    )
    best = kept.sort("rank").unique("from", keep="first", maintain_order=True)
    across = kept.unique(["from", "split"], keep="first", maintain_order=True).filter(
        pl.int_range(pl.len()).over("from") < SPLITS
    )
    ends = [frame.select("from", "to") for frame in (nearest, best, across, shapes)]
    return split_pairs(pl.concat(ends).select(pair=unordered()).unique().sort("pair"))


def unmet_pairs(
    images: pl.DataFrame, sure: pl.DataFrame, compared: pl.DataFrame, rank: Rows
) -> pl.DataFrame:
    """The pairs that were not compared, but are likely: `from` < `to`, sorted.

    Where sure pairs link images, directly or through others, each is likely to be a copy of the
    one that is kept before all others, and of the first one of each split.
    """
    root = engine.connected_components(images.height, sure)
    members = images.select(
        "image",
        pl.Series("root", root),
        pl.Series("rank", rank),
        split=pl.col("split").fill_null(""),
    ).filter(pl.len().over("root") > 1)
    first = (
        members.sort("rank")
        .unique(["root", "split"], keep="first", maintain_order=True)
        .filter(pl.int_range(pl.len()).over("root") < SPLITS)
    )
    likely = members.join(first.select("root", first="image"), on="root").filter(
        pl.col("image") != pl.col("first")
    )
    ends = likely.select(pl.col("image").alias("from"), pl.col("first").alias("to"))
    unmet = (
        ends.select(pair=unordered())
        .unique()
        .join(compared.select(pair=unordered()), on="pair", how="anti")
    )
    return split_pairs(unmet.sort("pair"))


def verified(
    registered: pl.DataFrame, statistics: pl.DataFrame, calibration: Mapping[str, float]
) -> pl.DataFrame:
    """PAIRS: the compared pairs with their `match` and `transform`.

    `match` is the logistic function of the calibration's weights: the share of copies among pairs
    that look so in the collection it was fitted on. `registered` has `from`, `to`, `similarity`
    (cosine) and what `engine.register_pairs` gives.
    """
    logit = pl.lit(calibration["intercept"]) + pl.sum_horizontal(
        value.cast(pl.Float64) * calibration[name] for name, value in evidence().items()
    )
    look = statistics.select("image", "width", "height", "mean_r", "mean_g", "mean_b")
    return (
        registered.join(look, left_on="from", right_on="image", how="left", maintain_order="left")
        .join(
            look,
            left_on="to",
            right_on="image",
            how="left",
            maintain_order="left",
            suffix="_to",
        )
        .select(
            "from",
            "to",
            pl.col("similarity").cast(pl.Float32),
            match=(1 / (1 + (-logit).exp())).clip(0, SUREST).cast(pl.Float32),
            transform=_transform(),
        )
    )


def evidence() -> dict[str, pl.Expr]:
    """What `match` is worked out from, by the names that cards use."""
    return {
        "similarity": _stretched("similarity"),
        "correlation": _stretched("correlation"),
        "detail": _stretched("detail"),
        "texture": _stretched("texture"),
        "area": pl.col("area"),
        "turned": (pl.col("orientation") != "none").cast(pl.Float64),
    }


def _stretched(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64).clip(-HIGHEST, HIGHEST).arctanh()


def _transform() -> pl.Expr:
    """What the first picture has to undergo to look like the second: the most telling of it."""
    recoloured = pl.max_horizontal(
        (pl.col(name) - pl.col(f"{name}_to")).abs() for name in ("mean_r", "mean_g", "mean_b")
    )
    resized = (pl.col("width") != pl.col("width_to")) | (pl.col("height") != pl.col("height_to"))
    return (
        pl.when(pl.col("orientation") != "none")
        .then("orientation")
        .when(pl.col("area") >= CROPPED)
        .then(
            pl.when(pl.col("tilt") != 0)
            .then(pl.lit("tilt"))
            .when(recoloured > RECOLOURED)
            .then(pl.lit("recolour"))
            .when(resized)
            .then(pl.lit("resize"))
            .otherwise(pl.lit("none"))
        )
        .when("grown")
        .then(pl.lit("extend"))
        .otherwise(pl.lit("crop"))
    )


def match_threshold(precision: float, known: NDArray[np.float64]) -> float:
    """The match from which on pairs are copies with this precision.

    `known` has rows of precision and match, rising; between them it is interpolated, beyond them
    the last ones hold.
    """
    return float(np.interp(precision, known[:, 0], known[:, 1]))


def near_pairs(
    edges: pl.DataFrame,
    verified: pl.DataFrame,
    *,
    match: float | None,
    similarity: float,
) -> pl.DataFrame:
    """PAIRS that are near duplicates: those that match, or are similar where `match` is None."""
    if match is not None:
        return verified.filter(pl.col("match") >= match)
    alike = pairs(edges.filter(pl.col("similarity") >= similarity))
    known = verified.select("from", "to", "match", "transform")
    return alike.join(known, on=["from", "to"], how="left", maintain_order="left")
