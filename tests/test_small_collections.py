"""None, one, or only equal pictures."""

import shutil
from pathlib import Path

import pytest

from conftest import Pictures, Run


class TestSmallCollections:
    def test_no_valid_picture(self, run: Run, tmp_path: Path):
        folder = tmp_path / "in"
        folder.mkdir()
        (folder / "a.jpg").write_bytes(b"no picture at all")
        (folder / "b.png").write_bytes(b"")
        audit = run(folder)
        assert audit.summary(verbose=False)[:2] == [
            "2 images, 0 valid (0.0%) → audit.annotations()",
            "2 broken images (100.0%): 1 empty_file, 1 unknown_format → audit.invalid_instances()",
        ]
        for name in ("duplicates", "similarity", "connected_components", "outliers", "mislabels"):
            assert getattr(audit, name)().is_empty()
        assert audit.img_stats().is_empty()
        assert audit.embeddings().height == 0

    def test_one_picture(self, run: Run, tmp_path: Path, pictures: Pictures):
        pictures(tmp_path / "in", "a.png")
        audit = run(tmp_path / "in")
        assert audit.summary(verbose=False)[0] == "1 image, 1 valid (100.0%) → audit.annotations()"
        assert audit.similarity(threshold=-1).is_empty()
        assert audit.embeddings().height == 1

    @pytest.mark.parametrize("nnf_mode", ["Flat", "HNSW32", "cells"])
    def test_all_pictures_identical(
        self, run: Run, tmp_path: Path, pictures: Pictures, nnf_mode: str
    ):
        folder = tmp_path / "in"
        (first,) = pictures(folder, "0.png")
        for number in range(1, 30):
            shutil.copy(first, folder / f"{number}.png")
        audit = run(folder, nnf_mode=nnf_mode)
        groups = audit.duplicates()
        assert groups.height == 30
        assert set(groups["kind"]) == {"exact"}
        assert groups["group"].n_unique() == 1
        assert groups["keep"].sum() == 1
        assert audit.connected_components()["size"].to_list() == [30] * 30
        assert audit.outliers().is_empty()

    @pytest.mark.parametrize("nnf_mode", ["Flat", "HNSW32", "cells"])
    def test_more_neighbors_than_images(self, run: Run, seven: Path, nnf_mode: str):
        audit = run(seven, nearest_neighbors_k=1000, nnf_mode=nnf_mode)
        assert audit.similarity(threshold=-1).height == 7 * 6 / 2
