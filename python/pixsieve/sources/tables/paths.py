"""Paths that users wrote down, in lists and tables, as files."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR

import polars as pl

from pixsieve.sources.listing import is_url, listed, plain, resolved, shown
from pixsieve.sources.tables.box_columns import has_boxes


@dataclass(frozen=True)
class Files:
    """What paths lead to."""

    frame: pl.DataFrame
    """`LISTED`, then the user's columns; files that are not there are rows, too."""
    folders: list[str]
    """Paths of folders, as given: they are not in the frame."""
    notes: dict[str, int]
    """What was left out, counted by reason."""


@dataclass(frozen=True)
class Found:
    """Where a path leads."""

    text: str
    location: bytes
    same: bytes
    """Equal for all spellings of the same file."""
    known: bool = False
    """Whether there is something."""
    size: int = 0
    modified: int = 0
    folder: bool = False


def list_paths(
    paths: Sequence[str | None],
    *,
    described: str,
    folder: str | None = None,
    user: pl.DataFrame | None = None,
    folders: bool = False,
) -> Files:
    """The files that paths lead to: absolute, from the current directory, else from `folder`.

    `~` is the home of the user; URLs stay as they are. One file under two spellings is one
    picture, unless the user's columns are boxes: then each row stays.

    Args:
        paths: As given; surrogate escapes stand for bytes that are not UTF-8, None for nothing.
        described: What the paths are of, such as the name of a list.
        folder: Where the list lies.
        user: The user's columns.
        folders: Whether paths of folders are taken out of the frame.

    Raises:
        ValueError: If rows of one picture have different columns.
    """
    rows, found, directories = [], [], []
    for row, path in enumerate(paths):
        one = find(path, folder) if path else None
        if one is not None and one.folder and folders:
            directories.append(one.text)
        else:
            rows.append(row)
            found.append(one)
    frame = _frame(rows, found, described)
    if user is not None and user.width:
        frame = frame.hstack(user[rows] if directories else user)
    if user is not None and has_boxes(user):
        return Files(frame, directories, {})
    same = pl.Series(
        [b"%d" % row if one is None else one.same for row, one in enumerate(found)],
        dtype=pl.Binary,
    )
    single = _single(frame, same, [] if user is None else user.columns, described)
    return Files(single, directories, {"repeated": frame.height - single.height})


def find(text: str, folder: str | None) -> Found:
    """Where a path leads: from the current directory, else from `folder`."""
    if is_url(text):
        from pixsieve.sources.cloud.logins import public  # noqa: PLC0415 - for URLs only
        from pixsieve.sources.cloud.urls import one_spelling  # noqa: PLC0415 - likewise

        bare = public(text)
        place = os.fsencode(one_spelling(bare))
        return Found(bare, place, place, folder=bare.endswith("/"))
    text = plain(text)
    first = None
    for candidate in _candidates(text, folder):
        first = candidate if first is None else first
        try:
            status = os.stat(candidate)  # noqa: PTH116 - names may not be UTF-8
        except (OSError, ValueError):
            # Not there, or no possible name: the next may be.
            continue
        location = os.path.abspath(candidate)  # noqa: PTH100 - likewise
        return Found(
            # Below the list's folder: its path from here is needed to list it.
            text=candidate if S_ISDIR(status.st_mode) else text,
            location=os.fsencode(location),
            same=os.fsencode(resolved(location)),
            known=True,
            size=status.st_size,
            modified=status.st_mtime_ns,
            folder=S_ISDIR(status.st_mode),
        )
    missing = os.fsencode(os.path.abspath(first or text))  # noqa: PTH100
    return Found(text, missing, missing)


def _candidates(text: str, folder: str | None) -> Iterator[str]:
    bare = text.strip()
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'":
        bare = bare[1:-1].replace(bare[0] * 2, bare[0])
    for path in dict.fromkeys((text, bare)):
        yield path
        if folder is not None and not os.path.isabs(path):  # noqa: PTH117
            yield os.path.join(folder, path)  # noqa: PTH118
        if path.startswith("~"):
            yield os.path.expanduser(path)  # noqa: PTH111


def _frame(rows: list[int], found: list[Found | None], described: str) -> pl.DataFrame:
    paths = [
        f"{described}#row={row}" if one is None else shown(one.text)
        for row, one in zip(rows, found, strict=True)
    ]
    empty = pl.Series([one is None for one in found], dtype=pl.Boolean)
    columns = {
        "path": pl.Series(paths, dtype=pl.String),
        "relative": pl.Series(paths, dtype=pl.String),
        "location": pl.Series(
            [b"" if one is None else one.location for one in found], dtype=pl.Binary
        ),
        "size": pl.Series([0 if one is None else one.size for one in found], dtype=pl.UInt64),
        "modified": pl.Series(
            [0 if one is None else one.modified for one in found], dtype=pl.Int64
        ),
    }
    frame = listed(columns)
    if not empty.any():
        return frame
    return frame.with_columns(
        kind=pl.when(empty).then(pl.lit("nothing")).otherwise("kind").cast(frame.schema["kind"]),
        error_code=pl.when(empty).then(pl.lit("missing_file")),
        detail=pl.when(empty).then(pl.lit("the cell of the path is empty")),
    )


def _single(
    frame: pl.DataFrame, same: pl.Series, columns: Sequence[str], described: str
) -> pl.DataFrame:
    """One row for each file, the first of them."""
    first = same.is_first_distinct()
    if first.all():
        return frame
    if columns:
        keyed = frame.select(*columns, same.alias("_same"), pl.col("path").alias("_path"))
        kinds = keyed.unique([*columns, "_same"], maintain_order=True)
        twice = kinds.filter(pl.col("_same").is_duplicated())
        if twice.height:
            raise ValueError(
                f"{described}: {twice['_same'].n_unique():,} files have several rows with "
                f"different columns, such as {twice['_path'][0]!r}: one row per image is needed"
            )
    return frame.filter(first)


def folder_of(path: str | os.PathLike[str]) -> str:
    """The folder that a list lies in."""
    return str(Path(path).absolute().parent)
