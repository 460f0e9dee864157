"""Images that are unlike all others."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve.findings.graph import (
    attach,
    between,
    from_fixed,
    is_decoded,
    stand_ins,
    to_fixed,
)

#: Differences in similarity below this are noise of decoding and quantization.
NOISE = 0.01


def outliers(images: pl.DataFrame, edges: pl.DataFrame, *, percentile: float) -> pl.DataFrame:
    """The strangest images, one row each: a share of `percentile`, from 0 to 1, of all decoded.

    With spread(i) the mean of 1 - similarity over the neighbors of image i, and around(i) the
    mean spread of these neighbors, the score is

        spread(i) * sqrt((spread(i) + 0.01) / (around(i) + 0.01))

    The first factor is the distance to the k nearest neighbors (Ramaswamy et al. 2000), which
    alone calls every image of a varied class an outlier; the second is the local outlier factor
    (LOF, Breunig et al. 2000, in the simplified form of Schubert et al. 2014), which alone calls
    every less close member of a tight burst one. Exact copies are one point: all have the score
    and the nearest neighbor of their stand-in, and `nearest` is never a copy.

    `score` is higher for stranger images; `percentile` is the share of the scored images that
    are less strange, from 0 to 1; `similarity` is that to `nearest`. Images without neighbors
    have no score. If there is a graph and the share is above 0, at least one image comes back.
    Strangest first, ties by image.
    """
    stand_in = stand_ins(images, edges)
    decoded = images.with_columns(stand_in=pl.Series(stand_in)).filter(is_decoded())
    scores = _scores(between(edges, stand_in), images.height)
    found = (
        decoded.select("image", "stand_in")
        .join(scores, on="stand_in")
        .with_columns(percentile=(pl.col("score").rank("min") - 1) / pl.len())
        .sort("score", "image", descending=[True, False])
        .head(_count(percentile, decoded.height))
    )
    nearest_path = images["path"][found["nearest"]].alias("nearest_path")
    return attach(found.with_columns(nearest_path), images, "outliers")


def _count(share: float, decoded: int) -> int:
    return max(1, int(share * decoded + 0.5)) if share > 0 else 0


def _scores(edges: pl.DataFrame, size: int) -> pl.DataFrame:
    """`stand_in`, `nearest`, `similarity` and `score` of every row that has neighbors."""
    away = (1 - pl.col("similarity").cast(pl.Float64)).clip(lower_bound=0)
    near = edges.group_by("from").agg(
        # Edges come sorted by falling similarity.
        nearest=pl.col("to").first(),
        similarity=pl.col("similarity").first(),
        spread=from_fixed(to_fixed(away).sum()) / pl.len(),
    )
    spread = np.full(size, np.nan)
    spread[near["from"].to_numpy()] = near["spread"].to_numpy()
    around = _around(edges, spread)
    ratio = (pl.col("spread") + NOISE) / (pl.col("around") + NOISE)
    return near.join(around, on="from", how="left").select(
        "nearest",
        "similarity",
        stand_in="from",
        score=(pl.col("spread") * ratio.fill_null(1).sqrt()).round(6),
    )


def _around(edges: pl.DataFrame, spread: NDArray[np.float64]) -> pl.DataFrame:
    neighbor = pl.Series("spread", spread[edges["to"].to_numpy()])
    return (
        edges.select("from", neighbor)
        .filter(pl.col("spread").is_not_nan())
        .group_by("from")
        .agg(around=from_fixed(to_fixed(pl.col("spread")).sum()) / pl.len())
    )
