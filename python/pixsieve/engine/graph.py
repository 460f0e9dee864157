"""The neighbor graph, and what is made of edges."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve import _native, schema
from pixsieve.config import PRODUCTS, Config
from pixsieve.engine.cells import NOBODY, ROUNDING, Cells, without_selves
from pixsieve.shapes import turn_invariants

Callback: TypeAlias = Callable[[int, int], object] | None

#: Queries on which the recall of an approximate graph is measured.
RECALL_SAMPLE = 300
#: So many images are compared all with all, unless it is asked for otherwise.
EXACT_LIMIT = 150_000
#: Fewer are one cell.
FEWEST = 3
EF_CONSTRUCTION = 100
#: Of the shapes most like its own an image is compared with so many, if they are so similar.
SHAPES, LEAST_SHAPE = 2, 0.75
#: A shape that differs by less from the mean of all is nobody's.
LEAST_LENGTH = 1e-4
#: An image whose k neighbors are all duplicates is asked for four times as many, up to this.
MOST_NEIGHBORS = 1_000
#: And up to this many edges in one step.
MOST_EDGES = 20_000_000


def neighbor_graph(
    images: NDArray[np.uint32],
    vectors: NDArray[np.float32],
    *,
    near_threshold: float,
    config: Config,
    progress: Callback,
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The k-NN graph of the images, whose rows are `vectors`.

    An image whose k neighbors all lie at or above `near_threshold` may have more duplicates: it
    is asked for more, by exact search, until one lies below.

    Returns:
        EDGES, and what is to be stored with them: method, k and, where it is approximate, the
        recall measured on a sample against exact search; `extended`, the images that were asked
        for more, and `cut`, those that may have more duplicates even so.

    Raises:
        ValueError: If a vector is not finite, or does not fit the distance.
    """
    method = _method(len(vectors), config)
    k = config.nearest_neighbors_k
    facts: dict[str, Any] = {"method": method, "k": k}
    cells = Cells(vectors, config) if method == "cells" else None
    if cells is not None:
        (ids, similarities), known = cells.neighbors(
            min(k, len(vectors) - 1), recall=config.recall, progress=progress
        )
        facts |= known
    else:
        ids, similarities = _search(vectors, k, config.distance, config, progress)
    if method == "hnsw":
        facts["recall"] = _recall(similarities, vectors, config)
    rows = np.arange(len(images), dtype=np.uint32)
    parts = [_edges(images, rows, ids, similarities)]
    k = ids.shape[1]
    full = rows[similarities[:, -1] >= near_threshold] if k else rows[:0]
    facts["extended"] = len(full)
    while len(full) and k < min(len(images) - 1, MOST_NEIGHBORS) and len(full) * k < MOST_EDGES:
        k = min(4 * k, MOST_NEIGHBORS, len(images) - 1)
        if cells is None:
            ids, similarities = _others(full, vectors, k, config)
        else:
            radius = _radius(near_threshold, config.distance)
            ids, similarities = cells.others(full, k, radius=radius)
        part = _edges(images, full, ids, similarities)
        parts.append(part.filter(pl.col("similarity") >= near_threshold))
        full = full[similarities[:, -1] >= near_threshold]
    facts["cut"] = len(full) if k < len(images) - 1 else 0
    edges = pl.concat(parts)
    if len(parts) > 1:
        edges = edges.unique(["from", "to"], keep="first", maintain_order=True)
    return edges.sort("from", "similarity", "to", descending=[False, True, False]), facts


def _method(size: int, config: Config) -> str:
    """What builds the graph: `exact`, `cells` or `hnsw`."""
    large = size > EXACT_LIMIT and config.distance in PRODUCTS
    chosen = ("cells" if large else "exact") if config.mode == "auto" else config.mode
    return "exact" if chosen == "cells" and size < FEWEST else chosen


def _radius(similarity: float, distance: str) -> float:
    """How far vectors of this similarity are apart; those of cosine have length one."""
    if distance == "cosine":
        return math.sqrt(max(0.0, 2 - 2 * similarity))
    return math.inf if similarity <= 0 else 1 / similarity - 1


