"""Which frames of videos look alike: each is compared with the frames of all other videos."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve import schema
from pixsieve.findings.graph import pairs

#: How much less similar than the most similar frame of a video others may be; so many at most.
MARGIN, MOST = 0.02, 16
#: Where one scene is in very many videos: the other videos that a frame is matched with, and about
#: how many of their frames together, but two of each.
OTHERS, TOGETHER, LEAST = 32, 64, 2


def frame_edges(
    frames: pl.DataFrame, embeddings: NDArray[np.float32], *, threshold: float
) -> pl.DataFrame:
    """EDGES: the most similar frames of each other video, for each frame, by cosine.

    `embeddings` has one row per row of `frames`, which are those with an embedding. Only pairs at
    or above the threshold are kept, `from` < `to`, each once: with the most similar frame those
    within 0.02 of it, 16 of a video at most, for in a still scene the most similar frame is often
    not that of the same time. All frames are compared with all, in blocks: a static scene does not
    crowd out other videos, as it does from a list of the nearest. Of many videos that show one
    scene, such as that of a fixed camera, the 32 most similar ones count for a frame, and fewer
    frames of each, so that the number of edges grows with that of frames, not with its square.
    """
    ordered = frames.with_row_index("row").sort("source", "image")
    images = ordered["image"].to_numpy()
    if not images.size:
        return schema.empty("edges")
    video = ordered["source"].rank("dense").to_numpy().astype(np.int64) - 1
    starts = np.flatnonzero(np.diff(video, prepend=-1))
    vectors = embeddings[ordered["row"].to_numpy()].astype(np.float32)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    rows = max(1, 2**24 // images.size)
    parts = [
        _best(vectors, video, starts, slice(start, start + rows), threshold)
        for start in range(0, images.size, rows)
    ]
    row, column, similarity = (np.concatenate(values) for values in zip(*parts, strict=True))
    return pairs(
        pl.DataFrame(
            {
                "from": pl.Series(images[row], dtype=pl.UInt32),
                "to": pl.Series(images[column], dtype=pl.UInt32),
                "similarity": pl.Series(similarity, dtype=pl.Float32),
            }
        )
    )


def _best(
    vectors: NDArray[np.float32],
    video: NDArray[np.int64],
    starts: NDArray[np.int64],
    block: slice,
    threshold: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Rows and columns, and their similarity, of what is best of each other video."""
    alike = vectors[block] @ vectors.T
    own = video[block]
    best = np.maximum.reduceat(alike, starts, axis=1)
    best[np.arange(own.size), own] = -np.inf
    row, other = np.nonzero(_most_similar(best, threshold))
    least = np.maximum(best[row, other] - MARGIN, threshold)
    ends = np.append(starts[1:], video.size)
    most = np.clip(TOGETHER // np.maximum(np.bincount(row, minlength=1), 1), LEAST, MOST)[row]
    places = zip(row, starts[other], ends[other], least, most, strict=True)
    chosen = [
        start + _largest(alike[at, start:end], limit, count)
        for at, start, end, limit, count in places
    ]
    row = np.repeat(row, [columns.size for columns in chosen])
    column = np.concatenate([*chosen, np.empty(0, np.int64)])
    return row + (block.start or 0), column, np.minimum(alike[row, column], 1)


def _most_similar(best: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Which values reach the threshold; in each row the `OTHERS` largest, of equals the first."""
    chosen = best >= threshold
    crowded = np.flatnonzero(chosen.sum(axis=1) > OTHERS)
    if crowded.size:
        order = np.argsort(-best[crowded], axis=1, kind="stable")
        chosen[crowded[:, None], order[:, OTHERS:]] = False
    return chosen


def _largest(values: NDArray[np.float32], limit: float, most: int) -> NDArray[np.int64]:
    """Where values reach the limit; of more than `most` the largest, of equals the first."""
    places = np.flatnonzero(values >= limit)
    if places.size > most:
        places = places[np.argsort(-values[places], kind="stable")[:most]]
    return places
