"""`audit.search` against a plain search of all embeddings."""

import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image

import pixsieve
from conftest import draw
from pixsieve import schema
from pixsieve.audit import job

#: Images without an embedding.
BROKEN = ("c1.png", "p.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 pictures, five of them the same, one of them half, two that are none: in ten shards."""
    root = tmp_path_factory.mktemp("search")
    (root / "in").mkdir()
    for number in range(22):
        draw(number).save(root / "in" / f"{chr(98 + number)}.png")
    for name in ("a", "e1", "l1", "z1", "z2"):
        shutil.copy(root / "in" / "h.png", root / "in" / f"{name}.png")
    draw(7).save(root / "in" / "h2.jpg", quality=70)
    for name in BROKEN:
        (root / "in" / name).write_bytes(b"none")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job.Job, "shard_size", 3)
        pixsieve.run(
            root / "in",
            work_dir=root / "out",
            annotations={
                "path": [path.name for path in sorted((root / "in").iterdir())],
                "similarity": [path.stem for path in sorted((root / "in").iterdir())],
            },
            device="cpu",
            progress=False,
        )
    assert len(list((root / "out" / "shards").glob("*.json"))) == 10
    return root


@pytest.fixture(scope="module")
def audit(folder: Path) -> pixsieve.Audit:
    return pixsieve.load(folder / "out")


@pytest.fixture(scope="module")
def known(audit: pixsieve.Audit) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    frame = audit.embeddings()
    return frame["image"].to_numpy(), frame["embedding"].to_numpy()


def expect(
    known: tuple[NDArray[np.uint32], NDArray[np.float32]],
    vector: NDArray[Any],
    k: int,
    *,
    without: int | None = None,
    threshold: float = -2,
) -> list[tuple[int, float]]:
    """By cosine, in double precision, to six places; ties by image."""
    images, vectors = known
    vector, vectors = vector.astype(np.float64), vectors.astype(np.float64)
    norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(vector)
    found = zip(images.tolist(), np.round(vectors @ vector / norms, 6).tolist(), strict=True)
    ranked = sorted(found, key=lambda one: (-one[1], one[0]))
    return [one for one in ranked if one[0] != without and one[1] >= threshold][:k]


def assert_same(found: pl.DataFrame, expected: list[tuple[int, float]]) -> None:
    assert found["image"].to_list() == [image for image, _ in expected]
    similarities = np.array([similarity for _, similarity in expected])
    np.testing.assert_allclose(found["similarity"].to_numpy(), similarities, atol=2e-6)


def number_of(audit: pixsieve.Audit, name: str) -> int:
    return [Path(path).name for path in audit.images["path"]].index(name)


class TestQueries:
    @pytest.mark.parametrize("k", [1, 3, 10, 27, 28, 10**30, np.int64(4)])
    def test_numbers_leave_themselves_out(self, audit: pixsieve.Audit, known: Any, k: int):
        for place in (0, 7, 13, len(known[0]) - 1):
            image = int(known[0][place])
            expected = expect(known, known[1][place], int(k), without=image)
            assert_same(audit.search(image, k), expected)
            assert_same(audit.search(np.uint32(image), k), expected)

    @pytest.mark.parametrize("name", ["b.png", "h.png", "h2.jpg", "z2.png"])
    def test_pictures_of_the_collection_find_themselves(
        self, audit: pixsieve.Audit, known: Any, folder: Path, name: str
    ):
        path = folder / "in" / name
        place = known[0].tolist().index(number_of(audit, name))
        expected = expect(known, known[1][place], 8)
        for query in (path, str(path), path.read_bytes()):
            assert_same(audit.search(query, 8), expected)
        assert_same(audit.search(known[1][place], 8), expected)
        if name.endswith(".png"):
            assert_same(audit.search(np.asarray(Image.open(path)), 8), expected)

    def test_pictures_from_elsewhere(self, audit: pixsieve.Audit, tmp_path: Path):
        picture = np.asarray(draw(3, 80, 60).convert("RGB"))
        by_pixels = audit.search(picture)
        Image.fromarray(picture).save(tmp_path / "x.png")
        assert by_pixels.height == 10
        assert audit.search(tmp_path / "x.png").equals(by_pixels)
        wide = np.repeat(picture, 2, axis=1)
        assert audit.search(wide[:, ::2]).equals(by_pixels)
        turned = np.asfortranarray(picture)
        assert audit.search(turned).equals(by_pixels)

    def test_pictures_in_an_archive_by_the_path_that_is_shown(self, tmp_path: Path):
        packed = tmp_path / "packed.zip"
        with zipfile.ZipFile(packed, "w") as archive:
            for number in range(5):
                draw(number, 80, 60).save(tmp_path / "one.png")
                archive.write(tmp_path / "one.png", f"{number}.png")
        work = tmp_path / "work"
        audit = pixsieve.run(packed, work_dir=work, progress=False, num_threads=2, device="cpu")
        picture = str(packed / "3.png")
        assert audit.search(picture, 5)["path"][0] == picture
        assert audit.search(Path(picture), 5).equals(audit.search(picture, 5))
        with pytest.raises(FileNotFoundError, match=r"there is no picture .*7\.png"):
            audit.search(str(packed / "7.png"))

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
    def test_embeddings_of_any_type_and_length(
        self, audit: pixsieve.Audit, known: Any, dtype: type
    ):
        direction = np.random.default_rng(1).normal(size=known[1].shape[1])
        vector = (direction * 20).astype(dtype)
        assert_same(audit.search(vector, 9), expect(known, vector, 9))

    def test_several_audits_at_once(self, audit: pixsieve.Audit, folder: Path):
        other = pixsieve.load(folder / "out")
        assert other.search(0).equals(audit.search(0))


