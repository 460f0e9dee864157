"""What the neighbors of an image say about its label."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve.findings.graph import FIXED_POINT, between, both_ways, moved
from pixsieve.findings.labels import Labelled

#: Temperatures to choose from, relative to how far neighbors are on average.
TEMPERATURES = (0.2, 0.3, 0.45, 0.65, 1.0, 1.5, 2.2)
#: Log-likelihoods that differ by less are the same.
EQUALLY_GOOD = 1e-4
#: Images on which the temperature is chosen.
SAMPLE = 5_000
#: Part of an average image's votes that is undecided, so that a few distant neighbors prove little.
UNDECIDED = 0.1
#: So many times that part is added to the votes for and of a voter: few are trusted blindly, and
#: none is silenced by a few.
TRUST = 3
#: Labels of one picture that vote.
MOST_LABELS = 16
#: Neighbors are not nearer than this on average.
LEAST_AWAY = 1e-3

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Votes:
    """All votes on all labelled images."""

    rows: pl.DataFrame
    """One row per case, voter and label of the voter: `image`, `vote`, `voter`, `own` (whether
    the image carries the label), `similarity`, `weight` and `share` (of the weight, so that all
    labels of a voter count once), both in fixed point."""
    undecided: float
    """Weight that is split evenly between for and against."""
    trust: Values
    """For each carrier, 0..1: the part of the votes on it that agree with its label."""


def votes(labels: Labelled, ties: pl.DataFrame, disputed: pl.DataFrame) -> Votes:
    """The votes on each image.

    Neighbors vote with weight exp((similarity - 1) / temperature), twice if each is a neighbor of
    the other; near duplicates as such neighbors at similarity 1. The temperature is the one under
    which neighbors predict the given labels best, each left out in turn: the largest mean
    log-likelihood (as in neighbourhood components analysis, Goldberger et al. 2004). Each vote
    then counts by the part of its own votes that agree with the voter.

    The cases of `disputed`, of which a duplicate carries another label, have a vote for their
    own as heavy as that of a duplicate, and their copies vote. Of a picture with many labels the
    16 that most copies carry vote.
    """
    rows = pl.concat([_of_neighbors(labels, ties), _of_copies(labels, disputed)])
    own = labels.carried.select("image", "vote", own=pl.lit(value=True))
    rows = rows.join(own, on=["image", "vote"], how="left").with_columns(
        pl.col("own").fill_null(value=False)
    )
    weight, undecided, trust = _weights(rows, labels)
    other = pl.when(pl.col("first") != pl.col("image")).then("first").otherwise("second")
    counted = rows.select(
        "image",
        "vote",
        "own",
        "similarity",
        voter=other,
        weight=pl.Series(weight * rows["part"].to_numpy()).round().cast(pl.Int64),
        share=pl.Series(weight * rows["share"].to_numpy()).round().cast(pl.Int64),
    )
    return Votes(counted, undecided, trust)


def ties(labels: Labelled, edges: pl.DataFrame, near: pl.DataFrame) -> pl.DataFrame:
    """Who votes on whom: `from`, `to`, `similarity`, `times`, `twin`; points, in both directions.

    A twin is a near duplicate.
    """
    neighbors = (
        both_ways(between(edges, labels.points))
        .group_by("from", "to")
        .agg(pl.col("similarity").max(), times=pl.len().clip(upper_bound=2).cast(pl.UInt32))
        .with_columns(twin=pl.lit(value=False))
    )
    twins = both_ways(moved(near, labels.points).select("from", "to"))
    certain = twins.with_columns(
        similarity=pl.lit(1, pl.Float32), times=pl.lit(2, pl.UInt32), twin=pl.lit(value=True)
    )
    return pl.concat([neighbors.join(twins, on=["from", "to"], how="anti"), certain])


def _of_neighbors(labels: Labelled, ties: pl.DataFrame) -> pl.DataFrame:
    return (
        ties.join(labels.cases.select("image", "point"), left_on="from", right_on="point")
        .join(_most_carried(labels.carriers), left_on="to", right_on="point")
        .select(*_VOTE)
    )


def _of_copies(labels: Labelled, disputed: pl.DataFrame) -> pl.DataFrame:
    """The votes at the image's own point."""
    cases = labels.cases.join(disputed, on="image", how="semi").select("image", "point")
    own = cases.join(labels.carried, on=["image", "point"])
    shared = _with_share(labels.carriers)
    most = cases.join(_most_carried(labels.carriers), on="point")
    return (
        pl.concat([most, own.join(shared, on=["point", "vote"]).select(most.columns)])
        .unique(["image", "carrier"], maintain_order=True)
        .with_columns(
            similarity=pl.lit(1, pl.Float32), times=pl.lit(2, pl.UInt32), twin=pl.lit(value=True)
        )
        .select(*_VOTE)
    )


