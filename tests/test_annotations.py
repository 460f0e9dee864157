"""What the user knows of the images: how tables meet files."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from conftest import Pictures, Run

NAMES = ("cat/1.png", "cat/2.png", "dog/1.png")


@pytest.fixture
def folder(tmp_path: Path, pictures: Pictures) -> Path:
    root = tmp_path / "in"
    pictures(root, *NAMES)
    return root


def rows(audit: Any, *columns: str) -> list[tuple[Any, ...]]:
    return audit.annotations().select(columns).rows()


TABLE = {"path": list(NAMES), "label": ["c", "c", "d"], "split": ["train", "test", None]}


def as_polars(_: Path) -> Any:
    return pl.DataFrame(TABLE)


def as_pandas(_: Path) -> Any:
    return pd.DataFrame(TABLE)


def as_mapping(_: Path) -> Any:
    return TABLE


def as_csv(folder: Path) -> Any:
    pl.DataFrame(TABLE).write_csv(folder / "table.csv")
    return folder / "table.csv"


def as_tsv(folder: Path) -> Any:
    pl.DataFrame(TABLE).write_csv(folder / "table.tsv", separator="\t")
    return str(folder / "table.tsv")


def as_parquet(folder: Path) -> Any:
    pl.DataFrame(TABLE).write_parquet(folder / "table.parquet")
    return folder / "table.parquet"


class TestTables:
    @pytest.mark.parametrize(
        "table", [as_polars, as_pandas, as_mapping, as_csv, as_tsv, as_parquet]
    )
    def test_every_kind_gives_the_same_rows(
        self, run: Run, folder: Path, tmp_path: Path, table: Callable[[Path], Any]
    ):
        audit = run(folder, annotations=table(tmp_path))
        assert rows(audit, "label", "split") == [("c", "train"), ("c", "test"), ("d", None)]

    def test_filename_will_do_for_path(self, run: Run, folder: Path):
        audit = run(folder, annotations={"filename": ["dog/1.png"], "label": ["d"]})
        assert rows(audit, "label") == [(None,), (None,), ("d",)]
        assert "filename" not in audit.annotations().columns

    def test_full_paths_match_too(self, run: Run, folder: Path):
        table = {"path": [str(folder / name) for name in NAMES], "label": [1, 2, 3]}
        assert rows(run(folder, annotations=table), "label") == [("1",), ("2",), ("3",)]

    @pytest.mark.parametrize(
        "spelling", ["./{0}", "cat/../{0}", "{folder}//{0}", "{link}/{0}", "in/{0}", "{file}"]
    )
    def test_other_spellings_of_a_path_name_the_same_file(
        self, run: Run, folder: Path, tmp_path: Path, monkeypatch: Any, spelling: str
    ):
        (tmp_path / "linked").symlink_to(folder)
        (tmp_path / "file.png").symlink_to(folder / "cat/2.png")
        monkeypatch.chdir(tmp_path)
        names = {"folder": folder, "link": tmp_path / "linked", "file": tmp_path / "file.png"}
        table = {"path": [spelling.format("cat/2.png", **names)], "label": ["x"]}
        audit = run(folder, annotations=table)
        assert rows(audit, "label") == [(None,), ("x",), (None,)]

    def test_an_absolute_path_names_a_file_of_a_list(
        self, run: Run, folder: Path, monkeypatch: Any
    ):
        monkeypatch.chdir(folder)
        audit = run(list(NAMES), annotations={"path": [str(folder / NAMES[1])], "label": ["x"]})
        assert rows(audit, "label") == [(None,), ("x",), (None,)]

    def test_folders_that_name_no_class(self, run: Run, seven: Path):
        message = (
            r"^labels='folder': none of the 7 images lies in a folder below the input that could "
            r"name its class, such as '0\.png': give the folder above$"
        )
        with pytest.raises(ValueError, match=message):
            run(seven, labels="folder")
        given = run(seven, labels="folder", annotations={"path": ["3.png"], "label": ["x"]})
        assert given.annotations()["label"].drop_nulls().to_list() == ["x"]

    def test_order_does_not_matter(self, run: Run, folder: Path):
        table = pl.DataFrame(TABLE).reverse()
        assert rows(run(folder, annotations=table), "label") == [("c",), ("c",), ("d",)]

    def test_columns_of_the_user_travel(self, run: Run, folder: Path):
        table = TABLE | {"camera": ["a", "b", "c"], "width": [7, 8, 9], "score": [0.5, None, 1.0]}
        audit = run(folder, annotations=table)
        expected = [("a", 7, 0.5), ("b", 8, None), ("c", 9, 1.0)]
        assert rows(audit, "camera", "width_user", "score") == expected
        assert rows(audit, "width") == [(64,)] * 3
        assert audit.annotations().columns[-3:] == ["camera", "width_user", "score"]


class TestBadTables:
    @pytest.mark.parametrize(
        ("annotations", "error", "message"),
        [
            ("nowhere.csv", FileNotFoundError, "annotations: there is no file nowhere.csv"),
            (
                {"image": ["a"], "label": ["x"]},
                ValueError,
                "annotations need a column named path or filename; found are image, label",
            ),
            (
                {"path": ["a", None, None]},
                ValueError,
                "annotations: 2 rows have no path",
            ),
            (
                {"path": ["b", "a", "b", "a", "c"]},
                ValueError,
                "annotations name 2 paths more than once, such as 'a': one row per image is needed",
            ),
            (
                pl.DataFrame({"path": ["cat/1.png"], "label": [["a|b", "b"]]}),
                ValueError,
                "annotations: the label 'a|b' holds '|', which would stand between two labels: "
                "pass another label_separator",
            ),
            (
                pl.DataFrame({"path": ["cat/1.png"], "split": [["a", "b"]]}),
                ValueError,
                "annotations: the column 'split' holds List(String), which cannot be written as "
                "text",
            ),
            (
                pl.DataFrame({"path": [["a"]]}),
                ValueError,
                "annotations: the column 'path' holds List(String), which cannot be written as "
                "text",
            ),
            (
                pl.DataFrame({"path": ["cat/1.png"], "label": [[["a"]]]}),
                ValueError,
                "annotations: the column 'label' holds List(List(String)), which cannot be written "
                "as text",
            ),
            (
                pl.DataFrame({"path": ["cat/1.png"], "label": [[b"\xff"]]}),
                ValueError,
                "annotations: the column 'label' holds List(Binary), which cannot be written as "
                "text",
            ),
            (
                pl.DataFrame({"path": ["cat/1.png"], "x": [{}]}),
                ValueError,
                "annotations: column 'x' holds structs without any field",
            ),
            *(
                (
                    {"path": ["cat/1.png"], name: [1]},
                    ValueError,
                    f"annotations: a column cannot be called {name!r}, which means several columns "
                    "to Polars: rename it",
                )
                for name in ("*", "^p.*$")
            ),
            (7, ValueError, "annotations: cannot read a int as a table"),
            ("", ValueError, "annotations: the path is empty"),
        ],
    )
    def test_says_what_is_wrong(
        self, run: Run, folder: Path, annotations: Any, error: type[Exception], message: str
    ):
        with pytest.raises(error, match=f"^{re.escape(message)}$"):
            run(folder, annotations=annotations)

    def test_another_kind_of_file(self, run: Run, folder: Path, tmp_path: Path):
        path = tmp_path / "table.xlsx"
        path.write_bytes(b"")
        message = f"^annotations: {path} is neither a table .*, nor COCO or Label Studio"
        with pytest.raises(ValueError, match=message):
            run(folder, annotations=path)

    @pytest.mark.parametrize("name", ["empty.csv", "damaged.parquet", "damaged.csv"])
    def test_a_damaged_file(self, run: Run, folder: Path, tmp_path: Path, name: str):
        path = tmp_path / name
        path.write_bytes(b"" if name == "empty.csv" else b"\xff\xfe\0\0\x01,\n\x80\x81")
        with pytest.raises(ValueError, match=f"^annotations: {path} cannot be read: "):
            run(folder, annotations=path)

    def test_a_path_named_in_two_ways(self, run: Run, folder: Path):
        table = {"path": ["cat/1.png", str(folder / "cat/1.png")], "label": ["a", "b"]}
        message = (
            "annotations name 1 images in two ways, such as 'cat/1.png' and "
            f"'{folder}/cat/1.png': one row per image is needed"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            run(folder, annotations=table)


class TestFilesThatAreNotThere:
    def test_they_are_rows_with_a_code(self, run: Run, folder: Path):
        table = {"path": ["cat/1.png", "cat/9.png", "/far/away.png"], "label": ["a", "b", "c"]}
        audit = run(folder, annotations=table)
        assert rows(audit, "path", "label", "error_code") == sorted(
            [
                ("/far/away.png", "c", "missing_file"),
                ("cat/9.png", "b", "missing_file"),
                (f"{folder}/cat/1.png", "a", None),
                (f"{folder}/cat/2.png", None, None),
                (f"{folder}/dog/1.png", None, None),
            ]
        )
        assert audit.invalid_instances().select("error_code", "detail").rows() == [
            ("missing_file", "no such file"),
            ("missing_file", "no such file"),
        ]

    def test_the_filters_hold_for_them_too(self, run: Run, folder: Path):
        table = {"path": list(NAMES), "label": ["a", "b", "c"]}
        audit = run(folder, annotations=table, find_regex="dog")
        assert rows(audit, "label", "error_code") == [("c", None)]
        audit = run(folder, annotations=table, num_images=1)
        assert rows(audit, "label", "error_code") == [("a", None)]

    def test_an_annotated_file_that_the_walk_leaves_out(
        self, run: Run, folder: Path, pictures: Pictures
    ):
        pictures(folder, ".hidden.png", seed=9)
        audit = run(folder, annotations={"path": [".hidden.png"], "label": ["h"]})
        assert ("h", None) in rows(audit, "label", "error_code")


class TestLabels:
    def test_none_unless_asked_for(self, run: Run, folder: Path):
        assert rows(run(folder), "label") == [(None,)] * 3

    def test_folder(self, run: Run, folder: Path, pictures: Pictures):
        pictures(folder, "top.png", "train/x.png", "train/cow/y.png", seed=20)
        assert rows(run(folder, labels="folder"), "label", "split") == [
            ("cat", None),
            ("cat", None),
            ("dog", None),
            (None, None),
            ("cow", "train"),
            (None, "train"),
        ]

    def test_the_table_wins_over_the_folder(self, run: Run, folder: Path):
        audit = run(folder, labels="folder", annotations={"path": ["cat/2.png"], "label": ["x"]})
        assert rows(audit, "label") == [("cat",), ("x",), ("dog",)]

    def test_a_column(self, run: Run, folder: Path):
        table = TABLE | {"kind": ["x", "y", "z"]}
        audit = run(folder, labels="kind", annotations=table)
        assert rows(audit, "label", "kind") == [("x", "x"), ("y", "y"), ("z", "z")]

    def test_a_column_that_is_not_there(self, run: Run, folder: Path):
        message = (
            "labels='kind': the annotations have no such column; found are label, split. "
            "For folder names use labels='folder'"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            run(folder, labels="kind", annotations=TABLE)

    def test_a_function_of_the_path(self, run: Run, folder: Path):
        audit = run(folder, labels=lambda path: Path(path).stem if "cat" in path else None)
        assert rows(audit, "label") == [("1",), ("2",), (None,)]

    def test_a_function_that_fails_is_heard(self, run: Run, folder: Path):
        def broken(path: str) -> str:
            raise KeyError(path)

        with pytest.raises(KeyError, match=r"1\.png"):
            run(folder, labels=broken)

    def test_a_mapping_by_full_or_relative_path(self, run: Run, folder: Path):
        labels = {"cat/1.png": "a", str(folder / "dog/1.png"): "b"}
        assert rows(run(folder, labels=labels), "label") == [("a",), (None,), ("b",)]


class TestSplits:
    @pytest.fixture
    def parts(self, tmp_path: Path, pictures: Pictures) -> Path:
        root = tmp_path / "set"
        pictures(root, "Train/a.png", "x/val/b.png", "test/train/c.png", "d.png", "trainer/e.png")
        return root

    def test_from_path_parts(self, run: Run, parts: Path):
        found = {Path(path).name: split for path, split in rows(run(parts), "path", "split")}
        assert found == {
            "a.png": "train",
            "b.png": "val",
            "c.png": "test",
            "d.png": None,
            "e.png": None,
        }

    def test_the_input_itself_says_nothing(self, run: Run, tmp_path: Path, pictures: Pictures):
        root = tmp_path / "train"
        pictures(root, "a.png")
        assert rows(run(root), "split") == [(None,)]

    def test_the_column_wins(self, run: Run, parts: Path):
        audit = run(parts, annotations={"path": ["Train/a.png"], "split": ["holdout"]})
        assert ("holdout",) in rows(audit, "split")
        assert ("train",) not in rows(audit, "split")

    def test_not_when_told_not_to(self, run: Run, parts: Path):
        table = {"path": ["d.png"], "split": ["test"]}
        audit = run(parts, splits="none", annotations=table)
        assert set(rows(audit, "split")) == {(None,)}

    def test_blanks_around_a_name_do_not_count_and_nothing_is_none(self, run: Run, parts: Path):
        names = ["d.png", "trainer/e.png", "Train/a.png"]
        audit = run(parts, annotations={"path": names, "split": [" train ", " ", ""]})
        found = {Path(path).name: split for path, split in rows(audit, "path", "split")}
        assert found["d.png"] == "train"
        assert found["e.png"] is None
        assert found["a.png"] == "train"
