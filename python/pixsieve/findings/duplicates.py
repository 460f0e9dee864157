"""Groups of duplicates, each around one image that is kept."""

from collections.abc import Sequence

import polars as pl

from pixsieve import engine
from pixsieve.findings.graph import (
    INVERSE,
    KINDS,
    attach,
    best_copies,
    inverse,
    is_decoded,
    moved,
    pixel_copies,
)
from pixsieve.findings.keep import keep_rank

#: Statistics that pictures of equal pixels share.
SHARED = ("mean_r", "mean_g", "mean_b", "stdv")
#: From this short side on a JPEG is reduced while it is decoded, by other arithmetic than the
#: rest: its statistics may differ by this much from those of the same pixels in another format.
REDUCED_SIDE = 511
REDUCED_TOLERANCE = 1.0
#: Elsewhere only the last digits may.
TOLERANCE = 0.001


def pixel_candidates(
    images: pl.DataFrame, edges: pl.DataFrame, statistics: pl.DataFrame, *, threshold: float
) -> pl.DataFrame:
    """One row, `image`, for each image whose pixels are worth comparing, sorted.

    Those are both ends of every edge at or above the threshold whose images were decoded and
    have the same width and height and statistics, but different bytes.
    """
    known = (
        images.filter(is_decoded())
        .select("image", "width", "height", "digest", "format")
        .join(statistics.select("image", *SHARED), on="image", how="left", maintain_order="left")
    )
    reduced = (pl.min_horizontal("width", "height") >= REDUCED_SIDE) & (
        (pl.col("format") == "jpeg") != (pl.col("format_to") == "jpeg")
    )
    tolerance = pl.when(reduced).then(REDUCED_TOLERANCE).otherwise(TOLERANCE)
    apart = pl.max_horizontal((pl.col(name) - pl.col(f"{name}_to")).abs() for name in SHARED)
    alike = (
        edges.filter(pl.col("similarity") >= threshold, pl.col("similarity").is_finite())
        .join(known, left_on="from", right_on="image")
        .join(known, left_on="to", right_on="image", suffix="_to")
        .filter(
            pl.col("width") == pl.col("width_to"),
            pl.col("height") == pl.col("height_to"),
            pl.col("digest").ne_missing(pl.col("digest_to")) | pl.col("digest").is_null(),
            (apart <= tolerance).fill_null(value=True),
        )
    )
    ends = pl.concat([alike.select(image="from"), alike.select(image="to")])
    return ends.unique().sort("image")


def duplicates(
    images: pl.DataFrame,
    near: pl.DataFrame,
    pixel_digests: pl.DataFrame,
    *,
    format_order: Sequence[str],
    split_order: Sequence[str],
) -> pl.DataFrame:
    """One row per image in a group of two or more duplicates.

    A group is a star, not a chain: every member is a duplicate of the group's representative,
    and no two representatives are duplicates of each other; `near` has the pairs that are near
    duplicates. `kind` is the strongest tie to any other image of the group: `exact` for equal
    bytes, `pixel` for equal pixels, else `near`.
    `similarity` and `match` are those to the representative, 1 for equal bytes or pixels and for
    itself; `transform` is what was done to the representative, `none` for equal pixels. Copies of
    equal bytes or pixels stay together: they are near to whatever one of them is near to. `match`
    and `transform` of pairs that were not compared are null.

    An image can have a near duplicate and be in no group: when that duplicate belongs to a
    better image, nothing is left that could stand for it, so it stays.

    Groups are numbered from 0, largest first, then by their smallest image. Rows are sorted by
    group, the representative first, then by falling similarity and image.
    """
    rank = keep_rank(images, format_order=format_order, split_order=split_order)
    stand_in = best_copies(images, rank)
    same = pixel_copies(pixel_digests, stand_in, rank)
    near = moved(near, same)
    center = engine.star_groups(inverse(rank), near)[same]
    copies = images.select(
        "image",
        stand_in=pl.Series(stand_in, dtype=pl.UInt32),
        same=pl.Series(same, dtype=pl.UInt32),
        center=pl.Series(center, dtype=pl.UInt32),
    )
    found = _number(_with_kinds(_members(copies), near))
    return attach(found, images, "duplicates")


def _members(copies: pl.DataFrame) -> pl.DataFrame:
    return copies.with_columns(
        size=pl.len().over("center"), first=pl.col("image").min().over("center")
    ).filter(pl.col("size") > 1)


def _with_kinds(members: pl.DataFrame, near: pl.DataFrame) -> pl.DataFrame:
    """Strength 0, 1, 2 of the kinds (see KINDS), and how each relates to the representative."""
    low, high = pl.min_horizontal("same", "center"), pl.max_horizontal("same", "center")
    known = members.with_columns(low.alias("from"), high.alias("to")).join(
        near, on=["from", "to"], how="left"
    )
    strength = (
        pl.when(pl.len().over("stand_in") > 1)
        .then(0)
        .when(pl.len().over("same") > 1)
        .then(1)
        .otherwise(2)
    )
    equal = pl.col("same") == pl.col("center")
    return known.with_columns(
        strength=strength,
        representative=pl.col("image") == pl.col("center"),
        similarity=pl.when(equal).then(1.0).otherwise("similarity"),
        match=pl.when(equal).then(1.0).otherwise("match"),
        transform=pl.when(equal)
        .then(pl.lit("none"))
        # A pair leads from its smaller end, which may be the member.
        .when(pl.col("center") == pl.col("from"))
        .then("transform")
        .otherwise(pl.col("transform").replace(INVERSE)),
    )


def _number(members: pl.DataFrame) -> pl.DataFrame:
    order = (
        members.select("center", "size", "first")
        .unique()
        .sort("size", "first", descending=[True, False])
        .select("center")
        .with_row_index("group")
    )
    by = ["group", "representative", "similarity", "image"]
    falling = [name in ("representative", "similarity") for name in by]
    return (
        members.join(order, on="center")
        .sort(by, descending=falling)
        .with_columns(
            kind=pl.col("strength").replace_strict(dict(enumerate(KINDS)), return_dtype=pl.String),
            keep="representative",
        )
    )
