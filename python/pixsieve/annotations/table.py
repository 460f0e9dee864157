"""Tables of annotations: frames, mappings of columns, CSV and Parquet files."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import polars as pl

from pixsieve.config import Config


class PandasFrame(Protocol):
    """A pandas frame, as far as it is used: pandas itself is not needed."""

    def astype(self, dtype: type) -> Any:
        """The same values, as Python's objects."""

    def notna(self) -> Any:
        """Where there is a value."""


#: A table, a mapping of columns, or the path of a CSV or Parquet file.
Annotations: TypeAlias = pl.DataFrame | PandasFrame | Mapping[str, Any] | str | os.PathLike[str]

PATH_COLUMNS = ("path", "filename")


def read_annotations(annotations: Annotations, config: Config) -> pl.DataFrame:
    """The table with its path column named `path`.

    In a CSV file the columns of paths, labels and splits are text: `01` is not `1`.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is of another kind, has no path column, names a path twice, or holds
            Python objects.
    """
    frame = _to_frame(annotations, config)
    _check_columns(frame)
    name = next((column for column in PATH_COLUMNS if column in frame.columns), None)
    if name is None:
        found = ", ".join(frame.columns) or "none"
        raise ValueError(f"annotations need a column named path or filename; found are {found}")
    frame = as_text(frame, name).rename({name: "path"})
    if frame["path"].null_count():
        raise ValueError(f"annotations: {frame['path'].null_count()} rows have no {name}")
    twice = frame.filter(pl.col("path").is_duplicated())["path"].unique().sort()
    if len(twice):
        raise ValueError(
            f"annotations name {len(twice)} paths more than once, such as {twice[0]!r}: "
            "one row per image is needed"
        )
    return frame


def _check_columns(frame: pl.DataFrame) -> None:
    for name, dtype in frame.schema.items():
        if dtype == pl.Object:
            raise ValueError(f"annotations: column {name!r} holds Python objects, not values")
        if isinstance(dtype, pl.Struct) and not dtype.fields:
            raise ValueError(f"annotations: column {name!r} holds structs without any field")
        if name == "*" or (name.startswith("^") and name.endswith("$")):
            raise ValueError(
                f"annotations: a column cannot be called {name!r}, which means several columns to "
                "Polars: rename it"
            )


def as_text(
    frame: pl.DataFrame, name: str, kind: pl.DataType | type[pl.DataType] = pl.String
) -> pl.DataFrame:
    """The frame with one column as text, or as lists of it.

    Raises:
        ValueError: If it holds what has no text.
    """
    try:
        return frame.with_columns(pl.col(name).cast(kind))
    except pl.exceptions.PolarsError:
        raise ValueError(
            f"annotations: the column {name!r} holds {frame.schema[name]}, which cannot be written "
            "as text"
        ) from None


def _to_frame(annotations: Annotations, config: Config) -> pl.DataFrame:
    if isinstance(annotations, str | os.PathLike):
        return _read_file(Path(annotations), config)
    return as_frame(annotations, "annotations")


def as_frame(columns: Any, name: str) -> pl.DataFrame:
    """A table of a user's: Polars, pandas, or a mapping of columns.

    Raises:
        ValueError: If it is none; the message begins with `name`.
    """
    if isinstance(columns, pl.DataFrame):
        return columns
    if hasattr(columns, "notna"):  # pandas, without asking for pyarrow
        columns = columns.astype(object).where(columns.notna(), None).to_dict(orient="list")
    if not isinstance(columns, Mapping):
        raise ValueError(f"{name}: cannot read a {type(columns).__name__} as a table")
    try:
        return pl.DataFrame(columns)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise ValueError(f"{name}: these columns make no table: {error}") from None


def _read_file(path: Path, config: Config) -> pl.DataFrame:
    if not path.exists():
        raise FileNotFoundError(f"annotations: there is no file {path}")
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        if path.suffix in (".csv", ".tsv", ".txt"):
            separator = "\t" if path.suffix == ".tsv" else ","
            header = pl.read_csv(path, separator=separator, n_rows=0).columns
            text = {name: pl.String for name in header if name in _text_columns(config)}
            return pl.read_csv(
                path, separator=separator, infer_schema_length=None, schema_overrides=text
            )
    except pl.exceptions.PolarsError as error:
        # What follows the first line is advice for those who call Polars themselves.
        reason = str(error).partition("\n")[0]
        raise ValueError(f"annotations: {path} cannot be read: {reason}") from None
    raise ValueError(f"annotations: {path} is neither .csv, .tsv nor .parquet")


def _text_columns(config: Config) -> set[str]:
    chosen = {config.labels} if isinstance(config.labels, str) else set()
    return {*PATH_COLUMNS, "label", "split", *chosen}
