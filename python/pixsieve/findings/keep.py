"""Which of several duplicates is kept: the representative policy."""

from collections.abc import Sequence

import polars as pl

from pixsieve.findings.graph import Rows, best_copies, inverse, is_decoded


def keep_rank(
    images: pl.DataFrame, *, format_order: Sequence[str], split_order: Sequence[str]
) -> Rows:
    """One number per image, 0 for the image that is kept before all others.

    The order: whole before truncated before invalid, larger area, larger file, format and split
    by the given orders (names not listed come last), shorter path, path, image. A missing value
    counts as the worst.
    """
    keys = images.select(
        "image",
        "path",
        health=pl.col("error_code").is_not_null().cast(pl.UInt8) + ~is_decoded(),
        area=(pl.col("width").cast(pl.UInt64) * pl.col("height")).fill_null(0),
        bytes=pl.col("file_size").fill_null(0),
        taste=_place("format", format_order),
        part=_place("split", split_order),
        length=pl.col("path").str.len_chars(),
    )
    by = ["health", "area", "bytes", "taste", "part", "length", "path", "image"]
    falling = [name in ("area", "bytes") for name in by]
    return inverse(keys.sort(by, descending=falling)["image"].to_numpy())


def collapse(
    images: pl.DataFrame, *, format_order: Sequence[str], split_order: Sequence[str]
) -> pl.DataFrame:
    """One row per decoded image: `image`, and `representative`, the best of its exact copies.

    Images without copies represent themselves. Sorted by `image`.
    """
    rank = keep_rank(images, format_order=format_order, split_order=split_order)
    best = pl.Series(best_copies(images, rank), dtype=pl.UInt32)
    return (
        images.select("image", "error_code", representative=best)
        .filter(is_decoded())
        .drop("error_code")
    )


def _place(column: str, order: Sequence[str]) -> pl.Expr:
    last = len(order)
    name = pl.col(column).str.to_lowercase()
    places = [pl.when(name == value.lower()).then(place) for place, value in enumerate(order)]
    return pl.coalesce(*places, pl.lit(last)).cast(pl.UInt32)
