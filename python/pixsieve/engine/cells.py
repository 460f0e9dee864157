"""The neighbor graph of millions: exact search in cells that overlap as far as is needed.

Vectors are sorted into the cells of a k-means. Each is compared with all of its own cell; how far
its k-th neighbor there is bounds how far a nearer one can be. It visits the cells whose borders
(the planes in the middle between centroids) are within a share of that distance. The share is
chosen on a sample of which the true neighbors are known, for the recall that is asked for. With
a share of 1 the graph would be exact: what lies nearer has crossed no border farther away.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pixsieve import _native
from pixsieve.config import Config

Callback: TypeAlias = Callable[[int, int], object] | None
Values: TypeAlias = NDArray[np.float32] | NDArray[np.float16]

#: Vectors of a cell, on average: fewer are more borders, more are more comparisons.
CELL = 700
#: A cell of the sample that holds so many times the mean is divided.
LARGE = 2
DIVISIONS = 4
#: Vectors of the sample for each centroid.
SAMPLE = 40
#: Vectors that the share is chosen on; as many others say what recall came of it.
QUERIES = 500
#: On top of the recall that is asked for, since it is known of a sample only.
SPARE_RECALL = 0.005
#: Cells that a vector visits, at most.
PROBES = 64
#: Neighbors that are kept on top of k until their exact similarities are known.
SPARE = 4
#: By which two ways to work out one similarity may differ.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Cells:
    """Vectors sorted by cell."""

    tree: _native.Tree
    order: NDArray[np.int64]
    """Which vector stands in each place."""
    home: NDArray[np.uint32]
    """The cell of each place, ascending."""
    offsets: NDArray[np.uint64]
    """Where the places of each cell begin; one more, where the last ends."""
    rows: SimpleNamespace
    """The vectors in their places, as Rust takes them."""


def cell_neighbors(
    vectors: Values, k: int, *, recall: float, config: Config, progress: Callback
) -> tuple[NDArray[np.uint32], NDArray[np.float32], dict[str, Any]]:
    """The k nearest rows of each row among the others, nearly all of them.

    Args:
        vectors: (n, d) float32 or float16, C-contiguous; may be memory-mapped.
        k: At most n - 1.
        recall: The share of true neighbors that is aimed at.
        config: `distance` (cosine or euclidean), `threads` and `seed` count.
        progress: Called with cells done and in all.

    Returns:
        Row numbers (n, k), similarities (n, k), best first, and what is to be known of them:
        `cells`, `visits` a vector, `recall` measured on a sample.

    Raises:
        ValueError: If a vector is not finite, or all zeros with cosine; the message has its row.
    """
    generator = np.random.default_rng(config.seed)
    cells = _sorted(vectors, config, generator)
    number = len(cells.offsets) - 1
    lists = np.zeros((len(vectors), k + SPARE), np.uint64)
    done = _Halves(progress, number)
    _search(cells, None, lists, config, done.first)
    radii = _native.cell_radii(lists=lists, k=k)
    truth = _Truth.of(cells, k, config, generator)
    share = truth.share(cells, radii, recall, config)
    reach = (share * radii).astype(np.float32)
    guests, wanted = cells.tree.visits(
        rows=cells.rows,
        reach=reach,
        probes=min(PROBES, number),
        num_threads=config.threads,
        progress=None,
    )
    order = np.argsort(wanted, kind="stable")
    visits = (guests[order], _starts(wanted, number))
    _search(cells, visits, lists, config, done.second)
    places, similarities = _native.rank_cells(
        rows=cells.rows, first=0, lists=lists, k=k, num_threads=config.threads, progress=None
    )
    facts = {
        "cells": number,
        "visits": len(guests) / max(1, len(vectors)),
        "recall": truth.recall(similarities),
    }
    back = np.empty(len(vectors), np.int64)
    back[cells.order] = np.arange(len(vectors))
    ids = np.where(
        places == _NOBODY, _NOBODY, cells.order[np.minimum(places, len(vectors) - 1)]
    ).astype(np.uint32)
    return ids[back], similarities[back], facts


_NOBODY = 2**32 - 1


def _sorted(vectors: Values, config: Config, generator: np.random.Generator) -> Cells:
    size = len(vectors)
    number = max(1, size // CELL)
    sample = np.sort(generator.choice(size, min(size, SAMPLE * number), replace=False))
    chosen = np.ascontiguousarray(vectors[sample])
    centre = np.zeros(vectors.shape[1], np.float32)
    if config.distance == "euclidean":
        centre = chosen.mean(axis=0, dtype=np.float64).astype(np.float32)
    centroids = _centroids(_space(chosen, centre, config), number, config)
    tree = _native.Tree(centroids=centroids, num_threads=config.threads)
    home = _homes(tree, _space(vectors, centre, config), config)
    order = np.argsort(home, kind="stable")
    rows = _space(np.ascontiguousarray(vectors[order]), centre, config)
    return Cells(tree, order, home[order], _starts(home, len(centroids)), rows)


def _space(vectors: Values, centre: NDArray[np.float32], config: Config) -> SimpleNamespace:
    return SimpleNamespace(vectors=vectors, distance=config.distance, centre=centre)


def _homes(tree: "_native.Tree", rows: SimpleNamespace, config: Config) -> NDArray[np.uint32]:
    cells, _ = tree.nearest(rows=rows, probes=1, num_threads=config.threads, progress=None)
    return cells[:, 0]


def _starts(cells: NDArray[np.uint32], number: int) -> NDArray[np.uint64]:
    """Where each cell begins once its members are sorted, and where the last ends."""
    return np.cumsum([0, *np.bincount(cells, minlength=number)]).astype(np.uint64)


def _centroids(sample: SimpleNamespace, number: int, config: Config) -> NDArray[np.float32]:
    """`number` centroids, or more: those of crowded cells are divided."""

    def trained(rows: Values, count: int) -> NDArray[np.float32]:
        space = SimpleNamespace(**(vars(sample) | {"vectors": rows}))
        return _native.train_cells(
            sample=space, count=count, num_threads=config.threads, progress=None
        )

    mean = max(1, len(sample.vectors) // number)
    centroids = trained(sample.vectors, number)
    for _ in range(DIVISIONS):
        tree = _native.Tree(centroids=centroids, num_threads=config.threads)
        home = _homes(tree, sample, config)
        sizes = np.bincount(home, minlength=len(centroids))
        crowded = np.flatnonzero(sizes > LARGE * mean)
        if not len(crowded):
            break
        members = np.argsort(home, kind="stable")
        ends = np.cumsum(sizes)
        divided = [
            trained(
                np.ascontiguousarray(sample.vectors[members[ends[cell] - sizes[cell] : ends[cell]]]),
                int(-(-sizes[cell] // mean)),
            )
            for cell in crowded
        ]
        centroids = np.concatenate([np.delete(centroids, crowded, axis=0), *divided])
    return centroids


def _search(
    cells: Cells,
    visits: tuple[NDArray[np.uint32], NDArray[np.uint64]] | None,
    lists: NDArray[np.uint64],
    config: Config,
    progress: Callback,
) -> None:
    """Adds to the lists what the cells, or the visits to them, bring."""
    guests, offsets = visits or (None, None)
    _native.search_cells(
        rows=cells.rows,
        offsets=cells.offsets,
        guests=guests,
        guest_offsets=offsets,
        lists=lists,
        first=0,
        last=len(cells.offsets) - 1,
        num_threads=config.threads,
        progress=progress,
    )


@dataclass(frozen=True)
class _Halves:
    """Progress of two passes over all cells."""

    progress: Callback
    number: int

    def first(self, done: int, _: int) -> None:
        if self.progress is not None:
            self.progress(done, 2 * self.number)

    def second(self, done: int, _: int) -> None:
        if self.progress is not None:
            self.progress(self.number + done, 2 * self.number)


@dataclass(frozen=True)
class _Truth:
    """The true neighbors of some places: the first half to choose by, the second to judge by."""

    queries: NDArray[np.int64]
    neighbors: NDArray[np.uint32]
    similarities: NDArray[np.float32]

    @classmethod
    def of(
        cls, cells: Cells, k: int, config: Config, generator: np.random.Generator
    ) -> "_Truth":
        vectors = cells.rows.vectors
        queries = generator.choice(len(vectors), min(len(vectors), 2 * QUERIES), replace=False)
        ids, similarities = true_neighbors(queries, vectors, k, config)
        return cls(queries, ids, similarities)

    def share(
        self, cells: Cells, radii: NDArray[np.float32], recall: float, config: Config
    ) -> float:
        """The share of its radius within which a vector must visit cells."""
        half = slice(0, (len(self.queries) + 1) // 2)
        rows = np.repeat(self.queries[half], self.neighbors.shape[1])
        others = self.neighbors[half].ravel().astype(np.int64)
        needed = np.minimum(
            _needed(cells, rows, others, radii, config), _needed(cells, others, rows, radii, config)
        )
        wanted = min(1.0, recall + SPARE_RECALL)
        enough = np.sort(needed)[max(0, int(np.ceil(wanted * len(needed))) - 1)]
        # Beyond 1 nothing nearer can be found.
        return float(min(1.0, enough))

    def recall(self, similarities: NDArray[np.float32]) -> float:
        """Share of the neighbors found that are as near as the true ones."""
        half = slice(len(self.queries) // 2, None)
        found = similarities[self.queries[half]]
        return float((found >= self.similarities[half, -1:] - ROUNDING).mean())


def _needed(
    cells: Cells,
    rows: NDArray[np.int64],
    others: NDArray[np.int64],
    radii: NDArray[np.float32],
    config: Config,
) -> NDArray[np.float32]:
    """The share of its radius that a row must look to, to visit the cell of another."""
    own, place = np.unique(rows, return_inverse=True)
    asked = SimpleNamespace(
        **(vars(cells.rows) | {"vectors": np.ascontiguousarray(cells.rows.vectors[own])})
    )
    near, margins = cells.tree.nearest(
        rows=asked,
        probes=min(PROBES, len(cells.offsets) - 1),
        num_threads=config.threads,
        progress=None,
    )
    shares = margins / np.maximum(radii[own], np.finfo(np.float32).tiny)[:, None]
    there = near[place] == cells.home[others][:, None]
    return np.where(there, shares[place], np.inf).min(axis=1)


def true_neighbors(
    rows: NDArray[np.int64], vectors: Values, k: int, config: Config
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """The true `k` neighbors of some rows, which are left out themselves, by their number."""
    ids, similarities = _native.query_neighbors(
        queries=np.ascontiguousarray(vectors[rows], np.float32),
        vectors=vectors,
        k=k + 1,
        distance=config.distance,
        num_threads=config.threads,
        progress=None,
    )
    other = ids != rows[:, None]
    # Where the row itself is not among them, for all the twins it has, the last one goes.
    other[other.all(axis=1), -1] = False
    return ids[other].reshape(len(rows), -1), similarities[other].reshape(len(rows), -1)
