"""Galleries of clusters: components, or the components of each label."""

from typing import Any

import polars as pl

from pixsieve.audit import Audit
from pixsieve.gallery.data import Cluster, Content, Tag
from pixsieve.gallery.figures import Figures
from pixsieve.gallery.frames import (
    Slice,
    called,
    check_labels,
    content_of,
    external,
    names_of,
    rows_of,
)
from pixsieve.gallery.look import whole
from pixsieve.pages.text import count, measure, similarity

#: Pictures shown of each.
SHOWN = 24
#: Names counted of each.
COUNTED = 6
#: fastdup's names of what clusters are sorted by.
SORTS = {"comp_size": "size", "size": "size", "distance": "lowest", "similarity": "lowest"}


def components(
    audit: Audit,
    figures: Figures,
    *,
    number: int,
    threshold: float | None,
    wanted: Slice,
    group_by: str,
    least: int | None,
    most: int | None,
    metric: str | None,
    sort_by: str,
    ascending: bool,
    given: Any,
) -> tuple[Content, pl.DataFrame]:
    """Components with their pictures, or labels with theirs."""
    if group_by not in ("visual", "label"):
        raise ValueError(f"group_by must be 'visual' or 'label', not {group_by!r}")
    members = _given(given, figures) if given is not None else _found(audit, threshold)
    members = members.with_columns(label=figures.labels[members["image"]])
    by = "component" if group_by == "visual" else "label"
    before = members[by].drop_nulls().n_unique()
    members = _sliced(members, wanted, figures)
    if metric is not None:
        members = _measured(members, audit, metric)
    grouped = _grouped(members, by, metric)
    if least is not None:
        grouped = grouped.filter(pl.col("size") >= whole("min_items", least, 0))
    if most is not None:
        grouped = grouped.filter(pl.col("size") <= whole("max_items", most, 0))
    column, order = _order(sort_by, metric, ascending)
    if given is None or sort_by != "comp_size":
        grouped = grouped.sort(column, "first", descending=[not ascending, False], nulls_last=True)
    content, shown = content_of(
        grouped,
        before,
        number,
        lambda row: _cluster(row, figures, group_by, metric),
        title="Clusters of look-alikes" if group_by == "visual" else "Look-alikes by label",
        text="Images connected by a chain of similar pairs; the ends of a chain need not be "
        f"similar. {order}",
        unit="cluster" if group_by == "visual" else "label",
        call=None if given is not None else called("connected_components", threshold),
        nothing="No clusters of look-alikes.",
    )
    return content, shown.drop("first")


def _found(audit: Audit, threshold: float | None) -> pl.DataFrame:
    frame = audit.connected_components(threshold)
    return frame.select("component", "image", lowest="similarity_min")


def _given(given: Any, figures: Figures) -> pl.DataFrame:
    frame = external(
        given,
        {"component": ("component_id",), "image": ("files_ids", "files", "path", "filename")},
        {"lowest": ("distance", "similarity")},
    )
    if frame["image"].dtype == pl.List:
        frame = frame.explode("image")
    if "lowest" not in frame.columns:
        frame = frame.with_columns(lowest=pl.lit(None, pl.Float32))
    return frame.with_columns(rows_of(frame["image"], figures).alias("image"))


def _sliced(members: pl.DataFrame, wanted: Slice, figures: Figures) -> pl.DataFrame:
    """Components of several labels, of one, or with any of these labels."""
    if wanted is None:
        return members
    kinds = pl.col("label").drop_nulls().n_unique().over("component")
    if isinstance(wanted, str) and wanted in ("diff", "same"):
        return members.filter(kinds > 1 if wanted == "diff" else kinds == 1)
    names = names_of(wanted)
    check_labels(names, figures, ", and 'diff', 'same'")
    inside = figures.carry(names)[members["image"]].alias("inside")
    return members.with_columns(inside).filter(pl.col("inside").any().over("component"))


def _measured(members: pl.DataFrame, audit: Audit, metric: str) -> pl.DataFrame:
    stats = audit.img_stats()
    numeric = [name for name, dtype in stats.schema.items() if dtype.is_numeric()]
    if metric not in numeric or metric == "image":
        numeric.remove("image")
        raise ValueError(f"metric must be one of {', '.join(numeric)}; not {metric!r}")
    values = stats.select("image", metric=pl.col(metric).cast(pl.Float64))
    return members.join(values, on="image", how="left", maintain_order="left")


def _grouped(members: pl.DataFrame, by: str, metric: str | None) -> pl.DataFrame:
    """One row per component or label: its images, and what they have."""
    other = "label" if by == "component" else "component"
    return (
        members.drop_nulls(by)
        .group_by(by, maintain_order=True)
        .agg(
            pl.col("image"),
            size=pl.len(),
            first=pl.col("image").min(),
            lowest=pl.col("lowest").min(),
            counted=pl.col(other).cast(pl.String).drop_nulls().value_counts(sort=True, name="n"),
            **({} if metric is None else {"metric": pl.col("metric").mean()}),
        )
    )


def _order(sort_by: str, metric: str | None, ascending: bool) -> tuple[str, str]:
    """The column to sort by, and what to say of it."""
    if metric is not None and sort_by in ("comp_size", "metric", metric):
        return "metric", f"{'Lowest' if ascending else 'Highest'} mean {metric} first."
    if sort_by not in SORTS:
        raise ValueError(f"sort_by must be one of {', '.join(SORTS)}, metric; not {sort_by!r}")
    column = SORTS[sort_by]
    if column == "size":
        return column, f"{'Smallest' if ascending else 'Largest'} first."
    return column, f"{'Least' if ascending else 'Most'} similar first."


def _cluster(row: dict[str, Any], figures: Figures, group_by: str, metric: str | None) -> Cluster:
    images, tags = row["image"], []
    if row["lowest"] is not None:
        tags.append(Tag(f"similarity from {similarity(row['lowest'])}"))
    if metric is not None and row["metric"] is not None:
        tags.append(Tag(f"mean {metric} {measure(row['metric'])}"))
    counted = [
        (one["label" if group_by == "visual" else "component"], one["n"])
        for one in row["counted"][:COUNTED]
    ]
    if group_by == "label":
        counted = [(f"cluster {name}", many) for name, many in counted]
    title = count(row["size"], "image")
    return Cluster(
        title=title if group_by == "visual" else f"{row['label']}: {title}",
        members=figures.many(images[:SHOWN]),
        left_out=max(0, len(images) - SHOWN),
        tags=tuple(tags),
        counts=tuple(counted),
    )
