"""Parquet files: pictures in a column, or the paths of files."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from typing import Any, BinaryIO

import polars as pl

from pixsieve.sources.columns import (
    NoPicturesError,
    PictureColumn,
    listed,
    named_rows,
    path_column,
    picture_column,
    user_columns,
    with_names,
)
from pixsieve.sources.given import EMPTY_CELL, NO_BYTES, Given, cells_or_files, read_file
from pixsieve.sources.listing import shown as as_shown
from pixsieve.sources.names import SPLIT_PLACES
from pixsieve.sources.parquet_column import ColumnPages
from pixsieve.sources.parquet_file import BROKEN, DAMAGED, File, Footer
from pixsieve.sources.parquet_pages import read_columns
from pixsieve.sources.paths import URL, folder_of, list_paths
from pixsieve.sources.places import Content, Failure

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
    """The pictures of a Parquet file; of its column of pictures only the end of the file is read.

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
        ValueError: If it is damaged, encrypted, or which column holds the pictures is not clear.
    """
    name = os.fspath(path)
    shown = as_shown(name) if shown is None else shown
    location = os.fsencode(name if file is not None else os.path.abspath(name))  # noqa: PTH100
    if file is None:
        modified = os.stat(name).st_mtime_ns  # noqa: PTH116 - names may not be UTF-8
    with File(location if file is None else file) as opened:
        try:
            footer = Footer(opened)
            column = _picture_column(footer, shown)
            leaf = () if column is None or not column.holds_bytes else column.leaf
            frame = read_columns(opened, footer, [leaf])
            nulls = ColumnPages(opened, footer, leaf).null_count() if leaf else footer.rows
        except NoPicturesError:
            raise
        except pl.exceptions.PanicException as error:
            raise ValueError(f"{shown} cannot be read: {error}") from None
        except (*BROKEN, *DAMAGED) as error:
            reason = str(error).partition("\n")[0].removeprefix(f"{shown}: ")
            raise ValueError(f"{shown} cannot be read: {reason}") from None
    frame = _with_split(_with_classes(frame, footer.features()), name)
    folder = None if URL.match(name) else folder_of(name)
    if column is None:
        key = path_column(frame.columns) or ""
        paths = frame[key].cast(pl.String).to_list()
        user = user_columns(frame, [key])
        files = list_paths(paths, described=shown, folder=folder, user=user)
        return Given(files.frame, files.notes, None)
    rows = _Rows(shown, relative, location, modified, folder, footer.rows)
    return rows.of(frame, column, all_null=nulls == footer.rows)


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
        columns: dict[str, Any] = {
            **called,
            "location": pl.lit(self._location),
            "offset": pl.arange(0, self._rows, eager=True),
            "modified": pl.lit(self._modified),
        }
        rows = listed("row", columns, self._rows)
        user = user_columns(frame, [column.name, *([key] if key and used else [])])
        filled = pl.repeat(not all_null, self._rows, dtype=pl.Boolean, eager=True)
        pictures, notes = cells_or_files(rows, filled, paths, user, self._shown, self._folder)
        return Given(pictures, notes, None)


def _picture_column(footer: Footer, shown: str) -> PictureColumn | None:
    images = [
        name
        for name, feature in footer.features().items()
        if isinstance(feature, Mapping) and feature.get("_type") == "Image"
    ]
    return picture_column(footer.schema(), shown, images)


def _with_classes(frame: pl.DataFrame, features: Mapping[str, Any]) -> pl.DataFrame:
    for name, feature in features.items():
        inner = feature.get("feature", feature) if isinstance(feature, Mapping) else None
        names = inner.get("names") if isinstance(inner, Mapping) else None
        if isinstance(names, list):
            frame = with_names(frame, name, [str(one) for one in names])
    return frame


def _with_split(frame: pl.DataFrame, path: str) -> pl.DataFrame:
    found = SHARD.match(PurePath(path).name)
    if found is None or "split" in frame.columns or found[1].lower() not in SPLIT_PLACES:
        return frame
    return frame.with_columns(split=pl.lit(found[1].lower()))


class ParquetRows:
    """Brings rows of Parquet files, a few pages at a time."""

    def __init__(self, open_file: Open | None = None) -> None:
        """`open_file` opens what is not on this machine."""
        self._open = open_file

    def fetch(self, rows: pl.DataFrame) -> Iterator[tuple[int, Content]]:
        """Yields the bytes of each row, file by file, in the order of the file."""
        wanted = rows.select("row", "offset", "location", "modified")
        for own in wanted.partition_by("location", maintain_order=True):
            yield from self._of_file(own["location"][0], own.sort("offset"))

    def _of_file(self, location: bytes, rows: pl.DataFrame) -> Iterator[tuple[int, Content]]:
        remote = self._open is not None and URL.match(os.fsdecode(location)) is not None
        left = _Left(rows)
        try:
            modified = 0 if remote else os.stat(location).st_mtime_ns  # noqa: PTH116
            if rows["modified"][0] not in (0, modified) and not remote:
                raise ValueError("it has changed since it was listed")
            source = self._open(location) if remote and self._open is not None else location
            with File(source) as file:
                yield from _fetch(file, left, location)
        except FileNotFoundError:
            yield from left.fail("missing_file", "the Parquet file is not there any more")
        except PermissionError:
            yield from left.fail("permission_denied", "the Parquet file may not be read")
        except (*BROKEN, *DAMAGED) as error:
            yield from left.fail("corrupt", f"the Parquet file cannot be read: {error}")


class _Left:
    """The rows of a file that have not been brought yet, by their order in it."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self.rows = rows["row"].to_list()
        self.offsets = rows["offset"].to_list()
        self.index = 0

    def until(self, offset: int) -> Iterator[tuple[int, int]]:
        """Row and offset of those before an offset."""
        while self.index < len(self.rows) and self.offsets[self.index] < offset:
            self.index += 1
            yield self.rows[self.index - 1], self.offsets[self.index - 1]

    def fail(self, code: str, detail: str) -> Iterator[tuple[int, Content]]:
        """All that are left, as failures."""
        for row, _ in self.until(1 << 63):
            yield row, Failure(code, detail)


