"""Labels and splits: from the annotations, the input, or the names of folders."""

import os
from collections.abc import Container, Iterable, Mapping

import polars as pl

from pixsieve import schema
from pixsieve.annotations.table import as_text
from pixsieve.config import Config
from pixsieve.sources import Listing, label_of_folder, split_of_path
from pixsieve.sources.places import LISTED

#: Between several labels of one image, where lists of labels were given.
SEPARATOR = "|"


def separator_of(tables: Iterable[pl.DataFrame | None], config: Config) -> str | None:
    """What stands between the labels of one image; None if each image has one label.

    Args:
        tables: The annotations, and what the input itself says.
        config: The settings `labels` and `label_separator`.
    """
    if config.label_separator is not None:
        return config.label_separator
    column = _column(config) or "label"
    kinds = [table.schema.get(column) for table in tables if table is not None]
    return SEPARATOR if any(isinstance(kind, pl.List | pl.Array) for kind in kinds) else None


def _column(config: Config) -> str | None:
    """The column that labels are said to be in."""
    return config.labels if isinstance(config.labels, str) and config.labels != "folder" else None


def check_label_column(annotations: pl.DataFrame, listing: Listing, config: Config) -> None:
    """Raises ValueError where `labels` names a column that neither of them has."""
    column = _column(config)
    names = [name for name in annotations.columns if name != "path"]
    names += [name for name in listing.frame.columns if name not in LISTED]
    if column is None or column in names:
        return
    ours = {*schema.INTERNAL, "_rotated"}
    found = ", ".join(name for name in dict.fromkeys(names) if name not in ours) or "none"
    raise ValueError(
        f"labels={column!r}: the annotations have no such column; found are {found}. "
        "For folder names use labels='folder'"
    )


def choose_label(
    table: pl.DataFrame, config: Config, *, ours: Container[str] = ("path",)
) -> pl.DataFrame:
    """The table with its column of labels called `label`; labels and splits are text.

    Columns that are `ours` hold no labels.

    Raises:
        ValueError: If a label holds the separator.
    """
    column = _column(config)
    if column in table.columns and column not in ours:
        table = table.with_columns(label=pl.col(column))
    if isinstance(table.schema.get("label"), pl.List | pl.Array):
        table = _joined(table, config)
    for name in ("label", "split"):
        if name in table.columns:
            table = as_text(table, name)
    return table


def _joined(frame: pl.DataFrame, config: Config) -> pl.DataFrame:
    """A column of lists of labels as text, the labels of each image by alphabet.

    Raises:
        ValueError: If a label holds what would stand between two.
    """
    separator = config.label_separator or SEPARATOR
    frame = as_text(frame, "label", pl.List(pl.String))
    # Nothing is no class.
    bare = pl.element().str.strip_chars()
    labels = pl.col("label").list.eval(bare.filter(bare != ""))
    inside = frame.select(labels.explode()).to_series().drop_nulls()
    broken = inside.filter(inside.str.contains(separator, literal=True))
    if len(broken):
        raise ValueError(
            f"annotations: the label {broken[0]!r} holds {separator!r}, which would stand between "
            "two labels: pass another label_separator"
        )
    text = labels.list.unique().list.sort().list.join(separator)
    return frame.with_columns(label=pl.when(labels.list.len() > 0).then(text))


def fill(frame: pl.DataFrame, config: Config) -> pl.DataFrame:
    """Labels and splits from paths, where neither the annotations nor the input give any.

    Raises:
        ValueError: If folders shall name classes, and none does, or a function gives no text.
    """
    for name in ("label", "split"):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(name))
    paths = frame.select(pl.coalesce("_relative", "path")).to_series().to_list()
    labels = config.labels
    if labels == "folder":
        of_folders = [label_of_folder(path) for path in paths]
        if not any(of_folders) and not frame["label"].count():
            raise ValueError(
                f"labels='folder': none of the {len(paths):,} images lies in a folder below the "
                f"input that could name its class, such as {paths[0]!r}: give the folder above"
            )
        frame = _coalesce(frame, "label", of_folders)
    elif callable(labels):
        named = [_checked(labels(path), path) for path in frame["path"]]
        frame = _coalesce(frame, "label", named)
    elif isinstance(labels, Mapping):
        by_path = [
            labels.get(path, labels.get(other))
            for path, other in zip(frame["path"], paths, strict=True)
        ]
        frame = _coalesce(frame, "label", by_path)
    if config.splits == "auto":
        frame = _coalesce(_bare(frame, "split"), "split", [split_of_path(path) for path in paths])
    else:
        frame = frame.with_columns(split=pl.lit(None, dtype=pl.String))
    return _bare(frame, "label")


def _bare(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """Names without the blanks around them; an empty one is none."""
    bare = pl.col(column).str.strip_chars()
    return frame.with_columns(pl.when(bare != "").then(bare).alias(column))


def is_second(frame: pl.DataFrame, listing: Listing) -> pl.Series:
    """Whether a picture is of the second input; where its file is missing, by its path."""
    if listing.second is None or listing.second_folder is None:
        return pl.repeat(value=False, n=frame.height, eager=True)
    first, second = listing.folder, listing.second_folder
    return pl.Series(
        [
            _nearer(path, second, first) if row is None else row >= listing.second
            for row, path in frame.select("_listed", "path").iter_rows()
        ],
        dtype=pl.Boolean,
    )


def _nearer(path: str, second: str, first: str) -> bool:
    """Whether a path lies below the second folder, and not below the first inside of that."""
    absolute = os.path.abspath(path)  # noqa: PTH100 - as text
    if not absolute.startswith(second + os.sep):
        return False
    return len(second) > len(first) or not absolute.startswith(first + os.sep)


def with_second(frame: pl.DataFrame, listing: Listing) -> pl.DataFrame:
    """Splits, where there is a second input: it is the test set of the first.

    Raises:
        ValueError: If the first has a split of that name.
    """
    if listing.second is None:
        return frame
    taken = frame.filter(~pl.col("_second"), pl.col("split").str.to_lowercase() == "test")
    if taken.height:
        raise ValueError(
            f"{taken.height:,} images of the input are of a split named test, such as "
            f"{taken['path'][0]!r}, as all of test_dir will be: pass splits='none', or audit them "
            "as one folder"
        )
    given = pl.col("split").fill_null("train")
    return frame.with_columns(split=pl.when("_second").then(pl.lit("test")).otherwise(given))


def _checked(label: str | None, path: str) -> str | None:
    if label is None or isinstance(label, str):
        return label
    raise ValueError(
        f"labels: the function gave {label!r} for {path!r}; a string or None is needed"
    )


def _coalesce(frame: pl.DataFrame, column: str, values: list[str | None]) -> pl.DataFrame:
    derived = pl.Series(column, values, dtype=pl.String, strict=False)
    return frame.with_columns(pl.coalesce(pl.col(column), derived))
