"""Pictures that lie in objects of the user's: what lists and brings them."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl

from pixsieve.sources.listing import listed
from pixsieve.sources.places import Content, Failure, Fetcher
from pixsieve.sources.tables.paths import find, list_paths

EMPTY_CELL = Failure("missing_file", "the cell of the picture is empty")
NO_BYTES = Failure("empty_file", "the cell of the picture holds no bytes")

Progress: TypeAlias = Callable[[int, int], object]


@dataclass(frozen=True)
class Given:
    """Pictures of an object that the user passed."""

    frame: pl.DataFrame
    """`LISTED`, then the user's columns."""
    notes: dict[str, int]
    """What was left out, counted by reason."""
    fetcher: Fetcher | None
    """Brings the rows of kind `given`; None if there are none."""


def given_rows(
    names: Mapping[str, pl.Series], rows: int, shown: str, size: pl.Series | None = None
) -> pl.DataFrame:
    """Rows of kind `given`, numbered by `offset`; `location` is what the object is called."""
    columns = {**names, "offset": pl.arange(0, rows, eager=True)}
    if size is not None:
        columns["size"] = size
    return listed(columns, kind="given", location=shown.encode())


def cells_or_files(
    rows: pl.DataFrame,
    filled: pl.Series,
    paths: pl.Series | None,
    user: pl.DataFrame,
    shown: str,
    folder: str | None = None,
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The rows whose cells have bytes, then those that have only paths, as files.

    Args:
        rows: Of kind `given`, or `row`.
        filled: Where a cell has bytes.
        paths: The paths that stand beside the bytes.
        user: The user's columns of these rows.
        shown: What the table is called.
        folder: Where relative paths may start, besides the current directory.
    """
    frame = rows.hstack(user)
    if filled.all():
        return frame, {}
    named = pl.repeat(value=False, n=rows.height, dtype=pl.Boolean, eager=True)
    if paths is not None:
        named = paths.fill_null("") != ""
    elsewhere = named & ~filled
    empty = pl.lit(~filled & ~elsewhere)
    frame = frame.with_columns(
        kind=pl.when(empty).then(pl.lit("nothing")).otherwise("kind").cast(frame.schema["kind"]),
        error_code=pl.when(empty).then(pl.lit(EMPTY_CELL.code)),
        detail=pl.when(empty).then(pl.lit(EMPTY_CELL.detail)),
    )
    if paths is None or not elsewhere.any():
        return frame, {}
    files = list_paths(
        paths.filter(elsewhere).to_list(),
        described=shown,
        folder=folder,
        user=user.filter(elsewhere) if user.width else None,
    )
    return pl.concat([frame.filter(~elsewhere), files.frame]), files.notes


def read_file(path: str, folder: str | None = None) -> Content:
    """The bytes of a file that a cell names instead of holding them."""
    location = os.fsdecode(find(path, folder).location)
    try:
        data = Path(location).read_bytes()
    except FileNotFoundError:
        return Failure("missing_file", f"the cell holds no bytes, and there is no file {path}")
    except PermissionError:
        return Failure("permission_denied", f"{path} may not be read")
    except (OSError, ValueError) as error:
        return Failure("corrupt", f"{path} cannot be read: {error}")
    return data or Failure("empty_file", f"{path} holds no bytes")


def of_cell(value: Any) -> Content:
    """What a cell of bytes, or of bytes and a path, holds."""
    path = None
    if isinstance(value, Mapping):
        value, path = value.get("bytes"), value.get("path")
    if value is None:
        return read_file(path) if path else EMPTY_CELL
    return bytes(value) or NO_BYTES


class Cells:
    """Brings the cells of a column in memory."""

    def __init__(self, cells: pl.Series) -> None:
        self._cells = cells

    def fetch(self, rows: pl.DataFrame) -> Iterator[tuple[int, Content]]:
        """Yields the bytes of each row, by its `offset`."""
        for row, offset in rows.select("row", "offset").iter_rows():
            yield row, of_cell(self._cells[offset])


class Chain:
    """Several fetchers as one, whose items are numbered on from one to the next."""

    def __init__(self, parts: Sequence[tuple[int, Fetcher | None]]) -> None:
        self._parts = [(count, fetcher) for count, fetcher in parts]

    def fetch(self, rows: pl.DataFrame) -> Iterator[tuple[int, Content]]:
        """Yields what each part brings."""
        start = 0
        for count, fetcher in self._parts:
            offset = pl.col("offset")
            own = rows.filter((offset >= start) & (offset < start + count))
            if fetcher is not None and own.height:
                yield from fetcher.fetch(own.with_columns(offset=offset - start))
            start += count


def joined(parts: Iterable[tuple[str, int, Given]], shown: str) -> Given:
    """Several objects as one, such as splits.

    Args:
        parts: Of each the split, the number of its items, and what it holds.
        shown: What all together are called.
    """
    frames, fetchers = [], []
    notes: dict[str, int] = {}
    start = 0
    for split, count, given in parts:
        own = pl.col("kind") == "given"
        frame = given.frame.with_columns(
            location=pl.when(own).then(pl.lit(shown.encode())).otherwise("location"),
            offset=pl.when(own).then(pl.col("offset") + start).otherwise("offset").cast(pl.UInt64),
        )
        if "split" not in frame.columns:
            frame = frame.with_columns(split=pl.lit(split))
        frames.append(frame)
        fetchers.append((count, given.fetcher))
        for key, number in given.notes.items():
            notes[key] = notes.get(key, 0) + number
        start += count
    return Given(pl.concat(frames, how="diagonal_relaxed"), notes, Chain(fetchers))
