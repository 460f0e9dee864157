"""Annotations in whatever format they came, as one table."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl

from pixsieve.annotations.box_forms import unified
from pixsieve.annotations.boxes import BOX, BOX_SOURCE, UNKNOWN_LABEL, normalised
from pixsieve.annotations.coco import is_coco, read_coco
from pixsieve.annotations.json_file import load_json
from pixsieve.annotations.labelstudio import read_tasks
from pixsieve.annotations.pictures import STEM
from pixsieve.annotations.table import PandasFrame, as_frame, as_text, read_table
from pixsieve.annotations.voc import read_voc
from pixsieve.annotations.yolo import read_data_yaml
from pixsieve.annotations.yolo_labels import data_rows, folder_rows
from pixsieve.config import Config
from pixsieve.sources import is_url, shown
from pixsieve.sources.listing import plain
from pixsieve.sources.opening import Opener
from pixsieve.sources.tables.columns import PATH_COLUMNS, is_pattern, path_column
from pixsieve.sources.tables.frames import columns_of, is_records

#: A table (Polars, pandas, Arrow, a mapping of columns, a list of rows), COCO as a dict, the tasks
#: of Label Studio as a list, or the path of a file or folder in any of the known formats.
Annotations: TypeAlias = (
    pl.DataFrame
    | PandasFrame
    | Mapping[str, Any]
    | Sequence[Mapping[str, Any]]
    | str
    | os.PathLike[str]
)

#: What tables are called.
TABLES = (".csv", ".tsv", ".txt", ".jsonl", ".parquet")
#: Columns that only readers may give.
OWN = frozenset({*BOX, BOX_SOURCE, STEM, UNKNOWN_LABEL})


def read_annotations(annotations: Annotations, config: Config) -> pl.DataFrame:
    """One row per annotated image, or per box: `path`, then what is known of it.

    Where there are boxes, the columns of `boxes.BOX` say which; an image may then have several
    rows, of which at most one is of no box. `STEM` says where `path` lacks its suffix.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is of another kind or broken, has no path column, names a path twice, or
            holds Python objects.
    """
    frame = _read(annotations, config)
    _check_columns(frame)
    name = path_column(frame.columns)
    if name is None:
        found = ", ".join(frame.columns) or "none"
        raise ValueError(f"annotations need a column named path or filename; found are {found}")
    frame = as_text(frame, name).rename({name: "path"})
    nameless = (frame["path"].fill_null("") == "").sum()
    if nameless:
        raise ValueError(f"annotations: {nameless} rows have no {name}")
    frame = normalised(frame)
    whole = frame.filter(pl.col("_box").is_null()) if "_box" in frame.columns else frame
    twice = whole.filter(pl.col("path").is_duplicated())["path"].unique().sort()
    if len(twice):
        raise ValueError(
            f"annotations name {len(twice)} paths more than once, such as {twice[0]!r}: "
            "one row per image is needed"
        )
    return frame


def _read(annotations: Annotations, config: Config) -> pl.DataFrame:
    if isinstance(annotations, str | os.PathLike):
        place = os.fspath(annotations)
        if not place:
            raise ValueError("annotations: the path is empty")
        return _read_url(place, config) if is_url(place) else _read_path(Path(plain(place)), config)
    if is_coco(annotations):
        return read_coco(annotations, "annotations")
    if isinstance(annotations, list):
        return _of_list(annotations, "annotations")
    return _table(as_frame(annotations, "annotations"))


def _of_list(items: list[Any], place: str) -> pl.DataFrame:
    """Of the rows of a table, or the tasks of Label Studio."""
    if _are_rows(items):
        return _table(as_frame(columns_of(items), place))
    return read_tasks(items, place)


def _are_rows(items: list[Any]) -> bool:
    """Whether it is a table as a list of rows, not of tasks."""
    return is_records(items) and any(
        name in row and not isinstance(row.get("data"), Mapping)
        for row in items
        for name in PATH_COLUMNS
    )


def _table(frame: pl.DataFrame) -> pl.DataFrame:
    """A table of the user's: its columns may have any name, and give way; boxes as ours are."""
    names = {}
    for name in OWN & set(frame.columns):
        free = f"{name}_user"
        while free in frame.columns:
            free += "_user"
        names[name] = free
    return unified(frame.rename(names))


def _read_path(path: Path, config: Config) -> pl.DataFrame:
    if not path.exists():
        raise FileNotFoundError(f"annotations: there is no file {path}")
    if path.is_dir():
        return _read_folder(path)
    suffix, place = path.suffix.lower(), f"annotations: {path}"
    if suffix == ".json":
        return _of_json(path.read_bytes, place)
    if suffix == ".xml":
        return read_voc(path)
    if suffix in (".yaml", ".yml"):
        return data_rows(read_data_yaml(path))
    return _table(read_table(path, suffix, place, config))


def _read_url(url: str, config: Config) -> pl.DataFrame:
    """A file of a server or bucket, which is read whole.

    Raises:
        ValueError: If it is of a format that needs the files beside it.
    """
    place = f"annotations: {shown(url)}"
    suffix = os.path.splitext(url.partition("?")[0].partition("#")[0])[1].lower()  # noqa: PTH122

    def read() -> bytes:
        with Opener(config)(url) as file:
            return file.read()

    if suffix == ".json":
        return _of_json(read, place)
    if suffix not in TABLES:
        raise ValueError(
            f"{place}: of servers and buckets only tables ({', '.join(TABLES)}) and .json are read "
            "(COCO, Label Studio): download it, with the files beside it"
        )
    return _table(read_table(read(), suffix, place, config))


def _of_json(read: Callable[[], bytes], place: str) -> pl.DataFrame:
    content = load_json(read, place)
    if is_coco(content):
        return read_coco(content, place)
    if isinstance(content, list):
        return _of_list(content, place)
    raise ValueError(
        f"{place} is neither COCO, an object with images and annotations, nor an export of Label "
        "Studio, a list of tasks, nor a list of rows with a path"
    )


def _read_folder(folder: Path) -> pl.DataFrame:
    """What the names of its files say that it is."""
    for name in ("data.yaml", "data.yml"):
        if (folder / name).is_file():
            return data_rows(read_data_yaml(folder / name))
    suffixes: set[str] = set()
    for _, _, names in os.walk(folder):
        suffixes |= {os.path.splitext(name)[1].lower() for name in names}  # noqa: PTH122
    if ".xml" in suffixes:
        return read_voc(folder)
    if ".txt" in suffixes:
        return folder_rows(folder)
    raise ValueError(
        f"annotations: the folder {folder} holds neither .xml files (Pascal VOC) nor .txt files "
        "(YOLO); files of other kinds are given by themselves"
    )


def _check_columns(frame: pl.DataFrame) -> None:
    for name, dtype in frame.schema.items():
        if dtype == pl.Object:
            raise ValueError(f"annotations: column {name!r} holds Python objects, not values")
        if isinstance(dtype, pl.Struct) and not dtype.fields:
            raise ValueError(f"annotations: column {name!r} holds structs without any field")
        if is_pattern(name):
            raise ValueError(
                f"annotations: a column cannot be called {name!r}, which means several columns to "
                "Polars: rename it"
            )
