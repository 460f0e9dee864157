"""Files of paths: text, CSV, JSON Lines."""

import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from pixsieve.sources.files import PICTURE_EXTENSIONS, extension_of
from pixsieve.sources.listing import URL, is_url, shown
from pixsieve.sources.tables.columns import path_column, user_columns
from pixsieve.sources.tables.delimited import (
    ANY_HELD,
    RELEASED,
    SEPARATORS,
    fields_of,
    lines_of,
    read_lines,
    readable,
    separator_of_header,
)
from pixsieve.sources.tables.paths import Files, find, folder_of, list_paths
from pixsieve.sources.tables.records import read_records

#: The files that are read as lists of paths.
LIST_EXTENSIONS = (".txt", ".lst", ".csv", ".tsv", ".jsonl", ".ndjson")
JSON_LINES = (".jsonl", ".ndjson")


def is_list(path: str | os.PathLike[str]) -> bool:
    """Whether the name of a file says that it is a list of paths."""
    return _suffix(path) in LIST_EXTENSIONS


def _suffix(path: str | os.PathLike[str]) -> str:
    """The extension, with its dot; of a URL, too, that is signed."""
    return f".{extension_of(os.fspath(path))}"


def read_list(path: str | os.PathLike[str], data: bytes | None = None) -> Files:
    """The files and folders that a text, CSV or JSON Lines file lists.

    A text file has one path per line; blank lines are skipped. With a header that has a column
    path or filename, it is read as CSV, and the other columns are the user's. Without header, a
    CSV file's paths are in the first column whose first value is a file or a URL, or has an
    extension of pictures; the others are called column_1, column_2 and so on.

    Args:
        path: The list.
        data: What is in it, if that is known already.

    Raises:
        FileNotFoundError: If the list does not exist.
        ValueError: If it is empty, no text, or nothing in it is a path.
    """
    described = shown(os.fspath(path))
    if data is None:
        if not os.path.exists(path):  # noqa: PTH110 - names may not be UTF-8
            raise FileNotFoundError(f"{described}: there is no such list of paths")
        data = Path(path).read_bytes()
    folder = None if is_url(os.fspath(path)) else folder_of(path)
    objects = _suffix(path) in JSON_LINES
    paths, user = _of_objects(data, described) if objects else _of_text(data, folder, described)
    files = list_paths(paths, described=described, folder=folder, user=user, folders=True)
    if not files.folders and not _any_path(files.frame):
        raise ValueError(
            f"{described}: none of its {len(paths):,} lines is the path of a file, such as "
            f"{shown(paths[0] or '')!r}"
        )
    return files


def _of_objects(data: bytes, described: str) -> tuple[Sequence[str | None], pl.DataFrame | None]:
    frame = read_records(data, described)
    return _split(frame, path_column(frame.columns) or "", described)


def _of_text(
    data: bytes, folder: str | None, described: str
) -> tuple[Sequence[str | None], pl.DataFrame | None]:
    lines = lines_of(data, described)
    separator = separator_of_header(lines[0])
    if separator is not None:
        if len(fields_of(lines[0], separator)) == 1:
            paths: Sequence[str | None] = lines[1:]
            user = None
        else:
            frame = read_lines(lines, separator, described, header=True)
            paths, user = _split(frame, path_column(frame.columns) or "", described)
        if not paths:
            raise ValueError(f"{described} has a header, but no path below it")
        return paths, user
    found = None if _is_file(lines[0], folder) else _column_of_paths(lines[0], folder, described)
    if found is None:
        return lines, None
    separator, number = found
    frame = read_lines(lines, separator, described, header=False)
    return _split(frame, f"column_{number + 1}", described)


def _is_file(text: str, folder: str | None) -> bool:
    return is_url(text) or find(text, folder).known


def _column_of_paths(line: str, folder: str | None, described: str) -> tuple[str, int] | None:
    """Where a first line without header has its path: separator and column; None if it is one."""
    for separator in SEPARATORS:
        fields = fields_of(line, separator)
        if len(fields) == 1:
            continue
        for number, field in enumerate(fields):
            if field and _is_file(field, folder):
                return separator, number
        for number, field in enumerate(fields):
            if _is_picture_name(field):
                return separator, number
    suffix = _suffix(described)
    if suffix in (".csv", ".tsv") and len(fields_of(line, "\t" if suffix == ".tsv" else ",")) > 1:
        raise ValueError(
            f"{described}: its first line {shown(line)!r} neither names a column path or "
            "filename nor holds a path: add a header"
        )
    return None


def _is_picture_name(text: str) -> bool:
    return os.path.splitext(text.strip())[1][1:].lower() in PICTURE_EXTENSIONS  # noqa: PTH122


def _split(
    frame: pl.DataFrame, column: str, described: str
) -> tuple[list[str | None], pl.DataFrame]:
    if column not in frame.columns:
        raise ValueError(f"{described}: its lines have fewer columns than its header")
    user = user_columns(frame, [column])
    texts = frame[column].cast(pl.String)
    paths = texts.to_list()
    if texts.str.contains(ANY_HELD).any():
        paths = [path and path.translate(RELEASED) for path in paths]
    return paths, readable(user)


def _any_path(frame: pl.DataFrame) -> bool:
    """Whether a row is a file or URL, or at least called like a picture."""
    known = pl.col("modified") != 0
    remote = pl.col("path").str.contains(f"^(?:{URL.pattern})")
    return frame.height > 0 and (
        bool(frame.select((known | remote).any()).item())
        or any(map(_is_picture_name, frame["path"]))
    )