def _search(
    vectors: NDArray[np.float32], k: int, distance: str, config: Config, progress: Callback
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """The k neighbors of each row, as the settings say: exact or approximate."""
    common: dict[str, Any] = {
        "vectors": vectors,
        "k": k,
        "distance": distance,
        "num_threads": config.threads,
        "progress": progress,
    }
    if config.mode != "hnsw":
        return _native.exact_neighbors(**common)
    return _native.hnsw_neighbors(
        **common,
        seed=config.seed,
        ef_construction=EF_CONSTRUCTION,
        ef_search=max(64, 2 * k),
    )


def _edges(
    images: NDArray[np.uint32],
    rows: NDArray[np.uint32],
    ids: NDArray[np.uint32],
    similarities: NDArray[np.float32],
) -> pl.DataFrame:
    """EDGES of some rows; places for which nobody was found are left out."""
    found = ids.ravel() != NOBODY
    edges = {
        "from": np.repeat(images[rows], ids.shape[1])[found],
        "to": images[ids.ravel()[found]],
        "similarity": similarities.ravel()[found],
    }
    return pl.DataFrame(edges, schema=schema.EDGES)


def _others(
    rows: NDArray[np.uint32], vectors: NDArray[np.float32], k: int, config: Config
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """The true `k` neighbors of some rows, which are left out themselves, by their number."""
    ids, similarities = _native.query_neighbors(
        queries=vectors[rows],
        vectors=vectors,
        k=k + 1,
        distance=config.distance,
        num_threads=config.threads,
        progress=None,
    )
    return without_selves(rows, ids, similarities)


def nearest(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], *, config: Config
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """For each query the row of `vectors` that is nearest, by exact search, and its similarity."""
    ids, similarities = _native.query_neighbors(
        queries=np.ascontiguousarray(queries),
        vectors=np.ascontiguousarray(vectors),
        k=1,
        distance=config.distance,
        num_threads=config.threads,
        progress=None,
    )
    return ids[:, 0], similarities[:, 0]


def _recall(
    similarities: NDArray[np.float32], vectors: NDArray[np.float32], config: Config
) -> float | None:
    """Share of the neighbors that are as near as the true ones, over a seeded sample of queries.

    Images that are equally near stand for each other.
    """
    size, k = similarities.shape
    if not k:
        return None
    generator = np.random.default_rng(config.seed)
    sample = np.sort(generator.choice(size, min(size, RECALL_SAMPLE), replace=False))
    _, true = _others(sample.astype(np.uint32), vectors, k, config)
    near_enough = similarities[sample] >= true[:, -1:] - ROUNDING
    return float(near_enough.mean())


def shape_edges(
    images: NDArray[np.uint32], signatures: NDArray[np.uint8], *, config: Config
) -> pl.DataFrame:
    """EDGES to the images whose rough shape is most alike, however they are turned or flipped.

    Their `similarity` is that of the shapes, `LEAST_SHAPE` or more. `signatures` has a row per
    image.
    """
    vectors = turn_invariants(signatures)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    # Where all pictures are alike, nothing is left of them when their mean is taken away.
    known = lengths[:, 0] > LEAST_LENGTH
    vectors = np.ascontiguousarray(vectors[known] / lengths[known])
    config = config.replace(distance="cosine")
    if _method(len(vectors), config) == "cells":
        (ids, similarities), _ = Cells(vectors, config).neighbors(
            SHAPES, recall=config.recall, progress=None
        )
    else:
        ids, similarities = _search(vectors, SHAPES, "cosine", config, progress=None)
    rows = np.arange(len(vectors), dtype=np.uint32)
    return _edges(images[known], rows, ids, similarities).filter(
        pl.col("similarity") >= LEAST_SHAPE
    )


def connected_components(size: int, edges: pl.DataFrame) -> NDArray[np.uint32]:
    """For each of `size` rows the smallest row of its component."""
    return _native.connected_components(size=size, **_ends(edges))


def star_groups(priority: NDArray[np.uint32], edges: pl.DataFrame) -> NDArray[np.uint32]:
    """For each row the row that represents it, itself if none does; best first in `priority`."""
    return _native.star_groups(priority=np.ascontiguousarray(priority, np.uint32), **_ends(edges))


def _ends(edges: pl.DataFrame) -> dict[str, NDArray[np.uint32]]:
    return {
        f"edges_{end}": np.ascontiguousarray(edges[end].cast(pl.UInt32).to_numpy(), np.uint32)
        for end in ("from", "to")
    }


def register_pairs(
    signatures: NDArray[np.uint8], pairs: pl.DataFrame, *, config: Config, progress: Callback
) -> pl.DataFrame:
    """How well the pictures of each pair lie on each other.

    `signatures` are (n, 32, 32) luminance, as `extract` gives them; `pairs` has their rows, `from`
    and `to`.

    Returns:
        `correlation`, `detail`, `texture`, `tilt`, `area`, `orientation` and `grown`, one row per
        pair in their order; the stub says what they mean.
    """
    ends = {f"pairs_{end}": pairs[end].cast(pl.UInt32).to_numpy() for end in ("from", "to")}
    found = _native.register_pairs(
        signatures=np.ascontiguousarray(signatures).reshape(
            len(signatures), math.prod(signatures.shape[1:])
        ),
        **{name: np.ascontiguousarray(rows, np.uint32) for name, rows in ends.items()},
        num_threads=config.threads,
        progress=progress,
    )
    return pl.DataFrame(found)
