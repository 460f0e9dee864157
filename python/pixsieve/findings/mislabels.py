"""Images whose label their neighbors contradict, and classes that are taken for each other."""

from dataclasses import dataclass

import polars as pl

from pixsieve import schema
from pixsieve.findings.graph import KINDS, attach
from pixsieve.findings.labels import Labelled, labelled
from pixsieve.findings.verdicts import HALF, disputes, losers, verdicts
from pixsieve.findings.votes import Votes, ties, votes

#: Of the voters that contradict a label so many are named.
NAMED = 10


@dataclass(frozen=True)
class Opinions:
    """What is said of every label: all that `mislabels` and `confusion` choose from."""

    labels: Labelled
    votes: Votes
    frame: pl.DataFrame
    """One row per image on which there are votes: as `verdicts`, and `case`, `given`, `score`,
    `strength` of the conflict, `other` (what is given to the duplicate), `listed` (whether it is
    a conflict that is to be listed)."""


def opinions(
    images: pl.DataFrame,
    edges: pl.DataFrame,
    near: pl.DataFrame,
    pixel_digests: pl.DataFrame,
    embeddings: pl.DataFrame | None,
    blank: pl.DataFrame,
    *,
    separator: str | None,
) -> Opinions:
    """What the neighbors and the means of the classes say of every label, whatever the threshold.

    `near` has the pairs that are near duplicates; `embeddings` are those of the images, `image`
    and `embedding`; images of `blank` are neither judged nor asked; `separator` stands between
    several labels of one image.
    """
    silent = pl.col("image").is_in(blank["image"].implode())
    images = images.with_columns(label=pl.when(~silent).then("label"))
    labels = labelled(images, edges, pixel_digests, separator=separator)
    tied = ties(labels, edges, near)
    disputed = disputes(labels, tied)
    cast = votes(labels, tied, disputed.join(labels.images, on="image").select(image="case"))
    found = verdicts(labels, cast, embeddings).rename({"image": "case"})
    lost = losers(labels, tied, found.rename({"case": "image"})).select(case="image", other="other")
    # Of two duplicates with different labels one is wrong for certain.
    certainty = pl.when(pl.col("strength").is_null()).then("score").otherwise("part")
    frame = (
        labels.images.select("image", "case", "given")
        .join(found, on="case")
        .join(disputed, on="image", how="left")
        .join(lost, on="case", how="left")
        .with_columns(
            score=certainty.round(6),
            listed=pl.col("strength").is_not_null() & pl.col("other").is_not_null(),
        )
        .sort("image")
    )
    return Opinions(labels, cast, frame)


def mislabels(images: pl.DataFrame, known: Opinions | None, *, threshold: float) -> pl.DataFrame:
    """One row per image whose label is in doubt: conflicts, and scores below the threshold.

    The neighbors of an image vote for their labels (see `votes`), all images of one picture as
    one voter. `score` is the probability that the label is right, from 0 to 1, worked out from
    the part of the votes that is for it against the strongest other label; `suggested_label` is
    what the votes would have; `neighbors` are the nearest voters that say so, at most 10;
    `agreement` is the share of all voters, unweighted, that carry the label. Where images carry
    several labels, each is voted on by itself, and the most doubtful one counts.

    `conflict` says that a duplicate carries another label, and which kind of duplicate: `exact`,
    `pixel` or `near`. One of the two is wrong for certain: listed is the one for whose label less
    speaks, both if it is equal, and `score` is the part of the votes as it is.

    Images without a label or without a labelled neighbor have no row; `known` is None where there
    is no label at all. Conflicts first, by kind; then the lowest score, then the smallest image.
    """
    if known is None:
        return attach(schema.empty("mislabels"), images, "mislabels")
    suspects = known.frame.filter(_suspected(threshold))
    kind = pl.col("strength").replace_strict(dict(enumerate(KINDS)), return_dtype=pl.String)
    found = (
        suspects.join(_named(suspects, known.labels), on="image", how="left")
        .join(_voters(suspects, known), on="case", how="left")
        .with_columns(conflict=kind)
        .sort("strength", "score", "image", nulls_last=True)
    )
    return attach(found, images, "mislabels")


