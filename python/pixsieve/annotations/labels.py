"""Labels and splits: from the annotations, the input, or the names of folders."""

import os
from collections.abc import Mapping

import polars as pl

from pixsieve.annotations.table import as_text
from pixsieve.config import Config
from pixsieve.sources import Listing, label_of_folder, split_of_path

#: Between several labels of one image, where lists of labels were given.
SEPARATOR = "|"


def separator_of(annotations: pl.DataFrame | None, config: Config) -> str | None:
    """What stands between the labels of one image; None if each image has one label."""
    if config.label_separator is not None or annotations is None:
        return config.label_separator
    column = config.labels if isinstance(config.labels, str) else "label"
    column = "label" if column == "folder" else column
    kind = annotations.schema.get(column)
    return SEPARATOR if isinstance(kind, pl.List | pl.Array) else None


def choose_label(annotations: pl.DataFrame, config: Config) -> pl.DataFrame:
    """The table with its column of labels called `label`; labels and splits are text.

    Raises:
        ValueError: If `labels` names a column that it lacks, or a label holds the separator.
    """
    column = config.labels
    if isinstance(column, str) and column != "folder":
        if column not in annotations.columns:
            found = ", ".join(name for name in annotations.columns if name != "path") or "none"
            raise ValueError(
                f"labels={column!r}: the annotations have no such column; found are {found}. "
                "For folder names use labels='folder'"
            )
        annotations = annotations.with_columns(label=pl.col(column))
    return _texts(annotations, config)


def _texts(frame: pl.DataFrame, config: Config) -> pl.DataFrame:
    """Labels and splits as text, whatever they are: numbers, or lists."""
    if isinstance(frame.schema.get("label"), pl.List | pl.Array):
        frame = _joined(frame, config)
    for name in ("label", "split"):
        if name in frame.columns:
            frame = as_text(frame, name)
    return frame


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
    frame = _texts(frame, config)
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
    below = listing.second_folder + os.sep
    return pl.Series(
        [
            os.path.abspath(path).startswith(below) if row is None else row >= listing.second  # noqa: PTH100
            for row, path in frame.select("_listed", "path").iter_rows()
        ],
        dtype=pl.Boolean,
    )


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
