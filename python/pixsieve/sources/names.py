"""What the parts of a path say: the label and the split."""

from pathlib import PurePath

#: Path parts that name a split.
SPLIT_NAMES = frozenset(
    {
        *("train", "training", "val", "valid", "validation", "dev", "eval"),
        *("test", "testing", "holdout"),
    }
)


def split_of_path(relative: str) -> str | None:
    """The first folder of the path, from the input downwards, that names a split.

    In lower case and without the year or number behind it: `val2017` is `val`.
    """
    folders = (_plain(part) for part in PurePath(relative).parts[:-1])
    return next((name for name in folders if name in SPLIT_NAMES), None)


def _plain(part: str) -> str:
    return part.lower().rstrip("0123456789").rstrip("-_")


def label_of_folder(relative: str) -> str | None:
    """The name of the folder that holds the file, unless that is the input or names a split."""
    folders = PurePath(relative).parts[:-1]
    return folders[-1] if folders and _plain(folders[-1]) not in SPLIT_NAMES else None
