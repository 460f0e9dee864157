"""Galleries of one picture and those beside it: look-alikes, and suspected labels."""

from typing import Any

import polars as pl

from pixsieve.audit import Audit
from pixsieve.findings import both_ways
from pixsieve.gallery.data import Content, Strip, Tag
from pixsieve.gallery.figures import Figures
from pixsieve.gallery.frames import Slice, called, content_of, pairs_of, sliced
from pixsieve.gallery.look import whole
from pixsieve.pages.text import similarity

#: Pictures beside the one asked for.
BESIDE = 10


def look_alikes(
    audit: Audit,
    figures: Figures,
    *,
    number: int,
    threshold: float | None,
    wanted: Slice,
    ascending: bool | None,
    least: int,
    most: int | None,
    given: Any,
) -> tuple[Content, pl.DataFrame]:
    """Each picture with those that look like it, and how many of them have its label."""
    if given is None:
        pairs = audit.similarity(threshold).select("from", "to", "similarity")
        edges = both_ways(pairs).sort("from", "similarity", "to", descending=[False, True, False])
    else:
        edges = pairs_of(given, figures)
        if "similarity" not in edges.columns:
            edges = edges.with_columns(similarity=pl.lit(None, pl.Float32))
    found = _scored(edges, figures)
    before = found.height
    found = found.filter(pl.col("length") >= whole("min_items", least, 0))
    if most is not None:
        found = found.filter(pl.col("length") <= whole("max_items", most, 0))
    found, order = _arranged(found, wanted, ascending, figures, kept=given is not None)
    return content_of(
        found,
        before,
        number,
        lambda row: _strip(row, figures),
        title="Similar images",
        text=f"Each image beside those that look like it, at most {BESIDE}. The label score is "
        f"how many in a hundred of them have its label. {order}",
        unit="image",
        call=None if given is not None else called("similarity", threshold),
        nothing="No image looks like another.",
    )


def _scored(edges: pl.DataFrame, figures: Figures) -> pl.DataFrame:
    """One row per image: `to`, `similarity`, `score` 0..100 (fastdup's label score), `length`."""
    labels = figures.labels
    same = labels[edges["from"]].eq_missing(labels[edges["to"]])
    return (
        edges.with_columns(same=same)
        .group_by("from", maintain_order=True)
        .agg("to", "similarity", score=100 * pl.col("same").mean(), length=pl.len())
        .with_columns(nearest=pl.col("similarity").list.first())
    )


def _arranged(
    found: pl.DataFrame, wanted: Slice, ascending: bool | None, figures: Figures, *, kept: bool
) -> tuple[pl.DataFrame, str]:
    """The rows that are wanted, in their order, and what to say of it."""
    by_score = isinstance(wanted, str) and wanted in ("diff", "same", "label_score")
    if not by_score:
        found = sliced(
            found, wanted, figures, ["from"], other=", and 'diff', 'same', 'label_score'"
        )
    if kept and not by_score:
        return found, "In the order of the frame."
    if by_score:
        # Suspicious ones first, unless those are asked for that agree.
        rising = wanted != "same" if ascending is None else ascending
        first = "Lowest" if rising else "Highest"
        ordered = found.sort("score", "length", "from", descending=[not rising, True, False])
        return ordered, f"{first} label score first."
    rising = bool(ascending)
    ordered = found.sort("nearest", "from", descending=[not rising, False])
    return ordered, f"{'Least' if rising else 'Most'} similar first."


def _strip(row: dict[str, Any], figures: Figures) -> Strip:
    others = tuple(
        figures(image, *([] if value is None else [Tag(similarity(value))]))
        for image, value in zip(row["to"][:BESIDE], row["similarity"][:BESIDE], strict=True)
    )
    left = row["length"] - len(others)
    tags = [Tag(f"label score {row['score']:.0f}", "bad" if row["score"] < 50 else "")]
    labelled = figures.labels[row["from"]] is not None
    return Strip(
        query=figures(row["from"]),
        others=others,
        title=f"{row['length']} alike" + (f", {left} not shown" if left else ""),
        tags=tuple(tags) if labelled else (),
    )


def mislabels(
    audit: Audit,
    figures: Figures,
    *,
    number: int,
    threshold: float | None,
    wanted: Slice,
    ascending: bool,
) -> tuple[Content, pl.DataFrame]:
    """Each image with a suspected label beside the neighbors that say otherwise."""
    found = audit.mislabels(threshold)
    before = found.height
    found = sliced(found, wanted, figures, ["image"])
    found = found if ascending else found.reverse()
    return content_of(
        found,
        before,
        number,
        lambda row: _suspect(row, figures),
        title="Suspected wrong labels",
        text="Images whose neighbors carry another label, beside these; first those of which a "
        "duplicate does. The score is the probability that the label is right. "
        f"{'Lowest' if ascending else 'Highest'} first.",
        unit="image",
        call=called("mislabels", threshold),
        nothing="No suspected labels."
        if audit.images["label"].count()
        else "No suspected labels: none are known.",
    )


def _suspect(row: dict[str, Any], figures: Figures) -> Strip:
    tags = [
        Tag(f"score {similarity(row['score'])}"),
        Tag(f"{row['agreement']:.0%} of the voters agree"),
    ]
    if row["conflict"]:
        tags.append(Tag(f"{row['conflict']} duplicate is labelled otherwise", "bad"))
    return Strip(
        query=figures(row["image"]),
        others=figures.many((row["neighbors"] or [])[:BESIDE]),
        title=f"{row['label']} → {row['suggested_label'] or 'none'}",
        tags=tuple(tags),
    )
