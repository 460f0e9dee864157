"""Which listed picture an annotation speaks of."""

import os

import polars as pl

from pixsieve.annotations.pictures import STEM
from pixsieve.sources import Listing, resolved


def match(listing: Listing, annotated: pl.Series) -> pl.DataFrame:
    """For each of the paths, once, the row of the listing that it means.

    That is the picture with the same path, as shown, relative to the input, or spelt another way
    (absolute, with `./`, through a linked folder); else the only one whose path ends with it, or
    with whose relative path it ends.

    Returns:
        `_annotated`, and `_listed`, null where there is no such picture.

    Raises:
        ValueError: If it may mean several.
    """
    files = listing.frame.select("path", "relative").with_row_index("_listed")
    names = annotated.unique(maintain_order=True).to_frame("_annotated")
    keys = pl.concat(
        [
            files.select("_listed", _annotated="path"),
            files.filter(pl.col("path") != pl.col("relative")).select(
                "_listed", _annotated="relative"
            ),
        ]
    )
    matched = names.join(
        keys.unique(["_listed", "_annotated"], keep="first", maintain_order=True),
        on="_annotated",
        how="left",
        maintain_order="left",
    )
    _check_single_picture(matched, files)
    return _by_ending(_spelt_otherwise(matched, listing), files)


def with_suffixes(annotations: pl.DataFrame, listing: Listing) -> pl.DataFrame:
    """Paths that lack the suffix of their picture get it, where one picture is called so."""
    if STEM not in annotations.columns:
        return annotations
    files = listing.frame.filter(pl.col("kind") == "file").select("path", "relative")
    own = pl.concat(
        [files.select("path", key=name) for name in ("path", "relative")]
        + [files.select("path", key=pl.col("relative").str.extract(r"([^/]+)$"))]
    )
    own = own.with_columns(key=pl.col("key").str.replace(r"\.[^./]+$", "")).unique(
        ["key", "path"], maintain_order=True
    )
    single = own.filter(pl.col("key").is_unique())
    found = annotations.join(
        single, left_on="path", right_on="key", how="left", suffix="_of_file", maintain_order="left"
    )
    bare = found["path"].str.extract(r"([^/]+)$")
    named = dict(single.select("key", "path").iter_rows())
    by_name = pl.Series([named.get(name or "") for name in bare], dtype=pl.String)
    path = pl.when(STEM).then(pl.coalesce("path_of_file", by_name, "path")).otherwise("path")
    return found.with_columns(path=path).drop(STEM, "path_of_file")


def _check_single_picture(matched: pl.DataFrame, files: pl.DataFrame) -> None:
    several = matched.filter(pl.col("_annotated").is_duplicated())
    if several.is_empty():
        return
    annotated = several["_annotated"][0]
    rows = several.filter(pl.col("_annotated") == annotated)["_listed"]
    first, second = files["path"].gather(rows)[:2]
    raise ValueError(
        f"annotations: {annotated!r} may be {first!r} or {second!r}: give paths that tell which, "
        f"such as these (so do {several['_annotated'].n_unique() - 1:,} others)"
    )


def _spelt_otherwise(matched: pl.DataFrame, listing: Listing) -> pl.DataFrame:
    """Fills in `_listed` where the annotated path leads to a listed file all the same."""
    lost = matched.filter(pl.col("_listed").is_null())["_annotated"]
    if lost.is_empty():
        return matched
    # A URL has one spelling, and was compared already.
    here = ~pl.col("location").bin.contains(b"://")
    files = listing.frame.with_row_index("_listed").filter(pl.col("kind") == "file", here)
    if files.is_empty():
        return matched
    rows = {
        resolved(os.fsdecode(location)): row
        for row, location in files.select("_listed", "location").iter_rows()
    }
    found: dict[str, int] = {}
    starts = dict.fromkeys([listing.folder, listing.second_folder or "", ""])
    for path in lost.filter(~lost.str.contains("://", literal=True)):
        # Relative to the input, else to where the program runs; an absolute path stands for itself.
        for start in starts:
            row = rows.get(resolved(os.path.join(start, path)))  # noqa: PTH118
            if row is not None:
                found.setdefault(path, row)
    other = pl.col("_annotated").replace_strict(found, default=None, return_dtype=pl.UInt32)
    return matched.with_columns(pl.coalesce("_listed", other))


def _by_ending(matched: pl.DataFrame, files: pl.DataFrame) -> pl.DataFrame:
    lost = matched.filter(pl.col("_listed").is_null()).select("_annotated")
    if lost.is_empty():
        return matched
    bare = pl.col("_annotated").str.replace_all("\\", "/", literal=True).str.strip_prefix("./")
    lost = lost.with_columns(_bare=bare).with_columns(_name=_name(pl.col("_bare")))
    named = files.with_columns(_name=_name(pl.col("relative")))
    ends = ("/" + pl.col("path")).str.ends_with("/" + pl.col("_bare"))
    begins = ("/" + pl.col("_bare")).str.ends_with("/" + pl.col("relative"))
    found = (
        lost.join(named, on="_name", how="inner", maintain_order="left_right")
        .filter(ends | begins)
        .with_columns(
            _whole=(pl.col("_bare") == pl.col("relative")) | (pl.col("_bare") == pl.col("path"))
        )
    )
    found = _whole_before_ends(found)
    _check_single_picture(found, files)
    others = matched.filter(pl.col("_listed").is_not_null())
    still = lost.select("_annotated").join(found, on="_annotated", how="anti")
    return pl.concat([others, found, still.with_columns(_listed=pl.lit(None, pl.UInt32))])


def _whole_before_ends(found: pl.DataFrame) -> pl.DataFrame:
    """Where a path is that of a picture, but for the way it is written, no other is meant."""
    known = pl.col("_whole").any().over("_annotated")
    return found.filter(pl.col("_whole") | ~known).select("_annotated", "_listed")


def _name(path: pl.Expr) -> pl.Expr:
    return path.str.extract(r"([^/]+)$")
