"""Clusters: images connected by a chain of similar pairs."""

import polars as pl

from pixsieve import engine
from pixsieve.findings.graph import (
    attach,
    copy_pairs,
    from_fixed,
    similar_pairs,
    stand_ins,
    to_fixed,
)


def connected_components(
    images: pl.DataFrame, edges: pl.DataFrame, *, threshold: float
) -> pl.DataFrame:
    """One row per image that is connected to another by pairs at or above the threshold.

    `size` counts images, exact copies too; the similarities are those of the unordered pairs
    inside the component, where each exact copy counts as one pair at similarity 1. (fastdup
    asks for similarity above its threshold and reports twice the number of edges as the size.)
    Components are numbered from 0, largest first, then by their smallest image; rows are sorted
    by component and image.
    """
    stand_in = stand_ins(images, edges)
    linked = pl.concat([similar_pairs(edges, stand_in, threshold), copy_pairs(stand_in, threshold)])
    root = pl.Series("root", engine.connected_components(images.height, linked), dtype=pl.UInt32)
    members = (
        images.select("image", root)
        .with_columns(size=pl.len().over("root"))
        .filter(pl.col("size") > 1)
    )
    # The root is the smallest image of its component, so it breaks ties as promised.
    order = members.select("root", "size").unique().sort("size", "root", descending=[True, False])
    found = (
        members.join(order.select("root").with_row_index("component"), on="root")
        .join(_inside(linked, root), on="root")
        .sort("component", "image")
    )
    return attach(found, images, "connected_components")


def _inside(linked: pl.DataFrame, root: pl.Series) -> pl.DataFrame:
    similarity = pl.col("similarity")
    return (
        linked.select(root[linked["from"]], "similarity")
        .group_by("root")
        .agg(
            similarity_mean=from_fixed(to_fixed(similarity).sum()) / pl.len(),
            similarity_min=similarity.min(),
            similarity_max=similarity.max(),
        )
    )
