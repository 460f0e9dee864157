"""What an input lists: a frame of pictures, and what was left out."""

import functools
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from pixsieve.sources.places import LISTED, Fetcher

#: One letter before the colon is a drive.
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
FILE = "file://"


@dataclass(frozen=True)
class Listing:
    """The pictures of an input, sorted by path."""

    frame: pl.DataFrame
    """Columns of `LISTED`, then what the input itself knows of its pictures."""
    folder: str = ""
    """Absolute: what relative paths that users give start from."""
    notes: dict[str, int] = field(default_factory=dict)
    """What was left out, counted by reason."""
    annotations: pl.DataFrame | None = None
    """What comes with the input as annotations would, such as the boxes of a YOLO data set."""
    given: tuple[Fetcher, ...] = ()
    """What brings pictures of kind `given`: its number is the location."""
    second: int | None = None
    """The row from which on the pictures are those of a second input."""
    second_folder: str | None = None
    """Its folder, absolute."""

    def __len__(self) -> int:
        return self.frame.height

    def joined(self, other: "Listing") -> "Listing":
        """Both, those of the second input last.

        Raises:
            ValueError: If a file is in both.
        """
        own, others = (_resolved_files(part.frame) for part in (self, other))
        shared = others.filter(others.is_in(own.implode()))
        if len(shared):
            raise ValueError(
                f"test_dir holds {len(shared):,} files of the input, such as "
                f"{shown(shared[0])!r}: the two must not share files"
            )
        both = combined([self, other])
        return replace(both, folder=self.folder, second=len(self), second_folder=other.folder)


def listed(columns: Mapping[str, object] | pl.DataFrame, **constants: object) -> pl.DataFrame:
    """A frame with all columns of `LISTED`, those that are not given at their usual values."""
    usual = {
        "kind": "file",
        "offset": 0,
        "stored": 0,
        "size": 0,
        "check": None,
        "modified": 0,
        "error_code": None,
        "detail": None,
    }
    frame = columns if isinstance(columns, pl.DataFrame) else pl.DataFrame(columns)
    rest = {**usual, **constants}
    frame = frame.with_columns(
        pl.lit(value).alias(name) for name, value in rest.items() if name not in frame.columns
    )
    own = [pl.col(name).cast(dtype) for name, dtype in LISTED.items()]
    return frame.select(*own, *[name for name in frame.columns if name not in LISTED])


def nothing(
    path: str, relative: str, location: str, code: str, detail: str, *, size: int = 0
) -> pl.DataFrame:
    """A row that says why there is no picture."""
    row = {
        "path": [shown(path)],
        "relative": [shown(relative)],
        "location": [os.fsencode(location)],
        "size": [size],
        "error_code": [code],
        "detail": [detail],
    }
    return listed(row, kind="nothing")


def combined(parts: Iterable[Listing]) -> Listing:
    """All of them, one after the other."""
    parts = list(parts)
    frames, given, known = [], list[Fetcher](), []
    notes: dict[str, int] = {}
    for part in parts:
        frame = part.frame
        if part.given and given:
            # Each object keeps its own number.
            number = pl.col("location").cast(pl.String).str.to_integer(dtype=pl.Int64)
            moved = (number + len(given)).cast(pl.String).cast(pl.Binary)
            is_given = pl.col("kind") == "given"
            frame = frame.with_columns(location=pl.when(is_given).then(moved).otherwise("location"))
        frames.append(frame)
        given += part.given
        for name, count in part.notes.items():
            notes[name] = notes.get(name, 0) + count
        if part.annotations is not None:
            known.append(part.annotations)
    return Listing(
        frame=stacked(frames),
        folder=parts[0].folder if len(parts) == 1 else os.getcwd(),  # noqa: PTH109 - as text
        notes=notes,
        annotations=stacked(known) if known else None,
        given=tuple(given),
    )


def stacked(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The rows of all; a column whose types differ between them becomes text.

    Whole numbers among real ones become real ones; a column without any value is text.
    """
    kinds: dict[str, set[pl.DataType]] = {}
    for frame in frames:
        for name, kind in frame.schema.items():
            kinds.setdefault(name, set()).add(kind)
    shared = {name: _shared(found - {pl.Null()}) for name, found in kinds.items()}
    alike = [frame.cast({name: shared[name] for name in frame.columns}) for frame in frames]
    return pl.concat(alike, how="diagonal") if alike else pl.DataFrame(schema=LISTED)


def _shared(kinds: set[pl.DataType]) -> pl.DataType:
    if len(kinds) == 1:
        return next(iter(kinds))
    return pl.Float64() if kinds == {pl.Int64(), pl.Float64()} else pl.String()


def _resolved_files(frame: pl.DataFrame) -> pl.Series:
    """The files that pictures are, without links; parts of files are left out."""
    files = frame.filter(pl.col("kind") == "file")["location"]
    return pl.Series([resolved(os.fsdecode(path)) for path in files], dtype=pl.String)


def is_url(text: str) -> bool:
    """Whether it names something that is not a file of this machine."""
    return URL.match(text) is not None and not text.lower().startswith(FILE)


def plain(path: str) -> str:
    """The path that a file:// URL means; any other as it is."""
    from urllib.request import url2pathname  # noqa: PLC0415 - seldom

    return url2pathname(path[len(FILE) :]) if path.lower().startswith(FILE) else path


def shown(path: str) -> str:
    """The path as text that any table can hold; a URL without its password or signature."""
    if "://" in path:
        from pixsieve.sources.cloud.logins import shown as without_secrets  # noqa: PLC0415 - seldom

        path = without_secrets(path)
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path).decode("utf-8", errors="backslashreplace")
    return path


def opened_by_secrets(paths: pl.Series) -> bool:
    """Whether some of the paths may be URLs that are not kept whole."""
    from pixsieve.sources.cloud.logins import anything_left_out  # noqa: PLC0415 - seldom

    return anything_left_out() and bool(paths.str.contains(r"^(?i:https?)://").any())


def resolved(path: str) -> str:
    """The path without links: two spellings of one file are equal."""
    if is_url(path):
        return path
    if os.path.islink(path):  # noqa: PTH114 - names may not be UTF-8
        path = os.path.realpath(path)
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100
    return f"{_resolved_folder(folder)}{os.sep}{name}"


@functools.lru_cache(maxsize=4096)
def _resolved_folder(folder: str) -> str:
    return os.path.realpath(folder)
