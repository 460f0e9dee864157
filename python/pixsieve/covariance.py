"""How embeddings vary together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Square = NDArray[np.float64]

#: Rows that are worked on at once.
CHUNK = 2_048
#: So much of the mean variance is added to the variance in every direction: what little is seen
#: of most directions is noise.
SHRINKAGE = 1.0
#: A variance that is a smaller part of the mean square is the rounding of float32.
ROUNDING = 1e-13


def precision(scatter: Square, weight: float) -> Square:
    """The inverse of the covariance `scatter / weight`, shrunk towards a multiple of the identity.

    As in regularised discriminant analysis (Friedman 1989). Zeros where nothing varies.
    """
    covariance = scatter / max(weight, 1e-12)
    size = len(covariance)
    mean = float(np.trace(covariance)) / size
    if mean <= 0:
        return np.zeros_like(covariance)
    inverse = np.linalg.inv(covariance + SHRINKAGE * mean * np.eye(size))
    return inverse.astype(np.float64)


def mahalanobis(vectors: Matrix) -> NDArray[np.float64]:
    """The squared distance of each row to the mean of all, in units of their covariance.

    Relative to its median, so that an ordinary row has 1; all have where nothing varies.
    """
    count = len(vectors)
    if not count:
        return np.empty(0)
    mean = vectors.mean(axis=0, dtype=np.float64)
    scatter = -count * np.outer(mean, mean)
    for start in range(0, count, CHUNK):
        part = vectors[start : start + CHUNK]
        scatter += part.T @ part
    inverse = precision(scatter, count)
    found = np.empty(count)
    for start in range(0, count, CHUNK):
        away = vectors[start : start + CHUNK] - mean
        found[start : start + CHUNK] = np.einsum("ij,ij->i", away @ inverse, away)
    usual = float(np.median(found))
    return found / usual if usual > 0 else np.ones(count)


def principal_axes(parts: Sequence[Matrix], count: int) -> tuple[NDArray[np.float64], Square]:
    """The mean of all rows, and the directions in which they vary most, in float64.

    A part is read twice, some rows at a time; no two are joined.

    Args:
        parts: Matrices (n, d) of the same d, at least one.
        count: How many directions.

    Returns:
        The mean (d,) and orthonormal directions (d, count), the first with the most variance, each
        with its largest component positive; zeros where nothing varies.
    """
    total = max(1, sum(map(len, parts)))
    size = parts[0].shape[1]
    mean = sum((part.sum(axis=0, dtype=np.float64) for part in parts), np.zeros(size)) / total
    covariance = np.zeros((size, size))
    for part in parts:
        for start in range(0, len(part), CHUNK):
            away = part[start : start + CHUNK] - mean
            covariance += away.T @ away / total
    found = np.zeros((size, count))
    variances, axes = np.linalg.eigh(covariance)
    varying = variances > ROUNDING * (mean @ mean + np.trace(covariance))
    kept = axes[:, varying][:, ::-1][:, :count]
    largest = np.abs(kept).argmax(axis=0)
    found[:, : kept.shape[1]] = kept * np.sign(kept[largest, np.arange(kept.shape[1])])
    return mean, found


def project(parts: Sequence[Matrix], count: int) -> NDArray[np.float32]:
    """Every row's place along the first principal axes, (n, count)."""
    mean, axes = principal_axes(parts, count)
    found = np.empty((sum(map(len, parts)), count), np.float32)
    place = 0
    for part in parts:
        for start in range(0, len(part), CHUNK):
            chunk = part[start : start + CHUNK]
            found[place : place + len(chunk)] = (chunk - mean) @ axes
            place += len(chunk)
    return found