class TestAnswers:
    def test_ties_go_by_image(self, audit: pixsieve.Audit, known: Any):
        copies = [number_of(audit, f"{name}.png") for name in ("a", "e1", "h", "l1", "z1", "z2")]
        for image in copies:
            for k in (1, 4, 6):
                found = audit.search(image, k)["image"].to_list()
                rest = [one for one in copies if one != image]
                assert found[: len(rest)] == rest[:k]
        vector = known[1][known[0].tolist().index(copies[0])]
        assert audit.search(vector, 3)["image"].to_list() == copies[:3]

    @pytest.mark.parametrize("threshold", [-1, 0, 0.5, 0.9, 1.0, np.float32(0.25)])
    def test_a_threshold(self, audit: pixsieve.Audit, threshold: float):
        whole = audit.search(4, 100)
        found = audit.search(4, 100, threshold=threshold)
        assert found.equals(whole.filter(pl.col("similarity") >= float(threshold)))
        assert audit.search(4, 2, threshold=threshold).equals(found.head(2))

    def test_the_frame(self, audit: pixsieve.Audit):
        found = audit.search(0, 2)
        assert found.columns == [*schema.SEARCH, "similarity_user"]
        assert dict(list(found.schema.items())[:-1]) == dict(schema.SEARCH)
        stems = [Path(path).stem for path in found["path"]]
        assert found["similarity_user"].to_list() == stems
        none = audit.search(0, threshold=1.0).clear()
        assert none.schema == found.schema

    def test_nothing_that_is_similar_enough(self, audit: pixsieve.Audit, known: Any):
        opposite = -known[1].mean(axis=0)
        found = audit.search(opposite, threshold=0.99)
        assert found.is_empty()
        assert found.schema == audit.search(0).schema


class TestErrors:
    @pytest.mark.parametrize("image", [-1, 30, 10**30, np.int64(99)])
    def test_no_such_image(self, audit: pixsieve.Audit, image: int):
        with pytest.raises(IndexError, match="no image"):
            audit.search(image)

    @pytest.mark.parametrize("name", BROKEN)
    def test_an_image_without_an_embedding(self, audit: pixsieve.Audit, folder: Path, name: str):
        with pytest.raises(ValueError, match="has no embedding"):
            audit.search(number_of(audit, name))
        with pytest.raises(ValueError, match="unknown_format"):
            audit.search(folder / "in" / name)

    @pytest.mark.parametrize("path", ["nowhere.png", ".", "", "a\x00b"])
    def test_no_such_file(self, audit: pixsieve.Audit, path: str):
        with pytest.raises((FileNotFoundError, ValueError)):
            audit.search(path)

    @pytest.mark.parametrize(
        "query",
        [
            *(b"", b"x", b"\x89PNG\r\n\x1a\n", None, 1.5, [1], [0.5], (1, 2), {}, True, False),
            *(bytearray(b"x"), object(), np.zeros((2, 2)), np.zeros((2, 2, 3)), np.zeros(())),
            *(np.zeros((0, 0, 3), np.uint8), np.zeros((1, 1, 3), np.uint8), np.zeros(3)),
            *(np.zeros((20, 20, 4), np.uint8), np.zeros((20, 20), np.uint8), np.zeros(0)),
            *(np.full(256, fill) for fill in (np.nan, np.inf, 1e39, 1j, "a", None, True, 0.0)),
        ],
    )
    def test_what_cannot_be_searched_with(self, audit: pixsieve.Audit, query: object):
        with pytest.raises(ValueError, match=r"^search: |pixels have shape|all zeros"):
            audit.search(query)

    @pytest.mark.parametrize("k", [0, -1, 1.5, "2", None, np.nan, True])
    def test_k(self, audit: pixsieve.Audit, k: object):
        with pytest.raises(ValueError, match="k must be a whole number"):
            audit.search(0, k)

    @pytest.mark.parametrize("threshold", [1.01, -1.01, "0.5", np.nan, np.inf, True, [0.5]])
    def test_threshold(self, audit: pixsieve.Audit, threshold: object):
        with pytest.raises(ValueError, match="threshold must be a number"):
            audit.search(0, threshold=threshold)

    def test_another_model(self, audit: pixsieve.Audit, folder: Path, known: Any):
        stranger = pixsieve.load(folder / "out")
        stranger.info["model"] = {**stranger.info["model"], "sha256": "0" * 64}
        with pytest.raises(pixsieve.ModelError, match="another model"):
            stranger.search(folder / "in" / "b.png")
        # What needs no model is found all the same.
        assert stranger.search(known[1][0]).equals(audit.search(known[1][0]))

    def test_a_shard_that_is_damaged(self, folder: Path, tmp_path: Path):
        work = shutil.copytree(folder / "out", tmp_path / "out")
        part = max((work / "shards").glob("00004*"), key=lambda path: path.stat().st_size)
        data = bytearray(part.read_bytes())
        data[len(data) // 2] ^= 1
        part.write_bytes(data)
        with pytest.raises(ValueError, match="damaged"):
            pixsieve.load(work).search(0)

    def test_nothing_has_been_run(self, tmp_path: Path):
        with pytest.raises(RuntimeError, match="nothing has been run"):
            pixsieve.create(tmp_path / "out").search(0)
