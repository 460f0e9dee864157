"""A second input, several labels, and what the audit says of them, end to end."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import pixsieve
from conftest import draw


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[Path, Path]:
    """An old collection of twelve pictures, and a delivery with two of them and six others."""
    root = tmp_path_factory.mktemp("two")
    old, new = root / "old", root / "new"
    old.mkdir()
    new.mkdir()
    for seed in range(12):
        draw(seed).save(old / f"{seed:02}.png")
    draw(3).save(new / "same.png")
    draw(4).save(new / "again.jpg", quality=80)
    for seed in range(20, 26):
        draw(seed).save(new / f"{seed}.png")
    return old, new


@pytest.fixture(scope="module")
def checked(folders, tmp_path_factory) -> pixsieve.Audit:
    old, new = folders
    work = tmp_path_factory.mktemp("work") / "out"
    return pixsieve.run(old, test_dir=new, work_dir=work, progress=False)


def test_a_delivery_is_the_test_set_of_the_old_collection(checked):
    splits = checked.annotations()["split"].value_counts().sort("split").rows()
    assert splits == [("test", 8), ("train", 12)]
    found = checked.leaks()
    names = found.select(pl.col("path_from", "path_to").str.split("/").list.last(), "kind").rows()
    assert names == [("03.png", "same.png", "exact"), ("04.png", "again.jpg", "near")]
    assert checked.info["input"].count(" and ") == 1


def test_every_image_of_the_delivery_has_its_nearest(checked):
    found = checked.leaks(all=True)
    assert found.height == 8
    assert found["kind"].null_count() == 6
    vectors = checked.embeddings()
    matrix = vectors["embedding"].to_numpy().astype(np.float64)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    similarity = matrix @ matrix.T
    split = checked.annotations()["split"].to_list()
    train = [row for row, name in enumerate(split) if name == "train"]
    for row in found.filter(pl.col("kind").is_null()).to_dicts():
        best = max(train, key=lambda other: similarity[row["image_to"], other])
        assert row["image_from"] == best
        assert row["similarity"] == pytest.approx(similarity[row["image_to"], best], abs=1e-5)


def test_leaks_are_counted(checked):
    assert checked.leak_counts().select("split_to", "kind", "images").rows() == [
        ("test", "exact", 1),
        ("test", "near", 1),
    ]


def test_a_loaded_audit_says_the_same(checked):
    again = pixsieve.load(checked.work_dir)
    assert again.config.test_dir == checked.config.test_dir
    assert again.leaks(all=True).equals(checked.leaks(all=True))
    assert again.outliers(1.0).equals(checked.outliers(1.0))
    assert again.flags().equals(checked.flags())


def test_folders_that_share_files_are_refused(folders, tmp_path):
    old, _ = folders
    with pytest.raises(ValueError, match="test_dir holds 12 files of the input"):
        pixsieve.run(old.parent, test_dir=old, work_dir=tmp_path / "out", progress=False)


def test_a_missing_or_empty_second_folder_is_refused(folders, tmp_path):
    old, _ = folders
    with pytest.raises(FileNotFoundError, match="nowhere"):
        pixsieve.run(old, test_dir=tmp_path / "nowhere", work_dir=tmp_path / "out")
    with pytest.raises(ValueError, match="test_dir must not be empty"):
        pixsieve.run(old, test_dir="", work_dir=tmp_path / "out")
    with pytest.raises(ValueError, match="work_dir is the input folder"):
        pixsieve.run(old, test_dir=folders[1], work_dir=folders[1])


def test_an_input_that_has_a_test_split_takes_no_second(folders, tmp_path):
    old, new = folders
    (tmp_path / "in" / "test").mkdir(parents=True)
    draw(1).save(tmp_path / "in" / "test" / "a.png")
    with pytest.raises(ValueError, match="1 images of the input are of a split named test"):
        pixsieve.run(tmp_path / "in", test_dir=new, work_dir=tmp_path / "out", progress=False)
    audit = pixsieve.run(
        tmp_path / "in", test_dir=old, splits="none", work_dir=tmp_path / "out", progress=False
    )
    assert audit.annotations()["split"].n_unique() == 2


class TestSeveralLabels:
    @pytest.fixture
    def table(self) -> pl.DataFrame:
        names = [f"{seed:02}.png" for seed in range(12)]
        labels = [["sky", "boat"]] * 5 + [["sky"]] + [[], None] + [["cat"]] * 4
        return pl.DataFrame({"path": names, "label": labels})

    def test_lists_become_text_by_alphabet(self, folders, table, tmp_path):
        audit = pixsieve.run(
            folders[0], annotations=table, work_dir=tmp_path / "out", progress=False
        )
        expected = ["boat|sky"] * 5 + ["sky", None, None] + ["cat"] * 4
        assert audit.annotations()["label"].to_list() == expected
        assert audit.info["label_separator"] == "|"
        again = pixsieve.load(tmp_path / "out")
        assert again.mislabels(1.0).equals(audit.mislabels(1.0))
        assert audit.summary(verbose=False)

    def test_lists_stay_lists_beside_folders(self, folders, table, tmp_path):
        audit = pixsieve.run(
            folders[0].parent,
            annotations=table.with_columns(path=pl.lit("old/") + pl.col("path")),
            labels="folder",
            work_dir=tmp_path / "out",
            progress=False,
        )
        assert audit.info["label_separator"] == "|"
        assert list(audit._opinions().labels.names)[:2] == ["boat", "cat"]

    def test_nothing_in_a_list_is_no_class(self, folders, tmp_path):
        table = {"path": ["00.png", "01.png"], "label": [["", " b "], ["", " "]]}
        audit = pixsieve.run(
            folders[0], annotations=table, work_dir=tmp_path / "out", progress=False
        )
        assert audit.annotations()["label"].to_list()[:2] == ["b", None]

    def test_text_is_taken_apart_where_asked(self, folders, tmp_path):
        table = {"path": [f"{seed:02}.png" for seed in range(12)], "label": ["a; b"] * 12}
        audit = pixsieve.run(
            folders[0],
            annotations=table,
            label_separator=";",
            work_dir=tmp_path / "out",
            progress=False,
        )
        assert audit.mislabels(1.0).height == 0
        assert set(audit._opinions().labels.names) == {"a", "b"}


def test_duplicates_with_different_labels_come_first(tmp_path):
    (tmp_path / "in" / "cat").mkdir(parents=True)
    (tmp_path / "in" / "dog").mkdir()
    for seed in range(6):
        draw(seed).save(tmp_path / "in" / ("cat" if seed % 2 else "dog") / f"{seed}.png")
    draw(1).save(tmp_path / "in" / "dog" / "other.jpg", quality=90)
    audit = pixsieve.run(
        tmp_path / "in", labels="folder", work_dir=tmp_path / "out", progress=False
    )
    found = audit.mislabels()
    assert found["conflict"][0] == "near"
    assert {"1.png", "other.jpg"} & {Path(path).name for path in found["path"][:2]}
    assert audit.summarize().counts["conflicts"] >= 1
    assert set(audit.confusion(1.0)["label"]) <= {"cat", "dog"}


def test_the_same_folder_by_another_way_is_refused(folders, tmp_path):
    old, new = folders
    link = tmp_path / "link"
    link.symlink_to(old)
    for other in (link, new / ".." / "old"):
        with pytest.raises(ValueError, match="test_dir holds 12 files of the input"):
            pixsieve.run(old, test_dir=other, work_dir=tmp_path / "out", progress=False)


def test_num_images_counts_for_each_input(folders, tmp_path):
    old, new = folders
    audit = pixsieve.run(old, test_dir=new, num_images=3, work_dir=tmp_path / "out", progress=False)
    assert sorted(audit.annotations()["split"].to_list()) == ["test"] * 3 + ["train"] * 3


def test_labels_in_another_order_are_the_same(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.png", "c.png", "d.png"):
        draw(1).save(tmp_path / "in" / name)
    table = {
        "path": ["a.png", "b.png", "c.png", "d.png"],
        "label": ["sky|boat", "boat| sky", "boat|sky|", "boat"],
    }
    audit = pixsieve.run(
        tmp_path / "in",
        annotations=table,
        label_separator="|",
        work_dir=tmp_path / "out",
        progress=False,
    )
    assert [Path(path).name for path in audit.mislabels()["path"]] == ["d.png"]


def test_empty_labels_are_none_and_blanks_around_them_do_not_count(folders, tmp_path):
    names = [f"{seed:02}.png" for seed in range(4)]
    table = pl.DataFrame({"path": names, "label": ["", " a ", "a", "  "]})
    audit = pixsieve.run(folders[0], annotations=table, work_dir=tmp_path / "out", progress=False)
    assert audit.annotations()["label"].to_list()[:4] == [None, "a", "a", None]


def test_blank_pictures_have_no_say(tmp_path):
    for label in ("cat", "dog"):
        (tmp_path / "in" / label).mkdir(parents=True)
        Image.new("RGB", (64, 64), "white").save(tmp_path / "in" / label / "blank.png")
        for seed in range(3):
            draw(seed + (label == "dog") * 5).save(tmp_path / "in" / label / f"{seed}.png")
    audit = pixsieve.run(
        tmp_path / "in", labels="folder", work_dir=tmp_path / "out", progress=False
    )
    assert not any("blank" in path for path in audit.mislabels(1.0)["path"])
    assert audit.placeholders()["kind"].to_list() == ["near_empty"] * 2


def test_a_missing_file_of_the_delivery_belongs_to_it(folders, tmp_path):
    old, new = folders
    table = {"path": [str(old / "00.png"), str(new / "gone.png"), "same.png"], "mine": [1, 2, 3]}
    audit = pixsieve.run(
        old, test_dir=new, annotations=table, work_dir=tmp_path / "out", progress=False
    )
    names = audit.annotations().with_columns(pl.col("path").str.split("/").list.last())
    rows = names.filter(pl.col("mine").is_not_null()).select("path", "split", "mine").rows()
    assert sorted(rows) == [
        ("00.png", "train", 1),
        ("gone.png", "test", 2),
        ("same.png", "test", 3),
    ]


def test_a_delivery_in_several_parts(folders, tmp_path):
    old, new = folders
    parts = [new / "same.png", str(new / "2*.png")]
    table = {"path": [str(old / "gone.png"), str(old / "00.png")], "label": ["a", "b"]}
    audit = pixsieve.run(
        old, test_dir=parts, annotations=table, work_dir=tmp_path / "out", progress=False
    )
    splits = dict(audit.annotations().select("path", "split").rows())
    expected = {str(path): "train" for path in [*old.iterdir(), old / "gone.png"]}
    expected |= {str(path): "test" for path in [*new.glob("2*.png"), new / "same.png"]}
    assert splits == expected
    assert audit.leaks()["kind"].to_list() == ["exact"]
    assert pixsieve.load(audit.work_dir).config.test_dir == tuple(map(str, parts))
    for wrong in ([], [""]):
        with pytest.raises(ValueError, match="test_dir must not be empty"):
            pixsieve.run(old, test_dir=wrong, work_dir=tmp_path / "none")
    with pytest.raises(ValueError, match="test_dir must be a path or a list of paths"):
        pixsieve.run(old, test_dir=[1], work_dir=tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        pixsieve.run(old, test_dir=[new, tmp_path / "nowhere"], work_dir=tmp_path / "none")


def test_the_share_of_the_run_is_the_share_of_the_cut(folders, tmp_path):
    audit = pixsieve.run(
        folders[0], outlier_percentile=0.5, work_dir=tmp_path / "out", progress=False
    )
    assert audit.outliers().height == audit.outliers(outlier_cut="percentile").height == 6
    assert audit.outliers(outlier_cut="auto").height < 6
