"""Annotations of whole videos: they hold for all frames."""

import polars as pl

from pixsieve.annotations.match import match
from pixsieve.sources import NUMBER, Listing

#: What says of a row which picture it is about, not what is known of it.
_ABOUT = ("_listed", "_annotated")


def of_videos(known: pl.DataFrame, listing: Listing) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The annotations of single pictures, and those that name a video.

    Args:
        known: Annotations: `_annotated`, their path, and `_listed`, the picture that they mean,
            null where there is none. Those with a box never mean a video.
        listing: The pictures.

    Returns:
        The rest of `known`; and one row per listed frame of the videos, of the same columns.

    Raises:
        ValueError: If a name may mean several videos, or two rows mean the same.
    """
    videos = _videos(listing)
    bare = pl.col("_listed").is_null()
    for name in ("_box", "_box_error"):
        if name in known.columns:
            bare &= pl.col(name).is_null()
    whole = known.filter(bare)
    if videos.is_empty() or whole.is_empty():
        return known, known.clear()
    shown = Listing(videos, listing.folder, second_folder=listing.second_folder)
    found = match(shown, whole["_annotated"]).drop_nulls("_listed").rename({"_listed": "_video"})
    if found.is_empty():
        return known, known.clear()
    whole = whole.join(found, on="_annotated", maintain_order="left").drop("_listed")
    _check_single(whole)
    rest = known.join(whole.select("_annotation"), on="_annotation", how="anti")
    frames = listing.frame.with_row_index("_listed").filter(pl.col("kind") == "frame")
    places = videos.select("location").with_row_index("_video")
    frames = frames.select("_listed", "location").join(places, on="location")
    spread = frames.join(whole, on="_video").sort("_listed").select(known.columns)
    return rest, spread


def _videos(listing: Listing) -> pl.DataFrame:
    """Each video once, as the file that it is."""
    frames = listing.frame.filter(pl.col("kind") == "frame")
    first = frames.unique("location", keep="first", maintain_order=True)
    return first.select(
        pl.col("path", "relative").str.replace(NUMBER, ""), "location", kind=pl.lit("file")
    )


def _check_single(whole: pl.DataFrame) -> None:
    twice = whole.filter(pl.col("_video").is_duplicated()).sort("_video", maintain_order=True)
    if twice.height:
        first, second = twice["_annotated"][:2]
        raise ValueError(
            f"annotations name {twice['_video'].n_unique()} videos twice, such as {first!r} "
            f"and {second!r}: one row per video is needed"
        )


def spread(here: pl.DataFrame, of_frames: pl.DataFrame) -> pl.DataFrame:
    """Annotations of pictures, with what is said of the videos where these say nothing.

    Args:
        here: With `_listed`, the picture.
        of_frames: As `of_videos` gives them.
    """
    if of_frames.is_empty():
        return here
    names = [name for name in here.columns if name not in _ABOUT]
    both = here.join(
        of_frames, on="_listed", how="left", suffix="_of_video", maintain_order="left"
    ).with_columns(pl.coalesce(name, f"{name}_of_video") for name in names)
    alone = of_frames.join(here, on="_listed", how="anti").select(here.columns)
    return pl.concat([both.select(here.columns), alone], how="vertical_relaxed")
