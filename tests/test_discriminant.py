"""The means of the classes against a slow reading of the formula."""

import numpy as np
import polars as pl
import pytest

from findings_cases import images_of
from pixsieve import covariance, findings, schema
from pixsieve.findings.discriminant import SHARPNESSES, class_probabilities
from pixsieve.findings.labels import labelled

SIDE = 5


def pictures(seed: int, per_class: int = 8) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(3, SIDE))
    vectors = np.concatenate([rng.normal(center, 0.5, (per_class, SIDE)) for center in centers])
    return vectors.astype(np.float32), [name for name in "abc" for _ in range(per_class)]


def case(vectors: np.ndarray, labels: list[str]) -> tuple[object, pl.DataFrame, pl.DataFrame]:
    images = images_of([{"label": label} for label in labels])
    known = labelled(images, schema.empty("edges"), schema.empty("pixel_digests"), separator=None)
    tally = pl.DataFrame(
        [(i, v, known.names[v] == labels[i]) for i in range(len(labels)) for v in range(3)],
        schema={"image": pl.UInt32, "vote": pl.UInt32, "own": pl.Boolean},
        orient="row",
    )
    embeddings = images.select("image").with_columns(
        embedding=pl.Series(vectors, dtype=pl.Array(pl.Float32, SIDE))
    )
    return known, tally, embeddings


def oracle(vectors: np.ndarray, labels: list[str], trust: np.ndarray) -> np.ndarray:
    """Scores of the classes, image by image, each left out of the mean of its own class."""
    x = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    number = np.array([ord(label) - ord("a") for label in labels])
    sums = [sum(trust[i] * x[i] for i in np.flatnonzero(number == c)) for c in range(3)]
    counts = [trust[number == c].sum() + 1 for c in range(3)]
    within = sum(trust[i] * np.outer(x[i], x[i]) for i in range(len(x)))
    within = within - sum(np.outer(s, s) / c for s, c in zip(sums, counts, strict=True))
    spread = within / trust.sum()
    inverse = np.linalg.inv(spread + np.trace(spread) / SIDE * np.eye(SIDE))
    scores = np.empty((len(x), 3))
    for i, row in enumerate(x):
        for c in range(3):
            own = trust[i] * (number[i] == c)
            mean = (sums[c] - own * row) / (counts[c] - own)
            scores[i, c] = (row - mean / 2) @ inverse @ mean
    return scores


@pytest.mark.parametrize("seed", range(3))
def test_probabilities_are_those_of_the_formula(seed: int):
    vectors, labels = pictures(seed)
    known, tally, embeddings = case(vectors, labels)
    trust = np.random.default_rng(seed).uniform(0.2, 1, len(labels))
    found = class_probabilities(known, tally, trust, embeddings).reshape(-1, 3)
    scores = oracle(vectors, labels, trust)
    close = []
    for sharpness in SHARPNESSES:
        raised = np.exp(sharpness * (scores - scores.max(axis=1, keepdims=True)))
        close.append(np.abs(raised / raised.sum(axis=1, keepdims=True) - found).max())
    assert min(close) < 1e-4


def test_a_picture_does_not_vouch_for_itself():
    vectors, labels = pictures(0)
    labels[0] = "c"
    known, tally, embeddings = case(vectors, labels)
    found = class_probabilities(known, tally, np.ones(len(labels)), embeddings).reshape(-1, 3)
    assert found[0].argmax() == 0
    assert found[0, 2] < 0.3


def test_images_without_an_embedding_are_undecided():
    vectors, labels = pictures(0)
    known, tally, embeddings = case(vectors, labels)
    found = class_probabilities(known, tally, np.ones(len(labels)), embeddings[1:])
    assert found[:3] == pytest.approx([1 / 3] * 3)


def test_one_class_of_one_picture_is_certain():
    images = images_of([{"label": "a"}, {"label": "a"}])
    edges = pl.DataFrame([(0, 1, 0.9), (1, 0, 0.9)], schema=schema.EDGES, orient="row")
    embeddings = images.select("image").with_columns(
        embedding=pl.Series(np.ones((2, SIDE), np.float32), dtype=pl.Array(pl.Float32, SIDE))
    )
    empty = schema.empty("pairs"), schema.empty("pixel_digests")
    found = findings.opinions(
        images, edges, *empty, embeddings, images.clear(), separator=None
    ).frame
    assert (found["score"] > 0.9).all()


class TestMahalanobis:
    def test_it_is_that_of_the_shrunk_covariance(self):
        vectors = np.random.default_rng(0).normal(size=(200, SIDE)).astype(np.float32)
        x = vectors - vectors.mean(axis=0)
        spread = x.T @ x / len(x)
        inverse = np.linalg.inv(spread + np.trace(spread) / SIDE * np.eye(SIDE))
        expected = np.array([row @ inverse @ row for row in x])
        found = covariance.mahalanobis(vectors)
        assert found == pytest.approx(expected / np.median(expected), rel=1e-4)

    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_few_rows_do_no_harm(self, count: int):
        found = covariance.mahalanobis(np.eye(SIDE, dtype=np.float32)[:count])
        assert found.shape == (count,)
        assert np.isfinite(found).all()

    def test_equal_rows_are_ordinary(self):
        assert covariance.mahalanobis(np.ones((4, SIDE), np.float32)).tolist() == [1] * 4

    def test_chunks_add_up(self, monkeypatch):
        vectors = np.random.default_rng(1).normal(size=(100, SIDE)).astype(np.float32)
        whole = covariance.mahalanobis(vectors)
        monkeypatch.setattr(covariance, "CHUNK", 7)
        assert covariance.mahalanobis(vectors) == pytest.approx(whole, rel=1e-5)
