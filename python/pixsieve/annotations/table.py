"""Tables of annotations: frames, mappings of columns, CSV and Parquet files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from pixsieve.config import Config
from pixsieve.sources.tables.columns import PATH_COLUMNS
from pixsieve.sources.tables.records import EXTENSIONS, read_records


class PandasFrame(Protocol):
    """A pandas frame, as far as it is used: pandas itself is not needed."""

    def astype(self, dtype: type) -> Any:
        """The same values, as Python's objects."""

    def notna(self) -> Any:
        """Where there is a value."""


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


def as_frame(columns: Any, name: str) -> pl.DataFrame:
    """A table of a user's: Polars, pandas, Arrow, or a mapping of columns.

    Raises:
        ValueError: If it is none; the message begins with `name`.
    """
    if isinstance(columns, pl.LazyFrame):
        columns = columns.collect()
    if isinstance(columns, pl.DataFrame):
        return columns
    if hasattr(columns, "notna"):  # pandas, without asking for pyarrow
        if not columns.columns.is_unique:
            raise ValueError(f"{name}: two columns have the same name")
        columns = columns.astype(object).where(columns.notna(), None).to_dict(orient="list")
    arrow = hasattr(columns, "__arrow_c_stream__")
    if not isinstance(columns, Mapping) and not arrow:
        raise ValueError(f"{name}: cannot read a {type(columns).__name__} as a table")
    if isinstance(columns, Mapping):
        columns = {key: _even(values) for key, values in columns.items()}
    try:
        return pl.DataFrame(columns)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise ValueError(f"{name}: these columns make no table: {error}") from None


def _even(values: Any) -> Any:
    """Whole numbers among others are such numbers, too, whichever comes first."""
    if isinstance(values, list) and {int, float} <= set(map(type, values)) <= {
        int,
        float,
        type(None),
    }:
        return [None if value is None else float(value) for value in values]
    return values


def read_table(path: Path, config: Config) -> pl.DataFrame:
    """The table of a CSV, TSV, Parquet or JSON Lines file.

    In a CSV file the columns of paths, labels and splits are text: `01` is not `1`.

    Raises:
        ValueError: If it is none of these, or cannot be read.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            return pl.read_parquet(path)
        if suffix in EXTENSIONS:
            return read_records(path.read_bytes(), f"annotations: {path}")
        if suffix in (".csv", ".tsv", ".txt"):
            separator = "\t" if suffix == ".tsv" else ","
            header = pl.read_csv(path, separator=separator, n_rows=0).columns
            text = {name: pl.String for name in header if name in _text_columns(config)}
            return pl.read_csv(
                path, separator=separator, infer_schema_length=None, schema_overrides=text
            )
    except pl.exceptions.PolarsError as error:
        # What follows the first line is advice for those who call Polars themselves.
        reason = str(error).partition("\n")[0]
        raise ValueError(f"annotations: {path} cannot be read: {reason}") from None
    raise ValueError(
        f"annotations: {path} is neither a table (.csv, .tsv, .jsonl, .parquet), nor COCO or Label "
        "Studio (.json), Pascal VOC (.xml) or YOLO (.yaml), nor a folder of label files"
    )


def _text_columns(config: Config) -> set[str]:
    chosen = {config.labels} if isinstance(config.labels, str) else set()
    return {*PATH_COLUMNS, "label", "split", *chosen}
