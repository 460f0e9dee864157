"""Annotations in whatever format they came, as one table."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl

from pixsieve.annotations.boxes import BOX, UNKNOWN_LABEL, normalised
from pixsieve.annotations.coco import is_coco, read_coco
from pixsieve.annotations.json_file import load_json
from pixsieve.annotations.labelstudio import read_tasks
from pixsieve.annotations.pictures import STEM
from pixsieve.annotations.table import PandasFrame, as_frame, as_text, read_table
from pixsieve.annotations.voc import read_voc
from pixsieve.annotations.yolo import read_data_yaml
from pixsieve.annotations.yolo_labels import data_rows, folder_rows
from pixsieve.config import Config
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

#: Columns that only readers may give.
OWN = frozenset({*BOX, STEM, UNKNOWN_LABEL})


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
    if frame["path"].null_count():
        raise ValueError(f"annotations: {frame['path'].null_count()} rows have no {name}")
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
        return _read_path(Path(annotations), config)
    if is_coco(annotations):
        return read_coco(annotations, "annotations")
    if isinstance(annotations, list):
        if not _are_rows(annotations):
            return read_tasks(annotations, "annotations")
        annotations = columns_of(annotations)
    frame = as_frame(annotations, "annotations")
    # A table may have columns of any name: they give way.
    return _renamed(frame)


def _are_rows(items: list[Any]) -> bool:
    """Whether it is a table as a list of rows, not of tasks."""
    return is_records(items) and any(
        name in row and not isinstance(row.get("data"), Mapping)
        for row in items
        for name in PATH_COLUMNS
    )


def _renamed(frame: pl.DataFrame) -> pl.DataFrame:
    names = {}
    for name in OWN & set(frame.columns):
        free = f"{name}_user"
        while free in frame.columns:
            free += "_user"
        names[name] = free
    return frame.rename(names)


def _read_path(path: Path, config: Config) -> pl.DataFrame:
    if not path.exists():
        raise FileNotFoundError(f"annotations: there is no file {path}")
    if path.is_dir():
        return _read_folder(path)
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _read_json(path)
    if suffix == ".xml":
        return read_voc(path)
    if suffix in (".yaml", ".yml"):
        return data_rows(read_data_yaml(path))
    return _renamed(read_table(path, config))


def _read_json(path: Path) -> pl.DataFrame:
    place = f"annotations: {path}"
    content = load_json(path, place)
    if is_coco(content):
        return read_coco(content, place)
    if isinstance(content, list):
        return read_tasks(content, place)
    raise ValueError(
        f"{place} is neither COCO, an object with images and annotations, nor an export of Label "
        "Studio, a list of tasks"
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
