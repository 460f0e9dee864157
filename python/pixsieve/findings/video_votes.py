"""By how much two videos are apart in time: what most of their matching frames say."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

Votes = NDArray[np.int64]

#: Bins are counted in an array of all of them, where those are not many more than the votes.
DENSE, SPARE = 4, 1 << 22


@dataclass(frozen=True)
class Voters:
    """Matching frames, those of one pair of videos next to each other."""

    pair: NDArray[Any]
    """Of each pair of videos its number, rising."""
    first: NDArray[np.intp]
    """Where the frames of each pair begin."""
    slack: NDArray[np.float64]
    """The width of the bins of each pair, in seconds."""
    place: NDArray[np.intp]
    """Of each frame, which of the pairs it is of."""
    time: NDArray[np.float64]
    time_to: NDArray[np.float64]
    vote: Votes

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Self:
        """From `pair`, `slack`, `time`, `time_to` and `vote`; at least one row."""
        ordered = frame.sort("pair", maintain_order=True)
        values = {name: ordered[name].to_numpy() for name in ("pair", "time", "time_to", "vote")}
        pair, first, place = np.unique(values.pop("pair"), return_index=True, return_inverse=True)
        slack = ordered["slack"].to_numpy()[first]
        return cls(pair, first, slack, place, **values)

    def best(self, speed: float) -> tuple[Votes, Votes]:
        """Of each pair the lower of the two neighboring bins with most votes, and those votes.

        Of equals it is the bin nearest to no offset.
        """
        off = (self.time_to - speed * self.time) / self.slack[self.place]
        bins = np.floor(off).astype(np.int64)
        low = np.minimum.reduceat(bins, self.first)
        # Bins of two pairs are never neighbors.
        width = np.maximum.reduceat(bins, self.first) - low + 2
        start = np.cumsum(width) - width
        index, votes = _sums(bins + (start - low)[self.place], self.vote)
        above = np.append(votes[1:], 0) * (np.diff(index, append=-1) == 1)
        score = votes + above
        begin = np.searchsorted(index, start)
        pair = np.repeat(np.arange(start.size), np.diff(begin, append=index.size))
        most = np.maximum.reduceat(score, begin)
        equal = np.flatnonzero(score == most[pair])
        bins, pair = index[equal] - (start - low)[pair[equal]], pair[equal]
        order = np.lexsort((bins, np.abs(bins + 1), pair))
        return bins[order][np.searchsorted(pair, np.arange(start.size))], most


def _sums(index: Votes, votes: Votes) -> tuple[Votes, Votes]:
    """Every index once, rising, with the sum of its votes."""
    # Whole numbers far below 2**53: their sums are exact as floats.
    if int(index.max()) <= DENSE * index.size + SPARE:
        sums = np.bincount(index, votes)
        known = np.flatnonzero(sums)
        return known, sums[known].astype(np.int64)
    known, inverse = np.unique(index, return_inverse=True)
    return known, np.bincount(inverse, votes).astype(np.int64)
