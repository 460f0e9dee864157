"""Which class an embedding belongs to, by the means of the classes."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve.covariance import precision
from pixsieve.findings.labels import Labelled

#: Pairs of image and class that are worked on at once.
CHUNK = 8_192
#: A class mean counts so many images at the mean of all: one of a few images is uncertain.
PSEUDO_COUNT = 1.0
#: Sharpness of the probabilities, to choose from.
SHARPNESSES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)
#: Images on which it is chosen.
SAMPLE = 5_000
#: Part of the labels that is wrong whatever the embedding says.
DOUBT = 0.05

Values = NDArray[np.float64]


def class_probabilities(
    labels: Labelled, tally: pl.DataFrame, trust: Values, embeddings: pl.DataFrame
) -> Values:
    """For each `image` and `vote` of the tally the probability of this class among the image's.

    Linear discriminant analysis (Fisher 1936), its covariance shrunk (Friedman 1989): the classes
    have equal priors, each carrier counts by its part and `trust`, and the image's own picture is
    left out of the mean of its class. The probabilities are sharpened so that they predict the
    given labels best. Images without an embedding may be of any class. `tally` is sorted by image.
    """
    if tally.is_empty() or embeddings.is_empty():
        return np.ones(tally.height)
    known = _known(labels, trust, embeddings)
    vectors = np.ascontiguousarray(embeddings["embedding"].to_numpy())
    model = _fitted(known, vectors, len(labels.names))
    pairs = _pairs(labels, tally, known, embeddings)
    scores = np.empty(len(pairs))
    for start in range(0, len(pairs), CHUNK):
        part = pairs[start : start + CHUNK]
        rows, place = np.unique(part["row"].to_numpy(), return_inverse=True)
        scores[start : start + CHUNK] = model.scores(
            vectors[rows], place, part["vote"].to_numpy(), part["weight"].to_numpy()
        )
    scores[pairs["unknown"].to_numpy()] = 0
    return _sharpened(scores, pairs, len(labels.names))


@dataclass(frozen=True)
class _Classes:
    """Sums and weights of the classes, and the inverse of their common covariance."""

    center: Values
    """The mean of all; the rest is relative to it."""
    sums: Values
    counts: Values
    inverse: Values
    squares: Values
    """Each sum, multiplied with the inverse from both sides."""

    def scores(
        self,
        x: NDArray[np.float32],
        place: NDArray[np.int64],
        vote: NDArray[np.uint32],
        own: Values,
    ) -> Values:
        """(x - mean / 2) inverse mean, where `own` times x is taken out of the class."""
        away = x - self.center
        turned = away @ self.inverse
        length = np.einsum("ij,ij->i", turned, away)[place]
        along = np.einsum("ij,ij->i", turned[place], self.sums[vote])
        count = self.counts[vote] - own
        square = self.squares[vote] - 2 * own * along + own**2 * length
        found: Values = (along - own * length) / count - square / count**2 / 2
        return found


def _fitted(known: pl.DataFrame, vectors: NDArray[np.float32], classes: int) -> _Classes:
    rows, vote, weight = (known[name].to_numpy() for name in ("row", "vote", "weight"))
    center = vectors.mean(axis=0, dtype=np.float64)
    sums = np.zeros((classes, vectors.shape[1]))
    within = np.zeros((vectors.shape[1],) * 2)
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        away = vectors[rows[part]] - center
        weighted = away * weight[part, None]
        np.add.at(sums, vote[part], weighted)
        within += away.T @ weighted
    counts = np.bincount(vote, weight, classes).astype(np.float64) + PSEUDO_COUNT
    # Around the means of the classes, not around that of all.
    within -= (sums / counts[:, None]).T @ sums
    inverse = precision(within, float(weight.sum()))
    squares = np.einsum("ij,ij->i", sums @ inverse, sums).astype(np.float64)
    return _Classes(center, sums, counts, inverse, squares)


def _known(labels: Labelled, trust: Values, embeddings: pl.DataFrame) -> pl.DataFrame:
    """The carriers whose point has an embedding: `point`, `vote`, `row` and `weight`."""
    rows = embeddings.select(point="image").with_row_index("row")
    weighted = labels.carriers.with_columns(weight=pl.col("part") * pl.Series(trust))
    return weighted.join(rows, on="point").sort("carrier").select("point", "vote", "row", "weight")


def _pairs(
    labels: Labelled, tally: pl.DataFrame, known: pl.DataFrame, embeddings: pl.DataFrame
) -> pl.DataFrame:
    """The tally with `row`, and the `weight` that the point itself has in the class."""
    rows = embeddings.select(point="image").with_row_index("row")
    return (
        tally.select("image", "vote", "own")
        .join(labels.cases.select("image", "point"), on="image", how="left", maintain_order="left")
        .join(rows, on="point", how="left", maintain_order="left")
        .join(
            known.select("point", "vote", "weight"),
            on=["point", "vote"],
            how="left",
            maintain_order="left",
        )
        .with_columns(
            pl.col("row").fill_null(0),
            pl.col("weight").fill_null(0.0),
            unknown=pl.col("row").is_null(),
        )
    )


def _sharpened(scores: Values, pairs: pl.DataFrame, classes: int) -> Values:
    image, own = pairs["image"].to_numpy(), pairs["own"].to_numpy()
    if not len(image):
        return scores
    starts = np.flatnonzero(np.diff(image, prepend=image[0] - 1 if image[0] else image[0] + 1))
    number = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(image)))
    scores = scores - np.maximum.reduceat(scores, starts)[number]
    step = 1 + len(starts) // SAMPLE
    chosen = number % step == 0
    likelihoods = []
    for sharpness in SHARPNESSES:
        part = _softmax(scores[chosen] * sharpness, number[chosen])
        right = np.log((1 - DOUBT) * part[own[chosen]] + DOUBT / classes)
        likelihoods.append(right.mean() if len(right) else 0.0)
    best = SHARPNESSES[int(np.argmax(np.round(likelihoods, 4)))]
    return _softmax(scores * best, number)


def _softmax(scores: Values, number: NDArray[np.int64]) -> Values:
    raised = np.exp(scores)
    share: Values = raised / np.bincount(number, raised)[number]
    return share
