"""Files of paths: text, CSV, JSON Lines."""

import codecs
import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import polars as pl

from pixsieve.sources.files import PICTURE_EXTENSIONS, extension_of
from pixsieve.sources.listing import URL, is_url, shown
from pixsieve.sources.tables.columns import PATH_COLUMNS, path_column, user_columns
from pixsieve.sources.tables.paths import Files, find, folder_of, list_paths
from pixsieve.sources.tables.records import EXTENSIONS, read_records

#: The files that are read as lists of paths.
LIST_EXTENSIONS = (".txt", ".lst", ".csv", ".tsv", *EXTENSIONS)
SEPARATORS = (",", "\t", ";", "|")
#: What columns without a name are called until they are left out.
UNNAMED = "\0"
#: Bytes that are not UTF-8, as characters that a table can hold: of the last private plane.
HELD = {0xDC00 + byte: 0x10FE00 + byte for byte in range(0x80, 0x100)}
#: Paths, and the user's columns.
Table: TypeAlias = tuple[Sequence[str | None], pl.DataFrame | None]
RELEASED = {held: escape for escape, held in HELD.items()}


def is_list(path: str | os.PathLike[str]) -> bool:
    """Whether the name of a file says that it is a list of paths."""
    return _suffix(path) in LIST_EXTENSIONS


def _suffix(path: str | os.PathLike[str]) -> str:
    """The extension, with its dot; of a URL, too, that is signed."""
    return f".{extension_of(os.fspath(path))}"


def read_list(path: str | os.PathLike[str], data: bytes | None = None) -> Files:
    """The files and folders that a text or CSV file, or one of JSON Lines, lists.

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
    if _suffix(path) in EXTENSIONS:
        paths, user = _of_records(read_records(data, described), described)
    else:
        paths, user = _parse(_lines(data, described), folder, described)
    files = list_paths(paths, described=described, folder=folder, user=user, folders=True)
    if not files.folders and not _any_path(files.frame):
        raise ValueError(
            f"{described}: none of its {len(paths):,} lines is the path of a file, such as "
            f"{shown(paths[0] or '')!r}"
        )
    return files


def _of_records(frame: pl.DataFrame, described: str) -> Table:
    return _split(frame, path_column(frame.columns) or "", described)


def _lines(data: bytes, described: str) -> list[str]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", "replace")
    else:
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    if "\0" in text:
        raise ValueError(f"{described} is no text file: a list has one path per line")
    lines = text.split("\n") if "\n" in text else text.split("\r")
    lines = [line.removesuffix("\r") for line in lines if line.strip()]
    if not lines:
        raise ValueError(f"{described} is empty: a list has one path per line")
    return lines


def _parse(lines: list[str], folder: str | None, described: str) -> Table:
    separator = _separator_of_header(lines[0])
    if separator is not None:
        if len(_fields(lines[0], separator)) == 1:
            paths: Sequence[str | None] = lines[1:]
            user = None
        else:
            frame = _read_csv(lines, separator, described, header=True)
            paths, user = _split(frame, path_column(frame.columns) or "", described)
        if not paths:
            raise ValueError(f"{described} has a header, but no path below it")
        return paths, user
    found = None if _is_file(lines[0], folder) else _column_of_paths(lines[0], folder, described)
    if found is None:
        return lines, None
    separator, number = found
    frame = _read_csv(lines, separator, described, header=False)
    return _split(frame, f"column_{number + 1}", described)


def _fields(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def _separator_of_header(line: str) -> str | None:
    """What separates the columns, if the line is a header with a column of paths."""
    for separator in SEPARATORS:
        names = [name.strip().lower() for name in _fields(line, separator)]
        if path_column(names) is not None:
            return separator
    return None


def _is_file(text: str, folder: str | None) -> bool:
    return is_url(text) or find(text, folder).known


def _column_of_paths(line: str, folder: str | None, described: str) -> tuple[str, int] | None:
    """Where a first line without header has its path: separator and column; None if it is one."""
    for separator in SEPARATORS:
        fields = _fields(line, separator)
        if len(fields) == 1:
            continue
        for number, field in enumerate(fields):
            if field and _is_file(field, folder):
                return separator, number
        for number, field in enumerate(fields):
            if _is_picture_name(field):
                return separator, number
    suffix = _suffix(described)
    if suffix in (".csv", ".tsv") and len(_fields(line, "\t" if suffix == ".tsv" else ",")) > 1:
        raise ValueError(
            f"{described}: its first line {shown(line)!r} neither names a column path or "
            "filename nor holds a path: add a header"
        )
    return None


def _is_picture_name(text: str) -> bool:
    return os.path.splitext(text.strip())[1][1:].lower() in PICTURE_EXTENSIONS  # noqa: PTH122


def _read_csv(lines: list[str], separator: str, described: str, *, header: bool) -> pl.DataFrame:
    """The lines as a table; bytes that are not UTF-8 are held by characters."""
    names = _fields(lines[0], separator)
    if header:
        # Labels and splits are text: `01` is not `1`.
        clean = [name.strip() for name in names]
        clean = [name.lower() if name.lower() in PATH_COLUMNS else name for name in clean]
        if len({name for name in clean if name}) < len([name for name in clean if name]):
            raise ValueError(f"{described}: two of its columns have the same name: {lines[0]!r}")
        names = [name or f"{UNNAMED}{number}" for number, name in enumerate(clean)]
        text = {name: pl.String for name in names if name in (*PATH_COLUMNS, "label", "split")}
    else:
        names = [f"column_{number + 1}" for number in range(len(names))]
        text = {}
    source = "\n".join(lines[1:] if header else lines).translate(HELD).encode()
    try:
        frame = pl.read_csv(
            io.BytesIO(source),
            has_header=False,
            new_columns=names,
            separator=separator,
            infer_schema_length=None,
            schema_overrides=text or None,
        )
    except pl.exceptions.NoDataError:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String()))
    except pl.exceptions.PolarsError as error:
        # What follows the first line is advice for those who call Polars themselves.
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{described} cannot be read: {reason}") from None
    # By name: `pl.col` would take some names, such as *, for patterns.
    return frame.select(frame[name] for name in frame.columns if not name.startswith(UNNAMED))


def _split(
    frame: pl.DataFrame, column: str, described: str
) -> tuple[list[str | None], pl.DataFrame]:
    if column not in frame.columns:
        raise ValueError(f"{described}: its lines have fewer columns than its header")
    user = user_columns(frame, [column])
    texts = [name for name, dtype in user.schema.items() if dtype == pl.String]
    held = f"[{chr(0x10FE80)}-{chr(0x10FEFF)}]"
    odd = [name for name in texts if user[name].str.contains(held).any()]
    user = user.with_columns(pl.Series(name, _written(user[name])) for name in odd)
    paths = frame[column].cast(pl.String).to_list()
    if frame.select(pl.col(column).cast(pl.String).str.contains(held).any()).item():
        paths = [path and path.translate(RELEASED) for path in paths]
    return paths, user


def _written(texts: pl.Series) -> list[str | None]:
    return [text and shown(text.translate(RELEASED)) for text in texts]


def _any_path(frame: pl.DataFrame) -> bool:
    """Whether a row is a file or URL, or at least called like a picture."""
    known = pl.col("modified") != 0
    remote = pl.col("path").str.contains(f"^(?:{URL.pattern})")
    return frame.height > 0 and (
        bool(frame.select((known | remote).any()).item())
        or any(map(_is_picture_name, frame["path"]))
    )
