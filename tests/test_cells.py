"""The neighbor graph of cells, against looking at all pairs."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pixsieve import Config, _native, engine
from pixsieve.engine.cells import NOBODY, Cells

WIDTH = 48


def clustered(size: int, *, copies: float, seed: int = 0) -> NDArray[np.float32]:
    """Vectors of length one around centres of unlike weight; a share of them nearly twice."""
    random = np.random.default_rng(seed)
    own = int(size * (1 - copies))
    weights = 1 / np.arange(1, 41)
    centres = random.standard_normal((40, WIDTH))
    directions = random.standard_normal((6, WIDTH))
    of = random.choice(40, own, p=weights / weights.sum())
    rows = centres[of] + random.standard_normal((own, 6)) @ directions * 0.3
    rows += 0.05 * random.standard_normal(rows.shape)
    again = rows[random.integers(0, own, size - own)]
    # Half of them are the same to the bit.
    noise = 0.02 * random.standard_normal(again.shape) * (random.random((len(again), 1)) < 0.5)
    rows = np.concatenate([rows, again + noise])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return np.ascontiguousarray(random.permutation(rows), np.float32)


def truth(vectors: NDArray[np.float32], k: int, distance: str) -> NDArray[np.float32]:
    return _native.exact_neighbors(
        vectors=vectors, k=k, distance=distance, num_threads=2, progress=None
    )[1]


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("copies", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("recall", [0.9, 0.99])
def test_the_recall_asked_for_is_reached(copies: float, distance: str, recall: float):
    vectors = clustered(8_000, copies=copies)
    cells = Cells(vectors, Config(distance=distance, num_threads=2))
    (ids, similarities), facts = cells.neighbors(10, recall=recall, progress=None)
    true = truth(vectors, 10, distance)
    found = float((similarities >= true[:, -1:] - 1e-6).mean())
    assert found >= recall - 0.01
    assert facts["recall"] == pytest.approx(found, abs=0.02)
    assert facts["cells"] > 5
    # What is said of a pair is true, whichever pairs were looked at.
    rows = np.arange(len(vectors))
    assert not (ids == rows[:, None]).any()
    assert all(len(set(row)) == 10 for row in ids.tolist())
    assert (np.diff(similarities, axis=1) <= 0).all()
    cosines = np.einsum("nd,nkd->nk", vectors, vectors[ids])
    if distance == "euclidean":
        cosines = 1 / (1 + np.sqrt(np.maximum(0, 2 - 2 * cosines)))
    assert np.abs(similarities - cosines).max() < (1e-5 if distance == "cosine" else 1e-3)


def test_half_precision_gives_the_same_neighbors():
    vectors = clustered(4_000, copies=0.2).astype(np.float16)
    found = [
        Cells(rows, Config(num_threads=1)).neighbors(5, recall=0.95, progress=None)[0]
        for rows in (vectors, vectors.astype(np.float32))
    ]
    assert (found[0][0] == found[1][0]).all()
    assert (found[0][1] == found[1][1]).all()


def test_threads_change_nothing():
    vectors = clustered(5_000, copies=0.3)
    one, two = (
        Cells(vectors, Config(num_threads=threads)).neighbors(7, recall=0.95, progress=None)[0]
        for threads in (1, 3)
    )
    assert (one[0] == two[0]).all()
    assert (one[1] == two[1]).all()


def test_some_are_asked_for_more():
    vectors = clustered(6_000, copies=0.5)
    cells = Cells(vectors, Config(num_threads=2))
    cells.neighbors(4, recall=0.95, progress=None)
    rows = np.arange(0, 6_000, 7, dtype=np.uint32)
    ids, similarities = cells.others(rows, 30, radius=0.5)
    cosines = vectors[rows] @ vectors.T
    cosines[np.arange(len(rows)), rows] = -1
    wanted = np.sort(cosines, axis=1)[:, ::-1][:, :30]
    near = wanted >= 1 - 0.5**2 / 2
    found = np.where(ids == NOBODY, -1, similarities) >= 1 - 0.5**2 / 2
    assert found.sum() / near.sum() > 0.95
    assert not (ids == rows[:, None]).any()


def test_many_that_are_the_same_hide_nothing():
    vectors = clustered(3_000, copies=0.0)
    vectors[:1_500] = vectors[0]
    (ids, similarities), facts = Cells(vectors, Config(num_threads=2)).neighbors(
        6, recall=0.95, progress=None
    )
    assert (similarities[:1_500] == 1).all()
    assert (ids[:1_500] < 1_500).all()
    assert facts["recall"] > 0.9


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_vector_without_a_place_is_named(value: float):
    vectors = clustered(2_000, copies=0.0)
    vectors[1_234] = value
    with pytest.raises(ValueError, match=r"^row 1234 of the embeddings "):
        Cells(vectors, Config(num_threads=2))


def test_large_collections_have_cells(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine.graph, "EXACT_LIMIT", 1_000)
    images = np.arange(2_000, dtype=np.uint32)
    vectors = clustered(2_000, copies=0.3)

    def facts(**settings: object) -> dict[str, object]:
        config = Config(nearest_neighbors_k=5, num_threads=2, **settings)
        return engine.neighbor_graph(
            images, vectors, near_threshold=0.97, config=config, progress=None
        )[1]

    assert facts()["method"] == "cells"
    assert facts(nnf_mode="Flat")["method"] == "exact"
    assert facts(distance="l1")["method"] == "exact"
    with pytest.raises(ValueError, match="works with cosine and euclidean"):
        Config(nnf_mode="cells", distance="l1")
    with pytest.raises(ValueError, match="recall must be a number between 0 and 1"):
        Config(recall=1.5)
