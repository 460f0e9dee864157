"""Which column of a table holds pictures, which their paths, and what becomes of the others."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl
from polars.datatypes import DataTypeClass

from pixsieve.sources.places import LISTED

#: Columns of paths; the first that a table has counts.
PATH_COLUMNS = ("path", "filename", "file_name", "file_path", "filepath", "image_path")
#: What a column of encoded pictures is called, where a table has several binary columns.
PICTURE_COLUMNS = (
    *("image", "img", "picture", "photo", "bytes", "content", "data"),
    *("image_bytes", "img_bytes", "image_data", "image/encoded", "encoded"),
    *("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff"),
)


class NoPicturesError(ValueError):
    """Says that a table has neither pictures nor paths."""


@dataclass(frozen=True)
class PictureColumn:
    """A column of encoded pictures: of bytes, or of structs of bytes and a path."""

    name: str
    bytes: str | None = None
    """The field that holds the bytes; without any field the column holds them itself."""
    path: str | None = None
    """The field that holds the path, or the name."""

    @property
    def holds_bytes(self) -> bool:
        """Whether there are bytes at all, not only paths."""
        return self.bytes is not None or self.path is None

    @property
    def leaf(self) -> tuple[str, ...]:
        """The column, and the field in it, that holds the bytes."""
        return (self.name,) if self.bytes is None else (self.name, self.bytes)


def path_column(names: Collection[str]) -> str | None:
    """The column of paths, if there is one."""
    return next((name for name in PATH_COLUMNS if name in names), None)


def picture_column(
    schema: Mapping[str, pl.DataType], described: str, known: Collection[str] = ()
) -> PictureColumn | None:
    """The column of encoded pictures; None if the table has paths of files instead.

    Args:
        schema: The columns of the table.
        described: The beginning of error messages.
        known: Columns that are known to hold pictures.

    Raises:
        NoPicturesError: If there is neither.
        ValueError: If several could be it, or each row holds several pictures.
    """
    found = {
        name: column
        for name, dtype in schema.items()
        if (column := _as_picture(name, dtype)) is not None
    }
    known = [name for name in found if name in known]
    named = known or [name for name in found if name.lower() in PICTURE_COLUMNS]
    if not named and path_column(schema) is not None:
        return None
    choices = named or list(found)
    if len(choices) == 1:
        return found[choices[0]]
    if choices:
        raise ValueError(
            f"{described}: the columns {', '.join(choices)} could all hold the pictures: keep one "
            "of them, or call one image and the others otherwise"
        )
    several = [name for name, dtype in schema.items() if _is_list_of_pictures(dtype)]
    if several:
        raise ValueError(
            f"{described}: the column {several[0]} holds several pictures per row; explode it, so "
            "that each row holds one"
        )
    listed = ", ".join(schema) or "none"
    raise NoPicturesError(
        f"{described}: a column of paths (path or filename), or of encoded pictures (image) is "
        f"needed; found are {listed}"
    )


def _as_picture(name: str, dtype: pl.DataType) -> PictureColumn | None:
    if dtype == pl.Binary:
        return PictureColumn(name)
    if not isinstance(dtype, pl.Struct):
        return None
    fields = {field.name: field.dtype for field in dtype.fields}
    path = "path" if fields.get("path") == pl.String else None
    if fields.get("bytes") == pl.Binary:
        return PictureColumn(name, "bytes", path)
    if fields.get("bytes") == pl.Null and path is not None:
        return PictureColumn(name, None, path)
    return None


def _is_list_of_pictures(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.List | pl.Array) and (
        _as_picture("", _made(dtype.inner)) is not None
    )


def is_binary(dtype: pl.DataType) -> bool:
    """Whether bytes are somewhere in it, or Python's own objects."""
    if isinstance(dtype, pl.Struct):
        return any(is_binary(_made(field.dtype)) for field in dtype.fields)
    if isinstance(dtype, pl.List | pl.Array):
        return is_binary(_made(dtype.inner))
    return dtype in (pl.Binary, pl.Object)


def _made(dtype: pl.DataType | DataTypeClass) -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype


def user_columns(frame: pl.DataFrame, leave_out: Collection[str] = ()) -> pl.DataFrame:
    """The columns that travel into every result: those without bytes and objects.

    Those that are called like a column of `LISTED`, or by a pattern, get `_user` behind their
    names; columns without a name, such as the row numbers of CSV files, are left out.
    """
    taken = {*frame.columns, *LISTED}
    chosen = {}
    for name, dtype in frame.schema.items():
        if name in leave_out or not name or is_binary(dtype) or _is_empty_struct(dtype):
            continue
        free = name
        while free in LISTED or is_pattern(free) or (free != name and free in taken):
            free += "_user"
        taken.add(free)
        chosen[name] = free
    # By name: `pl.col` would take some names, such as *, for patterns.
    return frame.select(frame[name].alias(free) for name, free in chosen.items())


def is_pattern(name: str) -> bool:
    """Whether Polars takes the name for a pattern of names: `*`, or `^a.*$`."""
    return name == "*" or (name.startswith("^") and name.endswith("$"))


def _is_empty_struct(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Struct) and not dtype.fields


def named_rows(
    names: pl.Series | None, rows: int, *, shown: str, relative: str, fallback: str
) -> dict[str, pl.Series]:
    """`path` and `relative` of pictures in a table: by their names, if each has its own.

    Args:
        names: What the table calls them, if it does.
        rows: How many there are.
        shown: What stands before the names, as users see it; may be empty.
        relative: Likewise, relative to the input.
        fallback: What stands before the row numbers that are used without names.
    """
    if names is not None and rows and not names.null_count() and names.n_unique() == rows:
        clean = names.cast(pl.String).str.strip_chars_start("/")
        if not (clean == "").any():
            return {
                name: clean if not prefix else (prefix + "/" + clean)
                for name, prefix in (("path", shown), ("relative", relative))
            }
    numbers = pl.Series(pl.arange(0, rows, eager=True)).cast(pl.String)
    return {
        "path": ((shown or fallback) + "#row=" + numbers),
        "relative": ((relative or fallback) + "#row=" + numbers),
    }
