"""Tables of annotations: frames, mappings of columns, CSV, JSON Lines and Parquet files."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from pixsieve.config import Config
from pixsieve.sources.tables.delimited import read_table as read_delimited
from pixsieve.sources.tables.lists import JSON_LINES, LIST_EXTENSIONS
from pixsieve.sources.tables.records import read_records

#: Values that can be written as text.
PLAIN = {str, int, float, bool}


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

    Whole numbers are written so, even where a gap among them made them 1.0, 2.0, as in pandas.

    Raises:
        ValueError: If it holds what has no text.
    """
    dtype = frame.schema[name]
    try:
        if isinstance(dtype, pl.Struct) and kind == pl.String:
            raise pl.exceptions.InvalidOperationError("no text")
        if dtype.is_float():
            frame = frame.with_columns(_whole(frame[name].fill_nan(None)))
        return frame.with_columns(pl.col(name).cast(kind))
    except pl.exceptions.PolarsError:
        raise ValueError(
            f"annotations: the column {name!r} holds {frame.schema[name]}, which cannot be written "
            "as text"
        ) from None


def _whole(values: pl.Series) -> pl.Series:
    """Whole numbers, if all of them are."""
    whole = (values.round() == values) & (values.abs() < 2**53)
    return values.cast(pl.Int64) if whole.all() else values


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
        # What follows the first line is advice for those who call Polars themselves.
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{name}: these columns make no table: {reason}") from None


def _even(values: Any) -> Any:
    """A list of values of one kind.

    Whole numbers among others are such numbers, too, whichever comes first; numbers among texts
    are texts; single values among lists are lists of one.
    """
    if not isinstance(values, list):
        return values
    kinds = set(map(type, values)) - {type(None)}
    if len(kinds) < 2:
        return values
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    if kinds <= PLAIN:
        return [None if value is None else str(value) for value in values]
    if kinds <= PLAIN | {list}:
        lists = [value if value is None or type(value) is list else [value] for value in values]
        flat = iter(_even([one for each in lists for one in each or ()]))
        return [None if each is None else list(islice(flat, len(each))) for each in lists]
    return values


def read_table(file: Path | bytes, suffix: str, place: str, config: Config) -> pl.DataFrame:
    """The table of a CSV, TSV, JSON Lines or Parquet file, given by its path or its content.

    In a CSV file the columns of paths, labels and splits are text: `01` is not `1`.

    Raises:
        ValueError: If it is none of these, or cannot be read; begins with `place`.
    """
    if suffix in LIST_EXTENSIONS:
        data = file if isinstance(file, bytes) else file.read_bytes()
        if suffix in JSON_LINES:
            return read_records(data, place)
        return read_delimited(data, place, _text_columns(config))
    try:
        if suffix == ".parquet":
            return pl.read_parquet(file)
    except pl.exceptions.PolarsError as error:
        # What follows the first line is advice for those who call Polars themselves.
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{place} cannot be read: {reason}") from None
    raise ValueError(
        f"{place} is neither a table (.csv, .tsv, .jsonl, .parquet), nor COCO or Label Studio "
        "(.json), Pascal VOC (.xml) or YOLO (.yaml), nor a folder of label files"
    )


def _text_columns(config: Config) -> set[str]:
    return {config.labels} if isinstance(config.labels, str) else set()
