"""Folders and lists of files."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from pixsieve import _native
from pixsieve.config import Config
from pixsieve.sources.listing import Listing, listed, shown
from pixsieve.sources.tables.paths import list_paths

#: Listed in a folder whatever they hold; other names only if their first bytes say picture.
PICTURE_EXTENSIONS = (
    *("jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "webp", "bmp", "dib", "tif", "tiff"),
    *("ppm", "pgm", "pbm", "pnm", "pam", "tga", "qoi", "ico"),
    # Read by Python's decoders.
    *("heic", "heif", "avif", "jp2", "j2k", "jpx", "j2c", "jpc", "jxl", "psd", "psb"),
    *("dcm", "dicom", "cr2", "cr3", "nef", "arw", "dng", "rw2", "orf", "raf", "pef", "srw"),
)
#: What holds pictures.
VIDEO_EXTENSIONS = (
    *("mp4", "avi", "mov", "mkv", "webm", "m4v", "mpg", "mpeg", "flv", "wmv", "3gp"),
)
ARCHIVE_EXTENSIONS = ("tar", "tgz", "tbz2", "txz", "zip")
#: Of a compressed tar the last extension but one says what it is.
COMPRESSED = ("gz", "bz2", "xz")

Progress: TypeAlias = Callable[[int, int], object] | None


def extension_of(path: str) -> str:
    """Lower case, without the dot; `tgz` for any compressed tar."""
    if path.startswith(("http://", "https://")):
        path = path.partition("?")[0]
    name = os.path.basename(path).lower()  # noqa: PTH119 - a million
    stem, dot, extension = name.rpartition(".")
    if extension in COMPRESSED and stem.endswith(".tar"):
        return "tgz"
    return extension if dot else ""


def list_folder(root: Path, *, config: Config, exclude: Path | None, progress: Progress) -> Listing:
    """The files of a folder that are or may hold pictures, in bytewise order.

    Raises:
        FileNotFoundError: If the folder does not exist.
        NotADirectoryError: If it is a file.
        PermissionError: If it may not be read.
    """
    if not root.exists():
        raise FileNotFoundError(f"{root}: there is no such folder")
    absolute = root.absolute()
    extensions = (
        *PICTURE_EXTENSIONS,
        *VIDEO_EXTENSIONS,
        *ARCHIVE_EXTENSIONS,
        *COMPRESSED,
        "parquet",
    )
    found = _native.walk(
        root=str(absolute),
        extensions=extensions,
        hidden=config.hidden,
        exclude=None if exclude is None else str(exclude),
        progress=progress,
    )
    # A folder that cannot be read becomes a row that says so.
    relative = found["paths"] + found["denied"]
    denied = np.zeros(len(found["denied"]), dtype=np.uint64)
    frame = listed(
        {
            "path": [shown(os.path.join(root, path)) for path in relative],  # noqa: PTH118
            "relative": [shown(path) for path in relative],
            "location": [os.fsencode(f"{absolute}{os.sep}{path}") for path in relative],
            "size": np.concatenate([found["sizes"], denied]),
            "modified": np.concatenate([found["modified"], denied.astype(np.int64)]),
        }
    )
    if len(denied):
        frame = frame.sort("location")
    notes = {
        "hidden": found["skipped_hidden"],
        "links": found["skipped_links"],
        "not_pictures": found["skipped_other"],
        "special": found["skipped_special"],
        "runs": found["skipped_runs"],
    }
    return Listing(frame, str(absolute), notes)


def list_files(paths: Iterable[str]) -> Listing:
    """The given files and objects, in bytewise order; one that is not there is a row, too."""
    ordered = sorted(paths, key=os.fsencode)
    files = list_paths(ordered, described="the list")
    return Listing(files.frame, str(Path.cwd()), files.notes)
