"""Pictures that stand where another should: blank ones, and one picture many times over."""

import polars as pl

from pixsieve import engine
from pixsieve.findings.graph import attach, copy_pairs, pairs, stand_ins

#: A picture that is not blank stands for others if there are so many of it.
REPEATED = 3
#: And if its values say less than this, in bits: most of it is one colour.
SIMPLE_ENTROPY = 4.5
#: Where more of a collection is as simple as that, it is its nature.
MOST_SIMPLE = 0.25


def placeholders(
    images: pl.DataFrame,
    edges: pl.DataFrame,
    measured: pl.DataFrame,
    *,
    contrast_threshold: float,
    threshold: float,
) -> pl.DataFrame:
    """One row per image of a cluster of pictures that show nothing, or the same next to nothing.

    Alike are images that are equal, or similar at the threshold. `kind` is `near_empty` for two or
    more that are alike and have less contrast (`stdv`) than `contrast_threshold`; `placeholder`
    for three or more that say little (an entropy below 4.5 bits, in a collection of which at most
    a quarter is so simple), such as one that says that a picture is not available. `size` counts
    the images of the cluster. Clusters are numbered from 0, largest first, then by their smallest
    image; rows are sorted by cluster and image. `measured` is what `img_stats` gives.
    """
    empty = measured.filter(pl.col("stdv") < contrast_threshold)
    stand_in = stand_ins(images, edges)
    links = pl.concat(
        [pairs(edges.filter(pl.col("similarity") >= threshold)), copy_pairs(stand_in, threshold)]
    ).select("from", "to")
    found = pl.concat(
        [
            _clusters(images, links, empty["image"], least=2, kind="near_empty"),
            _clusters(images, links, _simple(measured, empty), REPEATED, kind="placeholder"),
        ]
    )
    order = (
        found.select("kind", "root", "size")
        .unique()
        .sort("size", "root", descending=[True, False])
        .with_row_index("cluster")
    )
    numbered = found.join(order, on=["kind", "root", "size"]).sort("cluster", "image")
    return attach(numbered, images, "placeholders")


def _simple(measured: pl.DataFrame, empty: pl.DataFrame) -> pl.Series:
    """The images that say little, but are not empty."""
    simple = measured.filter(pl.col("entropy") < SIMPLE_ENTROPY)
    if simple.height > MOST_SIMPLE * measured.height:
        simple = simple.clear()
    return simple.join(empty, on="image", how="anti", maintain_order="left")["image"]


def _clusters(
    images: pl.DataFrame, links: pl.DataFrame, chosen: pl.Series, least: int, kind: str
) -> pl.DataFrame:
    inside = (
        pl.Series("inside", [False]).new_from_index(0, images.height).scatter(chosen, values=True)
    )
    linked = links.filter(inside[links["from"]], inside[links["to"]])
    root = pl.Series("root", engine.connected_components(images.height, linked), dtype=pl.UInt32)
    members = images.select("image", root).filter(inside)
    sized = members.with_columns(size=pl.len().over("root"))
    return sized.filter(pl.col("size") >= least).with_columns(kind=pl.lit(kind))
