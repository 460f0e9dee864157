"""What the frames of all galleries need: slices by label, and frames that users bring along."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from pixsieve.annotations import as_frame
from pixsieve.gallery.data import Content, Item
from pixsieve.gallery.figures import Figures

#: `slice`: pairs or clusters whose labels differ, or are the same; or these labels.
Slice = str | Sequence[str] | None
#: Columns of users' frames that hold numbers.
NUMBERS = ("similarity", "score", "value", "lowest")


def called(name: str, threshold: float | None) -> str:
    """The call that lists what a gallery shows."""
    return f"audit.{name}({'' if threshold is None else repr(float(threshold))})"


def content_of(
    found: pl.DataFrame,
    before: int,
    number: int,
    item: Callable[[dict[str, Any]], Item],
    **said: Any,
) -> tuple[Content, pl.DataFrame]:
    """The first rows as items of a page, and these rows; `said` is what else `Content` has.

    `before` is how many rows there were before anything was asked for.
    """
    shown = found.head(number)
    items = tuple(item(row) for row in shown.iter_rows(named=True))
    return Content(total=found.height, before=before, items=items, **said), shown


def names_of(wanted: Slice) -> list[str]:
    """The labels of a slice.

    Raises:
        ValueError: If it holds anything else.
    """
    if isinstance(wanted, str):
        return [wanted]
    if not isinstance(wanted, Iterable) or isinstance(wanted, bytes):
        raise ValueError(f"slice must be a label or a list of labels, not {wanted!r}")
    names = list(wanted)
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise ValueError(f"slice must be a label or a list of labels, not {wrong[0]!r}")
    return names


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
    if isinstance(wanted, str) and wanted in ("diff", "same"):
        if len(columns) < 2:
            raise ValueError(f"slice={wanted!r} compares two images: give a label, or labels")
        one, two = (figures.labels[frame[column]] for column in columns)
        known = one.is_not_null() & two.is_not_null()
        differ = one != two
        return frame.filter(known & (differ if wanted == "diff" else ~differ))
    names = names_of(wanted)
    check_labels(names, figures, other if len(columns) < 2 else f", and 'diff', 'same'{other}")
    inside = figures.carry(names)
    chosen = inside[frame[columns[0]]]
    for column in columns[1:]:
        chosen |= inside[frame[column]]
    return frame.filter(chosen)


def check_labels(names: Iterable[str], figures: Figures, other: str = "") -> None:
    """Raises ValueError for a label that no image has."""
    known = figures.names()
    for name in names:
        if name not in known:
            some = ", ".join(map(repr, known.head(10)))
            there = f"there are {some}" if len(known) else "no image has a label"
            raise ValueError(f"slice: no image has the label {name!r}; {there}{other}")


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
    return _numbered(table.select(**found))


def pairs_of(frame: Any, figures: Figures) -> pl.DataFrame:
    """A user's frame of pairs: `from`, `to`, and `similarity` and labels if it has them.

    Raises:
        ValueError: As `external` and `rows_of`.
    """
    about = {"similarity": ("distance",), "label_from": ("label",), "label_to": ("label2",)}
    found = external(frame, {"from": ("image_from",), "to": ("image_to",)}, about)
    return found.with_columns(rows_of(found[end], figures).alias(end) for end in ("from", "to"))


def _numbered(table: pl.DataFrame) -> pl.DataFrame:
    """With what shall be numbers as such; what is not finite says nothing."""
    for name in NUMBERS:
        if name in table.columns:
            try:
                number = pl.col(name).cast(pl.Float64)
                table = table.with_columns(pl.when(number.is_finite()).then(number).alias(name))
            except pl.exceptions.PolarsError:
                kind = table.schema[name]
                raise ValueError(f"external_df: {name} must hold numbers, not {kind}") from None
    return table


def rows_of(named: pl.Series, figures: Figures, *, optional: bool = False) -> pl.Series:
    """The numbers of images that are given by number, path, or name within the input.

    Raises:
        ValueError: If one is not there; names it. Nulls are where they are `optional`.
    """
    if named.dtype == pl.Null:
        named = named.cast(pl.Int64)
    if named.dtype.is_integer():
        outside = named.filter((named < 0) | (named >= figures.images.height))
        if len(outside) or (named.null_count() and not optional):
            raise ValueError(
                f"external_df: there is no image {outside[0] if len(outside) else None}"
            )
        return named.cast(pl.UInt32)
    rows = []
    for name in named:
        row = figures.row(name)
        if row is None and not (optional and name is None):
            raise ValueError(f"external_df: no image has the path {name!r}")
        rows.append(row)
    return pl.Series(named.name, rows, dtype=pl.UInt32)
