"""What of a picture stays the same when it is turned or flipped."""

import numpy as np
from numpy.typing import NDArray

#: Lowest frequencies per axis that are looked at.
FREQUENCIES = 8
#: Pictures that are worked on at once: some 12 kB of memory each.
CHUNK = 1_024


def turn_invariants(signatures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """One row of 63 values per signature, less their mean over the collection.

    A picture and its turned and flipped copies have the same row; the cosine of two rows is high
    where the pictures' rough shapes are alike. Of the luminance, standardised, the absolute
    values a(u, v) of the lowest coefficients of the discrete cosine transform, weighted with
    (u² + v²)^¼: a flip changes their signs and a quarter turn exchanges u and v, so that sums
    a(u, v) + a(v, u) and differences |a(u, v) - a(v, u)| stay. Square roots of both are taken, so
    that no single one decides.

    `signatures` is (n, side, side) or (n, side²) uint8; the result (n, 63) float32.
    """
    side = int(np.sqrt(signatures[0].size)) if len(signatures) else FREQUENCIES
    basis = _basis(side)
    frequency = np.arange(FREQUENCIES)
    weights = np.sqrt(np.hypot.outer(frequency, frequency)).astype(np.float32)
    upper, strictly = np.triu_indices(FREQUENCIES), np.triu_indices(FREQUENCIES, 1)
    rows = np.empty((len(signatures), upper[0].size - 1 + strictly[0].size), np.float32)
    for start in range(0, len(signatures), CHUNK):
        pictures = signatures[start : start + CHUNK].reshape(-1, side, side).astype(np.float32)
        pictures -= pictures.mean(axis=(1, 2), keepdims=True)
        variance = np.einsum("nij,nij->n", pictures, pictures) / side**2
        pictures /= np.maximum(np.sqrt(variance), 1)[:, None, None]
        spectrum = np.abs(basis @ pictures @ basis.T) * weights
        turned = spectrum.transpose(0, 2, 1)
        sums = (spectrum + turned)[:, *upper][:, 1:]
        differences = np.abs(spectrum - turned)[:, *strictly]
        rows[start : start + CHUNK] = np.sqrt(np.concatenate([sums, differences], axis=1))
    return rows - rows.mean(axis=0) if len(rows) else rows


def _basis(side: int) -> NDArray[np.float32]:
    """The lowest rows of the orthonormal DCT-II."""
    frequency, place = np.mgrid[:FREQUENCIES, :side]
    cosines = np.cos((2 * place + 1) * frequency * np.pi / (2 * side)) * np.sqrt(2 / side)
    cosines[0] /= np.sqrt(2)
    lowest: NDArray[np.float32] = cosines.astype(np.float32)
    return lowest
