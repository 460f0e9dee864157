"""What the votes add up to: which labels are in doubt, and what speaks against them."""

import polars as pl

from pixsieve.findings.certainty import certainty
from pixsieve.findings.discriminant import class_probabilities
from pixsieve.findings.graph import from_fixed, to_fixed
from pixsieve.findings.labels import Labelled
from pixsieve.findings.votes import Votes

#: Intercept and slope of the score in the logit of the part of the evidence that is for the label.
#: `benches/calibrate.py --labels` fits them on labels that were replaced at random or by the most
#: similar class, 5 and 10 % of them.
USUAL = (2.64, 0.308)
#: The same where images have several labels, and votes alone are evidence: fitted on `scenes` with
#: a second label that is always right, or drawn.
USUAL_OF_SEVERAL = (4.3, 3.2)
#: A smaller part of the votes is for the label than against it.
HALF = 0.5
#: No class is less probable than this.
LEAST = 1e-6
#: No part is nearer to 0 or 1.
SURELY = 1e-9
_CASE = ["image", "vote"]


def verdicts(labels: Labelled, votes: Votes, embeddings: pl.DataFrame | None) -> pl.DataFrame:
    """One row per case on which there are votes.

    `image`; `part`, that of the evidence that is for the label, 0..1; `score`, the probability
    that the label is right (see `certainty`); `accused` is the label that speaks
    most against it: one that is `missing`, or one that should not be there. `new` are the numbers
    of the labels that the evidence would give.

    The evidence for one of several classes is the votes for it, times the square of its
    probability by the means of the classes (see `class_probabilities`; without `embeddings` the
    votes alone). The class prior is taken out of the votes: those for a class are divided by the
    square root of its size relative to the mean class, averaged with 1. Both dampen the division,
    so that one image of a rare class cannot outvote all others (prior shift by Saerens et al.
    2002; tempering as in logit adjustment, Menon et al. 2021).
    """
    several = labels.carried.height > labels.cases.height
    return _of_several(labels, votes) if several else _of_one(labels, votes, embeddings)


def _of_one(labels: Labelled, votes: Votes, embeddings: pl.DataFrame | None) -> pl.DataFrame:
    """Each image has one label; the strongest other one is its rival."""
    undecided = votes.undecided / 2
    nothing = undecided * LEAST**2
    ranked = _evidence(labels, votes, embeddings)
    voted = ~pl.col("probe")
    own = pl.col("evidence").filter("own").sum()
    rivals = pl.col("evidence").filter(~pl.col("own"), voted)
    others = pl.col("evidence").filter(~pl.col("chosen"))
    found = (
        ranked.group_by("image", maintain_order=True)
        .agg(
            accused=pl.col("vote").filter(~pl.col("own"), voted).first(),
            own=own,
            rival=rivals.max().fill_null(nothing),
            third=rivals.get(1, null_on_oob=True).fill_null(nothing),
            chosen=pl.col("evidence").filter("chosen").sum(),
            others=others.max().fill_null(nothing),
        )
        .join(labels.cases, on="image")
        .with_columns(part=pl.col("own") / (pl.col("own") + pl.col("rival")))
        .filter(pl.col("part").is_finite())
        .with_columns(
            part=pl.col("part").clip(SURELY, 1 - SURELY),
            winner=pl.when(pl.col("part") < HALF).then("accused").otherwise("given"),
        )
    )
    logits = found.select(
        given=_logit("part", 1 - pl.col("part")),
        # Had it been given the rival's label, or any other.
        to_rival=_logit("rival", pl.max_horizontal("own", "third")),
        to_other=_logit("chosen", pl.col("others")),
    )
    given, *wrong = (column.to_numpy() for column in logits)
    return found.select(
        "image",
        "part",
        "accused",
        score=pl.Series(certainty(given, wrong, USUAL)),
        missing=pl.lit(value=True),
        new=pl.concat_list("winner"),
    )


