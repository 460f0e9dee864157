"""Folders and lists of files."""

import functools
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pixsieve import _native
from pixsieve.config import Config

#: Listed in a folder whatever they hold; other names only if their first bytes say picture.
PICTURE_EXTENSIONS = (
    *("jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "webp", "bmp", "dib", "tif", "tiff"),
    *("ppm", "pgm", "pbm", "pnm", "pam", "tga", "qoi", "ico"),
    # Known, not read yet: they become rows that say so.
    *("heic", "heif", "avif", "jp2", "j2k", "jpx", "jxl", "psd"),
    *("mp4", "avi", "mov", "mkv", "webm", "m4v", "mpg", "mpeg", "flv", "wmv", "3gp"),
)


@dataclass(frozen=True)
class Listing:
    """The files of an input, sorted by path; all sequences have one entry per file."""

    paths: list[str]
    """As users see them: the input as given, joined with the relative path. Bytes that are not
    UTF-8 are written as `\\xNN`."""
    relative: list[str]
    """Relative to the input folder, else as given."""
    locations: list[str]
    """Absolute, for opening; surrogate escapes stand for bytes that are not UTF-8."""
    sizes: NDArray[np.uint64]
    modified: NDArray[np.int64]
    folder: str
    """Absolute: what relative paths that users give start from."""
    notes: dict[str, int] = field(default_factory=dict)
    """What was left out, counted by reason."""
    second: int | None = None
    """The row from which on the files are those of a second input."""
    second_folder: str | None = None
    """Its folder, absolute."""

    def __len__(self) -> int:
        return len(self.paths)

    def joined(self, other: Self) -> Self:
        """Both, those of the second input last.

        Raises:
            ValueError: If a file is in both.
        """
        own = {resolved(path) for path in self.locations}
        shared = [path for path in other.locations if resolved(path) in own]
        if shared:
            raise ValueError(
                f"test_dir holds {len(shared):,} files of the input, such as "
                f"{shown(shared[0])!r}: the two must not share files"
            )
        notes = {
            key: self.notes.get(key, 0) + other.notes.get(key, 0)
            for key in self.notes | other.notes
        }
        return replace(
            self,
            paths=self.paths + other.paths,
            relative=self.relative + other.relative,
            locations=self.locations + other.locations,
            sizes=np.concatenate([self.sizes, other.sizes]),
            modified=np.concatenate([self.modified, other.modified]),
            notes=notes,
            second=len(self),
            second_folder=other.folder,
        )

    def select(self, rows: Sequence[int]) -> Self:
        """Only these rows, in this order."""
        return replace(
            self,
            paths=[self.paths[row] for row in rows],
            relative=[self.relative[row] for row in rows],
            locations=[self.locations[row] for row in rows],
            sizes=self.sizes[rows],
            modified=self.modified[rows],
        )


Input: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def list_images(
    source: Input,
    *,
    config: Config,
    exclude: Path | None,
    progress: Callable[[int, int], object] | None,
) -> Listing:
    """Lists the pictures of a folder, or the given files; `select` then chooses among them.

    Raises:
        FileNotFoundError: If the folder does not exist.
        NotADirectoryError: If it is a file.
        PermissionError: If it may not be read.
        ValueError: If there is no picture.
    """
    if isinstance(source, str | os.PathLike):
        if not os.fspath(source):
            raise ValueError("the path of the input is empty")
        listing = _folder(Path(source), config=config, exclude=exclude, progress=progress)
        described = f"{os.fspath(source)}"
    else:
        paths = [os.fspath(path) for path in source]
        if paths and all(map(os.path.isdir, paths)):
            raise ValueError(
                f"a list may hold files, but {shown(paths[0])!r} is a folder: give one folder by "
                "itself"
            )
        listing = _files(paths)
        described = "the list of files"
    if not len(listing):
        raise ValueError(f"{described}: {_nothing(listing)}")
    return listing


def _folder(
    root: Path,
    *,
    config: Config,
    exclude: Path | None,
    progress: Callable[[int, int], object] | None,
) -> Listing:
    if not root.exists():
        raise FileNotFoundError(f"{root}: there is no such folder")
    if not root.is_dir():
        raise NotADirectoryError(
            f"{root} is a file; give the folder that holds the images, or a list of files"
        )
    absolute = root.absolute()
    found = _native.walk(
        root=str(absolute),
        extensions=PICTURE_EXTENSIONS,
        hidden=config.hidden,
        exclude=None if exclude is None else str(exclude),
        progress=progress,
    )
    # A folder that cannot be read becomes a row that says so.
    relative = found["paths"] + found["denied"]
    denied = np.zeros(len(found["denied"]), dtype=np.uint64)
    listing = Listing(
        paths=[shown(os.path.join(root, path)) for path in relative],  # noqa: PTH118 - a million
        relative=[shown(path) for path in relative],
        locations=[f"{absolute}{os.sep}{path}" for path in relative],
        sizes=np.concatenate([found["sizes"], denied]),
        modified=np.concatenate([found["modified"], denied.astype(np.int64)]),
        folder=str(absolute),
        notes={
            "hidden": found["skipped_hidden"],
            "links": found["skipped_links"],
            "not_pictures": found["skipped_other"],
            "special": found["skipped_special"],
            "runs": found["skipped_runs"],
        },
    )
    if not len(denied):
        return listing
    return listing.select(sorted(range(len(listing)), key=lambda row: os.fsencode(relative[row])))


def _files(paths: list[str]) -> Listing:
    # One file under two spellings, or behind a link, is one image: it has no copy to spare.
    files: dict[str, str] = {}
    for path in sorted(set(paths), key=os.fsencode):
        files.setdefault(os.path.realpath(path), path)
    unique = sorted(files.values(), key=os.fsencode)
    sizes, modified = [], []
    for path in unique:
        try:
            status = os.stat(path)  # noqa: PTH116 - names may not be UTF-8
        except OSError:
            # Listed all the same: the row will say that the file is missing.
            sizes.append(0)
            modified.append(0)
        else:
            sizes.append(status.st_size)
            modified.append(status.st_mtime_ns)
    return Listing(
        paths=[shown(path) for path in unique],
        relative=[shown(path) for path in unique],
        locations=[os.path.abspath(path) for path in unique],  # noqa: PTH100
        sizes=np.array(sizes, dtype=np.uint64),
        modified=np.array(modified, dtype=np.int64),
        folder=str(Path.cwd()),
        notes={"repeated": len(paths) - len(unique)},
    )


def select(
    paths: Sequence[str], relative: Sequence[str], second: Sequence[bool], config: Config
) -> list[int]:
    """The rows that `find_regex`, `subset` and `num_images` leave, in this order.

    `num_images` counts for each input by itself; `second` says which rows are of the second.

    Raises:
        ValueError: If none is left.
    """
    rows = list(range(len(paths)))
    if config.find_regex is not None:
        pattern = re.compile(config.find_regex)
        rows = [row for row in rows if pattern.search(paths[row])]
    if config.subset is not None:
        wanted = set(config.subset)
        rows = [row for row in rows if relative[row] in wanted or paths[row] in wanted]
    if not rows:
        raise ValueError("no image is left after find_regex and subset")
    if not config.num_images:
        return rows
    parts = [[row for row in rows if second[row] == which] for which in (False, True)]
    return sorted(row for part in parts for row in part[: config.num_images])


def _nothing(listing: Listing) -> str:
    left_out = {
        "hidden": "hidden (pass hidden=True to read them)",
        "not_pictures": "not pictures",
        "links": "links to nowhere or to each other",
        "special": "sockets, FIFOs or devices",
        "runs": "work directories of earlier runs",
    }
    reasons = [
        f"{listing.notes[key]} {text}" for key, text in left_out.items() if listing.notes.get(key)
    ]
    return f"no picture found; left out: {', '.join(reasons)}" if reasons else "it is empty"


def shown(path: str) -> str:
    """The path as text that any table can hold."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path).decode("utf-8", errors="backslashreplace")
    return path


def resolved(path: str) -> str:
    """The path without links: two spellings of one file are equal."""
    if os.path.islink(path):  # noqa: PTH114 - names may not be UTF-8
        path = os.path.realpath(path)
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100
    return f"{_resolved_folder(folder)}{os.sep}{name}"


@functools.lru_cache(maxsize=4096)
def _resolved_folder(folder: str) -> str:
    return os.path.realpath(folder)
