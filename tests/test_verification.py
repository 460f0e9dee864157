"""Near duplicates are compared before they are called so, and each says what was done to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageEnhance, ImageOps
from scipy.fft import dctn

import pixsieve
from conftest import Run
from findings_cases import edges_of, images_of
from pixsieve import Config, engine, findings, schema
from pixsieve.findings.graph import moved
from pixsieve.models import load_card
from pixsieve.shapes import turn_invariants

Transpose = Image.Transpose

EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "none": lambda picture: picture,
    "flip_h": lambda picture: picture.transpose(Transpose.FLIP_LEFT_RIGHT),
    "flip_v": lambda picture: picture.transpose(Transpose.FLIP_TOP_BOTTOM),
    "rot90": lambda picture: picture.transpose(Transpose.ROTATE_90),
    "rot180": lambda picture: picture.transpose(Transpose.ROTATE_180),
    "rot270": lambda picture: picture.transpose(Transpose.ROTATE_270),
    "crop": lambda picture: picture.crop((30, 10, picture.width - 5, picture.height - 20)),
    "resize": lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
    "recolour": lambda picture: ImageEnhance.Brightness(picture).enhance(0.6),
    "tilt": lambda picture: picture.rotate(7, Image.Resampling.BICUBIC).crop(
        (4, 4, picture.width - 4, picture.height - 4)
    ),
}


@pytest.fixture(scope="module")
def scene(shared: Path) -> Image.Image:
    path = sorted((shared / "scenes").rglob("*.jpg"))[5]
    return Image.open(path).convert("RGB").resize((240, 240), Image.Resampling.BICUBIC)


@pytest.fixture
def edited(tmp_path: Path, shared: Path, scene: Image.Image) -> Path:
    """The scene, large, its copies, and strangers."""
    folder = tmp_path / "in"
    folder.mkdir()
    scene.save(folder / "original.png")
    for name, edit in EDITS.items():
        edit(scene).save(folder / f"{name}.jpg", quality=85)
    for number, path in enumerate(sorted((shared / "scenes").rglob("*.jpg"))[50::150]):
        (folder / f"stranger{number}.jpg").write_bytes(path.read_bytes())
    return folder


class TestTransforms:
    def test_each_copy_says_what_was_done_to_it(self, run: Run, edited: Path) -> None:
        found = run(edited).duplicates()
        assert found["group"].unique().to_list() == [0]
        assert found.filter("representative")["path"].str.ends_with("original.png").all()
        copies = found.filter(~pl.col("representative"))
        names = copies["path"].str.extract(r"(\w+)\.jpg$")
        assert dict(zip(names, copies["transform"], strict=True)) == {name: name for name in EDITS}
        assert copies["kind"].unique().to_list() == ["near"]
        assert copies["match"].is_between(0.85, 0.9999).all()
        assert found.filter("representative")["match"].to_list() == [1]

    def test_the_way_back_is_the_inverse(self) -> None:
        near = pl.DataFrame(
            [(0, 3, 0.9, 0.95, "rot90"), (1, 3, 0.8, 0.9, "crop"), (2, 3, 0.8, 0.9, "flip_h")],
            schema=schema.PAIRS,
            orient="row",
        )
        # Row 3 is a copy of row 0's picture from now on, and rows 1 and 2 are the same.
        there = moved(near, np.array([4, 2, 2, 1, 4], dtype=np.uint32))
        assert there.rows() == [
            (1, 2, pytest.approx(0.8), pytest.approx(0.9), "extend"),
            (1, 4, pytest.approx(0.9), pytest.approx(0.95), "rot270"),
        ]


class TestRealCopies:
    """Edits that others made, which nothing was fitted to."""

    def test_edits_of_one_photo(self, run: Run, shared: Path) -> None:
        found = run(shared / "copies" / "bridge-mods").duplicates()
        assert found.height == 12
        assert found["group"].n_unique() == 1

    def test_turns_of_one_photo(self, run: Run, shared: Path) -> None:
        found = run(shared / "copies" / "rotations").duplicates()
        assert found["group"].to_list() == [0] * 8
        turned = {"flip_h", "flip_v", "rot90", "rot180", "rot270", "transpose", "transverse"}
        assert set(found["transform"]) == turned | {"none"}

    def test_resized_photos(self, run: Run, shared: Path) -> None:
        audit = run(shared / "copies" / "rand_resize")
        found = audit.duplicates()
        # Looked at: no group mixes two photos, and nobody is left out.
        assert found.height == 82
        assert found["group"].n_unique() == 17
        assert audit.duplicates(precision=0.5).equals(found)


class TestRules:
    def test_strangers_that_look_alike_are_no_duplicates(self, run: Run, tmp_path: Path) -> None:
        """Nearly white pictures have nothing that could be compared."""
        folder = tmp_path / "in"
        folder.mkdir()
        for number in range(4):
            shade = Image.linear_gradient("L").rotate(90 * number)
            nearly = Image.blend(Image.new("L", shade.size, 252), shade, 0.004).convert("RGB")
            nearly.save(folder / f"{number}.png")
        audit = run(folder)
        assert audit.similarity(0.96).height > 0
        assert audit.duplicates().height == 0
        assert audit.duplicates(0.96).height > 0

    def test_a_higher_precision_never_adds(self, run: Run, edited: Path) -> None:
        audit = run(edited)
        heights = [audit.duplicates(precision=share).height for share in (0.5, 0.9, 0.99, 1)]
        assert heights == sorted(heights, reverse=True)
        assert audit.duplicates(precision=0.995).equals(audit.duplicates())
        assert audit.leaks(precision=0.9).height == 0

    def test_the_setting_is_kept_with_the_run(self, run: Run, edited: Path) -> None:
        audit = run(edited, duplicate_precision=0.5)
        loaded = pixsieve.load(audit.work_dir)
        assert loaded.duplicates().equals(audit.duplicates(precision=0.5))

    def test_a_threshold_means_similarity(self, run: Run, edited: Path) -> None:
        audit = run(edited, duplicate_threshold=0.9)
        alike = audit.similarity(0.9)
        pairs = set(zip(alike["from"], alike["to"], strict=True))
        members = audit.duplicates().filter(~pl.col("representative"))
        top = audit.duplicates().filter("representative")["image"].to_list()
        for group, image in members.select("group", "image").iter_rows():
            assert tuple(sorted((top[group], image))) in pairs
        assert audit.duplicates().equals(audit.duplicates(0.9))
        assert not audit.duplicates().equals(audit.duplicates(precision=0.99))

    def test_one_question_at_a_time(self, run: Run, edited: Path) -> None:
        audit = run(edited)
        with pytest.raises(ValueError, match="not both"):
            audit.duplicates(0.9, precision=0.9)
        with pytest.raises(ValueError, match="precision must be a number between 0 and 1, not 2"):
            audit.duplicates(precision=2)

    def test_a_model_without_calibration(self, run: Run, edited: Path) -> None:
        card = load_card(None, None)
        given: dict[str, Any] = {
            "input": dict(card.input),
            "output": dict(card.output),
            "thresholds": dict(card.thresholds),
        }
        audit = run(edited, model_path=str(card.path), model_card=given)
        assert audit.duplicates().equals(audit.duplicates(card.thresholds["near_duplicate"]))
        assert audit.duplicates().filter(~pl.col("representative"))["match"].null_count() > 0
        with pytest.raises(ValueError, match=r"has no calibration for this: pass threshold="):
            audit.duplicates(precision=0.9)

    def test_another_distance_is_not_calibrated(self, run: Run, edited: Path) -> None:
        found = run(edited, distance="euclidean").duplicates()
        assert found.height > 2
        assert found.filter(~pl.col("representative"))["match"].is_null().all()


def pairs_of(edges: pl.DataFrame, images: pl.DataFrame, threshold: float) -> set[tuple[int, int]]:
    found = findings.candidate_pairs(
        images,
        edges,
        schema.empty("edges"),
        rank=np.arange(images.height, dtype=np.uint32),
        least=0.5,
        threshold=threshold,
    )
    assert (found["from"] < found["to"]).all()
    assert found.is_unique().all()
    return set(found.rows())


class TestCandidates:
    def test_the_nearest_if_they_are_similar(self) -> None:
        links = [(0, 1, 0.9), (0, 2, 0.8), (0, 3, 0.7), (0, 4, 0.6), (0, 5, 0.55), (6, 7, 0.4)]
        edges = edges_of(*links)
        # Row 5 has one neighbor only, which therefore is among its nearest.
        assert pairs_of(edges, images_of([{}] * 8), 0.95) == {
            *((0, other) for other in range(1, 6)),
        }

    def test_of_many_look_alikes_each_meets_the_one_that_stands_for_them(self) -> None:
        count = 60
        links = [(a, b, 0.99 - 0.0001 * (b - a)) for a in range(count) for b in range(a)]
        images = images_of([{"split": "test" if row == 40 else "train"} for row in range(count)])
        found = pairs_of(edges_of(*links), images, 0.95)
        assert {(0, other) for other in range(1, count)} <= found
        assert all((min(row, 40), max(row, 40)) in found for row in range(count) if row != 40)
        assert len(found) < 8 * count

    def test_a_split_for_each_image_does_not_mean_all_pairs(self) -> None:
        count = 100
        links = [(a, b, 0.99 - 0.0001 * (b - a)) for a in range(count) for b in range(a)]
        images = images_of([{"split": str(row)} for row in range(count)])
        assert len(pairs_of(edges_of(*links), images, 0.95)) < 13 * count
        chain = pl.DataFrame(
            [(row, row + 1, 0.9, 1.0, "none") for row in range(count - 1)],
            schema=schema.PAIRS,
            orient="row",
        )
        rank = np.arange(count, dtype=np.uint32)
        assert findings.unmet_pairs(images, chain, chain, rank).height < 9 * count

    def test_what_two_pairs_link_is_compared_too(self) -> None:
        sure = pl.DataFrame(
            [(1, 2, 0.9, 1.0, "none"), (2, 3, 0.9, 1.0, "none"), (4, 5, 0.9, 1.0, "none")],
            schema=schema.PAIRS,
            orient="row",
        )
        images = images_of([{"split": split} for split in ("a", "a", "a", "a", "a", "b", "b")])
        unmet = findings.unmet_pairs(images, sure, sure, np.array([6, 5, 4, 3, 2, 1, 0], np.uint32))
        # Of 1, 2 and 3 the last is kept before the others.
        assert unmet.rows() == [(1, 3)]

    def test_matches_from_precisions(self) -> None:
        known = np.array([[0.5, 0.1], [0.9, 0.3], [0.99, 0.9]])
        asked = {0.2: 0.1, 0.5: 0.1, 0.7: 0.2, 0.99: 0.9, 1.0: 0.9}
        for precision, match in asked.items():
            assert findings.match_threshold(precision, known) == pytest.approx(match)


class TestShapes:
    def test_they_do_not_change_when_a_picture_is_turned(self) -> None:
        generator = np.random.default_rng(3)
        picture = generator.integers(0, 256, (32, 32), dtype=np.uint8)
        turned = [np.rot90(side, turns) for side in (picture, picture.T) for turns in range(4)]
        other = generator.integers(0, 256, (32, 32), dtype=np.uint8)
        rows = turn_invariants(np.stack([*turned, other]))
        assert rows.shape == (9, 63)
        assert np.abs(rows[:8] - rows[0]).max() < 1e-3
        assert np.abs(rows[8] - rows[0]).max() > 0.1
        assert np.abs(rows.mean(axis=0)).max() < 1e-5

    def test_they_are_the_formula(self) -> None:
        pictures = np.random.default_rng(4).integers(0, 256, (5, 32, 32), dtype=np.uint8)
        expected = []
        for picture in pictures.astype(np.float64):
            spectrum = np.abs(dctn((picture - picture.mean()) / picture.std(), norm="ortho"))
            values = []
            for u in range(8):
                for v in range(u, 8):
                    weight = (u * u + v * v) ** 0.25
                    values.append((u, v, weight * spectrum[u, v], weight * spectrum[v, u]))
            sums = [np.sqrt(a + b) for u, v, a, b in values if (u, v) != (0, 0)]
            expected.append(sums + [np.sqrt(abs(a - b)) for u, v, a, b in values if u != v])
        rows = np.array(expected)
        # A difference near zero has a root that is all rounding.
        assert np.abs(turn_invariants(pictures) - (rows - rows.mean(axis=0))).max() < 5e-3

    @pytest.mark.parametrize("count", [0, 1, 3])
    def test_pictures_that_are_all_alike_have_none(self, count: int) -> None:
        images = np.arange(count, dtype=np.uint32)
        flat = np.full((count, 32, 32), 7, dtype=np.uint8)
        assert engine.shape_edges(images, flat, config=Config()).height == 0


@pytest.mark.parametrize("quality", [95, 75])
@pytest.mark.parametrize("colour", ["black", "white"])
def test_bordered_copies_are_found_though_their_edges_ring(shared, tmp_path, quality, colour):
    sources = sorted((shared / "scenes").rglob("*.jpg"))[::90][:30]
    (tmp_path / "in").mkdir()
    for number, path in enumerate(sources):
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        picture.save(tmp_path / "in" / f"{number:02}.png")
        framed = ImageOps.expand(picture, 30, colour)
        framed.save(tmp_path / "in" / f"{number:02}-framed.jpg", quality=quality)
    audit = pixsieve.run(tmp_path / "in", work_dir=tmp_path / "out", device="cpu", progress=False)
    groups = audit.duplicates().group_by("group").agg(pl.col("path").sort())
    found = [[Path(path).name[:2] for path in paths] for paths in groups["path"]]
    assert sum(len(set(names)) == 1 for names in found) >= 25
