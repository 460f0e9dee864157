"""Pictures with more duplicates than the graph has neighbors."""

import numpy as np
import polars as pl
import pytest

from pixsieve import Config, engine


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def bursts() -> np.ndarray:
    """Forty pictures of one thing, twenty-five of another, a hundred strangers."""
    random = np.random.default_rng(3)
    centres = unit(random.standard_normal((2, 64)))
    members = [np.repeat(centres[:1], 40, axis=0), np.repeat(centres[1:], 25, axis=0)]
    near = np.concatenate(members) + 0.01 * random.standard_normal((65, 64))
    return unit(np.concatenate([near, random.standard_normal((100, 64))]))


@pytest.mark.parametrize("mode", ["Flat", "HNSW32", "cells"])
@pytest.mark.parametrize("k", [1, 3, 10, 164])
def test_every_duplicate_of_every_image_has_an_edge(bursts, k, mode):
    config = Config(nearest_neighbors_k=k, nnf_mode=mode)
    images = np.arange(100, 100 + len(bursts), dtype=np.uint32)
    edges, facts = engine.neighbor_graph(
        images, bursts, near_threshold=0.9, config=config, progress=None
    )
    similar = bursts @ bursts.T
    np.fill_diagonal(similar, -1)
    expected = {(int(a) + 100, int(b) + 100) for a, b in np.argwhere(similar >= 0.9)}
    found = edges.filter(pl.col("similarity") >= 0.9)
    assert set(found.select("from", "to").rows()) == expected
    assert facts["cut"] == 0
    assert facts["extended"] == (65 if k < 24 else 0)
    assert not edges.select("from", "to").is_duplicated().any()
    assert edges.equals(edges.sort("from", "similarity", "to", descending=[False, True, False]))


def test_what_is_cut_off_is_counted(bursts, monkeypatch):
    monkeypatch.setattr(engine.graph, "MOST_NEIGHBORS", 30)
    images = np.arange(len(bursts), dtype=np.uint32)
    _, facts = engine.neighbor_graph(
        images,
        bursts,
        near_threshold=0.9,
        config=Config(nearest_neighbors_k=3),
        progress=None,
    )
    assert (facts["extended"], facts["cut"]) == (65, 40)


def test_one_group_of_many_and_every_leak(run, tmp_path):
    image = pytest.importorskip("PIL.Image")
    random = np.random.default_rng(0)
    picture = image.fromarray(random.integers(0, 255, (8, 8, 3), dtype=np.uint8)).resize((96, 96))
    for split, qualities in (("train", range(60, 80)), ("test", range(80, 95))):
        (tmp_path / "in" / split).mkdir(parents=True)
        for quality in qualities:
            picture.save(tmp_path / "in" / split / f"{quality}.jpg", quality=quality)
    audit = run(tmp_path / "in", nearest_neighbors_k=2)
    assert audit.duplicates()["group"].to_list() == [0] * 35
    assert audit.leaks()["image_to"].n_unique() == 15
    assert audit.outliers(1)["nearest"].null_count() == 0
