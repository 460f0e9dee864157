"""What images can be filtered and sorted by: every column that says something of one image."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve import schema
from pixsieve.audit import Audit
from pixsieve.explorer.views import KINDS
from pixsieve.pages import text

Mask = NDArray[np.bool_]

#: Values of a column that are offered to choose from, the most frequent ones.
OFFERED = 300
#: Columns with more different values are searched, not chosen from.
CATEGORIES = 2_000
#: Values that tell whether a column's values repeat.
LOOKED_AT = 20_000
#: Longer values are shortened where a list shows them.
SHOWN = 160

#: What a review left of an image, as a column that can be filtered by.
DECISION = "decision"

_LIMITS = {">=": pl.Expr.ge, "<=": pl.Expr.le}


@dataclass(frozen=True)
class Filter:
    """One condition: a column, how it is compared, and with what."""

    column: str
    op: str
    value: Any = None

    def expression(self, dtype: pl.DataType) -> pl.Expr:
        """The condition on a column of this type.

        Raises:
            ValueError: If the type cannot be compared so, or not with this.
        """
        column = pl.col(self.column)
        if self.op in ("is_null", "not_null"):
            return column.is_null() if self.op == "is_null" else column.is_not_null()
        try:
            if dtype.is_nested():
                raise ValueError("lists are not compared")
            return self._compared(column, dtype)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"filter {self.column}: {error}") from None

    def _compared(self, column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        if self.op == "contains":
            return contains(column.cast(pl.String), str(self.value))
        if self.op == "in":
            if not isinstance(self.value, list):
                raise ValueError("what it is in must be a list")
            return _is_in(column, [_value(one, dtype) for one in self.value], dtype)
        value = _literal(_value(self.value, dtype), dtype)
        if self.op == "=":
            return column == value
        if self.op in _LIMITS:
            return _LIMITS[self.op](column, value)
        raise ValueError(f"there is no comparison {self.op!r}")


def contains(column: pl.Expr, sought: str) -> pl.Expr:
    """Whether a text holds another; capitals matter where there are any."""
    if sought != sought.lower():
        return column.str.contains(sought, literal=True)
    return column.str.to_lowercase().str.contains(sought, literal=True)


def _is_in(column: pl.Expr, values: list[Any], dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime) and values:
        return pl.any_horizontal(column == _literal(one, dtype) for one in values)
    if dtype.is_integer():
        # What is no whole number is in no column of them, and no mistake.
        values = [one for one in values if isinstance(one, int)]
        column, dtype = column.cast(pl.Int64, strict=False), pl.Int64()
    return column.is_in(pl.Series(values, dtype=dtype))


def _literal(value: Any, dtype: pl.DataType) -> pl.Expr:
    """A moment without a zone is meant in the column's."""
    literal = pl.lit(value)
    if not isinstance(dtype, pl.Datetime) or value is None or dtype.time_zone is None:
        return literal
    if value.tzinfo is not None:
        return literal.dt.convert_time_zone(dtype.time_zone)
    return literal.dt.replace_time_zone(dtype.time_zone, ambiguous="earliest", non_existent="null")


def _value(value: Any, dtype: pl.DataType) -> Any:
    """What came as JSON, as a value of a column of this type."""
    if value is None:
        return None
    if dtype == pl.Boolean:
        if not isinstance(value, bool):
            raise ValueError(f"{value!r} is neither true nor false")
        return value
    if dtype.is_numeric():
        # As floats, large numbers are taken for others that are near.
        if dtype.is_integer() and isinstance(value, str):
            value = int(value)
        exact = dtype.is_integer() and type(value) is int and abs(value) < 2**63
        return value if exact else float(value)
    if dtype == pl.Date:
        return datetime.date.fromisoformat(value)
    if isinstance(dtype, pl.Datetime):
        return _moment(datetime.datetime.fromisoformat(value), dtype)
    return str(value)


def _moment(moment: datetime.datetime, dtype: pl.Datetime) -> datetime.datetime:
    if moment.tzinfo is None:
        return moment
    if dtype.time_zone is None:
        raise ValueError("this column's moments are of no time zone")
    return moment.astimezone(datetime.UTC)


