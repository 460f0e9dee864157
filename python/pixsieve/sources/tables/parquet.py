"""Parquet files: pictures in a column, or the paths of files."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import PurePath
from typing import Any, BinaryIO

import polars as pl

from pixsieve.sources.listing import is_url, listed
from pixsieve.sources.listing import shown as as_shown
from pixsieve.sources.names import SPLIT_PLACES
from pixsieve.sources.places import Content, Failure
from pixsieve.sources.tables.classes import with_class_names
from pixsieve.sources.tables.columns import (
    NoPicturesError,
    PictureColumn,
    named_rows,
    path_column,
    picture_column,
    user_columns,
)
from pixsieve.sources.tables.given import EMPTY_CELL, NO_BYTES, Given, cells_or_files, read_file
from pixsieve.sources.tables.parquet_file import ParquetFile, open_local
from pixsieve.sources.tables.paths import folder_of, list_paths

PARQUET_EXTENSIONS = (".parquet", ".parq", ".pq")
#: How Hugging Face calls the shards of a split: train-00000-of-00004.parquet.
SHARD = re.compile(r"([A-Za-z]+)(?:[-_.]\d+)?-\d+-of-\d+")

#: Opens what `location` says, where that is not on this machine.
Open = Callable[[bytes], BinaryIO]


def is_parquet(path: str | os.PathLike[str]) -> bool:
    """Whether the name of a file says that it is Parquet."""
    return PurePath(path).suffix.lower() in PARQUET_EXTENSIONS


def list_parquet(
    path: str | os.PathLike[str],
    *,
    shown: str | None = None,
    relative: str = "",
    file: BinaryIO | None = None,
    modified: int = 0,
) -> Given:
    """The pictures of a Parquet file; their bytes are not read, unless there may be none.

    The pictures are rows of kind `row`, which `ParquetRows` brings; where the file has paths
    instead, they are files. Class numbers become names if Hugging Face wrote the file.

    Args:
        path: The file, or its URL.
        shown: What users call it; default: as given.
        relative: What annotations may call it, if it is one of several files.
        file: The opened file, if it is not on this machine.
        modified: When that was changed, nanoseconds since 1970.

    Raises:
        FileNotFoundError, PermissionError: If it cannot be opened.
        ImportError: If pyarrow is not installed.
        ValueError: If it is damaged, encrypted, or which column holds the pictures is not clear.
    """
    name = os.fspath(path)
    shown = as_shown(name) if shown is None else shown
    location = os.fsencode(name if file is not None else os.path.abspath(name))  # noqa: PTH100
    if file is None:
        modified = os.stat(name).st_mtime_ns  # noqa: PTH116 - names may not be UTF-8
    try:
        with open_local(location) if file is None else nullcontext(file) as source:
            opened = ParquetFile(source)
            column = _picture_column(opened, shown)
            leaf = () if column is None or not column.holds_bytes else column.leaf
            frame = opened.columns(leaf)
            elsewhere = column is not None and column.path is not None
            all_null = elsewhere and (not leaf or opened.is_null(leaf))
    except NoPicturesError:
        raise
    except ValueError as error:
        reason = str(error).removeprefix(f"{shown}: ")
        raise ValueError(f"{shown} cannot be read: {reason}") from None
    frame = _with_split(with_class_names(frame, opened.features), name)
    folder = None if is_url(name) else folder_of(name)
    if column is None:
        key = path_column(frame.columns) or ""
        paths = frame[key].cast(pl.String).to_list()
        user = user_columns(frame, [key])
        files = list_paths(paths, described=shown, folder=folder, user=user)
        return Given(files.frame, files.notes, None)
    rows = _Rows(shown, relative, location, modified, folder, opened.rows)
    return rows.of(frame, column, all_null=all_null)


class _Rows:
    """Rows of kind `row` of one file."""

    def __init__(
        self,
        shown: str,
        relative: str,
        location: bytes,
        modified: int,
        folder: str | None,
        rows: int,
    ) -> None:
        self._shown = shown
        self._relative = relative
        self._location = location
        self._modified = modified
        self._folder = folder
        self._rows = rows

    def of(self, frame: pl.DataFrame, column: PictureColumn, *, all_null: bool) -> Given:
        """The pictures, and the columns beside them."""
        paths = frame[column.name].struct.field(column.path) if column.path else None
        key = path_column(frame.columns)
        called = named_rows(
            paths if key is None else frame[key],
            self._rows,
            shown=self._shown,
            relative=self._relative,
            fallback=PurePath(self._shown).name,
        )
        used = key is not None and not called["path"].str.contains("#row=", literal=True).any()
        rows = listed(
            {**called, "offset": pl.arange(0, self._rows, eager=True)},
            kind="row",
            location=self._location,
            modified=self._modified,
        )
        user = user_columns(frame, [column.name, *([key] if key and used else [])])
        filled = pl.repeat(not all_null, self._rows, dtype=pl.Boolean, eager=True)
        pictures, notes = cells_or_files(rows, filled, paths, user, self._shown, self._folder)
        return Given(pictures, notes, None)


def _picture_column(file: ParquetFile, shown: str) -> PictureColumn | None:
    images = [
        name
        for name, feature in file.features.items()
        if isinstance(feature, Mapping) and feature.get("_type") == "Image"
    ]
    return picture_column(file.schema, shown, images)


def _with_split(frame: pl.DataFrame, path: str) -> pl.DataFrame:
    found = SHARD.match(PurePath(path).name)
    if found is None or "split" in frame.columns or found[1].lower() not in SPLIT_PLACES:
        return frame
    return frame.with_columns(split=pl.lit(found[1].lower()))


class ParquetRows:
    """Brings rows of Parquet files, a few at a time.

    Row groups without a wanted row are passed over; the others are read up to the last wanted row.
    Where one is damaged, the rest of it is lost, and the few rows that come together with that.
    """

    def __init__(self, open_file: Open | None = None) -> None:
        """`open_file` opens what is not on this machine."""
        self._open = open_file

    def fetch(self, rows: pl.DataFrame) -> Iterator[tuple[int, Content]]:
        """Yields the bytes of each row, file by file, in the order of the file.

        Raises:
            ImportError: If pyarrow is not installed.
        """
        wanted = rows.select("row", "offset", "location", "modified")
        for own in wanted.partition_by("location", maintain_order=True):
            yield from self._of_file(own["location"][0], own.sort("offset"))

    def _of_file(self, location: bytes, rows: pl.DataFrame) -> Iterator[tuple[int, Content]]:
        left = _Left(rows)
        try:
            with self._opened(location, rows["modified"][0]) as file:
                yield from _fetch(ParquetFile(file), left, location)
        except FileNotFoundError:
            yield from left.fail("missing_file", "the Parquet file is not there any more")
        except PermissionError:
            yield from left.fail("permission_denied", "the Parquet file may not be read")
        except (OSError, ValueError) as error:
            yield from left.fail("corrupt", f"the Parquet file cannot be read: {error}")

    def _opened(self, location: bytes, modified: int) -> Any:
        if self._open is not None and is_url(os.fsdecode(location)):
            return self._open(location)
        if modified not in (0, os.stat(location).st_mtime_ns):  # noqa: PTH116 - may not be UTF-8
            raise ValueError("it has changed since it was listed")
        return open_local(location)


class _Left:
    """The rows of a file that have not been brought yet, by their order in it."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self._rows = rows["row"].to_list()
        self._offsets = rows["offset"].to_list()
        self._index = 0

    def before(self, offset: int) -> bool:
        """Whether there are any before an offset."""
        return self._index < len(self._rows) and self._offsets[self._index] < offset

    def until(self, offset: int) -> Iterator[tuple[int, int]]:
        """Row and offset of those before an offset."""
        while self.before(offset):
            self._index += 1
            yield self._rows[self._index - 1], self._offsets[self._index - 1]

    def fail(self, code: str, detail: str, before: int = 1 << 63) -> Iterator[tuple[int, Content]]:
        """All that are left before an offset, as failures."""
        for row, _ in self.until(before):
            yield row, Failure(code, detail)


