"""What the parts of a path say: the label and the split."""

import functools
import os
from pathlib import PurePath

#: Path parts that name a split, and the place of that split in the life of a model.
SPLIT_PLACES = {
    "train": 0,
    "training": 0,
    "val": 1,
    "valid": 1,
    "validation": 1,
    "dev": 2,
    "eval": 2,
    "test": 3,
    "testing": 3,
    "holdout": 4,
}
#: Names of files that hold others, which stand in paths as folders do.
PACKED = (
    *(".tar", ".tgz", ".tbz2", ".txz", ".zip", ".parquet"),
    *(".tar.gz", ".tar.bz2", ".tar.xz"),
)


def split_of_path(relative: str) -> str | None:
    """The first folder of the path, from the input downwards, that names a split.

    In lower case and without the year or number behind it: `val2017` is `val`.
    """
    return _split_of_folder(os.path.dirname(relative))  # noqa: PTH120 - a million


@functools.lru_cache(maxsize=4096)
def _split_of_folder(folder: str) -> str | None:
    names = (_plain(_unpacked(part)) for part in PurePath(folder).parts)
    return next((name for name in names if name in SPLIT_PLACES), None)


def _plain(part: str) -> str:
    return part.lower().rstrip("0123456789").rstrip("-_")


def _unpacked(part: str) -> str:
    """The name of an archive without its endings, any other as it is."""
    return part.partition(".")[0] if part.lower().endswith(PACKED) else part


def label_of_folder(relative: str) -> str | None:
    """The name of the folder that holds the file, unless that is the input or names a split."""
    return _label_of_folder(os.path.dirname(relative))  # noqa: PTH120


@functools.lru_cache(maxsize=4096)
def _label_of_folder(folder: str) -> str | None:
    path = PurePath(folder)
    # An archive stands for the folder it lies in.
    name = next((part for part in reversed(path.parts) if not part.lower().endswith(PACKED)), "")
    return name if name and _plain(name) not in SPLIT_PLACES else None
