"""Duplicates that stand in two splits."""

import numpy as np
import polars as pl

from pixsieve.findings.graph import (
    INVERSE,
    KINDS,
    attach_pairs,
    is_decoded,
    moved,
    pixel_copies,
    stand_ins,
)
from pixsieve.sources import SPLIT_PLACES


def leaks(
    images: pl.DataFrame,
    near: pl.DataFrame,
    pixel_digests: pl.DataFrame,
) -> pl.DataFrame:
    """One row per image of a later split that has a duplicate in an earlier one.

    An image has one row for each split it is leaked from (so 100 copies in train and 100 in
    test are 100 rows, not 10,000): `image_from` is its strongest duplicate there, by kind, then
    similarity, then the smallest image. Kinds are `exact` (equal bytes) and `pixel` (equal
    pixels), both at similarity 1, and `near`, a pair of `near` between the two images or copies of
    them. Splits are ordered as in `SPLIT_PLACES`, then all others by alphabet. Images without a
    split take no part.

    Strongest kind first, then by falling similarity, `image_from` and `image_to`.
    """
    stand_in = stand_ins(images, near)
    same = pixel_copies(pixel_digests, stand_in, np.arange(stand_in.size, dtype=np.uint32))
    members = _members(
        images.with_columns(
            stand_in=pl.Series(stand_in, dtype=pl.UInt32), same=pl.Series(same, dtype=pl.UInt32)
        )
    )
    pixel = members.filter((pl.col("same") != pl.col("stand_in")).any().over("same"))
    found = pl.concat(
        [
            _equal(members, "stand_in", strength=0),
            _equal(pixel, "same", strength=1),
            _near(members, moved(near, same)),
        ]
    )
    by = ["strength", "similarity", "image_from", "image_to"]
    falling = [name == "similarity" for name in by]
    strongest = found.sort(by, descending=falling).unique(
        ["image_to", "place_from"], keep="first", maintain_order=True
    )
    kind = pl.col("strength").replace_strict(dict(enumerate(KINDS)), return_dtype=pl.String)
    ends = ("image_from", "image_to")
    return attach_pairs(strongest.with_columns(kind=kind), images, "leaks", ends)


def _members(images: pl.DataFrame) -> pl.DataFrame:
    """Images with a split, and `place`, the number of the split."""
    known = images.filter(is_decoded(), pl.col("split").is_not_null())
    name = pl.col("split").str.to_lowercase()
    splits = known.select("split").unique()
    order = splits.sort(
        name.replace_strict(SPLIT_PLACES, default=len(SPLIT_PLACES), return_dtype=pl.Int64),
        name,
        "split",
    ).with_row_index("place")
    return known.join(order, on="split").select("image", "stand_in", "same", "place")


def _champions(members: pl.DataFrame, key: str) -> pl.DataFrame:
    """The smallest image of each split among those that share the key."""
    return (
        members.group_by(key, "place")
        .agg(pl.col("image").min())
        .rename({"place": "place_from", "image": "image_from"})
    )


def _equal(members: pl.DataFrame, key: str, *, strength: int) -> pl.DataFrame:
    certain = pl.lit(1, pl.Float32)
    found = members.join(_champions(members, key), on=key).with_columns(
        similarity=certain, match=certain, transform=pl.lit("none")
    )
    return _candidates(found, strength)


def _near(members: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    back = pairs.select(
        pl.col("to").alias("from"),
        pl.col("from").alias("to"),
        "similarity",
        "match",
        pl.col("transform").replace(INVERSE),
    )
    best = (
        pl.concat([pairs, back])
        .join(_champions(members, "same"), left_on="from", right_on="same")
        .sort("similarity", "image_from", descending=[True, False])
        .unique(["to", "place_from"], keep="first", maintain_order=True)
    )
    return _candidates(members.join(best, left_on="same", right_on="to"), strength=2)


def _candidates(found: pl.DataFrame, strength: int) -> pl.DataFrame:
    return found.filter(pl.col("place_from") < pl.col("place")).select(
        "image_from",
        "place_from",
        "similarity",
        "match",
        "transform",
        image_to="image",
        strength=pl.lit(strength, pl.Int32),
    )
