"""JSON Lines: a record per line, as a table."""

import json
from typing import Any

import polars as pl

from pixsieve.sources.archives.webdataset import column, plain
from pixsieve.sources.tables.columns import path_column


def read_records(data: bytes, described: str) -> pl.DataFrame:
    """The records of a file, a column per field; a line that is a text is a path.

    Columns have the type of their values where those agree, else they are text, as nested values
    are. Labels may be lists.

    Raises:
        ValueError: If a line is neither, or no field is called like one of paths.
    """
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{described} is no text in UTF-8: {error.reason}") from None
    rows = [
        _record(line, f"{described}, line {number:,}")
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    if not rows:
        raise ValueError(f"{described} is empty: a record per line is needed")
    names = list(dict.fromkeys(name for row in rows for name in row if name))
    if path_column(names) is None:
        found = ", ".join(names[:20]) or "none"
        raise ValueError(f"{described}: records need a field path or filename; found are {found}")
    return pl.DataFrame([_column(name, rows) for name in names])


def _record(line: str, place: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{place} is no valid JSON: {error.msg}") from None
    except RecursionError:
        raise ValueError(f"{place} is nested too deeply to be read") from None
    except ValueError:
        raise ValueError(f"{place} holds a number of thousands of digits") from None
    if isinstance(found, str):
        return {"path": found}
    if not isinstance(found, dict):
        raise ValueError(f"{place} is neither a record, as {{...}}, nor a path")
    return {plain(name): value for name, value in found.items()}


def _column(name: str, rows: list[dict[str, Any]]) -> pl.Series:
    values = [row.get(name) for row in rows]
    if name == "label" and any(isinstance(value, list) for value in values):
        lists = [value if isinstance(value, list | None) else [value] for value in values]
        return pl.Series(name, [one and list(map(_text, one)) for one in lists])
    if path_column([name]):
        return pl.Series(name, map(_text, values), dtype=pl.String)
    return column(name, rows)


def _text(value: Any) -> str | None:
    return value if value is None else plain(value if isinstance(value, str) else json.dumps(value))