def _fetch(file: File, left: _Left, location: bytes) -> Iterator[tuple[int, Content]]:
    footer = Footer(file)
    column = _picture_column(footer, "it")
    if column is None:
        raise ValueError("it has no column of pictures any more")
    elsewhere = _Elsewhere(file, footer, column, location)
    for run in ColumnPages(file, footer, column.leaf).runs(left.offsets):
        for row, offset in left.until(run.first + run.rows):
            if run.cells is None:
                yield row, Failure("corrupt", "this part of the Parquet file is damaged")
                continue
            cell = run.cells[offset - run.first]
            yield row, elsewhere.read(offset) if cell is None else (cell or NO_BYTES)
    yield from left.fail("corrupt", "the Parquet file has fewer rows than when it was listed")


class _Elsewhere:
    """Cells that hold a path instead of bytes."""

    def __init__(self, file: File, footer: Footer, column: PictureColumn, location: bytes) -> None:
        self._file = file
        self._footer = footer
        self._column = column
        self._folder = folder_of(os.fsdecode(location))
        self._paths: pl.Series | None = None

    def read(self, offset: int) -> Content:
        """The file whose path the cell holds."""
        column = self._column
        if column.path is None:
            return EMPTY_CELL
        if self._paths is None:
            leave_out = [(node.name,) for node in self._footer.root.children]
            leave_out = [name for name in leave_out if name != (column.name,)]
            try:
                frame = read_columns(self._file, self._footer, [*leave_out, column.leaf])
            except (*BROKEN, *DAMAGED) as error:
                return Failure("corrupt", f"the paths in the Parquet file are damaged: {error}")
            self._paths = frame[column.name].struct.field(column.path)
        path = self._paths[offset]
        return read_file(path, self._folder) if path else EMPTY_CELL
