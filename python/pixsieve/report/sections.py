"""Frames of findings in, sections of the report out."""

from typing import Any

import polars as pl

from pixsieve.report.cards import Cards
from pixsieve.report.data import (
    Broken,
    Cluster,
    Group,
    Look,
    Member,
    Pair,
    Section,
    Stranger,
    Suspect,
)
from pixsieve.report.text import size

#: Labels named per cluster.
TOP_LABELS = 4

#: Of each look: the statistic, whether high values are meant, and what it says.
LOOKS = {
    "dark": ("mean", False, "Mean brightness (0 to 255) below {:g}, darkest first."),
    "bright": ("mean", True, "Mean brightness (0 to 255) above {:g}, brightest first."),
    "blurry": (
        "blur",
        False,
        "Variance of the Laplacian below {:g}, lowest first. It is low in blurred pictures, and in "
        "empty ones too.",
    ),
}


def duplicates(frame: pl.DataFrame, cards: Cards, *, groups: int, members: int) -> Section[Group]:
    """Groups, largest first, each with its representative first."""
    shown = frame.filter(pl.col("group") < groups)
    saved = size(cards.bytes(frame.filter(~pl.col("keep"))["image"]))
    return Section(
        key="duplicates",
        title="Duplicates",
        unit="group",
        total=frame["group"].n_unique(),
        call="audit.duplicates()",
        text=f"All but one image of each group could go: {saved} in all. Largest groups first; "
        "in each the image to keep, then its duplicates by falling similarity to it.",
        nothing="No duplicates.",
        items=tuple(
            _group(rows, cards, members)
            for rows in shown.partition_by("group", maintain_order=True)
        ),
    )


def _group(rows: pl.DataFrame, cards: Cards, members: int) -> Group:
    # What each is to the representative beside it, not to any other of the group.
    certain = pl.col("match").fill_null(0) == 1
    rows = rows.with_columns(kind=pl.when(certain).then("kind").otherwise(pl.lit("near")))
    others = rows.filter(~pl.col("representative"))
    kinds = others.group_by("kind", maintain_order=True).len()
    least: Any = others["similarity"].min()
    return Group(
        number=rows["group"][0],
        size=rows.height,
        kinds=dict(kinds.iter_rows()),
        similarity_min=least,
        labels=_values(rows, "label"),
        splits=_values(rows, "split"),
        members=tuple(
            Member(
                cards(row["image"]),
                row["kind"],
                row["similarity"],
                row["representative"],
                row["keep"],
            )
            for row in rows.head(members).iter_rows(named=True)
        ),
    )


def _values(rows: pl.DataFrame, column: str) -> tuple[str, ...]:
    return tuple(rows[column].drop_nulls().unique(maintain_order=True))


def leaks(frame: pl.DataFrame, cards: Cards, *, pairs: int, splits: int) -> Section[Pair]:
    """Pairs, strongest first."""
    return Section(
        key="leaks",
        title="Leaks",
        unit="leak",
        total=frame.height,
        call="audit.leaks()",
        text="Images of a later split that have a duplicate in an earlier one: what is measured "
        "on them is too good to be true. Exact copies first, then by falling similarity.",
        nothing="No leaks." if splits > 1 else "No leaks: there are no two splits to leak between.",
        items=tuple(_pair(row, cards) for row in frame.head(pairs).iter_rows(named=True)),
    )


def _pair(row: dict[str, Any], cards: Cards) -> Pair:
    return Pair(
        split_from=row["split_from"],
        split_to=row["split_to"],
        kind=row["kind"],
        similarity=row["similarity"],
        source=cards(row["image_from"]),
        target=cards(row["image_to"]),
    )


def mislabels(
    frame: pl.DataFrame, cards: Cards, *, suspects: int, neighbors: int, labelled: int
) -> Section[Suspect]:
    """Suspects, most certain first."""
    return Section(
        key="mislabels",
        title="Suspected wrong labels",
        unit="image",
        total=frame.height,
        call="audit.mislabels()",
        text="Images whose nearest neighbors carry another label. The score is the given label's "
        "part of the vote, from 0 (certainly wrong) to 1 (certainly right). Lowest first.",
        nothing="No suspected labels." if labelled else "No suspected labels: none are known.",
        items=tuple(
            _suspect(row, cards, neighbors) for row in frame.head(suspects).iter_rows(named=True)
        ),
    )


