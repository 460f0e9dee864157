"""How good a ranking is."""

import numpy as np
from numpy.typing import NDArray


def average_precision(
    right: NDArray[np.bool_], score: NDArray[np.float64], total: int | None = None
) -> float:
    """Mean over the `total` right ones of the precision where each is listed; 0 where it is not.

    Those of equal score are listed together, the highest first; `total` is by default the number
    of right ones.
    """
    order = np.argsort(-score, kind="stable")
    right, score = right[order], score[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    listed, true = last + 1, np.cumsum(right)[last]
    gained = np.diff(true, prepend=0) * true / listed
    return float(gained.sum() / (right.sum() if total is None else total))


def recall_at(
    right: NDArray[np.bool_], score: NDArray[np.float64], total: int, precision: float
) -> float:
    """The largest recall of a list that begins with the surest and is so precise."""
    order = np.argsort(-score, kind="stable")
    right, score = right[order], score[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    true = np.cumsum(right)[last]
    enough = true / (last + 1) >= precision
    return float(true[enough].max(initial=0) / total)


def auroc(right: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """The probability that a right one has a higher score than a wrong one; half if it is equal."""
    values, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    rank = below + (counts + 1) / 2
    positive = int(right.sum())
    above = rank[place][right].sum() - positive * (positive + 1) / 2
    return float(above / (positive * (len(values[place]) - positive)))
