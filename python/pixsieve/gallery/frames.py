"""What the frames of all galleries need: slices by label, and frames that users bring along."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from pixsieve.annotations import as_frame
from pixsieve.gallery.figures import Figures

#: `slice`: pairs or clusters whose labels differ, or are the same; or these labels.
Slice = str | Sequence[str] | None


def sliced(
    frame: pl.DataFrame, wanted: Slice, figures: Figures, columns: Sequence[str], *, other: str = ""
) -> pl.DataFrame:
    """The rows whose images have the labels asked for.

    Args:
        frame: Any frame with numbers of images.
        wanted: `"diff"` for rows whose images have different labels, `"same"` for those of one
            label, else a label or a list of labels that any of the images shall have.
        figures: Knows the labels.
        columns: Which columns hold images.
        other: What else this gallery knows, for the message.

    Raises:
        ValueError: If no image has such a label.
    """
    if wanted is None:
        return frame
    labels = [figures.labels[frame[column]] for column in columns]
    if wanted in ("diff", "same"):
        if len(columns) < 2:
            raise ValueError(f"slice={wanted!r} compares two images: give a label, or labels")
        one, two = labels
        known = one.is_not_null() & two.is_not_null()
        differ = one != two
        return frame.filter(known & (differ if wanted == "diff" else ~differ))
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    check_labels(names, figures, other)
    inside = labels[0].is_in(names)
    for further in labels[1:]:
        inside |= further.is_in(names)
    return frame.filter(inside.fill_null(value=False))


def check_labels(names: Iterable[str], figures: Figures, other: str = "") -> None:
    """Raises ValueError for a label that no image has."""
    known = figures.labels.drop_nulls().unique().sort()
    for name in names:
        if name not in known:
            some = ", ".join(map(repr, known.head(10)))
            there = f"there are {some}" if len(known) else "no image has a label"
            raise ValueError(
                f"slice: no image has the label {name!r}; {there}, and 'diff', 'same'{other}"
            )


# ---- frames that users bring along ---- #


def external(
    frame: Any, wanted: Mapping[str, tuple[str, ...]], optional: Mapping[str, tuple[str, ...]]
) -> pl.DataFrame:
    """A user's frame with its columns under our names.

    Args:
        frame: Polars, pandas, or a mapping of columns.
        wanted: Our name of each column that must be there, with the names that it may have.
        optional: Likewise of those that may be there.

    Raises:
        ValueError: If it is no frame, or a column is missing.
    """
    table = as_frame(frame, "external_df")
    found = {}
    for name, names in {**wanted, **optional}.items():
        have = next((one for one in (name, *names) if one in table.columns), None)
        if have is not None:
            found[name] = pl.col(have)
        elif name in wanted:
            raise ValueError(
                f"external_df has no column {' or '.join(map(repr, (name, *names)))}; it has "
                f"{', '.join(table.columns)}"
            )
    return table.select(**found)


def rows_of(named: pl.Series, figures: Figures) -> pl.Series:
    """The numbers of images that are given by number, path, or name within the input.

    Raises:
        ValueError: If one is not there; names it.
    """
    if named.dtype.is_integer():
        outside = named.filter((named < 0) | (named >= figures.images.height))
        if named.null_count() or len(outside):
            wrong = None if named.null_count() else outside[0]
            raise ValueError(f"external_df: there is no image {wrong}")
        return named.cast(pl.UInt32)
    paths = figures.images["path"]
    root = len(figures.cards.root)
    known = {path[root:]: row for row, path in enumerate(paths)}
    known |= {path: row for row, path in enumerate(paths)}
    rows = []
    for name in named:
        if name not in known:
            raise ValueError(f"external_df: no image has the path {name!r}")
        rows.append(known[name])
    return pl.Series(named.name, rows, dtype=pl.UInt32)
