"""What the votes add up to: which labels are in doubt, and what speaks against them."""

import polars as pl

from pixsieve.findings.discriminant import class_probabilities
from pixsieve.findings.graph import from_fixed, to_fixed
from pixsieve.findings.labels import Labelled
from pixsieve.findings.votes import Votes

#: The score is 1 / (1 + exp(-(INTERCEPT + SLOPE * logit(part)))) of the part of the votes that
#: is for the label. `benches/calibrate.py --labels` fits it on labels that were replaced at random
#: or by the most similar class, 5 and 10 % of them.
INTERCEPT, SLOPE = 2.615, 0.318
#: A smaller part of the votes is for the label than against it.
HALF = 0.5
#: No class is less probable than this.
LEAST = 1e-6
#: No part is nearer to 0 or 1.
SURELY = 1e-9


def verdicts(labels: Labelled, votes: Votes, embeddings: pl.DataFrame | None) -> pl.DataFrame:
    """One row per case on which there are votes: `image`, `part`, `accused`, `missing`, `new`.

    `part` is that of the evidence that is for the label, 0..1; `accused` is the label that speaks
    most against it: one that is `missing`, or one that should not be there. `new` are the numbers
    of the labels that the evidence would give.

    The evidence for one of several classes is the votes for it, times the square of its
    probability by the means of the classes (see `class_probabilities`; without `embeddings` the
    votes alone). The class prior is taken out of the votes: those for a class are divided by the
    square root of its size relative to the mean class, averaged with 1. Both dampen the division,
    so that one image of a rare class cannot outvote all others (prior shift by Saerens et al.
    2002; tempering as in logit adjustment, Menon et al. 2021).
    """
    if labels.separator is not None:
        return _of_several(labels, votes)
    return _of_one(labels, votes, embeddings)


def score(part: pl.Expr) -> pl.Expr:
    """The probability that a label is right, of the part of the votes that is for it."""
    logit = (part / (1 - part)).log()
    return 1 / (1 + (-(INTERCEPT + SLOPE * logit)).exp())


def _of_one(labels: Labelled, votes: Votes, embeddings: pl.DataFrame | None) -> pl.DataFrame:
    """Each image has one label; the strongest other one is its rival."""
    tally = _tally(labels, votes)
    probability = (
        pl.lit(1.0)
        if embeddings is None
        else pl.Series(class_probabilities(labels, tally, votes.trust, embeddings))
    )
    undecided = votes.undecided / 2
    fair = to_fixed(from_fixed(pl.col("weight")) / pl.col("prior").sqrt())
    evidence = (fair + undecided) * (probability + LEAST) ** 2
    ranked = tally.join(_priors(labels), on="vote", maintain_order="left").with_columns(
        evidence=evidence
    )
    ranked = ranked.sort(
        "image", pl.col("evidence").round(0), "vote", descending=[False, True, False]
    )
    own, rival = pl.col("evidence").filter("own").sum(), pl.col("evidence").filter(~pl.col("own"))
    return (
        ranked.group_by("image", maintain_order=True)
        .agg(
            accused=pl.col("vote").filter(~pl.col("own")).first(),
            part=own / (own + rival.max().fill_null(undecided * LEAST**2)),
        )
        .filter(pl.col("part").is_finite())
        .join(labels.cases, on="image")
        .with_columns(winner=pl.when(pl.col("part") < HALF).then("accused").otherwise("given"))
        .select(
            "image",
            pl.col("part").clip(SURELY, 1 - SURELY),
            "accused",
            missing=pl.lit(value=True),
            new=pl.concat_list("winner"),
        )
    )


def _tally(labels: Labelled, votes: Votes) -> pl.DataFrame:
    """The votes for each label of each image, and its own label if it has none; by image."""
    counted = votes.rows.group_by("image", "vote").agg(pl.col("weight").sum())
    own = labels.carried.join(counted.select("image").unique(), on="image", how="semi").select(
        "image", "vote", own=pl.lit(value=True)
    )
    return (
        counted.join(own, on=["image", "vote"], how="full", coalesce=True)
        .with_columns(pl.col("weight").fill_null(0), pl.col("own").fill_null(value=False))
        .sort("image", "vote")
    )


