"""Which columns of a table are boxes: ours, and those that other tools write."""

from collections.abc import Collection, Iterator

import polars as pl

#: An upright box: left, top, width and height.
RECTANGLE = ("col_x", "row_y", "width", "height")
#: A box at any angle: its corners, clockwise from the one that is its own top left.
CORNERS = ("x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4")
#: Others' names of left, top, width and height; of several that fit the first counts.
SIZED = (("x", "y", "w", "h"), ("x", "y", "width", "height"))
#: Others' names of left, top, right and bottom.
EDGES = (
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("x1", "y1", "x2", "y2"),
)
#: A list of left, top, width and height, as COCO and Hugging Face have it; or a list of such lists.
LIST = "bbox"
#: Hugging Face's struct of lists, one of them of boxes.
OBJECTS = "objects"


def has_boxes(frame: pl.DataFrame) -> bool:
    """Whether the rows of a table are boxes, of which a picture may have several."""
    return has_own_boxes(frame.columns) or next(foreign_boxes(frame), None) is not None


def has_own_boxes(names: Collection[str]) -> bool:
    """Whether it has all columns of boxes as Pixsieve calls them."""
    return any(all(name in names for name in kind) for kind in (RECTANGLE, CORNERS))


def foreign_boxes(frame: pl.DataFrame) -> Iterator[tuple[str, ...]]:
    """The sets of columns that are boxes as others write them; none where ours are there."""
    if has_own_boxes(frame.columns):
        return
    lower = {name.lower(): name for name in reversed(frame.columns)}
    sized = (_numbers(frame, lower, names) for names in SIZED)
    yield from list(filter(None, sized))[:1]
    for names in EDGES:
        if not (names[0] == CORNERS[0] and set(CORNERS[4:]) & set(frame.columns)):
            yield from filter(None, [_numbers(frame, lower, names)])
    if LIST in frame.columns and is_list_of_boxes(frame[LIST]):
        yield (LIST,)
    if OBJECTS in frame.columns and _objects(frame.schema[OBJECTS]):
        yield (OBJECTS,)


def _numbers(
    frame: pl.DataFrame, lower: dict[str, str], names: tuple[str, ...]
) -> tuple[str, ...] | None:
    """What the columns are called, whatever the case, if all are there and hold numbers."""
    if not all(name in lower for name in names):
        return None
    found = tuple(lower[name] for name in names)
    numeric = [_is_numeric(frame[name]) for name in found]
    known = any(frame[name].count() for name in found)
    return found if all(numeric) and known else None


def _is_numeric(values: pl.Series) -> bool:
    if values.dtype != pl.String:
        return values.dtype.is_numeric() or values.dtype == pl.Null
    parsed = values.str.strip_chars().cast(pl.Float64, strict=False)
    return parsed.count() == values.count()


def is_list_of_boxes(values: pl.Series) -> bool:
    """Whether there are lists of four numbers, lists of such lists, or texts of such lists."""
    if values.dtype == pl.String:
        known = values.drop_nulls().head(100)
        return known.len() > 0 and known.str.contains(r"^\s*[\[(].*[\])]\s*$").all()
    inner = inner_of(values.dtype)
    if isinstance(inner, pl.List | pl.Array):
        return is_list_of_boxes(values.explode())
    return inner is not None and inner.is_numeric() and bool((_lengths(values) == 4).any())


def _lengths(values: pl.Series) -> pl.Series:
    return values.arr.len() if isinstance(values.dtype, pl.Array) else values.list.len()


def inner_of(dtype: pl.DataType) -> pl.DataType | None:
    """What a column of lists holds; None of any other."""
    if not isinstance(dtype, pl.List | pl.Array):
        return None
    return dtype.inner() if isinstance(dtype.inner, type) else dtype.inner


def _objects(dtype: pl.DataType) -> bool:
    """Whether it is a struct with boxes, or a list of such structs."""
    single = inner_of(dtype)
    fields = (single if isinstance(single, pl.Struct) else dtype) or dtype
    if not isinstance(fields, pl.Struct):
        return False
    kinds = {field.name: field.dtype for field in fields.fields}
    kind = kinds.get(LIST)
    kind = kind() if isinstance(kind, type) else kind
    inner = None if kind is None else inner_of(kind)
    if single is not None:
        return inner is not None and inner.is_numeric()
    return inner is not None and isinstance(inner, pl.List | pl.Array)