def _evidence(labels: Labelled, votes: Votes, embeddings: pl.DataFrame | None) -> pl.DataFrame:
    """The tally with the `evidence` for each label, the strongest of each image first.

    Some other label of each image is `chosen`, to see what would speak for it; where it has no
    votes, it is a `probe`, which is no rival.
    """
    tally = _tally(labels, votes)
    chosen = _chosen(labels, tally)
    probes = chosen.join(tally, on=["image", "vote"], how="anti").with_columns(
        pl.lit(0).cast(tally.schema["weight"]).alias("weight"), own=pl.lit(value=False)
    )
    tally = (
        pl.concat([tally, probes.select(tally.columns)])
        .join(probes.select("image", "vote", probe=pl.lit(value=True)), on=_CASE, how="left")
        .join(chosen.with_columns(chosen=pl.lit(value=True)), on=_CASE, how="left")
        .with_columns(pl.col("probe", "chosen").fill_null(value=False))
        .sort("image", "vote")
    )
    if embeddings is None:
        known = tally.with_columns(p=pl.lit(1.0))
    else:
        likely = class_probabilities(labels, tally, votes.trust, embeddings)
        among_rivals = pl.col("p") / pl.col("p").filter(~pl.col("probe")).sum().over("image")
        known = tally.with_columns(p=pl.Series(likely)).with_columns(p=among_rivals)
    fair = to_fixed(from_fixed(pl.col("weight")) / pl.col("prior").sqrt())
    return (
        known.join(_priors(labels), on="vote", maintain_order="left")
        .with_columns(evidence=(fair + votes.undecided / 2) * (pl.col("p") + LEAST) ** 2)
        .sort("image", pl.col("evidence").round(0), "vote", descending=[False, True, False])
    )


def _chosen(labels: Labelled, tally: pl.DataFrame) -> pl.DataFrame:
    """For each image some label that it does not carry: `image` and `vote`."""
    classes = len(labels.names)
    if classes < 2:
        return tally.select("image", "vote").clear()
    # The last digits of the votes are as good as drawn, and the same in every order.
    drawn = pl.col("weight").sum().over("image") % (classes - 1)
    other = (pl.col("vote") + 1 + drawn) % classes
    return tally.with_columns(vote=other.cast(tally.schema["vote"])).filter("own").select(*_CASE)


def _logistic(logit: pl.Expr, weights: tuple[float, float]) -> pl.Expr:
    intercept, slope = weights
    return 1 / (1 + (-(intercept + slope * logit)).exp())


def _logit(one: str, other: pl.Expr) -> pl.Expr:
    return (pl.col(one) / other).log()


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
    """Each label is right or wrong by itself, and the worst one counts.

    The logit of the votes for or against a label counts as far as it can be seen (`_seen`): what
    looks do not tell, such as who took a picture, nobody is suspected for.
    """
    undecided = votes.undecided
    total = votes.rows.group_by("image").agg(total=pl.col("share").sum())
    whether = _tally(labels, votes).join(total, on="image")
    agree = pl.when("own").then("weight").otherwise(pl.col("total") - pl.col("weight"))
    part = (agree + undecided / 2) / (pl.col("total") + undecided)
    keep = pl.col("own") == (pl.col("part") >= HALF)
    raw = whether.with_columns(part=part.clip(SURELY, 1 - SURELY)).filter(
        pl.col("part").is_finite()
    )
    seen = raw.join(_seen(whether), on="vote", how="left", maintain_order="left")
    judged = seen.with_columns(
        seen=1 / (1 + (-_logit("part", 1 - pl.col("part")) * pl.col("seen")).exp())
    ).sort("image", "seen", "part", "vote")
    return (
        judged.group_by("image", maintain_order=True)
        .agg(
            pl.col("part").min(),
            pl.col("seen").first(),
            accused=pl.col("vote").first(),
            missing=~pl.col("own").first(),
            new=pl.col("vote").filter(keep).sort(),
        )
        .with_columns(score=_logistic(_logit("seen", 1 - pl.col("seen")), USUAL_OF_SEVERAL))
        .select("image", "part", "accused", "score", "missing", "new")
    )


def _seen(whether: pl.DataFrame) -> pl.DataFrame:
    """`vote` and `seen`, 0..1: how far one sees from the neighbors who carries a label.

    By how much more of the votes on those that carry it are for it than of those on all others.
    """
    images = whether["image"].n_unique()
    for_it = to_fixed(pl.col("weight") / pl.col("total").clip(lower_bound=1))
    counted = whether.group_by("vote").agg(
        carriers=pl.col("own").sum(),
        inside=for_it.filter("own").sum(),
        outside=for_it.filter(~pl.col("own")).sum(),
    )
    on_carriers = from_fixed(pl.col("inside")) / pl.col("carriers").clip(lower_bound=1)
    others = (images - pl.col("carriers")).clip(lower_bound=1)
    on_others = from_fixed(pl.col("outside")) / others
    return counted.select("vote", seen=(on_carriers - on_others).clip(0, 1))


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
