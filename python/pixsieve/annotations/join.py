"""Puts what the user knows of the images beside the pictures that were listed."""

from dataclasses import dataclass, replace

import polars as pl

from pixsieve import schema
from pixsieve.annotations.boxes import BOX_SOURCE, UNKNOWN_LABEL
from pixsieve.annotations.labels import (
    check_label_column,
    choose_label,
    fill,
    is_second,
    with_second,
)
from pixsieve.annotations.match import match, with_suffixes
from pixsieve.annotations.parts import with_parts
from pixsieve.annotations.videos import of_videos, spread
from pixsieve.config import Config
from pixsieve.sources import Listing, in_order, select, shown
from pixsieve.sources.places import LISTED

#: Columns of IMAGES that the run measures.
MEASURED = frozenset(schema.IMAGES) - {"path", "label", "split"}
#: Of a listing's columns those that say where a picture lies, which users do not see.
PLACE = [name for name in LISTED if name != "path"]
INTERNAL = frozenset(schema.INTERNAL)
#: The user's columns of these names give way.
RESERVED = MEASURED | INTERNAL | {"source_width", "source_height", "label_given", "split_given"}
#: What readers of annotations call the columns of boxes.
BOXES = {
    "_box": "_box",
    "_box_error": "_box_error",
    "_relative": "_box_relative",
    "_rotated": "_box_rotated",
}


@dataclass(frozen=True)
class Joined:
    """The images of a run before any was read."""

    frame: pl.DataFrame
    """One row per image: path, label, split, the user's columns; then those of `LISTED`, with a
    `_` before their names; and `_box` and `_box_kind` where images are parts of pictures."""
    unmatched: pl.DataFrame
    """UNMATCHED: annotations without a picture, pictures without an annotation."""
    missing: int
    """Annotated pictures that the input does not list: they are rows, too."""
    filtered: int = 0
    """Pictures that the settings left out."""


def join(listing: Listing, annotations: pl.DataFrame | None, config: Config) -> Joined:
    """One row per image: a listed picture, a box of it, or an annotated one that is not listed.

    Sorted by the path of the picture, as `in_order` says; of the pictures, those that `select`
    leaves.

    Raises:
        ValueError: If `labels` names a column that the annotations lack, two annotations belong
            to one picture, one to several, or no image is left.
    """
    given = annotations is not None
    if annotations is None:
        annotations = pl.DataFrame(schema={"path": pl.String})
    annotations = _without_secrets(annotations)
    check_label_column(annotations, listing, config)
    frame = choose_label(listing.frame, config, ours=LISTED)
    listing = replace(listing, frame=_listing_out_of_the_way(frame))
    annotations = with_suffixes(choose_label(annotations, config), listing)
    annotations = annotations.drop(UNKNOWN_LABEL, BOX_SOURCE, strict=False)
    meant = match(listing, annotations["path"])
    known = _out_of_the_way(annotations, listing).join(
        meant, on="_annotated", how="left", maintain_order="left"
    )
    known, of_frames = of_videos(known.with_row_index("_annotation"), listing)
    files = listing.frame.rename({name: f"_{name}" for name in PLACE}).with_row_index("_listed")
    lost = known.filter(pl.col("_listed").is_null())
    missing = lost.select(path="_annotated").unique(maintain_order=True)
    pictures = in_order(pl.concat([files, missing], how="diagonal_relaxed"), kind="_kind")
    pictures = pictures.with_columns(_second=is_second(pictures, listing))
    total = pictures.height
    pictures = select(pictures.rename({"_relative": "relative"}), config)
    pictures = pictures.rename({"relative": "_relative"})
    frame = _annotated(pictures, known, of_frames)
    frame, without = with_parts(frame)
    frame = with_second(fill(frame, config), listing)
    reasons = [
        _unmatched(missing["path"], "annotations", "the input has no such picture"),
        _unmatched(without, "input", "no box"),
    ]
    if given and not len(without):
        bare = frame.filter(pl.col("_annotation").is_null())["path"]
        reasons.append(_unmatched(bare, "input", "no annotation"))
    frame = frame.drop("_listed", "_second", "_annotation")
    own = ["path", "label", "split"]
    user = [name for name in frame.columns if name not in own and name not in INTERNAL]
    internal = [name for name in frame.columns if name in INTERNAL]
    if frame.is_empty():
        raise ValueError("no image is left: none of the pictures has a box")
    return Joined(
        frame.select(*own, *user, *internal),
        pl.concat(reasons),
        missing.height,
        total - pictures.height,
    )