def _suspect(row: dict[str, Any], cards: Cards, neighbors: int) -> Suspect:
    return Suspect(
        card=cards(row["image"]),
        label=row["label"],
        suggested_label=row["suggested_label"],
        score=row["score"],
        agreement=row["agreement"],
        neighbors=cards.many(row["neighbors"][:neighbors]),
    )


def outliers(frame: pl.DataFrame, cards: Cards, *, outliers: int) -> Section[Stranger]:
    """Outliers, strangest first."""
    return Section(
        key="outliers",
        title="Outliers",
        unit="image",
        total=frame.height,
        call="audit.outliers()",
        text="Images unlike all others, each beside its nearest neighbor. Strangest first.",
        nothing="No outliers.",
        items=tuple(_stranger(row, cards) for row in frame.head(outliers).iter_rows(named=True)),
    )


def _stranger(row: dict[str, Any], cards: Cards) -> Stranger:
    return Stranger(
        card=cards(row["image"]),
        nearest=cards(row["nearest"]),
        similarity=row["similarity"],
        score=row["score"],
        percentile=row["percentile"],
    )


def components(
    frame: pl.DataFrame, cards: Cards, *, clusters: int, each: int, together: int
) -> Section[Cluster]:
    """Components, largest first, until there are enough of them or of their images."""
    sizes = frame.group_by("component", maintain_order=True).agg(pl.col("size").first())
    taken = pl.col("size").clip(upper_bound=each).cum_sum()
    fitting = sizes.head(clusters).filter((taken <= together) | (pl.col("component") == 0))
    shown = frame.filter(pl.col("component") < fitting.height)
    return Section(
        key="components",
        title="Clusters of look-alikes",
        unit="cluster",
        total=sizes.height,
        call="audit.connected_components()",
        text="Images connected by a chain of similar pairs; the ends of a chain need not be "
        "similar. Largest first.",
        nothing="No clusters of look-alikes.",
        items=tuple(
            _cluster(rows, cards, each)
            for rows in shown.partition_by("component", maintain_order=True)
        ),
    )


def _cluster(rows: pl.DataFrame, cards: Cards, each: int) -> Cluster:
    labels = rows["label"].drop_nulls().value_counts(name="n")
    labels = labels.sort("n", "label", descending=[True, False]).head(TOP_LABELS)
    return Cluster(
        number=rows["component"][0],
        size=rows.height,
        similarity_min=rows["similarity_min"][0],
        similarity_max=rows["similarity_max"][0],
        labels=tuple(labels.iter_rows()),
        cards=cards.many(rows["image"].head(each)),
    )


def look(
    frame: pl.DataFrame, cards: Cards, *, key: str, threshold: float, looks: int
) -> Section[Look]:
    """The dark, bright or blurry images, worst first."""
    column, high, text = LOOKS[key]
    value = pl.col(column)
    found = frame.filter(value > threshold if high else value < threshold)
    worst = found.sort(column, "image", descending=[high, False]).head(looks)
    sign = ">" if high else "<"
    return Section(
        key=key,
        title=f"{key.capitalize()} images",
        unit="image",
        total=found.height,
        call=f'audit.img_stats().filter(pl.col("{column}") {sign} {threshold:g})',
        text=text.format(threshold),
        nothing=f"No {key} images.",
        items=tuple(Look(cards(image), value) for image, value in worst["image", column].rows()),
    )


def invalid(frame: pl.DataFrame, cards: Cards, *, invalid: int) -> Section[Broken]:
    """The images that could not be read, or not wholly."""
    rows = frame.head(invalid).iter_rows(named=True)
    return Section(
        key="invalid",
        title="Broken images",
        unit="image",
        total=frame.height,
        call="audit.invalid_instances()",
        text="Files that could not be read as pictures. Truncated ones were read as far as they "
        "go and take part in everything else.",
        nothing="No broken images.",
        items=tuple(Broken(cards(row["image"]), row["error_code"], row["detail"]) for row in rows),
    )
