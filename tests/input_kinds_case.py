"""One collection of pictures, given as every kind of input."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import polars as pl
import pyarrow as pa

from archive_case import tar_of, zip_of
from conftest import draw

FORMATS = ("png", "jpg", "webp", "bmp", "gif", "tif", "jp2", "avif")
LABELS = ("cats", "dogs", "more/birds")
SPLITS = ("train", "val")


@dataclass(frozen=True)
class Collection:
    """Files by their paths in the collection, in path order."""

    files: dict[str, bytes]
    folder: Path

    @property
    def names(self) -> list[str]:
        return list(self.files)

    @property
    def labels(self) -> list[str]:
        return [name.split("/")[-2] for name in self.files]

    @property
    def scores(self) -> list[int]:
        return [len(data) for data in self.files.values()]

    def paths(self) -> list[str]:
        return [str(self.folder / name) for name in self.files]


def encoded(number: int) -> bytes:
    """A picture; of some only the beginning, or no picture at all."""
    buffer = io.BytesIO()
    size = (64 + number, 48 + number % 5)
    kind = FORMATS[number % len(FORMATS)]
    # Large enough to be decoded at a smaller size.
    size = (900, 700) if number == 9 else size
    draw(number, *size).save(
        buffer, {"jpg": "jpeg", "tif": "tiff", "jp2": "jpeg2000"}.get(kind, kind)
    )
    data = buffer.getvalue()
    return {1: data[: len(data) * 2 // 3], 8: b"\x89PNG but not really"}.get(number, data)


def collection(folder: Path) -> Collection:
    """Thirty pictures of three classes, in folders."""
    files = {}
    for number in range(30):
        kind = FORMATS[number % len(FORMATS)]
        name = f"{SPLITS[number % 2]}/{LABELS[number % 3]}/n{number:02}.{kind}"
        files[name] = encoded(number)
    files = dict(sorted(files.items()))
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return Collection(files, folder)


Make = Callable[[Collection, Path], Any]


def text_file(given: Collection, here: Path) -> Path:
    path = here / "list.txt"
    path.write_text("\n".join(given.paths()) + "\n")
    return path


def csv_without_header(given: Collection, here: Path) -> Path:
    path = here / "bare.csv"
    rows = zip(given.paths(), given.labels, strict=True)
    path.write_text("".join(f"{one},{label}\n" for one, label in rows))
    return path


def csv_with_header(given: Collection, here: Path) -> Path:
    path = here / "list.csv"
    table_of_paths(given, here).write_csv(path)
    return path


def table_of_paths(given: Collection, _: Path) -> pl.DataFrame:
    columns = {"filename": given.paths(), "label": given.labels, "score": given.scores}
    return pl.DataFrame(columns)


def table_of_bytes(given: Collection, _: Path) -> pl.DataFrame:
    cells = {"image": list(given.files.values()), "path": given.names}
    return pl.DataFrame({**cells, "label": given.labels, "score": given.scores})


def huggingface(given: Collection, _: Path) -> datasets.Dataset:
    cells = [{"bytes": data, "path": name} for name, data in given.files.items()]
    classes = sorted(set(given.labels))
    features = datasets.Features(
        image=datasets.Image(),
        label=datasets.ClassLabel(names=classes),
        score=datasets.Value("int64"),
    )
    columns = {
        "image": cells,
        "label": [classes.index(label) for label in given.labels],
        "score": given.scores,
    }
    return datasets.Dataset.from_dict(columns, features=features)


def huggingface_splits(given: Collection, here: Path) -> datasets.DatasetDict:
    whole = huggingface(given, here)
    rows = {
        split: [n for n, name in enumerate(given.names) if name.startswith(split)]
        for split in SPLITS
    }
    return datasets.DatasetDict({split: whole.select(own) for split, own in rows.items()})


class Items:
    """A dataset as torch has them."""

    def __init__(self, given: Collection) -> None:
        self.classes = sorted(set(given.labels))
        self.targets = [self.classes.index(label) for label in given.labels]
        self._files = list(given.files.values())

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> tuple[bytes, int]:
        return self._files[index], self.targets[index]


class Files:
    """As torchvision's ImageFolder."""

    def __init__(self, given: Collection) -> None:
        self.classes = sorted(set(given.labels))
        self.samples = [
            (path, self.classes.index(label))
            for path, label in zip(given.paths(), given.labels, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        raise AssertionError("files are read as files")


def parquet(given: Collection, here: Path) -> Path:
    path = here / "pictures.parquet"
    table_of_bytes(given, here).write_parquet(path, row_group_size=7)
    return path


def parquet_shards(given: Collection, here: Path) -> Path:
    folder = here / "shards"
    folder.mkdir()
    for number, part in enumerate(table_of_bytes(given, here).iter_slices(8)):
        part.write_parquet(folder / f"{number:02}.parquet", row_group_size=3)
    return folder


def tar(mode: str, name: str) -> Make:
    def make(given: Collection, here: Path) -> Path:
        path = here / name
        path.write_bytes(tar_of(given.files, mode))
        return path

    return make


def zipped(method: int) -> Make:
    def make(given: Collection, here: Path) -> Path:
        path = here / "all.zip"
        path.write_bytes(zip_of(given.files, method))
        return path

    return make


def webdataset(given: Collection, here: Path) -> Path:
    """Shards of ten samples, each a picture, its class and its fields."""
    folder = here / "shards"
    folder.mkdir()
    for start in range(0, len(given.files), 10):
        members = {}
        for name in given.names[start : start + 10]:
            bare = name.rpartition(".")[0]
            members[name] = given.files[name]
            members[f"{bare}.cls"] = name.split("/")[-2].encode()
            members[f"{bare}.txt"] = b"a text"
            members[f"{bare}.json"] = json.dumps({"score": len(given.files[name])}).encode()
        with tarfile.open(folder / f"{start:04}.tar", "w") as archive:
            for name, data in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return folder


def mixed(given: Collection, here: Path) -> list[Any]:
    """Some of each in one list."""
    parts = [Collection(dict(list(given.files.items())[at::5]), given.folder) for at in range(5)]
    (here / "a").mkdir()
    return [
        *parts[0].paths(),
        tar("w:gz", "a/b.tar.gz")(parts[1], here),
        zipped(zipfile.ZIP_STORED)(parts[2], here),
        huggingface(parts[3], here),
        table_of_bytes(parts[4], here),
    ]


#: Each kind, and whether it gives labels and the user's column `score`.
KINDS: dict[str, tuple[Make, bool, bool]] = {
    "folder": (lambda given, _: given.folder, False, False),
    "list": (lambda given, _: given.paths(), False, False),
    "text": (text_file, False, False),
    "csv": (csv_with_header, True, True),
    "bare csv": (csv_without_header, False, False),
    "polars of paths": (table_of_paths, True, True),
    "pandas of paths": (
        lambda *of: pd.DataFrame(table_of_paths(*of).to_dict(as_series=False)),
        True,
        True,
    ),
    "arrow of paths": (lambda *of: table_of_paths(*of).to_arrow(), True, True),
    "dict of paths": (lambda *of: table_of_paths(*of).to_dict(as_series=False), True, True),
    "polars of bytes": (table_of_bytes, True, True),
    "pandas of bytes": (
        lambda *of: pd.DataFrame(table_of_bytes(*of).to_dict(as_series=False)),
        True,
        True,
    ),
    "arrow of bytes": (
        lambda *of: pa.table(table_of_bytes(*of).to_dict(as_series=False)),
        True,
        True,
    ),
    "dict of bytes": (lambda *of: table_of_bytes(*of).to_dict(as_series=False), True, True),
    "huggingface": (huggingface, True, True),
    "huggingface splits": (huggingface_splits, True, True),
    "torch": (lambda given, _: Items(given), True, False),
    "image folder": (lambda given, _: Files(given), True, False),
    "parquet": (parquet, True, True),
    "parquet shards": (parquet_shards, True, True),
    "tar": (tar("w", "all.tar"), False, False),
    "tar.gz": (tar("w:gz", "all.tar.gz"), False, False),
    "tgz": (tar("w:gz", "all.tgz"), False, False),
    "tar.bz2": (tar("w:bz2", "all.tar.bz2"), False, False),
    "tar.xz": (tar("w:xz", "all.tar.xz"), False, False),
    "stored zip": (zipped(zipfile.ZIP_STORED), False, False),
    "zip": (zipped(zipfile.ZIP_DEFLATED), False, False),
    "webdataset": (webdataset, True, True),
    "mixed": (mixed, False, False),
}
#: Whose pictures are gone after the run.
IN_MEMORY = (
    *("polars of bytes", "pandas of bytes", "arrow of bytes", "dict of bytes"),
    *("huggingface", "huggingface splits", "torch"),
)


def name_of(path: str, given: Collection) -> str:
    """Which of the collection's files an image is."""
    row = path.rpartition("#row=")[2]
    if "#row=" in path:
        return given.names[int(row)]
    base = path.rpartition("/")[2]
    (found,) = [name for name in given.names if name.endswith(f"/{base}")]
    return found
