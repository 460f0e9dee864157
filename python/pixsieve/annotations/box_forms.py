"""Boxes as tables of other tools have them, in the columns that ours have."""

from collections.abc import Collection, Iterable

import polars as pl

from pixsieve.annotations.boxes import BOX_SOURCE
from pixsieve.sources.tables.box_columns import (
    LIST,
    OBJECTS,
    RECTANGLE,
    SIZED,
    foreign_boxes,
    inner_of,
    is_list_of_boxes,
)

#: Where the label of each of several boxes is looked for.
LABELS = ("label", "labels", "category", "categories", "class", "classes", "class_id")
#: Numbers this near to 0 to 1 are shares of the picture's width and height.
SHARES = (-0.01, 1.01)
NUMBER = r"-?\d+(\.\d*)?([eE][-+]?\d+)?"
NUMBERS = rf"^\s*\[\s*({NUMBER}(\s*,\s*{NUMBER})*)?\s*\]\s*$"


def unified(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with boxes of other tools as columns of `boxes.RECTANGLE`, one box per row.

    `_relative` says that all numbers are shares, `BOX_SOURCE` which columns they come from. Columns
    of these names give way. A frame without such boxes comes back as it is.

    Raises:
        ValueError: If several sets of columns could be the boxes.
    """
    found = list(foreign_boxes(frame))
    if not found:
        return frame
    if len(found) > 1:
        sets = " and ".join(", ".join(names) for names in found)
        raise ValueError(
            f"annotations: the boxes may be in the columns {sets}: keep one of them, or call the "
            "others otherwise"
        )
    names = found[0]
    if names == (OBJECTS,):
        listed = isinstance(frame.schema[OBJECTS], pl.List | pl.Array)
        frame = _of_objects(frame)
        frame = _with_label(frame, frame.columns) if listed else frame
    if names in ((OBJECTS,), (LIST,)):
        return _of_lists(_exploded(frame), ", ".join(names))
    frame = _floats(frame, names)
    left, top, third, fourth = (frame[name] for name in names)
    sized = tuple(name.lower() for name in names) in SIZED
    sides = [left, top, third, fourth] if sized else [left, top, third - left, fourth - top]
    return _with_sides(frame.drop(names), sides, [left, top, third, fourth], ", ".join(names))


def _floats(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    bare = (
        frame[name].str.strip_chars() if frame.schema[name] == pl.String else frame[name]
        for name in names
    )
    return frame.with_columns(values.cast(pl.Float64) for values in bare)


def _with_sides(
    frame: pl.DataFrame, sides: list[pl.Series], numbers: list[pl.Series], source: str
) -> pl.DataFrame:
    lowest, highest = SHARES
    known = (
        pl.concat([each.drop_nulls().rename("") for each in numbers]).fill_nan(None).drop_nulls()
    )
    relative = known.len() > 0 and bool(((known >= lowest) & (known <= highest)).all())
    return _with_room(frame).with_columns(
        *(values.alias(name) for values, name in zip(sides, RECTANGLE, strict=True)),
        pl.lit(relative).alias("_relative"),
        pl.lit(source).alias(BOX_SOURCE),
    )


def _with_room(frame: pl.DataFrame, names: Iterable[str] = RECTANGLE) -> pl.DataFrame:
    """Columns of these names, such as the size of the picture, get `_user` behind them."""
    for name in set(names) & set(frame.columns):
        free = f"{name}_user"
        while free in frame.columns:
            free += "_user"
        frame = frame.rename({name: free})
    return frame


def _of_objects(frame: pl.DataFrame) -> pl.DataFrame:
    """The fields of `objects` as columns: boxes and labels, and what else has a name of its own."""
    if isinstance(frame.schema[OBJECTS], pl.List | pl.Array):
        frame = _rows_of(frame, [OBJECTS])
    fields = frame[OBJECTS].struct.unnest()
    frame = _with_room(frame.drop(OBJECTS), {LIST, *LABELS} & set(fields.columns))
    taken = set(frame.columns) & set(fields.columns)
    return frame.hstack(fields.rename({name: f"{OBJECTS}_{name}" for name in taken}))


def _exploded(frame: pl.DataFrame) -> pl.DataFrame:
    """One row per box, where a row has several, with what other columns say of each of them."""
    boxes = _parsed(frame[LIST])
    frame = frame.with_columns(boxes.alias(LIST))
    if not isinstance(inner_of(boxes.dtype), pl.List | pl.Array):
        return frame
    lengths = boxes.list.len() if isinstance(boxes.dtype, pl.List) else boxes.arr.len()
    together = [
        name
        for name, dtype in frame.schema.items()
        if isinstance(dtype, pl.List)
        and (frame[name].list.len().fill_null(0) == lengths.fill_null(0)).all()
    ]
    frame = _rows_of(frame, list(dict.fromkeys([LIST, *together])))
    return _with_label(frame, together)


def _with_label(frame: pl.DataFrame, choices: Collection[str]) -> pl.DataFrame:
    """What is said of each box as its label; one of the whole picture gives way."""
    found = next((name for name in LABELS if name in choices), "label")
    if found == "label" or isinstance(frame.schema[found], pl.List):
        return frame
    return _with_room(frame, ["label"]).rename({found: "label"})


def _rows_of(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """A row per item of lists of the same lengths; one row where they are empty."""
    lists = [
        frame[name].arr.to_list() if isinstance(frame.schema[name], pl.Array) else frame[name]
        for name in names
    ]
    full = [pl.when(each.list.len() > 0).then(each).alias(each.name) for each in lists]
    return frame.with_columns(full).explode(names)


def _parsed(values: pl.Series) -> pl.Series:
    if values.dtype != pl.String:
        return values
    text = values.str.replace_all("(", "[", literal=True).str.replace_all(")", "]", literal=True)
    kind = pl.List(pl.Float64)
    if text.str.contains(r"^\s*\[\s*\[").any():
        kind = pl.List(kind)
    else:
        # A list of one is a box that is none, in its own row.
        text = text.set(text.is_not_null() & ~text.str.contains(NUMBERS), "[0]")
    try:
        return text.str.json_decode(kind)
    except pl.exceptions.PolarsError as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"annotations: the column {LIST} holds no lists: {reason}") from None


def _of_lists(frame: pl.DataFrame, source: str) -> pl.DataFrame:
    if not is_list_of_boxes(frame[LIST]):
        raise ValueError(f"annotations: the column {LIST} holds lists, but none of four numbers")
    boxes = frame[LIST].cast(pl.List(pl.Float64))
    four = boxes.list.len() == 4
    odd = (boxes.list.len() > 0) & ~four
    sides = [boxes.list.get(place, null_on_oob=True) for place in range(4)]
    table = pl.DataFrame([values.alias(str(place)) for place, values in enumerate(sides)])
    sides = table.select(pl.when(four).then(pl.col(name)) for name in table.columns).get_columns()
    error = pl.when(odd).then(pl.lit(f"its {LIST} is not four numbers"))
    frame = frame.drop(LIST).with_columns(error.alias("_box_error"))
    return _with_sides(frame, sides, sides, source)