def _without_secrets(annotations: pl.DataFrame) -> pl.DataFrame:
    """URLs as those of pictures are shown: without passwords and signatures."""
    odd = annotations["path"].str.contains(r"://.*[@?]")
    if not odd.any():
        return annotations
    urls = annotations["path"].filter(odd).unique()
    bare = {url: shown(url) for url in urls}
    return annotations.with_columns(path=pl.col("path").replace(bare))


def _unmatched(paths: pl.Series, side: str, reason: str) -> pl.DataFrame:
    return pl.DataFrame({"path": paths}).select(
        pl.col("path").cast(pl.String), side=pl.lit(side), reason=pl.lit(reason)
    )


def _listing_out_of_the_way(frame: pl.DataFrame) -> pl.DataFrame:
    """The pictures, columns that came with them under names that nothing else has."""
    taken = {*frame.columns, *RESERVED}
    names = {}
    for name in frame.columns:
        if name not in LISTED and name in RESERVED:
            names[name] = _free(name, taken)
    return frame.rename(names)


def _free(name: str, taken: set[str]) -> str:
    """The name with `_user` behind it, as often as it takes; it is taken then."""
    name += "_user"
    while name in taken:
        name += "_user"
    taken.add(name)
    return name


def _out_of_the_way(annotations: pl.DataFrame, listing: Listing) -> pl.DataFrame:
    """The table with names that nothing else has; its paths are `_annotated`."""
    boxes = BOXES if "_box" in annotations.columns else {}
    ours = {"path": "_annotated", **boxes}
    extra = set(listing.frame.columns) - set(LISTED) - {"label", "split"}
    taken = {*annotations.columns, *RESERVED, *extra}
    names = {}
    for name in annotations.columns:
        names[name] = ours.get(name, name)
        if name not in ours and name in RESERVED | extra:
            names[name] = _free(name, taken)
    return annotations.rename(names)


def _annotated(
    pictures: pl.DataFrame, known: pl.DataFrame, of_frames: pl.DataFrame
) -> pl.DataFrame:
    """The pictures with what the annotations say of them; those of the input where these do not."""
    if "_box" not in known.columns:
        _check_single(known)
    here = spread(known.filter(pl.col("_listed").is_not_null()), of_frames).drop("_annotated")
    gone = known.filter(pl.col("_listed").is_null()).drop("_listed")
    listed = pictures.filter(pl.col("_listed").is_not_null())
    unlisted = pictures.filter(pl.col("_listed").is_null())
    frame = pl.concat(
        [
            listed.join(here, on="_listed", how="left", suffix="_given", maintain_order="left"),
            unlisted.join(gone, left_on="path", right_on="_annotated", how="left", suffix="_given"),
        ],
        how="diagonal_relaxed",
    )
    for name in ("label", "split"):
        if f"{name}_given" in frame.columns:
            both = [pl.col(f"{name}_given"), pl.col(name).cast(pl.String)]
            frame = frame.with_columns(pl.coalesce(both).alias(name)).drop(f"{name}_given")
    return in_order(frame, "_annotation", kind="_kind")


def _check_single(known: pl.DataFrame) -> None:
    found = known.filter(pl.col("_listed").is_not_null())
    twice = found.filter(pl.col("_listed").is_duplicated()).sort("_listed", maintain_order=True)
    if twice.height:
        first, second = twice["_annotated"][:2]
        raise ValueError(
            f"annotations name {twice['_listed'].n_unique()} images in two ways, such as {first!r} "
            f"and {second!r}: one row per image is needed"
        )
