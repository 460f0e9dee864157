"""Puts what the user knows of the images beside the files that were listed."""

import os
from collections.abc import Mapping

import polars as pl

from pixsieve import schema
from pixsieve.annotations.table import as_text
from pixsieve.config import Config
from pixsieve.sources import Listing, label_of_folder, select, split_of_path
from pixsieve.sources.files import resolved

#: Between several labels of one image, where lists of labels were given.
SEPARATOR = "|"
#: Columns of IMAGES that the run measures; the user's of the same name give way.
MEASURED = frozenset(schema.IMAGES) - {"path", "label", "split"}
#: Columns that `join` and the work directory add.
INTERNAL = frozenset({"listed", "relative", "annotated", "_second", "_location"})


def separator_of(annotations: pl.DataFrame | None, config: Config) -> str | None:
    """What stands between the labels of one image; None if each image has one label."""
    if config.label_separator is not None or annotations is None:
        return config.label_separator
    column = config.labels if isinstance(config.labels, str) else "label"
    column = "label" if column == "folder" else column
    kind = annotations.schema.get(column)
    return SEPARATOR if isinstance(kind, pl.List | pl.Array) else None


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


def join(listing: Listing, annotations: pl.DataFrame | None, config: Config) -> pl.DataFrame:
    """One row per listed file and per annotated file that is not listed, sorted by path.

    Of these, the ones that `find_regex`, `subset` and `num_images` leave. Columns: `listed` (row
    in the listing, null where the annotated file is not there), `path`, `label`, `split`, then the
    user's columns. An annotation belongs to the file with the same path, as shown, relative to
    the input or spelt another way: absolute, with `./`, or through a linked folder.

    Raises:
        ValueError: If `labels` names a column that the annotations lack, two annotations belong
            to one file, or no image is left.
    """
    files = pl.DataFrame(
        {"path": listing.paths, "relative": listing.relative},
        schema={"path": pl.String, "relative": pl.String},
    ).with_row_index("listed")
    if annotations is None:
        annotations = pl.DataFrame(schema={"path": pl.String})
    annotations = _choose_label(annotations, config)
    known = annotations.rename({"path": "annotated"})
    keys = pl.concat(
        [
            files.select("listed", annotated="path"),
            files.filter(pl.col("path") != pl.col("relative")).select(
                "listed", annotated="relative"
            ),
        ]
    )
    matched = _spelt_otherwise(
        known.join(keys, on="annotated", how="left", maintain_order="left"), listing
    )
    missing = matched.filter(pl.col("listed").is_null()).rename({"annotated": "path"})
    found = matched.filter(pl.col("listed").is_not_null())
    _check_single(found)
    frame = files.join(found.drop("annotated"), on="listed", how="left", maintain_order="left")
    frame = pl.concat([frame, missing], how="diagonal_relaxed").sort("path", maintain_order=True)
    relative = frame.select(pl.coalesce("relative", "path")).to_series()
    frame = frame.with_columns(_second=_is_second(frame, listing))
    chosen = select(frame["path"].to_list(), relative.to_list(), frame["_second"].to_list(), config)
    frame = _with_second(_fill(frame[chosen], config), listing).drop("relative", "_second")
    user = [
        column for column in frame.columns if column not in ("listed", "path", "label", "split")
    ]
    return frame.select("listed", "path", "label", "split", *user)


def _spelt_otherwise(matched: pl.DataFrame, listing: Listing) -> pl.DataFrame:
    """Fills in `listed` where the annotated path leads to a listed file all the same."""
    lost = matched.filter(pl.col("listed").is_null())["annotated"]
    if lost.is_empty():
        return matched
    rows = {resolved(path): row for row, path in enumerate(listing.locations)}
    found: dict[str, int] = {}
    starts = [listing.folder, "" if listing.second_folder is None else listing.second_folder, ""]
    for path in lost:
        # Relative to the input, else to where the program runs; an absolute path stands for itself.
        for start in starts:
            row = rows.get(resolved(os.path.join(start, path)))  # noqa: PTH118 - may be a million
            if row is not None:
                found.setdefault(path, row)
    other = pl.col("annotated").replace_strict(found, default=None, return_dtype=pl.UInt32)
    return matched.with_columns(pl.coalesce("listed", other))


def _check_single(found: pl.DataFrame) -> None:
    twice = found.filter(pl.col("listed").is_duplicated()).sort("listed", maintain_order=True)
    if twice.height:
        first, second = twice["annotated"][:2]
        raise ValueError(
            f"annotations name {twice['listed'].n_unique()} images in two ways, such as {first!r} "
            f"and {second!r}: one row per image is needed"
        )


def _choose_label(annotations: pl.DataFrame, config: Config) -> pl.DataFrame:
    column = config.labels
    if isinstance(column, str) and column != "folder":
        if column not in annotations.columns:
            found = ", ".join(name for name in annotations.columns if name != "path") or "none"
            raise ValueError(
                f"labels={column!r}: the annotations have no such column; found are {found}. "
                "For folder names use labels='folder'"
            )
        annotations = annotations.with_columns(label=pl.col(column))
    if isinstance(annotations.schema.get("label"), pl.List | pl.Array):
        annotations = _joined(annotations, config)
    for name in ("label", "split"):
        if name in annotations.columns:
            annotations = as_text(annotations, name)
    taken = set(annotations.columns)
    renamed = {}
    for name in annotations.columns:
        if name in MEASURED | INTERNAL:
            free = f"{name}_user"
            while free in taken:
                free += "_user"
            taken.add(free)
            renamed[name] = free
    return annotations.rename(renamed)


def _fill(frame: pl.DataFrame, config: Config) -> pl.DataFrame:
    """Labels and splits from paths, where the annotations give none."""
    for name in ("label", "split"):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(name))
    paths = frame.select(pl.coalesce("relative", "path")).to_series().to_list()
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


def _is_second(frame: pl.DataFrame, listing: Listing) -> pl.Series:
    """Whether an image is of the second input; where its file is missing, by its path."""
    if listing.second is None or listing.second_folder is None:
        return pl.repeat(value=False, n=frame.height, eager=True)
    below = listing.second_folder + os.sep
    return pl.Series(
        [
            os.path.abspath(path).startswith(below) if row is None else row >= listing.second  # noqa: PTH100
            for row, path in frame.select("listed", "path").iter_rows()
        ],
        dtype=pl.Boolean,
    )


def _with_second(frame: pl.DataFrame, listing: Listing) -> pl.DataFrame:
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