def _fetch(file: ParquetFile, left: _Left, location: bytes) -> Iterator[tuple[int, Content]]:
    column = _picture_column(file, "it")
    if column is None or not column.holds_bytes:
        raise ValueError("it has no column of pictures any more")
    first = 0
    for group, rows in enumerate(file.groups):
        if left.before(first + rows):
            elsewhere = _Elsewhere(file, group, column, location)
            yield from _of_group(file.cells(group, column.leaf), left, first, rows, elsewhere)
        first += rows
    yield from left.fail("corrupt", "the Parquet file has fewer rows than when it was listed")


def _of_group(
    batches: Iterator[list[Any]], left: _Left, first: int, rows: int, elsewhere: "_Elsewhere"
) -> Iterator[tuple[int, Content]]:
    reached = first
    while left.before(first + rows):
        try:
            cells = next(batches)
        except (StopIteration, ValueError) as error:
            detail = (
                f"this part of the Parquet file cannot be read: {str(error) or 'it has no end'}"
            )
            yield from left.fail("corrupt", detail, before=first + rows)
            return
        for row, offset in left.until(reached + len(cells)):
            cell = cells[offset - reached]
            yield row, elsewhere.read(offset - first) if cell is None else (cell or NO_BYTES)
        reached += len(cells)


class _Elsewhere:
    """Cells of a row group that hold a path instead of bytes."""

    def __init__(
        self, file: ParquetFile, group: int, column: PictureColumn, location: bytes
    ) -> None:
        self._file = file
        self._group = group
        self._column = column
        self._folder = folder_of(os.fsdecode(location))
        self._paths: list[str | None] | None = None

    def read(self, index: int) -> Content:
        """The file whose path the cell holds."""
        column = self._column
        if column.path is None:
            return EMPTY_CELL
        if self._paths is None:
            parts = self._file.cells(self._group, (column.name, column.path))
            try:
                self._paths = [path for part in parts for path in part]
            except ValueError as error:
                return Failure("corrupt", f"the paths in the Parquet file are damaged: {error}")
        path = self._paths[index] if index < len(self._paths) else None
        return read_file(path, self._folder) if path else EMPTY_CELL
