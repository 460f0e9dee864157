"""What the parts of a path say: the label and the split."""

from pathlib import PurePath

#: Path parts that name a split.
SPLIT_NAMES = frozenset(
    {"train", "training", "val", "valid", "validation", "dev", "test", "testing", "holdout"}
)


def split_of_path(relative: str) -> str | None:
    """The first folder of the path, from the input downwards, that names a split; lower case."""
    folders = PurePath(relative).parts[:-1]
    return next((part.lower() for part in folders if part.lower() in SPLIT_NAMES), None)


def label_of_folder(relative: str) -> str | None:
    """The name of the folder that holds the file, unless that is the input or names a split."""
    folders = PurePath(relative).parts[:-1]
    return folders[-1] if folders and folders[-1].lower() not in SPLIT_NAMES else None
