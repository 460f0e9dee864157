"""The neighbor graph of millions: exact search in cells that overlap as far as is needed.

Vectors are sorted into the cells of a k-means. Each is compared with all of its own cell; how far
its k-th neighbor there is bounds how far a nearer one can be. It then visits the cells whose
borders (the planes in the middle between centroids) lie within a share of that distance. The share
is chosen on a sample of which the true neighbors are known, for the recall that is asked for. With
a share of 1 nothing would be missed: what is nearer lies across no border that is farther away.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pixsieve import _native
from pixsieve.config import Config

Callback: TypeAlias = Callable[[int, int], object] | None
#: (n, d) float32 or float16.
Values: TypeAlias = NDArray[Any]
#: Numbers of places, or of vectors.
Places: TypeAlias = NDArray[Any]
#: Numbers of vectors, or places, and their similarities: (n, k) each, best first.
Found: TypeAlias = tuple[NDArray[np.uint32], NDArray[np.float32]]

#: Vectors of a cell, on average: fewer are more borders, more are more comparisons.
CELL = 700
#: A cell that holds so many times the mean of the sample is divided, so often.
LARGE, DIVISIONS = 2, 4
#: Vectors of the sample for each centroid.
SAMPLE = 40
#: Vectors that the share is chosen on; as many others say what recall came of it.
QUERIES = 800
#: On top of the recall that is asked for, which is known of a sample only.
SPARE_RECALL = 0.01
#: Cells that a vector visits, at most.
PROBES = 64
#: Neighbors that are kept on top of k until their exact similarities are known.
SPARE = 4
#: By which two ways to work out one similarity may differ.
ROUNDING = 1e-6
#: Stands where no neighbor was found.
NOBODY = 2**32 - 1


@dataclass(frozen=True)
class Space:
    """Vectors as Rust takes them; the stub says what its fields are."""

    vectors: Values
    distance: str
    centre: NDArray[np.float32]


class Cells:
    """Vectors sorted by cell: the neighbors of all of them, or of some."""

    def __init__(self, vectors: Values, config: Config) -> None:
        """Finds the cells.

        Args:
            vectors: (n, d) float32 or float16, C-contiguous; may be memory-mapped.
            config: `distance` (cosine or euclidean), `threads` and `seed` count.

        Raises:
            ValueError: If a vector is not finite, or all zeros with cosine; names its row.
        """
        self._config = config
        self._generator = np.random.default_rng(config.seed)
        self._centre = np.zeros(vectors.shape[1], np.float32)
        size = len(vectors)
        number = max(1, size // CELL)
        sample = self._generator.choice(size, min(size, SAMPLE * number), replace=False)
        chosen = np.ascontiguousarray(vectors[np.sort(sample)])
        if config.distance == "euclidean":
            self._centre = chosen.mean(axis=0, dtype=np.float64).astype(np.float32)
        centroids = self._divided(chosen, number)
        self._number = len(centroids)
        self._tree = self._tree_of(centroids)
        home = self._homes(self._tree, vectors)
        #: Which vector stands in each place, and the cell of each.
        self._order = np.argsort(home, kind="stable")
        self._home = home[self._order]
        self._offsets = _starts(home, self._number)
        self._rows = self._space(np.ascontiguousarray(vectors[self._order]))
        self._share = 1.0

    def neighbors(
        self, k: int, *, recall: float, progress: Callback
    ) -> tuple[Found, dict[str, Any]]:
        """The k nearest of each vector among the others, nearly all of them.

        Args:
            k: At most n - 1.
            recall: The share of true neighbors that is aimed at.
            progress: Called with the cells done and those to do.

        Returns:
            What was found, and what is to be known of it: `cells`, `visits` a vector, and the
            `recall` measured on a sample.
        """
        size = len(self._order)
        lists = np.zeros((size, k + SPARE), np.uint64)
        done = _Halves(progress, self._number)
        self._search(None, None, lists, done.first)
        radii = _native.cell_radii(lists=lists, k=k)
        truth = self._truth(k)
        self._share = truth.share(self._needed(truth.pairs(), radii), recall)
        visits = self._visits(self._rows, self._share * radii)
        self._search(None, visits, lists, done.second)
        places, similarities = self._ranked(None, lists, k)
        facts = {
            "cells": self._number,
            "visits": len(visits[0]) / max(1, size),
            "recall": truth.recall(similarities),
        }
        back = np.empty(size, np.int64)
        back[self._order] = np.arange(size)
        return (self._numbers(places)[back], similarities[back]), facts

    def others(self, rows: Places, k: int, *, radius: float) -> Found:
        """The k nearest of some vectors, by their numbers, as far as these are within a radius.

        They look twice as far as for the graph: there are few of them.
        """
        places = np.empty(len(self._order), np.int64)
        places[self._order] = np.arange(len(self._order))
        own = places[rows]
        asked = self._some(own)
        visitors, cells = self._visits(asked, np.full(len(own), min(1.0, 2 * self._share) * radius))
        visitors = np.concatenate([np.arange(len(own), dtype=np.uint32), visitors])
        lists = np.zeros((len(own), k + 1 + SPARE), np.uint64)
        self._search(asked, (visitors, np.concatenate([self._home[own], cells])), lists, None)
        found, similarities = without_selves(own, *self._ranked(asked, lists, k + 1))
        return self._numbers(found), similarities

    # ---- what Rust does ---- #

    def _space(self, vectors: Values) -> Space:
        return Space(vectors=vectors, distance=self._config.distance, centre=self._centre)

    def _some(self, places: Places) -> Space:
        return self._space(np.ascontiguousarray(self._rows.vectors[places]))

    def _tree_of(self, centroids: NDArray[np.float32]) -> _native.Tree:
        return _native.Tree(centroids=centroids, num_threads=self._config.threads)

    def _homes(self, tree: _native.Tree, vectors: Values) -> NDArray[np.uint32]:
        cells, _ = tree.nearest(
            rows=self._space(vectors), probes=1, num_threads=self._config.threads, progress=None
        )
        return cells[:, 0]

    def _visits(
        self, rows: Space, reach: NDArray[Any]
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Which row visits which cell besides its own."""
        return self._tree.visits(
            rows=rows,
            reach=reach.astype(np.float32),
            probes=min(PROBES, self._number),
            num_threads=self._config.threads,
            progress=None,
        )

    def _search(
        self,
        queries: Space | None,
        visits: tuple[NDArray[np.uint32], NDArray[np.uint32]] | None,
        lists: NDArray[np.uint64],
        progress: Callback,
    ) -> None:
        """Adds to the lists what cells bring to their own, or to those who visit them."""
        visitors, offsets = None, None
        if visits is not None:
            visitors = visits[0][np.argsort(visits[1], kind="stable")]
            offsets = _starts(visits[1], self._number)
        _native.search_cells(
            rows=self._rows,
            offsets=self._offsets,
            queries=queries,
            visitors=visitors,
            visitor_offsets=offsets,
            lists=lists,
            first=0,
            last=self._number,
            num_threads=self._config.threads,
            progress=progress,
        )

    def _ranked(self, queries: Space | None, lists: NDArray[np.uint64], k: int) -> Found:
        """Places by their exact similarities."""
        return _native.rank_cells(
            rows=self._rows,
            queries=queries,
            first=0,
            lists=lists,
            k=k,
            num_threads=self._config.threads,
            progress=None,
        )

    def _numbers(self, places: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Which vectors stand there."""
        known = self._order[np.minimum(places, len(self._order) - 1)]
        return np.where(places == NOBODY, NOBODY, known).astype(np.uint32)

    # ---- how it is set up ---- #

    def _divided(self, sample: Values, number: int) -> NDArray[np.float32]:
        """`number` centroids, or more: those of crowded cells are divided."""
        mean = max(1, len(sample) // number)
        centroids = self._trained(sample, number)
        for _ in range(DIVISIONS):
            home = self._homes(self._tree_of(centroids), sample)
            sizes = np.bincount(home, minlength=len(centroids))
            crowded = np.flatnonzero(sizes > LARGE * mean)
            if not len(crowded):
                break
            members = np.split(np.argsort(home, kind="stable"), np.cumsum(sizes)[:-1])
            parts = [
                self._trained(np.ascontiguousarray(sample[members[cell]]), -(-sizes[cell] // mean))
                for cell in crowded
            ]
            centroids = np.concatenate([np.delete(centroids, crowded, axis=0), *parts])
        return centroids

    def _trained(self, sample: Values, count: int) -> NDArray[np.float32]:
        return _native.train_cells(
            sample=self._space(sample),
            count=int(count),
            num_threads=self._config.threads,
            progress=None,
        )

    def _truth(self, k: int) -> "_Truth":
        """The true neighbors of a sample, who visits all cells."""
        size = min(len(self._order), 2 * QUERIES)
        places = self._generator.choice(len(self._order), size, replace=False)
        asked = self._some(places)
        everywhere = np.repeat(np.arange(self._number, dtype=np.uint32), size)
        visitors = np.tile(np.arange(size, dtype=np.uint32), self._number)
        lists = np.zeros((size, k + 1 + SPARE), np.uint64)
        self._search(asked, (visitors, everywhere), lists, None)
        return _Truth(places, *without_selves(places, *self._ranked(asked, lists, k + 1)))

    def _needed(
        self, pairs: tuple[Places, Places], radii: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The share of its radius that one of each pair must look to, to find the other."""
        one, two = pairs
        return np.minimum(self._looks(one, two, radii), self._looks(two, one, radii))

    def _looks(
        self, rows: Places, others: Places, radii: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        own, place = np.unique(rows, return_inverse=True)
        near, margins = self._tree.nearest(
            rows=self._some(own),
            probes=min(PROBES, self._number),
            num_threads=self._config.threads,
            progress=None,
        )
        shares = margins / np.maximum(radii[own], np.finfo(np.float32).tiny)[:, None]
        there = near[place] == self._home[others][:, None]
        needed: NDArray[np.float32] = np.where(there, shares[place], np.inf).min(axis=1)
        return needed


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

    def pairs(self) -> tuple[Places, Places]:
        """Places and their neighbors, of the first half."""
        half = slice(0, (len(self.queries) + 1) // 2)
        neighbors = self.neighbors[half]
        return np.repeat(self.queries[half], neighbors.shape[1]), neighbors.ravel()

    def share(self, needed: NDArray[np.float32], recall: float) -> float:
        """The share of its radius within which a vector must visit cells."""
        wanted = min(1.0, recall + SPARE_RECALL)
        enough = np.sort(needed)[max(0, int(np.ceil(wanted * len(needed))) - 1)]
        # Beyond 1 nothing nearer can be found.
        return float(min(1.0, enough))

    def recall(self, similarities: NDArray[np.float32]) -> float:
        """Share of the neighbors found that are as near as the true ones."""
        half = slice(len(self.queries) // 2, None)
        found = similarities[self.queries[half]]
        return float((found >= self.similarities[half, -1:] - ROUNDING).mean())


def _starts(cells: NDArray[np.uint32], number: int) -> NDArray[np.uint64]:
    """Where each cell begins once its members are sorted, and where the last one ends."""
    return np.cumsum([0, *np.bincount(cells, minlength=number)]).astype(np.uint64)


def without_selves(
    rows: Places, ids: NDArray[np.uint32], similarities: NDArray[np.float32]
) -> Found:
    """One column fewer: each row is left out of its own neighbors."""
    other = ids != rows[:, None]
    # Where the row itself is not among them, for all the twins it has, the last one goes.
    other[other.all(axis=1), -1] = False
    shape = (len(rows), ids.shape[1] - 1)
    return ids[other].reshape(shape), similarities[other].reshape(shape)
