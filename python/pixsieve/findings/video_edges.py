"""Which frames of videos look alike: each is compared with the frames of all other videos."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve import schema
from pixsieve.findings.graph import pairs

#: How much less similar than the most similar frame of a video others may be; so many at most.
MARGIN, MOST = 0.02, 16


def frame_edges(
    frames: pl.DataFrame, embeddings: NDArray[np.float32], *, threshold: float
) -> pl.DataFrame:
    """EDGES: the most similar frames of each other video, for each frame, by cosine.

    `embeddings` has one row per row of `frames`, which are those with an embedding. Only pairs at
    or above the threshold are kept, `from` < `to`, each once: with the most similar frame those
    within 0.02 of it, 16 of a video at most, for in a still scene the most similar frame is often
    not that of the same time. All frames are compared with all, in
    blocks: a static scene does not crowd out other videos, as it does from a list of the nearest.
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
    row, other = np.nonzero(best >= threshold)
    least = np.maximum(best[row, other] - MARGIN, threshold)
    ends = np.append(starts[1:], video.size)
    chosen = [
        start + _largest(alike[at, start:end], limit)
        for at, start, end, limit in zip(row, starts[other], ends[other], least, strict=True)
    ]
    row = np.repeat(row, [columns.size for columns in chosen])
    column = np.concatenate([*chosen, np.empty(0, np.int64)])
    return row + (block.start or 0), column, np.minimum(alike[row, column], 1)


def _largest(values: NDArray[np.float32], limit: float) -> NDArray[np.int64]:
    """Where values reach the limit; of more than `MOST` the largest, of equals the first."""
    places = np.flatnonzero(values >= limit)
    if places.size > MOST:
        places = places[np.argsort(-values[places], kind="stable")[:MOST]]
    return places