class Columns:
    """The columns of one audit's images, all in one frame, a row per image."""

    def __init__(self, audit: Audit) -> None:
        images, measured = audit.images, audit.statistics.drop("image")
        #: What the user's columns are called here, where ours have such a name.
        self.names = _free(schema.user_columns(images), measured.columns)
        joined = (
            images.rename(self.names)
            .hstack(measured.select(pl.exclude([*schema.IMAGES])))
            .with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
        )
        #: What cannot be compared (lists, bytes, …) is shown with an image, not searched.
        self.frame = joined.select(
            name for name, dtype in joined.schema.items() if _is_comparable(dtype)
        )

    @property
    def height(self) -> int:
        """How many images there are."""
        return self.frame.height

    @cached_property
    def described(self) -> list[dict[str, Any]]:
        """Name, kind and, for categories, the values of each column, as the page needs them."""
        return [describe(self.frame[name]) for name in self.frame.columns]

    def mask(self, filters: Sequence[Filter], sought: str) -> Mask | None:
        """Which images pass all filters and have `sought` in their path; None if all do.

        Raises:
            ValueError: If a filter cannot be applied.
        """
        conditions = [one.expression(self._dtype(one.column)) for one in filters]
        if sought:
            conditions.append(contains(pl.col("path"), sought))
        return passing(self.frame, conditions)

    def _dtype(self, name: str) -> pl.DataType:
        if name not in self.frame.columns:
            raise ValueError(f"filter: there is no column {name!r}")
        return self.frame.schema[name]


def _free(users: list[str], measured: list[str]) -> dict[str, str]:
    """As `schema.user_names`, for a frame that has what all our lists have."""
    ours = {DECISION, *measured, *(name for kind in KINDS.values() for name in kind.columns)}
    ours |= {name for kind in KINDS.values() for name in kind.said}
    taken, names = {*ours, *users}, {}
    for name in users:
        free = name
        while free in ours or (free != name and free in taken):
            free += "_user"
        taken.add(free)
        names[name] = free
    return names


def passing(frame: pl.DataFrame, conditions: Sequence[pl.Expr]) -> Mask | None:
    """Which rows meet all conditions; None if there are none."""
    if not conditions:
        return None
    try:
        met = frame.select(pl.all_horizontal(conditions).fill_null(value=False).alias("met"))
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"filter: {error}") from None
    return np.asarray(met["met"].to_numpy())


def describe(column: pl.Series) -> dict[str, Any]:
    """What a page must know of a column to offer filters on it."""
    kind = kind_of(column.dtype)
    described: dict[str, Any] = {"name": column.name, "kind": kind}
    if kind == "text" and _repeats(column):
        counted = column.drop_nulls().value_counts(sort=True, name="many")
        if counted.height <= CATEGORIES:
            described["kind"] = "category"
            rows = counted.head(OFFERED).rows()
            described["values"] = [
                {"value": value, "text": brief(value), "images": many} for value, many in rows
            ]
            described["more"] = max(0, counted.height - OFFERED)
    return described


def _repeats(column: pl.Series) -> bool:
    """Whether values come again and again, as far as some tell: names of files do not."""
    some = column.gather_every(max(1, column.len() // LOOKED_AT)).drop_nulls()
    return some.len() < 2 or some.n_unique() < some.len()


def kind_of(dtype: pl.DataType) -> str:
    """How values of this type are compared: number, bool, time, date or text."""
    if dtype == pl.Boolean:
        return "bool"
    if dtype.is_numeric():
        return "number"
    if dtype == pl.Date:
        return "date"
    return "time" if isinstance(dtype, pl.Datetime) else "text"


def _is_comparable(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype in (pl.String, pl.Boolean, pl.Date, pl.Datetime)


def brief(value: object) -> str:
    """A name as a list shows it: whole as far as it can be read there, its tricks made visible."""
    return text.shorten(text.visible(value), SHOWN)
