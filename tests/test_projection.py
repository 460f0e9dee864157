"""The map of a collection: `audit.projection()`."""

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

import pixsieve
from conftest import Pictures, Run
from pixsieve import Config, schema
from pixsieve.audit import projection
from pixsieve.covariance import principal_axes, project

tsne = pytest.mark.skipif(
    importlib.util.find_spec("openTSNE") is None, reason="openTSNE is not installed"
)


def principal(vectors: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    """The oracle: principal components by singular values."""
    away = vectors - vectors.mean(axis=0, dtype=np.float64)
    left, scale, _ = np.linalg.svd(away, full_matrices=False)
    return (left * scale)[:, :count]


def shares(vectors: NDArray[np.float32], *cuts: int) -> list[NDArray[np.float32]]:
    return np.split(vectors, list(cuts))


# ---- principal components ---- #


@pytest.mark.parametrize(("rows", "size"), [(3, 2), (40, 7), (5000, 16), (4, 30)])
def test_places_are_those_of_singular_values(rows, size):
    chance = np.random.default_rng(rows)
    vectors = chance.normal(3, np.arange(1, size + 1), (rows, size)).astype(np.float32)
    found = project(shares(vectors, rows // 3, rows // 2), 2)
    expected = principal(vectors, 2)
    signs = np.sign((found * expected).sum(axis=0))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected * signs, atol=1e-4)


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 12), st.integers(1, 5)),
        elements=st.floats(-9, 9, width=32),
    )
)
def test_axes_are_orthonormal_or_zero_and_point_to_their_largest_component(vectors):
    mean, axes = principal_axes([vectors], 2)
    np.testing.assert_allclose(mean, vectors.mean(axis=0, dtype=np.float64), atol=1e-5)
    lengths = np.linalg.norm(axes, axis=0)
    assert np.allclose(axes.T @ axes, np.diag(lengths), atol=1e-9)
    for axis, length in zip(axes.T, lengths, strict=True):
        assert length == pytest.approx(1) or not axis.any()
        assert axis[np.abs(axis).argmax()] >= 0


def test_parts_make_no_difference():
    vectors = np.random.default_rng(1).normal(size=(30, 6)).astype(np.float32)
    whole = project([vectors], 2)
    np.testing.assert_allclose(project(shares(vectors, 0, 7, 7, 29), 2), whole, atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 256])
@pytest.mark.parametrize("rows", [0, 1, 2, 9])
def test_what_does_not_vary_lies_in_one_place(rows, size):
    row = np.random.default_rng(2).normal(size=size).astype(np.float32)
    vectors = np.tile(row, (rows, 1))
    assert not project([vectors], 2).any()
    assert project([vectors], 2).shape == (rows, 2)


def test_two_images_lie_on_a_line():
    vectors = np.array([[0, 0, 0], [0, 3, -4]], np.float32)
    np.testing.assert_allclose(project([vectors], 2), [[2.5, 0], [-2.5, 0]], atol=1e-6)


def test_one_number_per_image_is_a_line():
    found = project([np.arange(5, dtype=np.float32)[:, None]], 2)
    np.testing.assert_allclose(found, [[x - 2, 0] for x in range(5)])


# ---- the frame ---- #


@pytest.fixture
def audit(run: Run, seven: Path, work: Path) -> pixsieve.Audit:
    """Of seven pictures and one that is broken, whose table has a column `x` of its own."""
    (seven / "3broken.png").write_bytes(b"no picture")
    hostile = '<b>"\n\u202e'
    table = {
        "path": [*(f"{number}.png" for number in range(7)), "3broken.png"],
        "label": [hostile, *["cat"] * 7],
        "x": range(8),
    }
    return run(seven, work_dir=work, annotations=table)


def test_the_frame_has_a_row_per_embedding(audit):
    frame = audit.projection()
    assert dict(frame.schema) == {**schema.PROJECTION, "x_user": pl.Int64}
    assert frame["image"].to_list() == audit.embeddings()["image"].to_list()
    assert frame["image"].to_list() == [0, 1, 2, 3, 5, 6, 7]
    assert frame["label"][0] == '<b>"\n\u202e'
    assert frame["x_user"].to_list() == [0, 1, 2, 3, 4, 5, 6]
    places = frame.select("x", "y").to_numpy()
    expected = principal(audit.embeddings()["embedding"].to_numpy(), 2)
    np.testing.assert_allclose(np.abs(places), np.abs(expected), atol=1e-5)


def test_two_runs_and_any_threads_give_the_same_map(run, seven):
    one, other = run(seven, num_threads=1), run(seven, num_threads=2)
    assert one.projection().equals(other.projection())


