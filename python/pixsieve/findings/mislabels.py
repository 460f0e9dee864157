"""Images whose label their neighbors contradict."""

import numpy as np
import polars as pl

from pixsieve.findings.graph import (
    FIXED_POINT,
    attach,
    between,
    from_fixed,
    is_decoded,
    stand_ins,
    to_fixed,
)

#: A neighbor whose similarity is lower by this much has 1/e of the vote.
TEMPERATURE = 0.1

#: Votes that count half for the given label and half against it, so that a few distant neighbors
#: prove little; one neighbor of similarity 1 has one vote. Chosen on labels flipped at random
#: (average precision 0.58 without, 0.65 with it, on six classes of scenes).
UNDECIDED = 0.05


def mislabels(images: pl.DataFrame, edges: pl.DataFrame, *, threshold: float) -> pl.DataFrame:
    """One row per image that its neighbors would label otherwise, with a score below threshold.

    The neighbors of the image in the graph vote for their labels with weight exp((similarity -
    1) / 0.1). Exact copies are one voter; if their labels differ, each label has an equal
    part of the vote. Such a conflict also counts against the copies themselves: every label that
    another copy of the image carries is one more vote, at similarity 1.

    The class prior is taken out: the votes for a class are divided by the square root of its
    size relative to the mean class, averaged with 1. Both dampen the division, so that one image
    of a rare class cannot outvote all others (prior shift by Saerens et al. 2002; tempering as in
    logit adjustment, Menon et al. 2021).

    `score` is the given label's part of all votes and of 0.05 undecided ones, half of which it
    gets, from 0 (certainly wrong) to 1 (certainly right); `suggested_label` has the most votes,
    the given label if equal, else the first by alphabet; `agreement` is the share of voters,
    unweighted, that carry the given label; `neighbors` are the voters, nearest first. Images
    without a label or without a labelled neighbor have no row. Lowest score first, then by
    falling similarity of the nearest voter, then by image.
    """
    stand_in = pl.Series("stand_in", stand_ins(images, edges), dtype=pl.UInt32)
    labelled = _labelled(images, stand_in)
    carriers = _carriers(labelled)
    near = _neighbor_votes(labelled, carriers, between(edges, stand_in.to_numpy()))
    votes = _contested(pl.concat([near, _copy_votes(labelled, carriers)]), images.height)
    suspects = _verdicts(votes, carriers).filter(
        pl.col("vote") != pl.col("given"), pl.col("score") < threshold
    )
    found = suspects.join(_voters(votes, suspects), on="image").sort(
        "score", "nearest", "image", descending=[False, True, False]
    )
    labels = labelled["label"].unique().sort()
    suggested = labels[found["vote"]].alias("suggested_label")
    return attach(found.with_columns(suggested), images, "mislabels")


def _labelled(images: pl.DataFrame, stand_in: pl.Series) -> pl.DataFrame:
    """`image`, `stand_in`, `label` and `given`, its number by alphabet."""
    return (
        images.select("image", stand_in, "label", "error_code")
        .filter(is_decoded(), pl.col("label").is_not_null())
        .select("image", "stand_in", "label", given=pl.col("label").rank("dense") - 1)
    )


def _carriers(labelled: pl.DataFrame) -> pl.DataFrame:
    """Who stands for each label of each distinct image, and which part of its vote that is."""
    return (
        labelled.sort(pl.col("image") != pl.col("stand_in"), "image")
        .group_by("stand_in", vote="given", maintain_order=True)
        .agg(
            first=pl.col("image").first(),
            second=pl.col("image").get(1, null_on_oob=True),
        )
        .with_columns(labels=pl.len().over("stand_in"))
    )


def _neighbor_votes(
    labelled: pl.DataFrame, carriers: pl.DataFrame, edges: pl.DataFrame
) -> pl.DataFrame:
    """One row per image and voter in the graph."""
    return (
        edges.join(carriers, left_on="to", right_on="stand_in")
        .join(labelled, left_on="from", right_on="stand_in")
        .select("image", "given", "vote", "similarity", voter="first", part=1 / pl.col("labels"))
    )


def _copy_votes(labelled: pl.DataFrame, carriers: pl.DataFrame) -> pl.DataFrame:
    """One row per image and label that another of its exact copies carries, if they differ."""
    other = pl.when(pl.col("first") != pl.col("image")).then("first").otherwise("second")
    return (
        carriers.filter(pl.col("labels") > 1)
        .join(labelled, on="stand_in")
        .select(
            "image",
            "given",
            "vote",
            similarity=pl.lit(1, pl.Float32),
            voter=other,
            part=pl.lit(1, pl.Float64),
        )
        .filter(pl.col("voter").is_not_null())
    )


def _contested(votes: pl.DataFrame, size: int) -> pl.DataFrame:
    """The votes on images on which not all voters agree with the given label."""
    doubted = np.zeros(size, dtype=bool)
    doubted[votes.filter(pl.col("vote") != pl.col("given"))["image"].to_numpy()] = True
    return votes.filter(pl.Series(doubted[votes["image"].to_numpy()], dtype=pl.Boolean))


def _verdicts(votes: pl.DataFrame, carriers: pl.DataFrame) -> pl.DataFrame:
    """`image`, `given`, the winning `vote` and `score`, the part of the given label."""
    similarity = pl.col("similarity").cast(pl.Float64)
    weight = ((similarity - 1) / TEMPERATURE).exp() * pl.col("part")
    own = pl.col("weight").filter("own").sum() + round(UNDECIDED / 2 * FIXED_POINT)
    total = pl.col("weight").sum() + round(UNDECIDED * FIXED_POINT)
    return (
        votes.select("image", "given", "vote", weight=to_fixed(weight))
        .group_by("image", "given", "vote")
        .agg(pl.col("weight").sum())
        .join(_priors(carriers), on="vote")
        .with_columns(weight=to_fixed(from_fixed(pl.col("weight")) / pl.col("prior").sqrt()))
        .with_columns(own=pl.col("vote") == pl.col("given"))
        .sort("image", "weight", "own", "vote", descending=[False, True, True, False])
        .group_by("image", maintain_order=True)
        .agg(
            pl.col("given", "vote").first(),
            score=(own / total).round(6),
        )
    )


def _priors(carriers: pl.DataFrame) -> pl.DataFrame:
    """`vote` and `prior`: the size relative to the mean class, halfway to 1."""
    relative = pl.col("count") / pl.col("count").mean()
    return carriers.group_by("vote").agg(count=pl.len()).select("vote", prior=(relative + 1) / 2)


def _voters(votes: pl.DataFrame, suspects: pl.DataFrame) -> pl.DataFrame:
    """`neighbors`, nearest first, their `agreement` and the similarity of the `nearest`."""
    return (
        votes.join(suspects.select("image"), on="image", how="semi")
        .sort("image", "similarity", "voter", descending=[False, True, False])
        .group_by("image", maintain_order=True)
        .agg(
            neighbors="voter",
            agreement=(pl.col("vote") == pl.col("given")).mean(),
            nearest=pl.col("similarity").first(),
        )
    )
