"""Datasets of Hugging Face, as objects and as the files that they write."""

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
from PIL import Image

from conftest import Run
from pixsieve.sources.places import LISTED, Content, Failure
from pixsieve.sources.tables.given import Given
from pixsieve.sources.tables.huggingface import is_huggingface, list_huggingface
from pixsieve.sources.tables.parquet import ParquetRows, list_parquet
from pixsieve.sources.tables.torch_like import is_dataset


@pytest.fixture(scope="module")
def hf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The package datasets, without a network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_DATASETS_OFFLINE", "1")
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf")))
        patch.setenv("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
        with warnings.catch_warnings():
            # What its own imports warn of is not of ours.
            warnings.simplefilter("ignore")
            import datasets

            datasets.disable_progress_bars()
        yield datasets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a picture in each of two classes, and one more."""
    for number, name in enumerate(("cat/0.png", "dog/1.png", "dog/2.png")):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 12), (number * 50, 9, 9)).save(path)
    return tmp_path / "in"


def paths_of(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.png"))


def made(hf: ModuleType, folder: Path, *, decode: bool = True, embedded: bool = True) -> Any:
    paths = paths_of(folder)
    cells = [
        # A path that leads to a file would be kept instead of the bytes.
        {"bytes": path.read_bytes(), "path": path.name}
        if embedded
        else {"bytes": None, "path": str(path)}
        for path in paths
    ]
    features = hf.Features(
        {
            "picture": hf.Image(decode=decode),
            "label": hf.ClassLabel(names=["cat", "dog"]),
            "tags": hf.Sequence(hf.ClassLabel(names=["x", "y"])),
            "size": hf.Value("int32"),
        }
    )
    columns = {"picture": cells, "label": [0, 1, -1], "tags": [[0, 1], [], [1]], "size": [1, 2, 3]}
    return hf.Dataset.from_dict(columns, features=features)


def fetched(listing: Given, order: list[int] | None = None) -> dict[int, Content]:
    rows = listing.frame.with_row_index("row").filter(pl.col("kind") == "given")
    assert listing.fetcher is not None
    return dict(listing.fetcher.fetch(rows if order is None else rows[order]))


@pytest.mark.parametrize("decode", [True, False])
def test_pictures_come_as_their_bytes(hf: ModuleType, folder: Path, decode: bool) -> None:
    dataset = made(hf, folder, decode=decode)
    assert is_huggingface(dataset)
    listing = list_huggingface(dataset)
    frame = listing.frame
    assert frame.columns == [*LISTED, "label", "tags", "size_user"]
    assert dict(list(frame.schema.items())[: len(LISTED)]) == dict(LISTED)
    assert frame["label"].to_list() == ["cat", "dog", None]
    assert frame["tags"].to_list() == [["x", "y"], [], ["y"]]
    assert frame["size"].to_list() == [path.stat().st_size for path in paths_of(folder)]
    data = [path.read_bytes() for path in paths_of(folder)]
    for _ in range(2):  # Once for the run, once more for what is compared.
        assert fetched(listing) == dict(enumerate(data))
    assert fetched(listing, [2, 0]) == {2: data[2], 0: data[0]}


def test_paths_without_bytes_are_files(hf: ModuleType, folder: Path) -> None:
    listing = list_huggingface(made(hf, folder, embedded=False))
    assert set(listing.frame["kind"]) == {"file"}
    assert listing.frame["location"].to_list() == [os.fsencode(path) for path in paths_of(folder)]
    assert listing.frame["label"].to_list() == ["cat", "dog", None]


def test_chosen_and_shuffled_rows(hf: ModuleType, folder: Path) -> None:
    dataset = made(hf, folder).select([2, 0])
    listing = list_huggingface(dataset)
    data = [path.read_bytes() for path in paths_of(folder)]
    assert fetched(listing) == {0: data[2], 1: data[0]}
    assert listing.frame["label"].to_list() == [None, "cat"]


def test_formats_and_transforms_of_the_user_do_not_count(hf: ModuleType, folder: Path) -> None:
    def broken(_: Any) -> Any:
        raise RuntimeError("not to be called")

    dataset = made(hf, folder)
    for changed in (dataset.with_format("numpy"), dataset.with_transform(broken)):
        assert fetched(list_huggingface(changed)) == fetched(list_huggingface(dataset))


def test_splits(hf: ModuleType, folder: Path) -> None:
    dataset = made(hf, folder)
    splits = hf.DatasetDict({"train": dataset, "test": dataset.select([1])})
    assert is_huggingface(splits)
    listing = list_huggingface(splits, shown="d")
    assert listing.frame["split"].to_list() == ["train"] * 3 + ["test"]
    data = [path.read_bytes() for path in paths_of(folder)]
    assert fetched(listing) == dict(enumerate([*data, data[1]]))
    names = ["train/0.png", "train/1.png", "train/2.png", "test/1.png"]
    assert listing.frame["path"].to_list() == names
    assert listing.frame["location"].unique().to_list() == [b"d"]


def test_a_dataset_from_disk(hf: ModuleType, folder: Path, tmp_path: Path) -> None:
    made(hf, folder).save_to_disk(tmp_path / "saved")
    dataset = hf.load_from_disk(tmp_path / "saved")
    data = [path.read_bytes() for path in paths_of(folder)]
    assert fetched(list_huggingface(dataset)) == dict(enumerate(data))


def test_parquet_files_of_hugging_face(hf: ModuleType, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "train-00000-of-00001.parquet"
    made(hf, folder).to_parquet(path)
    frame = list_parquet(path).frame
    assert frame["label"].to_list() == ["cat", "dog", None]
    assert frame["tags"].to_list() == [["x", "y"], [], ["y"]]
    assert set(frame["split"]) == {"train"}
    data = [path.read_bytes() for path in paths_of(folder)]
    assert dict(ParquetRows().fetch(frame.with_row_index("row"))) == dict(enumerate(data))


def test_columns_of_bytes_and_of_paths(hf: ModuleType, folder: Path) -> None:
    data = {"image": [b"x", None], "n": [1, 2]}
    listing = list_huggingface(hf.Dataset.from_dict(data))
    assert listing.frame["kind"].to_list() == ["given", "nothing"]
    assert fetched(listing) == {0: b"x"}
    paths = [str(path) for path in paths_of(folder)]
    listing = list_huggingface(hf.Dataset.from_dict({"path": paths, "n": [1, 2, 3]}))
    assert listing.frame["path"].to_list() == paths
    assert listing.fetcher is None


def test_two_columns_of_pictures(hf: ModuleType) -> None:
    cells = [{"bytes": b"x", "path": None}] * 3
    two = hf.Dataset.from_dict(
        {"a": cells, "b": cells}, features=hf.Features({"a": hf.Image(), "b": hf.Image()})
    )
    with pytest.raises(ValueError, match="dataset: the columns a, b could all hold"):
        list_huggingface(two)


def test_streamed_datasets_are_refused(hf: ModuleType, folder: Path) -> None:
    streamed = made(hf, folder).to_iterable_dataset()
    assert is_huggingface(streamed)
    with pytest.raises(ValueError, match="load it without streaming=True"):
        list_huggingface(streamed)


def test_rows_that_cannot_be_had_are_rows(hf: ModuleType, folder: Path) -> None:
    class Broken:
        column_names = ("picture",)

        def __getitem__(self, rows: Any) -> Any:
            raise OSError("the disk is gone")

    listing = list_huggingface(made(hf, folder))
    assert listing.fetcher is not None
    vars(listing.fetcher)["_cells"] = Broken()
    failure = Failure("corrupt", "OSError: the disk is gone")
    assert fetched(listing) == dict.fromkeys(range(3), failure)


def test_no_rows(hf: ModuleType, folder: Path) -> None:
    listing = list_huggingface(made(hf, folder).select([]))
    assert listing.frame.is_empty()
    assert listing.frame.columns[: len(LISTED)] == list(LISTED)


def test_it_looks_like_one_of_torch(hf: ModuleType, folder: Path) -> None:
    assert is_dataset(made(hf, folder))  # So the other question must be asked first.
    assert not is_huggingface({"path": ["a.jpg"]})
    assert not is_huggingface({})


def test_neither_torch_nor_datasets_is_imported() -> None:
    code = (
        "import sys; "
        "from pixsieve.sources.tables import frames, huggingface, lists, parquet, torch_like; "
        "print([n for n in ('torch', 'datasets', 'pandas', 'pyarrow', 'PIL') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("listed", [False, True])
def test_boxes_of_objects_have_the_names_of_their_classes(
    hf: ModuleType, folder: Path, tmp_path: Path, run: Run, listed: bool
) -> None:
    boxes, numbers = [[1.0, 2.0, 20.0, 20.0], [3.0, 4.0, 25.0, 25.0]], [1, -1]
    kind = {
        "bbox": hf.Sequence(hf.Value("float32")),
        "category": hf.ClassLabel(names=["cat", "dog"]),
    }
    objects: Any = {"bbox": boxes, "category": numbers}
    if listed:
        pairs = zip(boxes, numbers, strict=True)
        objects = [{"bbox": box, "category": number} for box, number in pairs]
    features = hf.Features(
        {"image": hf.Image(), "objects": [kind] if listed else hf.Sequence(kind)}
    )
    data = (folder / "cat/0.png").read_bytes()
    rows = {"image": [{"bytes": data, "path": None}], "objects": [objects]}
    dataset = hf.Dataset.from_dict(rows, features=features)
    file = tmp_path / "rows.parquet"
    dataset.to_parquet(file)
    for source in (dataset, file):
        images = run(source).images
        assert images["label"].to_list() == ["dog", None]
        assert images.select("col_x", "row_y", "box_width").rows() == [(1, 2, 20), (3, 4, 25)]