@pytest.mark.parametrize("number", [0, 1, 2])
def test_small_collections_have_a_map(run, tmp_path, pictures: Pictures, number):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "broken.png").write_bytes(b"no")
    pictures(tmp_path / "in", *[f"{name}.png" for name in range(number)])
    frame = run(tmp_path / "in").projection()
    assert frame.schema == schema.PROJECTION
    assert frame.height == number
    assert frame["y"].to_list() == [0] * number


@pytest.mark.parametrize("method", ["umap", "", "PCA"])
def test_unknown_methods_are_refused(audit, method):
    with pytest.raises(ValueError, match=r"^method must be one of pca, tsne, not "):
        audit.projection(method)


# ---- what is kept ---- #


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods of the maps that were made, not read."""
    calls: list[str] = []
    make = projection.made

    def made(images, parts, method, config):
        calls.append(method)
        return make(images, parts, "pca", config).with_columns(
            method=pl.lit(projection._said(method, config))
        )

    monkeypatch.setattr(projection, "made", made)
    return calls


def test_a_map_is_made_once_and_kept(audit, work, counted):
    first = audit.projection()
    assert audit.projection("pca").equals(first)
    assert pixsieve.load(work).projection().equals(first)
    assert counted == ["pca"]


def test_the_last_map_is_that_without_a_method(audit, work, counted):
    audit.projection("tsne")
    audit.projection()
    pixsieve.load(work).projection()
    pixsieve.load(work).projection("tsne")
    assert counted == ["tsne"]
    audit.projection("pca")
    audit.config = audit.config.replace(seed=1)
    audit.projection("tsne")
    audit.config = audit.config.replace(seed=2)
    audit.projection("tsne")
    assert counted == ["tsne", "pca", "tsne", "tsne"]


def test_another_run_makes_its_own_map(audit, run, seven, work, pictures, counted):
    audit.projection()
    kept = (work / "derived" / "projection.parquet").read_bytes()
    pictures(seven, "7.png", seed=7)
    again = run(seven, work_dir=work, overwrite=True)
    assert not (work / "derived" / "projection.parquet").exists()
    (work / "derived" / "projection.parquet").write_bytes(kept)
    assert again.projection().height == 8
    assert counted == ["pca", "pca"]


@pytest.mark.parametrize("damage", [b"", b"PAR1 or not", None])
def test_a_damaged_map_is_made_again(audit, work, damage, counted):
    first = audit.projection()
    file = work / "derived" / "projection.parquet"
    if damage is None:
        pl.DataFrame({"image": [0]}).write_parquet(
            file, metadata={"pixsieve": audit.info["checksum"]}
        )
    else:
        file.write_bytes(damage)
    assert pixsieve.load(work).projection().equals(first)
    assert counted == ["pca", "pca"]


@pytest.mark.skipif(os.name == "nt", reason="permissions are others")
def test_a_folder_that_cannot_be_written_still_has_a_map(audit, work, ordinary_user, counted):
    work.chmod(0o500)
    try:
        assert audit.projection().height == audit.projection().height == 7
        assert not (work / "derived").exists()
    finally:
        work.chmod(0o700)
    assert counted == ["pca"]


# ---- t-SNE ---- #


def test_without_opentsne_the_error_says_what_to_install(audit, monkeypatch):
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    with pytest.raises(ImportError, match=r"pip install 'pixsieve\[map\]'"):
        audit.projection("tsne")


@tsne
def test_tsne_keeps_groups_together():
    chance = np.random.default_rng(3)
    group = np.repeat(np.arange(3), 40)
    vectors = (np.eye(3, 8)[group] * 9 + chance.normal(size=(120, 8))).astype(np.float32)
    images = np.arange(120, dtype=np.uint32)
    config = Config(num_threads=2)
    frame = projection.made(images, shares(vectors, 50), "tsne", config)
    assert frame.equals(projection.made(images, [vectors], "tsne", config))
    assert not frame.equals(projection.made(images, [vectors], "tsne", config.replace(seed=2**63)))
    places = frame.select("x", "y").to_numpy()
    away = np.linalg.norm(places[:, None] - places, axis=2) + np.diag([np.inf] * 120)
    assert (group[away.argmin(axis=1)] == group).mean() > 0.95


@tsne
@pytest.mark.parametrize("rows", [0, 1, 2, 4, 5, 30])
@pytest.mark.parametrize("copies", [1, 3, 30])
def test_tsne_of_few_or_equal_images(rows, copies):
    vectors = np.random.default_rng(4).normal(size=(rows, 6)).astype(np.float32)
    vectors = vectors[np.arange(rows) // copies]
    frame = projection.made(np.arange(rows, dtype=np.uint32), [vectors], "tsne", Config())
    assert frame.schema == projection.KEPT
    assert np.isfinite(frame.select("x", "y").to_numpy()).all()
    assert frame.height == rows
