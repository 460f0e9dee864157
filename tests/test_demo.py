import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageOps

from pixsieve import engine
from pixsieve.demo import SCENES, build, draw, edits, plan, read_truth, score
from pixsieve.demo.draw import draw_offtopic
from pixsieve.demo.plan import CHANGED, COPIES, PER_CLASS
from pixsieve.demo.plant import TRUTH_FILE
from pixsieve.demo.score import SCORE_SCHEMA

THRESHOLDS = {"dark_threshold": 25.0, "bright_threshold": 235.0, "blur_threshold": 50.0}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "pictures"
    return folder, build(folder)


@pytest.fixture(scope="module")
def photo():
    return draw("boats", 3)


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def planted(demo, kind):
    folder, truth = demo
    rows = truth.filter(kind=kind).iter_rows(named=True)
    return [(folder / row["path"], row["of"] and folder / row["of"], row["detail"]) for row in rows]


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(float)


def laplacian_variance(pixels: np.ndarray) -> float:
    grey = pixels @ [0.299, 0.587, 0.114]
    around = grey[1:-1, :-2] + grey[1:-1, 2:] + grey[:-2, 1:-1] + grey[2:, 1:-1]
    return float((around - 4 * grey[1:-1, 1:-1]).var())


def test_two_builds_are_the_same_to_the_byte(demo, tmp_path):
    build(tmp_path / "again")
    assert files_below(tmp_path / "again") == files_below(demo[0])


def test_truth_names_files_that_are_there(demo):
    folder, truth = demo
    files = files_below(folder)
    assert set(truth["path"]) | set(truth["of"].drop_nulls()) <= set(files)
    assert read_truth(folder).equals(truth)
    extra = sum(COPIES.values()) + 10 + 4
    assert len(files) == PER_CLASS * len(SCENES) + extra + 1
    assert {path.split("/")[1] for path in files if "/" in path} == set(SCENES)


def test_truth_counts_what_was_planned(demo):
    counts = dict(demo[1]["kind"].value_counts().iter_rows())
    assert counts.pop("leak") >= 10
    assert counts == COPIES | CHANGED | {"offtopic": 10, "blank": 4}


def test_building_again_mends_an_earlier_demo_and_touches_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "PER_CLASS", 18)
    truth = build(tmp_path)
    first, second = (tmp_path / path for path in truth["path"].unique(maintain_order=True)[:2])
    before, kept = first.read_bytes(), second.stat().st_mtime_ns
    first.unlink()
    stale = first.with_name("img_9999.jpg")
    stale.write_bytes(b"")
    (tmp_path / "notes.txt").write_text("mine")
    build(tmp_path)
    assert first.read_bytes() == before
    assert second.stat().st_mtime_ns == kept
    assert not stale.exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["holiday.jpg", TRUTH_FILE])
def test_a_foreign_folder_is_refused(tmp_path, name):
    (tmp_path / name).write_text("something else")
    with pytest.raises(ValueError, match="not the demo's: name a new or an empty folder"):
        build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file: name a folder"):
        build(tmp_path / "file")


def test_pictures_differ_within_a_class_and_repeat_for_a_number():
    for label in SCENES:
        first = draw(label, 0)
        assert first.dtype == np.uint8
        assert np.array_equal(first, draw(label, 0))
        assert not np.array_equal(first, draw(label, 1))
    assert draw_offtopic(0).shape[2] == 3


def test_an_unknown_class_is_refused():
    with pytest.raises(ValueError, match="no class 'cats'"):
        draw("cats", 0)


def test_exact_copies_have_the_bytes_of_their_originals(demo):
    assert all(path.read_bytes() == of.read_bytes() for path, of, _ in planted(demo, "exact"))


def test_leaks_join_different_splits(demo):
    folder = demo[0]
    for path, of, _ in planted(demo, "leak"):
        assert path.relative_to(folder).parts[0] != of.relative_to(folder).parts[0]


def test_mislabels_lie_in_the_wrong_folder(demo):
    for path, _, true in planted(demo, "mislabel"):
        assert true in SCENES
        assert path.parent.name != true


