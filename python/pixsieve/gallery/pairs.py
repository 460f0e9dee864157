"""Galleries of pairs: duplicates, leaks, and outliers beside what comes nearest to them."""

from dataclasses import replace
from typing import Any

import polars as pl

from pixsieve.audit import Audit
from pixsieve.gallery.data import Content, Figure, Pair, Single, Tag
from pixsieve.gallery.figures import Figures
from pixsieve.gallery.frames import Slice, called, content_of, external, pairs_of, rows_of, sliced
from pixsieve.pages.text import similarity

ENDS = ("from", "to")
#: From the strongest kind of duplicate to the weakest.
STRENGTH = {"exact": 0, "pixel": 1, "near": 2}


def duplicates(
    audit: Audit,
    figures: Figures,
    *,
    number: int,
    threshold: float | None,
    wanted: Slice,
    ascending: bool,
    given: Any,
) -> tuple[Content, pl.DataFrame]:
    """Each duplicate beside the image that is kept instead of it."""
    if given is None:
        found = _of_groups(audit.duplicates(threshold))
        found = found.sort(
            pl.col("kind").replace_strict(STRENGTH, return_dtype=pl.Int8),
            "similarity",
            "to",
            descending=[ascending, not ascending, False],
        )
        call = called("duplicates", threshold)
    else:
        found, call = pairs_of(given, figures), None
    before = found.height
    found = sliced(found, wanted, figures, ENDS)
    order = "Least" if ascending else "Most"
    return content_of(
        found,
        before,
        number,
        lambda row: _pair(row, figures),
        title="Duplicates",
        text="Each duplicate beside the image of its group that is kept. "
        + ("In the order of the frame." if given is not None else f"{order} similar first."),
        unit="pair",
        call=call,
        nothing="No duplicates.",
    )


def _of_groups(frame: pl.DataFrame) -> pl.DataFrame:
    kept = frame.filter("representative").select("group", pl.col("image").alias("from"))
    others = frame.filter(~pl.col("representative")).rename({"image": "to"})
    # What each is to the image beside it, not to any other of its group.
    certain = pl.col("match").fill_null(0) == 1
    return others.join(kept, on="group", maintain_order="left").select(
        *("group", "from", "to", "similarity", "match", "transform", "keep"),
        kind=pl.when(certain).then("kind").otherwise(pl.lit("near")),
    )


def _pair(row: dict[str, Any], figures: Figures) -> Pair:
    kept = (Tag("keep", "good"),) if row.get("kind") else ()
    goes = (Tag("could go", "note"),) if row.get("kind") and not row["keep"] else ()
    source = _labelled(figures(row["from"], *kept), row.get("label_from"))
    target = _labelled(figures(row["to"], *goes), row.get("label_to"))
    return Pair(
        source=source,
        target=target,
        title=_title(row),
        tags=(*_remarks(row, source, target), *_across(source, target)),
        transform=row.get("transform"),
    )


def _labelled(figure: Figure, label: object) -> Figure:
    """With the label that a user's frame has for it, if any."""
    return figure if label is None else replace(figure, label=str(label))


def _title(row: dict[str, Any]) -> str:
    kind = row.get("kind")
    if kind is None:
        return "Pair"
    return {"exact": "Equal files", "pixel": "Equal pixels"}.get(kind, "Near duplicates")


def _remarks(row: dict[str, Any], source: Figure, target: Figure) -> tuple[Tag, ...]:
    """How alike the two of a pair are, and whether they are labelled alike."""
    tags = []
    if row.get("similarity") is not None:
        tags.append(Tag(f"similarity {similarity(row['similarity'])}"))
    if row.get("match") is not None and row.get("kind") == "near":
        tags.append(Tag(f"match {similarity(row['match'])}"))
    if row.get("transform") not in (None, "none"):
        tags.append(Tag(row["transform"].replace("_", " "), "note"))
    if len({source.label, target.label} - {None}) > 1:
        tags.append(Tag("labels differ", "bad"))
    return tuple(tags)


def _across(source: Figure, target: Figure) -> tuple[Tag, ...]:
    several = len({source.card.split, target.card.split} - {None}) > 1
    return (Tag("across splits", "bad"),) if several else ()


def leaks(
    audit: Audit,
    figures: Figures,
    *,
    number: int,
    threshold: float | None,
    wanted: Slice,
    ascending: bool,
) -> tuple[Content, pl.DataFrame]:
    """Each image of a later split beside its duplicate in an earlier one."""
    found = audit.leaks(threshold).rename({"image_from": "from", "image_to": "to"})
    before = found.height
    found = sliced(found, wanted, figures, ENDS)
    found = found.reverse() if ascending else found
    return content_of(
        found,
        before,
        number,
        lambda row: _leak(row, figures),
        title="Leaks",
        text="Images of a later split that have a duplicate in an earlier one: what is measured on "
        f"them is too good to be true. {'Weakest' if ascending else 'Strongest'} first.",
        unit="leak",
        call=called("leaks", threshold),
        nothing="No leaks.",
    )


def _leak(row: dict[str, Any], figures: Figures) -> Pair:
    kind = Tag(row["kind"], "note" if row["kind"] == "near" else "bad")
    source, target = figures(row["from"]), figures(row["to"])
    return Pair(
        source=source,
        target=target,
        title=f"{row['split_from']} → {row['split_to']}",
        tags=(kind, *_remarks(row, source, target)),
        transform=row["transform"],
    )


def outliers(
    audit: Audit,
    figures: Figures,
    *,
    number: int,
    how: str,
    wanted: Slice,
    ascending: bool,
    given: Any,
) -> tuple[Content, pl.DataFrame]:
    """Each outlier beside its nearest neighbor."""
    if how not in ("one", "all"):
        raise ValueError(f"how must be 'one' or 'all', not {how!r}")
    if given is not None:
        found = external(
            given,
            {"image": ("outlier", "from", "filename", "path")},
            {"nearest": ("to",), "similarity": ("distance",), "score": ()},
        )
        found = found.with_columns(
            rows_of(found[name], figures, optional=name == "nearest").alias(name)
            for name in ("image", "nearest")
            if name in found.columns
        )
    else:
        found = audit.outliers()
        if how == "all":
            alike = audit.info["thresholds"]["similar"]
            found = found.filter(pl.col("similarity") < alike)
        found = found if ascending else found.reverse()
    before = found.height
    found = sliced(found, wanted, figures, ["image"])
    return content_of(
        found,
        before,
        number,
        lambda row: _stranger(row, figures),
        title="Outliers",
        text="Images unlike all others, each beside its nearest neighbor. "
        + (
            "In the order of the frame."
            if given is not None
            else f"{'Strangest' if ascending else 'Mildest'} first."
        ),
        unit="image",
        call=None if given is not None or how == "all" else called("outliers", None),
        nothing="No image stands out from all others.",
    )


def _stranger(row: dict[str, Any], figures: Figures) -> Pair | Single:
    tags = []
    if row.get("score") is not None:
        tags.append(Tag(f"score {similarity(row['score'])}", "note"))
    if row.get("reason") == "low_information":
        tags.append(Tag("shows next to nothing"))
    if row.get("nearest") is None:
        return Single(figures(row["image"], *tags))
    near = Tag(
        "nearest" if row.get("similarity") is None else f"nearest, {similarity(row['similarity'])}"
    )
    return Pair(
        source=figures(row["image"], *tags),
        target=figures(row["nearest"], near),
        title="",
        alike=False,
    )
