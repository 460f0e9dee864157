"""Class numbers of Hugging Face's datasets as the names of the classes, however deep they lie."""

from collections.abc import Mapping
from typing import Any

import polars as pl


def with_class_names(frame: pl.DataFrame, features: Mapping[str, Any]) -> pl.DataFrame:
    """Class numbers, also in lists and structs, as names; -1 and others are null.

    Args:
        frame: The table.
        features: Of its columns, as objects of `datasets` or as the JSON in Parquet files.
    """
    for name, feature in features.items():
        if name in frame.columns:
            named = _named(pl.col(name), frame.schema[name], feature)
            frame = frame if named is None else frame.with_columns(named.alias(name))
    return frame


def _named(value: pl.Expr, dtype: Any, feature: Any) -> pl.Expr | None:
    """The values with names; None if there are no classes in them."""
    inner = _part(feature, "feature")
    if isinstance(dtype, pl.List | pl.Array):
        one = _named(pl.element(), dtype.inner, feature if inner is None else inner)
        listed = value.arr.to_list() if isinstance(dtype, pl.Array) else value
        return None if one is None else listed.list.eval(one)
    if isinstance(dtype, pl.Struct):
        return _named_fields(value, dtype, feature if inner is None else inner)
    names = _part(feature, "names")
    if not isinstance(names, list) or not names or not dtype.is_integer():
        return None
    table = dict(enumerate(map(str, names)))
    return value.replace_strict(table, default=None, return_dtype=pl.String)


def _named_fields(value: pl.Expr, dtype: pl.Struct, feature: Any) -> pl.Expr | None:
    if not isinstance(feature, Mapping):
        return None
    fields = {
        field.name: _named(pl.field(field.name), field.dtype, feature.get(field.name))
        for field in dtype.fields
    }
    named = [field.alias(name) for name, field in fields.items() if field is not None]
    return value.struct.with_fields(named) if named else None


def _part(feature: Any, name: str) -> Any:
    """What an object, or its JSON, has under a name; nothing of a plain mapping of fields."""
    if isinstance(feature, Mapping):
        return feature.get(name) if "_type" in feature else None
    return getattr(feature, name, None)
