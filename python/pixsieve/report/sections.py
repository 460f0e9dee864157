"""Frames of findings in, sections of the report out."""

from typing import Any

import polars as pl

from pixsieve.pages.cards import Cards
from pixsieve.pages.text import clock, measure, size
from pixsieve.report.data import (
    Broken,
    Cluster,
    Footage,
    Group,
    Look,
    Member,
    Pair,
    Repeated,
    Section,
    Stranger,
    Suspect,
)

#: Labels named per cluster.
TOP_LABELS = 4
#: Clusters of placeholders.
MOST_PLACEHOLDERS = 8

#: Of each flag the title, and what it says.
LOOKS = {
    "low_information": (
        "Low-information images",
        "The luminance has little entropy (bits): blank, nearly blank and placeholder pictures.",
    ),
    "low_contrast": ("Low-contrast images", "Values deviate little from their mean (0 to 128)."),
    "dark": ("Dark images", "Mean brightness (0 to 255) is low."),
    "bright": ("Bright images", "Mean brightness (0 to 255) is high."),
    "blurry": (
        "Blurry images",
        "The variance of the Laplacian is low: so it is in blurred pictures, and in empty ones.",
    ),
    "odd_size": (
        "Oddly sized images",
        "So many pixels more or less than the other images of the collection have.",
    ),
    "odd_aspect_ratio": (
        "Oddly shaped images",
        "Width divided by height, or the longer side by the shorter, is unusual.",
    ),
    "grayscale": ("Grey images", "Pictures without colour, where nearly all others have some."),
}


def duplicates(
    frame: pl.DataFrame, within: pl.Series, cards: Cards, *, groups: int, members: int
) -> Section[Group]:
    """Groups, largest first, each with its representative first.

    `within` says which rows are frames of their representative's own video: groups of nothing
    else come last.
    """
    saved = cards.bytes(frame.filter(~pl.col("keep"))["image"])
    copied = frame.filter(~pl.col("keep") & ~within)["group"].unique()
    copies = pl.col("group").is_in(copied.implode())
    order = pl.concat([frame.filter(copies), frame.filter(~copies)])
    first = order["group"].unique(maintain_order=True).head(groups)
    shown = order.filter(pl.col("group").is_in(first.implode()))
    amount = "" if saved is None else f": {size(saved)} in all"
    text = f"All but one image of each group could go{amount}. "
    if number := int(within.sum()):
        text = (
            "All but one image of each group could go, unless they are frames of one video, which "
            f"are alike by nature, as {number:,} of these are; groups of nothing else come last. "
        )
    return Section(
        key="duplicates",
        title="Duplicates",
        unit="group",
        total=frame["group"].n_unique(),
        call="audit.duplicates()",
        text=text + "Largest groups first; in each the image to keep, then its duplicates by "
        "falling similarity to it.",
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
                row["transform"],
            )
            for row in rows.head(members).iter_rows(named=True)
        ),
    )


def _values(rows: pl.DataFrame, column: str) -> tuple[str, ...]:
    return tuple(rows[column].drop_nulls().unique(maintain_order=True))


def videos(frame: pl.DataFrame, times: pl.Series, cards: Cards, *, runs: int) -> Section[Footage]:
    """Runs of frames that two videos share; `times` are those of all images, in seconds."""
    return Section(
        key="videos",
        title="Duplicate videos",
        unit="run",
        total=frame.height,
        call="audit.duplicate_videos()",
        text="Frames of two videos that match one after the other, in time: the same videos first, "
        "then clips of a longer one, then those that share a part. Longest first.",
        nothing="No videos show the same.",
        items=tuple(_footage(row, times, cards) for row in frame.head(runs).iter_rows(named=True)),
    )