def test_light_and_focus_are_what_the_truth_says(demo):
    folder, truth = demo
    assert all(pixels_of(path).mean() < 20 for path, _, _ in planted(demo, "dark"))
    assert all(pixels_of(path).mean() > 240 for path, _, _ in planted(demo, "bright"))
    assert all(laplacian_variance(pixels_of(path)) < 50 for path, _, _ in planted(demo, "blurred"))
    assert all(pixels_of(path).std(axis=(0, 1)).max() < 1 for path, _, _ in planted(demo, "blank"))
    troubled = set(truth["path"])
    clean = [
        folder / path for path in files_below(folder) if path.endswith("g") and path not in troubled
    ]
    assert len(clean) > 400
    for path in clean:
        assert 25 < pixels_of(path).mean() < 235
        assert laplacian_variance(pixels_of(path)) > 100


def test_broken_files_are_broken_and_others_are_not(demo):
    for path, _, _ in planted(demo, "truncated"):
        data = path.read_bytes()
        assert data.startswith(b"\xff\xd8")
        assert b"\xff\xd9" not in data[-2:]
    broken = {path for kind in ("truncated", "corrupt") for path, _, _ in planted(demo, kind)}
    for path in sorted(broken):
        with pytest.raises((OSError, SyntaxError)), Image.open(path) as image:
            image.load()
    for path in sorted(set(demo[0].rglob("img_*")) - broken):
        pixels_of(path)


def test_wrong_extensions_are_wrong(demo):
    for path, _, true in planted(demo, "wrong_extension"):
        with Image.open(path) as image:
            assert image.format == {"png": "PNG", "jpg": "JPEG"}[true]
        assert path.suffix != f".{true}"


def test_exif_copies_are_turned_in_the_file_and_upright_to_a_viewer(demo):
    for path, of, _ in planted(demo, "exif_rotation"):
        with Image.open(path) as image:
            assert image.getexif()[0x0112] in {3, 6, 8}
            stored = np.asarray(image.convert("RGB")).astype(float)
        upright, original = pixels_of(path), pixels_of(of)
        assert np.abs(upright - original).mean() < 6
        assert stored.shape != original.shape or np.abs(stored - original).mean() > 20


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_every_orientation_comes_back_upright(photo, orientation):
    turned = engine.encode_jpeg(edits.turn_for_exif(photo, orientation), quality=95)
    with Image.open(io.BytesIO(edits.insert_exif(turned, orientation))) as image:
        upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(float)
    assert np.abs(upright - photo).mean() < 6


def test_exif_goes_into_jpeg_only():
    with pytest.raises(ValueError, match="JPEG files only"):
        edits.insert_exif(b"\x89PNG", 6)


def test_edits_of_pixels(photo):
    height, width = photo.shape[:2]
    half = edits.resize(photo, 0.5)
    assert half.shape == (round(height / 2), round(width / 2), 3)
    assert abs(half.mean() - photo.mean()) < 1
    assert np.array_equal(
        edits.crop(photo, 0.5, 0, 0), photo[: round(height / 2), : round(width / 2)]
    )
    assert np.array_equal(edits.flip(edits.flip(photo, vertical=False), vertical=False), photo)
    assert np.array_equal(edits.flip(photo, vertical=True), photo[::-1])
    grey = edits.recolour(photo, (1, 1, 1), saturation=0, gamma=1)
    assert np.array_equal(grey[..., 0], grey[..., 2])
    assert (
        np.abs(edits.recolour(photo, (1, 1, 1), saturation=1, gamma=1).astype(int) - photo).max()
        <= 1
    )
    assert abs(edits.darken(photo, 3).mean() - 3) < 0.5
    assert abs(edits.brighten(photo, 254).mean() - 254) < 0.5
    assert laplacian_variance(edits.blur(photo, 2)) < laplacian_variance(photo) / 10
    assert np.unique(edits.blank(4, 5, (1, 2, 3)).reshape(-1, 3), axis=0).tolist() == [[1, 2, 3]]


def test_edits_of_bytes():
    data = bytes(1000)
    assert edits.truncate(data, 0.4) == data[:400]
    broken = edits.corrupt(data, 100, 50, seed=1)
    assert broken[:100] + broken[150:] == data[:950]
    assert any(broken[100:150])
    assert len(edits.corrupt(data, 980, 50, seed=1)) == 1000


def fake_frames(**changes: pl.DataFrame) -> dict[str, pl.DataFrame]:
    text, number = pl.String, pl.Float64
    schemas = {
        "duplicates": {
            "group": pl.Int64,
            "path": text,
            "kind": text,
            "transform": text,
            "representative": pl.Boolean,
        },
        "leaks": {"path_from": text, "path_to": text},
        "mislabels": {"path": text, "label": text, "suggested_label": text},
        "outliers": {"path": text},
        "invalid_instances": {"path": text, "error_code": text},
        "img_stats": {"path": text, "mean": number, "stdv": number, "blur": number},
        "annotations": {"path": text, "format": text},
    }
    return {name: pl.DataFrame(schema=schema) for name, schema in schemas.items()} | changes