_VOTE = (
    *("image", "vote", "carrier", "first", "second"),
    *("similarity", "times", "twin", "part", "share"),
)


def _most_carried(carriers: pl.DataFrame) -> pl.DataFrame:
    """Of each point the carriers of the labels that most of its images carry."""
    order = pl.struct(-pl.col("part"), "vote").rank("ordinal").over("point")
    return _with_share(carriers).filter(order <= MOST_LABELS)


def _with_share(carriers: pl.DataFrame) -> pl.DataFrame:
    return carriers.with_columns(share=pl.col("part") / pl.col("part").sum().over("point"))


def _weights(rows: pl.DataFrame, labels: Labelled) -> tuple[Values, float, Values]:
    """The weight of each vote in fixed point, before its part; what is undecided; the trust."""
    if rows.is_empty():
        return np.empty(0), 0.0, np.ones(labels.carriers.height)
    image, own = rows["image"].to_numpy(), rows["own"].to_numpy()
    away = 1 - rows["similarity"].to_numpy().astype(np.float64)
    times, share = rows["times"].to_numpy().astype(np.float64), rows["share"].to_numpy()
    neighbor = ~rows["twin"].to_numpy()
    temperature = _temperature(image, away, times * share, own, len(labels.names), neighbor)
    weight = times * np.exp(-away / temperature)
    votes_on = _sums(image, weight * share)
    voted = votes_on > 0
    undecided = UNDECIDED * float(votes_on[voted].sum()) / max(1, int(voted.sum()))
    for_it = _sums(image[own], (weight * share)[own], len(votes_on))
    trust = (for_it + TRUST * undecided) / np.maximum(votes_on + TRUST * undecided, 1)
    carriers = _of_carriers(trust, labels)
    trusted = np.where(neighbor, carriers[rows["carrier"].to_numpy()], 1.0)
    return weight * trusted * FIXED_POINT, undecided, carriers


def _sums(image: NDArray[np.uint32], weight: Values, size: int = 0) -> Values:
    """Sums of whole numbers, the same in every order."""
    sums = np.bincount(image, weights=np.rint(weight * FIXED_POINT), minlength=size)
    return sums.astype(np.float64)


def _of_carriers(trust: Values, labels: Labelled) -> Values:
    """The mean trust in the cases that carry each label of each point."""
    image = labels.carried["image"].to_numpy()
    known = np.ones(max(int(image.max(initial=0)) + 1, len(trust)))
    known[: len(trust)] = trust
    found = (
        labels.carried.with_columns(trust=pl.Series(known[image]).round(9))
        .group_by("point", "vote")
        .agg((pl.col("trust") * FIXED_POINT).round().cast(pl.Int64).mean() / FIXED_POINT)
    )
    joined = labels.carriers.join(
        found, on=["point", "vote"], how="left", maintain_order="left"
    ).select(pl.col("trust").fill_null(1.0))
    return joined["trust"].to_numpy()


def _temperature(
    image: NDArray[np.uint32],
    away: Values,
    times: Values,
    own: NDArray[np.bool_],
    classes: int,
    neighbor: NDArray[np.bool_],
) -> float:
    if not neighbor.any():
        return 1.0
    step = 1 + int(image.max()) // SAMPLE
    chosen = neighbor & (image % step == 0) if step > 1 else neighbor
    chosen = chosen if chosen.any() else neighbor
    number = np.unique(image[chosen], return_inverse=True)[1].astype(np.uint32)
    away, times, own = away[chosen], times[chosen], own[chosen]
    scale = max(float(np.rint(away * FIXED_POINT).sum() / away.size / FIXED_POINT), LEAST_AWAY)
    likelihoods = []
    for temperature in TEMPERATURES:
        weight = times * np.exp(-away / (scale * temperature))
        total = _sums(number, weight)
        for_it = _sums(number[own], weight[own], len(total))
        undecided = max(UNDECIDED * total.mean(), 1.0)
        right = (for_it + undecided / classes) / (total + undecided)
        likelihoods.append(float(np.log(right).mean()))
    # Of equally good ones the highest, under which most of the neighbors count.
    good = np.flatnonzero(np.array(likelihoods) >= max(likelihoods) - EQUALLY_GOOD)
    return scale * TEMPERATURES[int(good[-1])]
