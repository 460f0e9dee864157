"""Tables in memory: Polars, pandas, Arrow."""

import numbers
import os
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from pixsieve.sources.tables.columns import (
    PICTURE_COLUMNS,
    PictureColumn,
    named_rows,
    path_column,
    picture_column,
    user_columns,
)
from pixsieve.sources.tables.given import Cells, Given, cells_or_files, given_rows
from pixsieve.sources.tables.items import Items, is_picture
from pixsieve.sources.tables.paths import list_paths


def is_table(source: object) -> bool:
    """Whether an input is a table: Polars, pandas, Arrow, or a mapping of columns."""
    if isinstance(source, pl.DataFrame | pl.LazyFrame):
        return True
    return (
        _is_pandas(source)
        or hasattr(source, "__arrow_c_stream__")
        or (isinstance(source, Mapping) and all(map(_is_column, source.values())))
    )


def is_records(source: object) -> bool:
    """Whether an input is a table as a list of its rows, each a mapping, as `to_dicts` gives."""
    return isinstance(source, list) and bool(source) and all(map(_is_record, source))


def _is_record(row: object) -> bool:
    """Whether it is a mapping of values: neither one of columns nor one of datasets."""
    return isinstance(row, Mapping) and any(map(_is_value, row.values()))


def _is_value(value: object) -> bool:
    return (
        value is None or isinstance(value, str | os.PathLike | numbers.Number) or is_picture(value)
    )


def columns_of(rows: Iterable[Mapping[Any, Any]]) -> dict[str, list[Any]]:
    """The columns of a list of rows; what a row lacks is None."""
    rows = list(rows)
    names = dict.fromkeys(str(name) for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def of_column(source: object) -> object:
    """A series of Polars or pandas as a table of paths, or of pictures; all else as it is."""
    if isinstance(source, pl.Series):
        return {"image" if source.dtype in (pl.Binary, pl.Struct) else "path": source.alias("")}
    if hasattr(source, "notna") and hasattr(source, "to_frame") and not _is_pandas(source):
        values = source.astype(object).where(source.notna(), None).tolist()  # type: ignore[attr-defined]
        series = pl.Series(values, dtype=None if values else pl.String, strict=False)
        return of_column(series)
    return source


def _is_column(values: object) -> bool:
    return isinstance(values, list | tuple | pl.Series) or hasattr(values, "__array__")


def _is_pandas(source: object) -> bool:
    return hasattr(source, "notna") and hasattr(source, "columns")


def list_table(table: Any, *, shown: str = "table", max_pixels: int) -> Given:
    """The pictures of a table: files by their paths, or the cells of a column.

    A column of bytes (or structs of bytes and path) that is called like pictures comes before a
    column of paths, which then gives the pictures their names. Pillow's pictures are cells, too.

    Args:
        table: Polars, pandas, Arrow, a mapping of columns, or a list of rows.
        shown: What its rows are called.
        max_pixels: Larger pictures are invalid, where they come decoded.

    Raises:
        ValueError: If it is no table, or which column holds the pictures is not clear.
    """
    frame = as_table(table, shown)
    objects = [
        name
        for name, dtype in frame.schema.items()
        if dtype == pl.Object and name.lower() in PICTURE_COLUMNS
    ]
    if len(objects) == 1 and path_column(frame.columns) is None:
        items = Items(frame[objects[0]].to_list(), max_pixels=max_pixels)
        names = named_rows(None, frame.height, shown=shown, relative="", fallback=shown)
        rows = given_rows(names, frame.height, shown)
        return Given(rows.hstack(user_columns(frame, objects)), {}, items)
    column = picture_column(frame.schema, shown)
    return _list_paths(frame, shown) if column is None else _list_cells(frame, column, shown)


def as_table(table: Any, described: str) -> pl.DataFrame:
    """Any table as one of Polars; the columns of pandas may be objects.

    Raises:
        ValueError: If it is no table, or two columns have the same name.
    """
    try:
        if isinstance(table, pl.LazyFrame):
            return table.collect()
        if isinstance(table, pl.DataFrame):
            return table
        if _is_pandas(table):
            return pl.DataFrame(_columns_of_pandas(table))
        if is_records(table):
            columns = columns_of(table).items()
            return pl.DataFrame([pl.Series(name, each, strict=False) for name, each in columns])
        return pl.DataFrame(table)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise ValueError(f"{described}: this cannot be read as a table: {error}") from None


def _columns_of_pandas(table: Any) -> list[pl.Series]:
    # By way of objects, without pyarrow, which pandas and Polars would ask for.
    values = table.astype(object).where(table.notna(), None)
    return [
        pl.Series(str(name), values.iloc[:, number].tolist(), strict=False)
        for number, name in enumerate(table.columns)
    ]


def _list_paths(frame: pl.DataFrame, shown: str) -> Given:
    column = path_column(frame.columns) or ""
    dtype = frame.schema[column]
    if dtype == pl.Binary:
        paths = [path and os.fsdecode(path) for path in frame[column]]
    elif dtype == pl.Object:
        paths = [None if path is None else _as_path(path, column, shown) for path in frame[column]]
    elif dtype in (pl.String, pl.Null) or isinstance(dtype, pl.Categorical | pl.Enum):
        paths = frame[column].cast(pl.String).to_list()
    else:
        raise ValueError(f"{shown}: the column {column} holds {dtype}, not paths")
    files = list_paths(paths, described=shown, user=user_columns(frame, [column]))
    return Given(files.frame, files.notes, None)


def _as_path(path: object, column: str, shown: str) -> str:
    if isinstance(path, str | bytes | os.PathLike):
        return os.fsdecode(path)
    raise ValueError(f"{shown}: the column {column} holds a {type(path).__name__}, not paths")


def _list_cells(frame: pl.DataFrame, column: PictureColumn, shown: str) -> Given:
    cells = frame[column.name]
    data = cells if column.bytes is None else cells.struct.field(column.bytes)
    paths = None if column.path is None else cells.struct.field(column.path)
    if not column.holds_bytes:
        data = pl.Series([None] * frame.height, dtype=pl.Binary)
    name = path_column(frame.columns)
    names = paths if name is None else frame[name]
    called = named_rows(names, frame.height, shown="", relative="", fallback=shown)
    rows = given_rows(called, frame.height, shown, data.bin.size().fill_null(0))
    unused = name if called["path"].str.contains("#row=", literal=True).any() else None
    user = user_columns(frame, [column.name, *([name] if name and unused is None else [])])
    pictures, notes = cells_or_files(rows, data.is_not_null(), paths, user, shown)
    return Given(pictures, notes, Cells(data))