def truth_of(*rows: tuple[str, str, str | None, str | None]) -> pl.DataFrame:
    schema = {"path": pl.String, "kind": pl.String, "of": pl.String, "detail": pl.String}
    return pl.DataFrame(rows, schema, orient="row")


def scored(truth: pl.DataFrame, **frames: pl.DataFrame) -> dict[str, tuple[int, int, int | None]]:
    table = score(truth, fake_frames(**frames), **THRESHOLDS)
    assert table.schema == SCORE_SCHEMA
    return {row[0]: row[1:] for row in table.iter_rows()}


A, B, C, D = (f"train/boats/{name}.jpg" for name in "abcd")
LEAKED = "test/boats/e.jpg"


def test_an_audit_that_finds_nothing_scores_nothing(demo):
    result = scored(demo[1])
    assert all(found == 0 for _, found, _ in result.values())
    assert all(alarms in {0, None} for _, _, alarms in result.values())
    assert result["near"][0] == sum(COPIES.values()) - COPIES["exact"]
    assert {kind: result[kind][0] for kind in COPIES | CHANGED} == COPIES | CHANGED


def test_copies_and_leaks_are_counted_against_their_originals():
    truth = truth_of((B, "exact", A, None), (LEAKED, "cropped", A, None), (LEAKED, "leak", A, None))
    groups = pl.DataFrame(
        {
            "group": [0, 0, 0, 1, 1],
            "path": [f"/far/away/{A}", B.replace("/", "\\"), C, D, LEAKED],
            "kind": ["exact", "exact", "near", "near", "near"],
            "transform": ["none", "none", None, "none", None],
            "representative": [True, False, False, True, False],
        }
    )
    leaks = pl.DataFrame({"path_from": [LEAKED, LEAKED], "path_to": [A, D]})
    result = scored(truth, duplicates=groups, leaks=leaks)
    assert result["exact"] == (1, 1, 0)
    assert result["cropped"] == (1, 0, None)
    assert result["near"] == (1, 0, 2)
    assert result["leak"] == (1, 1, 1)


def test_blank_pictures_may_be_twins():
    truth = truth_of((A, "blank", None, None), (B, "blank", None, None))
    groups = pl.DataFrame(
        {
            "group": [0, 0],
            "path": [A, B],
            "kind": ["near"] * 2,
            "transform": ["none", None],
            "representative": [True, False],
        }
    )
    assert scored(truth, duplicates=groups)["near"] == (0, 0, 0)


def test_a_mislabel_counts_only_with_the_true_label():
    truth = truth_of(
        (A, "mislabel", None, "city"), (B, "mislabel", None, "fruit"), (C, "blank", None, None)
    )
    suspects = pl.DataFrame(
        {
            "path": [A, B, C, D],
            "label": ["boats"] * 4,
            "suggested_label": ["city", "city", "city", "city"],
        }
    )
    agreed = suspects.with_columns(suggested_label=pl.col("label"))
    assert scored(truth, mislabels=suspects)["mislabel"] == (2, 1, 1)
    assert scored(truth, mislabels=agreed)["mislabel"] == (2, 0, 0)


def test_outliers_statistics_and_broken_files():
    truth = truth_of(
        (A, "offtopic", None, None), (B, "dark", None, None), (C, "truncated", None, None),
        (D, "wrong_extension", None, "png"), (LEAKED, "blank", None, "black"),
    )  # fmt: skip
    result = scored(
        truth,
        outliers=pl.DataFrame({"path": [A, B, D]}),
        img_stats=pl.DataFrame(
            {"path": [A, B, LEAKED], "mean": [90, 3, 0], "stdv": [9, 3, 0], "blur": [9, 9, 0]}
        ),
        invalid_instances=pl.DataFrame({"path": [C, D], "error_code": ["truncated", "too_small"]}),
        annotations=pl.DataFrame({"path": [A, B, D], "format": ["jpeg", "webp", "png"]}),
    )
    assert result["offtopic"] == (1, 1, 1)
    assert result["blank"] == (1, 1, 0)
    assert result["dark"] == (1, 1, 0)
    assert result["blurred"] == (0, 0, 1)
    assert result["truncated"] == (1, 1, 0)
    assert result["corrupt"] == (0, 0, 1)
    assert result["wrong_extension"] == (1, 1, 1)