def confusion(known: Opinions | None, *, threshold: float) -> pl.DataFrame:
    """One row per pair of classes, where the votes would have `suggested_label` for `label`.

    `images` counts all images of the class that the votes would give to the other one, `share` is
    their part of all images of the class that were voted on, and `suspected` counts those that
    `mislabels` lists. Where images carry several labels, each that the votes would take away is
    paired with each that they would add; null stands for none. Most images first, then by names.
    """
    if known is None:
        return schema.empty("confusion")
    names = known.labels.names
    carried = known.labels.carried.select("vote", case="image")
    frame = known.frame.select("image", "case", "new", suspected=_suspected(threshold))
    voted = frame.join(carried, on="case")
    kept = pl.col("vote").is_in(pl.col("new"))
    taken = voted.filter(~kept).select("image", "suspected", label="vote")
    given = frame.select("image", "case", vote="new").explode("vote", empty_as_null=False)
    added = given.join(carried, on=["case", "vote"], how="anti").select(
        "image", suggested_label="vote"
    )
    sizes = voted.group_by(label="vote").agg(size=pl.len())
    found = (
        taken.join(added, on="image", how="left")
        .group_by("label", "suggested_label")
        .agg(images=pl.len(), suspected=pl.col("suspected").sum())
        .join(sizes, on="label")
    )
    by = ["images", "label", "suggested_label"]
    return schema.conform(
        found.select(
            names.gather(found["label"]).alias("label"),
            names.gather(found["suggested_label"]).alias("suggested_label"),
            "images",
            "suspected",
            share=pl.col("images") / pl.col("size"),
        ).sort(by, descending=[True, False, False]),
        "confusion",
        [],
    )


def _suspected(threshold: float) -> pl.Expr:
    doubted = (pl.col("part") < HALF) & (pl.col("score") < threshold)
    return doubted | pl.col("listed")


def _named(suspects: pl.DataFrame, labels: Labelled) -> pl.DataFrame:
    """`image` and `suggested_label`, several of them joined; null for none."""
    # Of two labels of one picture the other one is suggested, however strong this one is.
    chosen = suspects.select(
        "image",
        vote=pl.concat_list("accused") if labels.separator is None else "new",
    ).explode("vote", empty_as_null=False)
    texts = (
        chosen.with_columns(name=labels.names.gather(chosen["vote"].cast(pl.UInt32)))
        .group_by("image", maintain_order=True)
        .agg(suggested_label=pl.col("name").sort().str.join(labels.separator or ""))
    )
    if labels.separator is None:
        return texts
    # Where the votes would change nothing, the labels of the duplicate are what it is about.
    both = suspects.select(
        "image",
        own=labels.written.gather(suspects["given"]),
        others=labels.written.gather(suspects["other"]),
    ).join(texts, on="image", how="left")
    same = pl.col("suggested_label") == pl.col("own")
    suggested = pl.when(same).then(pl.coalesce("others", "own")).otherwise("suggested_label")
    return both.select("image", suggested_label=suggested)


def _voters(suspects: pl.DataFrame, known: Opinions) -> pl.DataFrame:
    """`agreement`, and the nearest `neighbors` that say so."""
    rows = (
        known.votes.rows.filter(pl.col("voter").is_not_null())
        .rename({"image": "case"})
        .join(suspects.select("case", "accused", "missing").unique("case"), on="case")
    )
    has = (pl.col("vote") == pl.col("accused")).any()
    each = (
        rows.group_by("case", "voter")
        .agg(
            pl.col("similarity").max(),
            pl.col("own").any(),
            against=has == pl.col("missing").first(),
        )
        .sort("case", "similarity", "voter", descending=[False, True, False])
    )
    return each.group_by("case", maintain_order=True).agg(
        agreement=pl.col("own").mean(),
        neighbors=pl.col("voter").filter("against").head(NAMED),
    )