def _footage(row: dict[str, Any], times: pl.Series, cards: Cards) -> Footage:
    matches = list(zip(row["images_from"], row["images_to"], strict=True))
    ends = matches[:1] + matches[1:][-1:]
    return Footage(
        kind=row["kind"],
        names=tuple(row[f"video_{end}"].removeprefix(cards.root) for end in ("from", "to")),
        spans=tuple(
            f"{clock(row[f'start_{end}'])}-{clock(row[f'end_{end}'])}" for end in ("from", "to")
        ),
        frames=row["frames"],
        similarity=row["similarity"],
        cards=tuple((cards(image), clock(times[image])) for match in ends for image in match),
    )


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
        transform=row["transform"],
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
        text="Images whose neighbors carry another label, first those of which a duplicate does. "
        "The score is the probability that the label is right. Lowest first.",
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
        neighbors=cards.many((row["neighbors"] or [])[:neighbors]),
        conflict=row["conflict"],
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
        nothing="No image stands out from all others.",
        items=tuple(_stranger(row, cards) for row in frame.head(outliers).iter_rows(named=True)),
    )


def _stranger(row: dict[str, Any], cards: Cards) -> Stranger:
    return Stranger(
        card=cards(row["image"]),
        nearest=cards(row["nearest"]),
        similarity=row["similarity"],
        score=row["score"],
        percentile=row["percentile"],
        plain=row["reason"] == "low_information",
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


def placeholders(frame: pl.DataFrame, cards: Cards, *, each: int) -> Section[Repeated]:
    """Clusters of pictures that stand where others should, largest first."""
    clusters = frame.partition_by("cluster", maintain_order=True)
    return Section(
        key="placeholders",
        title="Placeholders",
        unit="cluster",
        total=len(clusters),
        call="audit.placeholders()",
        text="Blank and nearly blank pictures that are alike, and simple pictures that come three "
        "times or more, as those do that stand for missing ones. Largest first.",
        nothing="No placeholders.",
        items=tuple(
            Repeated(
                size=rows.height,
                empty=rows["kind"][0] == "near_empty",
                cards=cards.many(rows["image"].head(each)),
            )
            for rows in clusters[:MOST_PLACEHOLDERS]
        ),
    )


def look(frame: pl.DataFrame, cards: Cards, *, key: str, looks: int) -> Section[Look]:
    """The images that have one flag, worst first."""
    title, text = LOOKS[key]
    rows = frame.head(looks).iter_rows(named=True)
    return Section(
        key=key,
        title=title,
        unit="image",
        total=frame.height,
        call=f'audit.flags("{key}")',
        text=f"{text}{_limits(frame)} Worst first.",
        nothing=f"No {title.lower()}.",
        items=tuple(Look(cards(row["image"]), row["value"]) for row in rows),
    )


def _limits(frame: pl.DataFrame) -> str:
    """What the threshold is, by the rule that set it."""
    names = {"absolute": "set", "relative": "far out in this collection"}
    limits = frame.select("rule", "threshold", "metric").unique().sort("rule", "threshold")
    shown = [
        f"{row['metric'].replace('_', ' ')} {measure(row['threshold'])} ({names[row['rule']]})"
        for row in limits.iter_rows(named=True)
        if row["metric"] != "is_grayscale"
    ]
    return f" Threshold: {', '.join(shown)}." if shown else ""


def invalid(frame: pl.DataFrame, cards: Cards, *, invalid: int) -> Section[Broken]:
    """The images that could not be read, or not wholly; of boxes too small only the number."""
    small = pl.lit(value=False)
    if "box_width" in frame.columns:
        small = (pl.col("error_code") == "too_small") & pl.col("box_width").is_not_null()
    number = frame.select(small.sum()).item() or 0
    frame = frame.filter(~small)
    also = f" Boxes too small to be looked at are not shown: {number:,}." if number else ""
    rows = frame.head(invalid).iter_rows(named=True)
    return Section(
        key="invalid",
        title="Broken images",
        unit="image",
        total=frame.height,
        call="audit.invalid_instances()",
        text="Files that could not be read as pictures. Truncated ones were read as far as they "
        f"go and take part in everything else.{also}",
        nothing="No broken images.",
        items=tuple(Broken(cards(row["image"]), row["error_code"], row["detail"]) for row in rows),
    )
