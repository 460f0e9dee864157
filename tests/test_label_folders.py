"""Folders of label files, and the pictures that belong to them."""

import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pixsieve.annotations import boxes_of_pictures, read_annotations
from pixsieve.annotations.pictures import pictures_below
from pixsieve.config import Config

YAML = "train: images/train\nval: images/val\nnames: [cat, dog]\n"


def read(place: Any) -> pl.DataFrame:
    return read_annotations(place, Config())


def lay(root: Path, files: dict[str, str | bytes]) -> Path:
    """Writes files by their relative names."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return root


class TestFolder:
    def test_the_pictures_beside(self, tmp_path):
        line = "1 .5 .5 .2 .2\n"
        lay(
            tmp_path,
            {
                "labels/train/a.txt": line,
                "labels/b.txt": line,
                "labels/c.txt": "",
                "images/train/a.JPG": b"",
                "labels/b.png": b"",
                "images/c.jpeg": b"",
                "images/c.json": b"",
                "labels/classes.txt": "cat\r\ndog\r\n",
            },
        )
        frame = read(tmp_path / "labels").sort("path")
        names = ["images/c.jpeg", "images/train/a.JPG", "labels/b.png"]
        assert frame["path"].to_list() == [str(tmp_path / name) for name in names]
        assert frame["label"].to_list() == [None, "dog", "dog"]
        assert "_stem" not in frame.columns

    def test_pictures_that_are_elsewhere(self, tmp_path):
        line = "1 .5 .5 .2 .2\n"
        lay(tmp_path, {"in/labels/x/a.txt": line, "in/labels/b.txt": line, "in/images/b.png": b""})
        frame = read(tmp_path / "in" / "labels")
        assert frame.select("path", "_stem").rows() == [
            (str(tmp_path / "in/images/b.png"), False),
            ("x/a", True),
        ]

    def test_names_from_above(self, tmp_path):
        lay(tmp_path, {"data.yaml": YAML, "labels/train/a.txt": "0 .5 .5 .2 .2"})
        assert read(tmp_path / "labels" / "train")["label"].to_list() == ["cat"]

    def test_a_folder_of_neither(self, tmp_path):
        with pytest.raises(ValueError, match=r"holds neither .xml files"):
            read(tmp_path)
        (tmp_path / "classes.txt").touch()
        with pytest.raises(ValueError, match=r"holds no label files"):
            read(tmp_path)

    def test_hidden_files_are_left_out(self, tmp_path):
        line = "1 .5 .5 .2 .2\n"
        lay(tmp_path, {"a.txt": line, ".b.txt": line, ".c/d.txt": line})
        assert read(tmp_path)["path"].to_list() == ["a"]


class TestNames:
    def test_a_name_that_is_no_text(self, tmp_path):
        folder = lay(tmp_path, {"labels/x": "", "images/x": "", "data.yaml": "train: images\n"})
        name = os.fsdecode(b"\xff")
        for path, text in ((f"images/{name}.jpg", ""), (f"labels/{name}.txt", "1 .5 .5 .2 .2")):
            (folder / path).write_text(text)
        shown = f"{folder}/images/\\xff.jpg"
        for place in (folder, folder / "labels"):
            assert read(place).select("path", "label").rows() == [(shown, "1")]
        frame = boxes_of_pictures([f"{folder}/images/{name}.jpg"], {})
        assert frame["path"].to_list() == [shown]

    def test_links_between_folders(self, tmp_path):
        lay(tmp_path, {"far/a.jpg": "", "in/b.jpg": ""})
        (tmp_path / "in" / "far").symlink_to(tmp_path / "far")
        (tmp_path / "far" / "back").symlink_to(tmp_path / "in")
        found = [os.path.relpath(path, tmp_path) for path in pictures_below(str(tmp_path / "in"))]
        assert found == ["in/b.jpg", "in/far/a.jpg"]
