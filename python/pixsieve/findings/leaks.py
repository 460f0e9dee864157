"""Duplicates that stand in two splits."""

import numpy as np
import polars as pl

from pixsieve import schema
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
    nearest: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """One row per image of a later split that has a duplicate in an earlier one.

    An image has one row for each split it is leaked from (so 100 copies in train and 100 in
    test are 100 rows, not 10,000): `image_from` is its strongest duplicate there, by kind, then
    similarity, then the smallest image. Kinds are `exact` (equal bytes) and `pixel` (equal
    pixels), both at similarity 1, and `near`, a pair of `near` between the two images or copies of
    them. Splits are ordered as in `SPLIT_PLACES`, then all others by alphabet. Images without a
    split take no part.

    `nearest` adds rows for images that have no duplicate there: `image_from` is then the image of
    the earlier split that looks most like `image_to`, at this `similarity`; `kind` is null.

    Strongest kind first, then by falling similarity, `image_from` and `image_to`.
    """
    ends = ("image_from", "image_to")
    if len(ordered_splits(images)) < 2:
        nothing = schema.empty("leaks").select(*ends, "kind", "similarity", "match", "transform")
        return attach_pairs(nothing, images, "leaks", ends)
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
            *([] if nearest is None else [_unlike(members, nearest)]),
        ]
    )
    by = ["strength", "similarity", "image_from", "image_to"]
    falling = [name == "similarity" for name in by]
    strongest = found.sort(by, descending=falling).unique(
        ["image_to", "place_from"], keep="first", maintain_order=True
    )
    kind = pl.col("strength").replace_strict(
        dict(enumerate(KINDS)), default=None, return_dtype=pl.String
    )
    return attach_pairs(strongest.with_columns(kind=kind), images, "leaks", ends)


def leak_counts(images: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """How many images of each class are `leaks`, from where, and of which kind.

    One row per pair of splits, `label` of the leaked image (null where it has none) and `kind`;
    `share` is the part of all decoded images of `split_to` and `label`. By the splits as in
    `leaks`, then most images first, then by label and kind.
    """
    sizes = (
        images.filter(is_decoded(), pl.col("split").is_not_null())
        .group_by(split_to="split", label="label")
        .agg(total=pl.len())
    )
    place = {split: number for number, split in enumerate(ordered_splits(images))}
    by = ["place_from", "place_to", "images", "label", "kind"]
    counted = (
        found.filter(pl.col("kind").is_not_null())
        .group_by("split_from", "split_to", "kind", label="label_to")
        .agg(images=pl.len())
        .join(sizes, on=["split_to", "label"], how="left", nulls_equal=True)
        .with_columns(
            share=pl.col("images") / pl.col("total"),
            place_from=pl.col("split_from").replace_strict(place, return_dtype=pl.UInt32),
            place_to=pl.col("split_to").replace_strict(place, return_dtype=pl.UInt32),
        )
        .sort(by, descending=[name == "images" for name in by], nulls_last=True)
    )
    return schema.conform(counted, "leak_counts", [])


def ordered_splits(images: pl.DataFrame) -> list[str]:
    """The splits that have decoded images: as in `SPLIT_PLACES`, then all others by name."""
    name = pl.col("split").str.to_lowercase()
    splits = images.filter(is_decoded(), pl.col("split").is_not_null()).select("split").unique()
    places = name.replace_strict(SPLIT_PLACES, default=len(SPLIT_PLACES), return_dtype=pl.Int64)
    return splits.sort(places, name, "split")["split"].to_list()


def _members(images: pl.DataFrame) -> pl.DataFrame:
    """Images with a split, and `place`, the number of the split."""
    known = images.filter(is_decoded(), pl.col("split").is_not_null())
    # Only these: a column of the user's may be called `place`, too.
    known = known.select("image", "stand_in", "same", "split")
    order = pl.DataFrame({"split": ordered_splits(images)}, schema={"split": pl.String})
    places = order.with_row_index("place")
    return known.join(places, on="split").drop("split")


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


def _unlike(members: pl.DataFrame, nearest: pl.DataFrame) -> pl.DataFrame:
    """The nearest images, whatever they are."""
    place = members.select(image_from="image", place_from="place")
    known = (
        nearest.join(place, on="image_from")
        .join(members, left_on="image_to", right_on="image")
        .with_columns(
            image="image_to",
            match=pl.lit(None, pl.Float32),
            transform=pl.lit(None, pl.String),
        )
        .drop("image_to")
    )
    return _candidates(known, strength=len(KINDS))


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
