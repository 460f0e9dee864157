"""How embeddings vary together."""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Square = NDArray[np.float64]

#: Rows that are worked on at once.
CHUNK = 2_048
#: So much of the mean variance is added to the variance in every direction: what little is seen
#: of most directions is noise.
SHRINKAGE = 1.0


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