def _of_several(labels: Labelled, votes: Votes) -> pl.DataFrame:
    """Each label is right or wrong by itself, and the worst one counts."""
    undecided = votes.undecided
    total = votes.rows.group_by("image").agg(total=pl.col("share").sum())
    whether = _tally(labels, votes).join(total, on="image")
    agree = pl.when("own").then("weight").otherwise(pl.col("total") - pl.col("weight"))
    part = (agree + undecided / 2) / (pl.col("total") + undecided)
    keep = pl.col("own") == (pl.col("part") >= HALF)
    return (
        whether.with_columns(part=part.clip(SURELY, 1 - SURELY))
        .filter(pl.col("part").is_finite())
        .sort("image", "part", "vote")
        .group_by("image", maintain_order=True)
        .agg(
            pl.col("part").first(),
            accused=pl.col("vote").first(),
            missing=~pl.col("own").first(),
            new=pl.col("vote").filter(keep).sort(),
        )
        .select("image", "part", "accused", "missing", "new")
    )


def _priors(labels: Labelled) -> pl.DataFrame:
    """`vote` and `prior`: the size relative to the mean class, halfway to 1."""
    sizes = labels.carriers.group_by("vote").agg(size=to_fixed(pl.col("part")).sum())
    relative = pl.col("size") / pl.col("size").mean()
    return sizes.select("vote", prior=(relative + 1) / 2)


def disputes(labels: Labelled, ties: pl.DataFrame) -> pl.DataFrame:
    """One row per image of which a duplicate carries another label, and `strength`.

    0 where the bytes are equal, 1 where the pixels are, 2 where it is a near duplicate.
    """
    images = labels.images
    several = pl.col("given").n_unique() > 1
    exact = images.filter(several.over("stand_in")).select("image", strength=0)
    pixel = images.filter(several.over("point")).select("image", strength=1)
    twins = ties.filter("twin").select(point="from", other="to")
    range_ = labels.cases.group_by(other="point").agg(
        least=pl.col("given").min(), most=pl.col("given").max()
    )
    differ = (pl.col("least") != pl.col("given")) | (pl.col("most") != pl.col("given"))
    near = (
        labels.cases.join(twins, on="point")
        .join(range_, on="other")
        .filter(differ)
        .select(case="image")
        .unique()
        .join(images, on="case")
        .select("image", strength=2)
    )
    found = pl.concat([frame.cast({"strength": pl.Int32}) for frame in (exact, pixel, near)])
    return found.group_by("image").agg(pl.col("strength").min()).sort("image")


def losers(labels: Labelled, ties: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Of disputed cases those for whose labels not more speaks than for another's.

    `image`, and `other`: what is given to the duplicate with other labels for which most speaks.
    """
    cases = labels.cases.join(found.select("image", pl.col("part").round(6)), on="image")
    strongest = (
        cases.sort("point", "part", "given", descending=[False, True, False])
        .group_by(other="point", maintain_order=True)
        .agg(
            holder=pl.col("given").first(),
            best=pl.col("part").first(),
            second=pl.col("given").get(1, null_on_oob=True),
            next=pl.col("part").get(1, null_on_oob=True),
        )
    )
    own = cases.select("point", other="point").unique()
    twins = ties.filter("twin").select(point="from", other="to")
    itself = pl.col("holder") == pl.col("given")
    return (
        cases.join(pl.concat([own, twins]), on="point")
        .join(strongest, on="other")
        .select(
            "image",
            "part",
            other=pl.when(itself).then("second").otherwise("holder"),
            against=pl.when(itself).then("next").otherwise("best"),
        )
        .filter(pl.col("part") <= pl.col("against"))
        .sort("image", "against", "other", descending=[False, True, False])
        .unique("image", keep="first", maintain_order=True)
        .select("image", "other")
    )
