"""What the findings share: exact copies, pairs, and the way back from row numbers to columns.

An image is its row number here: `image` of row i is i. Exact copies (equal digests) are one
point of the graph; their *stand-in* is the copy that has edges.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve import schema

Rows = NDArray[np.uint32]

#: Similarities are added up as integers of this fraction: the sum is the same in every order.
FIXED_POINT = float(2**30)

ENDS = ("from", "to")
#: What turns the second picture of a pair into the first, where that has another name.
INVERSE = {"rot90": "rot270", "rot270": "rot90", "crop": "extend", "extend": "crop"}

#: From the strongest kind of duplicate to the weakest.
KINDS = ["exact", "pixel", "near"]


def is_decoded() -> pl.Expr:
    """Whether an image was decoded and so has an embedding: fine, or truncated."""
    return pl.col("error_code").is_null() | (pl.col("error_code") == "truncated")


def to_fixed(value: pl.Expr) -> pl.Expr:
    """A float as an integer that can be summed exactly."""
    return (value.cast(pl.Float64) * FIXED_POINT).round().cast(pl.Int64)


def from_fixed(value: pl.Expr) -> pl.Expr:
    """The float that `to_fixed` made an integer of."""
    return value.cast(pl.Float64) / FIXED_POINT


def check_rows(images: pl.DataFrame) -> None:
    """Raises ValueError unless `image` is the row number."""
    if not np.array_equal(images["image"].to_numpy(), np.arange(images.height)):
        msg = "images: column 'image' must be the row number; sort the frame by it"
        raise ValueError(msg)


def inverse(order: Rows) -> Rows:
    """Where each row stands in an order of all rows."""
    rank = np.empty(order.size, dtype=np.uint32)
    rank[order] = np.arange(order.size, dtype=np.uint32)
    return rank


def best_copies(images: pl.DataFrame, rank: Rows) -> Rows:
    """For each image its exact copy of the lowest rank, itself if it has none or is invalid."""
    check_rows(images)
    best = (
        images.select("image", "digest", "error_code", rank=pl.Series(rank, dtype=pl.UInt32))
        .filter(is_decoded(), pl.col("digest").is_not_null())
        .filter(pl.col("digest").is_duplicated())
        .select("image", pl.col("rank").min().over("digest"))
    )
    stand_in = np.arange(images.height, dtype=np.uint32)
    stand_in[best["image"].to_numpy()] = inverse(rank)[best["rank"].to_numpy()]
    return stand_in


def stand_ins(images: pl.DataFrame, edges: pl.DataFrame) -> Rows:
    """For each image the exact copy that stands in the graph, else the first of its copies."""
    absent = np.ones(images.height, dtype=bool)
    absent[edges["from"].to_numpy()] = False
    absent[edges["to"].to_numpy()] = False
    return best_copies(images, inverse(np.argsort(absent, kind="stable").astype(np.uint32)))


def between(edges: pl.DataFrame, stand_in: Rows) -> pl.DataFrame:
    """The edges, moved to the stand-ins of their ends, in their order; no edge from self to self.

    A graph that was built with other copies as representatives stays usable so.
    """
    return edges.select(
        pl.Series("from", stand_in[edges["from"].to_numpy()], dtype=pl.UInt32),
        pl.Series("to", stand_in[edges["to"].to_numpy()], dtype=pl.UInt32),
        pl.col("similarity").cast(pl.Float32),
    ).filter(pl.col("similarity").is_finite(), pl.col("from") != pl.col("to"))


def unordered() -> pl.Expr:
    """Both ends of an edge as one number, the same in both directions."""
    low, high = pl.min_horizontal("from", "to"), pl.max_horizontal("from", "to")
    return low.cast(pl.UInt64) * 2**32 + high


def split_pairs(frame: pl.DataFrame) -> pl.DataFrame:
    """`from` < `to`, which `unordered` made a `pair`, and the other columns."""
    return frame.select(
        (pl.col("pair") // 2**32).cast(pl.UInt32).alias("from"),
        (pl.col("pair") % 2**32).cast(pl.UInt32).alias("to"),
        pl.exclude("pair"),
    )


def both_ways(edges: pl.DataFrame) -> pl.DataFrame:
    """The edges, and each once more from its other end."""
    turned = edges.rename({"from": "to", "to": "from"}).select(edges.columns)
    return pl.concat([edges, turned])


def pairs(edges: pl.DataFrame) -> pl.DataFrame:
    """Each unordered pair once: from < to, the larger similarity, sorted by from and to."""
    finite = edges.filter(pl.col("similarity").is_finite())
    strongest = finite.group_by(pair=unordered()).agg(pl.col("similarity").max())
    return split_pairs(strongest.sort("pair"))


def moved(near: pl.DataFrame, stand_in: Rows) -> pl.DataFrame:
    """PAIRS between the stand-ins of their ends, each once, the surest of several.

    `transform` leads from `from`, which is the smaller, to `to`.
    """
    ends = {end: pl.Series(stand_in[near[end].to_numpy()], dtype=pl.UInt32) for end in ENDS}
    between = near.with_columns(**ends).filter(pl.col("from") != pl.col("to"))
    back = pl.col("transform").replace(INVERSE)
    forth = between.select(
        "similarity",
        "match",
        pair=unordered(),
        transform=pl.when(pl.col("from") < pl.col("to")).then("transform").otherwise(back),
    )
    surest = forth.sort(
        "pair",
        pl.col("match").fill_null(-1),
        "similarity",
        "transform",
        descending=[False, True, True, False],
    )
    return split_pairs(surest.unique("pair", keep="first", maintain_order=True))


def similar_pairs(edges: pl.DataFrame, stand_in: Rows, threshold: float) -> pl.DataFrame:
    """The unordered pairs of stand-ins whose similarity is at or above the threshold."""
    return pairs(between(edges.filter(pl.col("similarity") >= threshold), stand_in))


def copy_pairs(stand_in: Rows, threshold: float) -> pl.DataFrame:
    """Each exact copy paired with its stand-in, similarity 1; none for a threshold above 1."""
    copies = pl.DataFrame(
        {"from": np.arange(stand_in.size, dtype=np.uint32), "to": stand_in},
        schema={"from": pl.UInt32, "to": pl.UInt32},
    ).filter(pl.col("from") != pl.col("to"), pl.lit(threshold <= 1))
    return pairs(copies.with_columns(similarity=pl.lit(1, pl.Float32)))


def pixel_copies(pixel_digests: pl.DataFrame, stand_in: Rows, rank: Rows) -> Rows:
    """For each image the stand-in of lowest rank among those of equal pixels.

    What is near to one of them is near to all: their embeddings are the same.
    """
    known = pixel_digests.filter(pl.col("pixel_digest").is_not_null())
    rows = stand_in[known["image"].to_numpy()]
    best = known.with_columns(rank=pl.Series(rank[rows], dtype=pl.UInt32)).select(
        pl.col("rank").min().over("pixel_digest")
    )
    same = np.arange(stand_in.size, dtype=np.uint32)
    same[rows] = inverse(rank)[best["rank"].to_numpy()]
    return same[stand_in]


def take(images: pl.DataFrame, columns: dict[str, str], rows: pl.Series) -> pl.DataFrame:
    """The columns of the images at these rows, renamed."""
    return images.select(**{new: pl.col(old) for old, new in columns.items()})[rows]


def attach(frame: pl.DataFrame, images: pl.DataFrame, name: str) -> pl.DataFrame:
    """The named frame: what was found per `image`, with what is known of the image."""
    check_rows(images)
    users = schema.user_names(name, schema.user_columns(images))
    # What a finding was worked out with may be called as one of the user's columns.
    frame = frame.select(column for column in frame.columns if column in schema.SCHEMAS[name])
    known = {
        column: column
        for column in schema.SCHEMAS[name]
        if column in schema.IMAGES and column not in frame.columns
    }
    found = frame.hstack(take(images, known | users, frame["image"]))
    return schema.conform(found, name, users.values())


def attach_pairs(
    frame: pl.DataFrame, images: pl.DataFrame, name: str, ends: tuple[str, str]
) -> pl.DataFrame:
    """The named frame of pairs: what is known of both images, suffixed `_from` and `_to`."""
    check_rows(images)
    users = schema.user_columns(images)
    frame = frame.select(column for column in frame.columns if column in schema.SCHEMAS[name])
    for end, suffix in zip(ends, ("_from", "_to"), strict=True):
        names = {column: f"{column}{suffix}" for column in ("path", "label", "split", *users)}
        frame = frame.hstack(take(images, names, frame[end]))
    suffixed = [f"{column}{suffix}" for column in users for suffix in ("_from", "_to")]
    return schema.conform(frame, name, suffixed)
