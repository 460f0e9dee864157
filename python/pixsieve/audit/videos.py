"""The frames of a run's videos, and which of them look alike."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve import findings

#: Frames that are compared, all with all: of more, those at least so many seconds apart.
MOST, APART_S = 50_000, (0.5, 1.0, 2.0, 5.0, 10.0)
#: A run has so many frames, or all of a shorter video.
FEWEST = 3
#: One of its matches is so much of the way from the threshold to 1.
SURER = 0.3
FRAMES = pl.Schema(
    {"image": pl.UInt32(), "source": pl.String(), "frame": pl.UInt32(), "time_s": pl.Float64()}
)


def sure(threshold: float) -> float:
    """How similar two frames of a run must be, where the others reach the threshold.

    Scenes of one kind may look alike at the threshold all through, copies come closer somewhere.
    """
    return threshold + SURER * (1 - threshold)


def any_in(images: pl.DataFrame) -> bool:
    """Whether there are frames of videos among the images."""
    # Where there are boxes, an image is a part of a frame.
    if "_box_kind" in images.columns or not {*FRAMES} <= {*images.columns}:
        return False
    return any_frame(images)


def any_frame(images: pl.DataFrame) -> bool:
    """Whether any image is a frame of a video, or a part of one."""
    return "_kind" in images.columns and "frame" in images["_kind"]


def frames_of(images: pl.DataFrame, plain: pl.DataFrame) -> pl.DataFrame:
    """FRAMES: the frames of videos that were read, without the plain ones."""
    if not any_in(images):
        return pl.DataFrame(schema=FRAMES)
    read = (pl.col("_kind") == "frame") & pl.col("digest").is_not_null()
    frames = images.filter(read).select(
        pl.col(name).cast(of, strict=False) for name, of in FRAMES.items()
    )
    return frames.join(plain, on="image", how="anti", maintain_order="left")


def within_one(images: pl.DataFrame, duplicates: pl.DataFrame) -> pl.Series:
    """Which rows are frames of the same video as the representative of their group.

    Args:
        images: All, with the columns that say where they lie.
        duplicates: DUPLICATES. Representatives themselves are not meant.
    """
    if not any_frame(images):
        return pl.repeat(value=False, n=duplicates.height, dtype=pl.Boolean, eager=True)
    video = images.select(pl.when(pl.col("_kind") == "frame").then("_location")).to_series()
    known = duplicates.select("group", "representative", video=video.gather(duplicates["image"]))
    of_group = pl.col("video").filter("representative").first().over("group")
    same = (pl.col("video") == of_group).fill_null(value=False)
    return known.select(same & ~pl.col("representative")).to_series()


def matching(
    frames: pl.DataFrame,
    images: NDArray[np.uint32],
    parts: Sequence[NDArray[np.float32]],
    *,
    threshold: float,
) -> pl.DataFrame:
    """EDGES between the frames of different videos; `images` have the embeddings of all parts."""
    frames = frames.filter(pl.col("image").is_in(pl.Series(images, dtype=pl.UInt32).implode()))
    for apart in APART_S:
        if frames.height > MOST:
            frames = _thinned(frames, apart)
    wanted = np.searchsorted(images, frames["image"].to_numpy())
    return findings.frame_edges(frames, _rows(parts, wanted), threshold=threshold)


def _thinned(frames: pl.DataFrame, apart_s: float) -> pl.DataFrame:
    step = (pl.col("time_s") / apart_s).floor().alias("step")
    first = frames.sort("source", "time_s", "image").unique(
        ["source", step], keep="first", maintain_order=True
    )
    return first.sort("image")


def _rows(parts: Sequence[NDArray[np.float32]], wanted: NDArray[np.intp]) -> NDArray[np.float32]:
    """Some rows, in rising order, of what the parts are together; others are not even read."""
    starts = np.cumsum([0, *(len(part) for part in parts)])
    ends = np.searchsorted(wanted, starts)
    chosen = [
        part[wanted[first:last] - start]
        for part, start, first, last in zip(parts, starts, ends, ends[1:], strict=False)
    ]
    return np.concatenate(chosen)
