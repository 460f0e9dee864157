"""Images that are unlike all others."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve.findings.graph import (
    attach,
    between,
    both_ways,
    from_fixed,
    is_decoded,
    split_pairs,
    stand_ins,
    to_fixed,
    unordered,
)

#: Of the images that the automatic cut lists, this part at most would be there if nothing were
#: strange.
FALSE_DISCOVERIES = 0.2
#: Scores of ordinary images differ by this at least: noise of decoding and quantization.
NOISE = 0.005
#: The upper quartile of a normal distribution, in standard deviations.
QUARTILE = 0.6745
#: The tail is worked out from here on, where its continued fraction converges.
TAIL = 2.0
TERMS = 12


def outliers(
    images: pl.DataFrame,
    edges: pl.DataFrame,
    typicality: pl.DataFrame,
    plain: pl.DataFrame,
    *,
    percentile: float | None,
) -> pl.DataFrame:
    """The strangest images, one row each.

    Those are a share of `percentile`, 0..1, of all decoded images; where it is None, those whose
    score departs from the bulk of all scores (see `departing`), which may be none.

    With away(i) = 1 - similarity of image i to its k-th nearest neighbor (Ramaswamy et al. 2000)
    and around(i) the mean of that over its neighbors and the images it is a neighbor of, the
    score is

        (away(i) + around(i)) / 2 * mahalanobis(i) ^ (1/4)

    A few strange images of one kind have each other for neighbors, but these are strange as well;
    and they lie where hardly any embedding of the collection does: `mahalanobis` is the squared
    distance to the mean of all, in units of their covariance (see `typicality`). On pictures of
    other collections that were mixed in, this finds more than away(i) alone at any k, than the
    mean over the neighbors, than either factor, and than the local outlier factor (Breunig et al.
    2000), which does not see strange images that come together (benches/quality.py).

    Exact copies are one point: all have the score and the nearest neighbor of their stand-in, and
    `nearest` is never a copy. `score` is higher for stranger images; `percentile` is the share of
    the scored images that are less strange, 0..1; `similarity` is that to `nearest`. `reason` is
    `low_information` for the images of `plain`, which are unlike others because they show next to
    nothing, else `strange`. Images without neighbors have no score. If there is a graph and
    `percentile` is above 0, at least one image comes back. Strangest first, ties by image.
    """
    stand_in = stand_ins(images, edges)
    decoded = images.with_columns(stand_in=pl.Series(stand_in)).filter(is_decoded())
    scores = _scores(between(edges, stand_in), images.height, typicality)
    ranked = (
        decoded.select("image", "stand_in")
        .join(scores, on="stand_in")
        .with_columns(percentile=(pl.col("score").rank("min") - 1) / pl.len())
        .sort("score", "image", descending=[True, False])
    )
    if percentile is None:
        found = ranked.filter(pl.col("score") >= _cut(scores["score"].to_numpy()))
    else:
        found = ranked.head(_count(percentile, decoded.height))
    paths = images["path"][found["nearest"]].alias("nearest_path")
    reason = pl.when(pl.col("image").is_in(plain["image"].implode())).then(
        pl.lit("low_information")
    )
    return attach(
        found.with_columns(paths, reason=reason.otherwise(pl.lit("strange"))), images, "outliers"
    )


def departing(scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which scores lie where the upper tail departs from the bulk.

    The bulk is taken for normal, with the median, and the spread between it and the upper
    quartile, which strange images hardly move (an empirical null, Efron 2004). A score departs if
    it is among the largest of which at most a fifth would be expected so far out (the false
    discovery rate of Benjamini and Hochberg 1995).
    """
    if not len(scores):
        return np.zeros(0, dtype=bool)
    middle, upper = np.quantile(scores, [0.5, 0.75])
    spread = max((upper - middle) / QUARTILE, NOISE)
    far = (scores - middle) / spread
    order = np.argsort(-far, kind="stable")
    tail = order[: np.count_nonzero(far >= TAIL)]
    expected = upper_tail(far[tail]) * len(scores)
    allowed = FALSE_DISCOVERIES * np.arange(1, len(tail) + 1)
    within = np.flatnonzero(expected <= allowed)
    chosen = np.zeros(len(scores), dtype=bool)
    chosen[tail[: within[-1] + 1 if len(within) else 0]] = True
    return chosen


def upper_tail(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part of a normal distribution beyond, by Laplace's continued fraction."""
    fraction: NDArray[np.float64] = deviations.copy()
    for term in range(TERMS, 0, -1):
        fraction = deviations + term / fraction
    density: NDArray[np.float64] = np.exp(-(deviations**2) / 2) / np.sqrt(2 * np.pi)
    return density / fraction


def _cut(scores: NDArray[np.float64]) -> float:
    chosen = departing(scores)
    return float(scores[chosen].min()) if chosen.any() else np.inf


def _count(share: float, decoded: int) -> int:
    return max(1, int(share * decoded + 0.5)) if share > 0 else 0


def _scores(edges: pl.DataFrame, size: int, typicality: pl.DataFrame) -> pl.DataFrame:
    """`stand_in`, `nearest`, `similarity` and `score` of every row that has neighbors."""
    away = (1 - pl.col("similarity").cast(pl.Float64)).clip(lower_bound=0)
    near = edges.group_by("from").agg(
        # Edges come sorted by falling similarity.
        nearest=pl.col("to").first(),
        similarity=pl.col("similarity").first(),
        away=away.last(),
    )
    known = np.full(size, np.nan)
    known[near["from"].to_numpy()] = near["away"].to_numpy()
    around = pl.col("around").fill_null(pl.col("away"))
    far = pl.col("mahalanobis").fill_null(1).cast(pl.Float64)
    return (
        near.join(_around(edges, known), on="from", how="left")
        .join(typicality, left_on="from", right_on="image", how="left")
        .select(
            "nearest",
            "similarity",
            stand_in="from",
            score=((pl.col("away") + around) / 2 * far**0.25).round(6),
        )
    )


def _around(edges: pl.DataFrame, away: NDArray[np.float64]) -> pl.DataFrame:
    """The mean of what the neighbors in either direction have, each once."""
    both = both_ways(split_pairs(edges.select(pair=unordered()).unique()))
    return (
        both.with_columns(away=pl.Series(away[both["to"].to_numpy()]))
        .filter(pl.col("away").is_not_nan())
        .group_by("from")
        .agg(around=from_fixed(to_fixed(pl.col("away")).sum()) / pl.len())
    )
