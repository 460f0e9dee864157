"""Boxes: the columns that tables give them in, and the one form they are brought into."""

import math
import numbers
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import polars as pl

from pixsieve.sources.tables.box_columns import CORNERS, RECTANGLE

SIDES = (*RECTANGLE, *CORNERS)

#: What `normalised` adds.
BOX = pl.Schema(
    {
        "_box": pl.Array(pl.Float64, 8),  # the corners; null where a row is of no box
        "_rotated": pl.Boolean(),
        "_relative": pl.Boolean(),  # as shares of the picture's width and height, not in pixels
        "_box_error": pl.String(),  # why nothing can be cut out, where that is known beforehand
    }
)

#: What else a reader may add, and `counts` counts: whether a category was never named.
UNKNOWN_LABEL = "_unknown_label"
#: Likewise, `box_columns`: the columns that boxes of other tools were found in.
BOX_SOURCE = "_box_source"

#: No picture is larger, and products of two such numbers are exact enough.
FARTHEST = 1e9


def box_columns(frame: pl.DataFrame) -> tuple[str, ...]:
    """The columns of boxes that a table has; none if it is of whole images.

    Columns `width` and `height` by themselves are no boxes.

    Raises:
        ValueError: If it has some of them, but not those that make a box.
    """
    has = set(frame.columns)
    found = tuple(name for kind in (RECTANGLE, CORNERS) if has >= set(kind) for name in kind)
    if found:
        return found
    for kind, telling in ((RECTANGLE, {"col_x"}), (RECTANGLE, {"row_y"}), (CORNERS, CORNERS[:4])):
        if has >= set(telling):
            missing = ", ".join(name for name in kind if name not in has)
            raise ValueError(
                f"annotations: a box needs columns {', '.join(kind)}; there is no {missing}. "
                "Columns that are of no boxes must have other names"
            )
    return ()


def normalised(frame: pl.DataFrame, *, relative: bool = False) -> pl.DataFrame:
    """The frame with the columns of `BOX` instead of those of boxes; itself if it has none.

    Where a row has corners as well as a rectangle, the corners count; with neither it is of no
    box. Corners against the clock are turned round, the first stays the first. A number that is
    not there is NaN. A reader may give `_box_error` and `_relative` beforehand.

    Raises:
        ValueError: If columns of boxes are missing or hold no numbers.
    """
    names = box_columns(frame)
    if not names:
        return frame
    table = frame.select(
        *(_number(frame, name) for name in names),
        *(pl.lit(None, dtype=pl.Float64).alias(n) for n in SIDES if n not in names),
        _by_corners=_any(set(names) & set(CORNERS)),
        _is_box=_any(names)
        | (pl.col("_box_error").is_not_null() if "_box_error" in frame.columns else False),
        _relative="_relative" if "_relative" in frame.columns else pl.lit(relative),
        _reason=_reason(frame, names),
    )
    table = table.with_columns(_gap()).with_columns(_upright_corners())
    table = _clockwise(table).with_columns(_shape())
    box = pl.concat_arr(pl.col(name).fill_null(math.nan) for name in CORNERS)
    is_box = pl.col("_is_box")
    boxes = table.select(
        pl.when(is_box).then(box).alias("_box"),
        _rotated=is_box & pl.col("_by_corners") & ~_is_upright().fill_null(value=False),
        _relative=is_box & pl.col("_relative").fill_null(relative),
        _box_error="_reason",
    )
    rest = frame.drop(*names, *(set(BOX) & set(frame.columns)))
    return pl.concat([rest, boxes], how="horizontal")


def _number(frame: pl.DataFrame, name: str) -> pl.Expr:
    kind = frame.schema[name]
    if kind.is_numeric() or kind == pl.Null:
        return pl.col(name).cast(pl.Float64)
    if kind not in (pl.String, pl.Categorical, pl.Enum):
        raise ValueError(f"annotations: the column {name!r} of boxes holds {kind}, not numbers")
    return pl.col(name).cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)


def _any(names: Iterable[str]) -> pl.Expr:
    """Where there is a value."""
    return pl.any_horizontal(pl.lit(value=False), *(pl.col(name).is_not_null() for name in names))


def _reason(frame: pl.DataFrame, names: Iterable[str]) -> pl.Expr:
    """What is said beforehand of a box, else which text of it is no number."""
    known = pl.col("_box_error") if "_box_error" in frame.columns else pl.lit(None, dtype=pl.String)
    return pl.coalesce(
        known,
        *(
            pl.when(pl.col(name).is_not_null() & _number(frame, name).is_null()).then(
                pl.format(f"its {name} is {{}}, which is no number", _short(name))
            )
            for name in names
            if not frame.schema[name].is_numeric()
        ),
    )


def _short(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String).str.slice(0, 40)


def _gap() -> pl.Expr:
    """What a box has no number for."""
    is_box, by_corners = pl.col("_is_box"), pl.col("_by_corners")
    gaps = [
        pl.when(used & pl.col(name).is_null()).then(pl.lit(f"it has no {name}"))
        for names, used in ((CORNERS, is_box & by_corners), (RECTANGLE, is_box & ~by_corners))
        for name in names
    ]
    return pl.coalesce("_reason", *gaps).alias("_reason")


def _upright_corners() -> Iterable[pl.Expr]:
    left, top, width, height = map(pl.col, RECTANGLE)
    right, bottom = left + width, top + height
    for name, side in zip(
        CORNERS, (left, top, right, top, right, bottom, left, bottom), strict=True
    ):
        yield pl.when("_by_corners").then(name).otherwise(side).alias(name)


def _clockwise(table: pl.DataFrame) -> pl.DataFrame:
    """Corners clockwise, and how far they bend at least (`_bend`)."""
    points = [(pl.col(f"x{number}"), pl.col(f"y{number}")) for number in (1, 2, 3, 4)]
    bends = []
    for number in range(4):
        (ax, ay), (bx, by), (cx, cy) = (points[(number + step) % 4] for step in range(3))
        bends.append((bx - ax) * (cy - by) - (by - ay) * (cx - bx))
    against = pl.max_horizontal(bends) < 0
    turned = [
        pl.when(against).then(f"{axis}{there}").otherwise(f"{axis}{here}").alias(f"{axis}{here}")
        for axis in "xy"
        for here, there in ((2, 4), (4, 2))
    ]
    bend = pl.when(against).then(-pl.max_horizontal(bends)).otherwise(pl.min_horizontal(bends))
    return table.with_columns(*turned, _bend=bend)


def _shape() -> pl.Expr:
    """Why the corners make no box."""
    finite = pl.all_horizontal(pl.col(name).is_finite() for name in CORNERS)
    reach = pl.max_horizontal(pl.col(name).abs() for name in CORNERS)
    area = (pl.col("x2") > pl.col("x1")) & (pl.col("y3") > pl.col("y2"))
    by_corners = pl.col("_by_corners")
    return pl.coalesce(
        "_reason",
        pl.when(~finite).then(pl.lit("its numbers are not finite")),
        pl.when(reach > FARTHEST).then(
            pl.format("it lies up to {} away, which no picture reaches", reach)
        ),
        pl.when(~by_corners & ~area).then(
            pl.format("its size is {} x {}: both must be above 0", "width", "height")
        ),
        pl.when(by_corners & (pl.col("_bend") <= 0)).then(
            pl.lit("its corners do not go round an area, clockwise from the top left")
        ),
    ).alias("_reason")


def _is_upright() -> pl.Expr:
    x1, y1, x2, y2, x3, y3, x4, y4 = map(pl.col, CORNERS)
    return (x1 == x4) & (x2 == x3) & (y1 == y2) & (y3 == y4) & (x2 > x1) & (y4 > y1)


def counts(frame: pl.DataFrame) -> dict[str, Any]:
    """What there is to tell of boxes, by its name; of a table without boxes, nothing.

    `boxes`; `bad_boxes`, those with a `_box_error`; `duplicate_boxes`, the rows that another row
    says already: same picture, corners and label; `pictures_without_boxes`; and
    `unknown_categories`, the rows whose category the file does not name, which may be whole images.
    `box_columns` names the columns they are from, where these are not called as ours.
    """
    unknown = frame[UNKNOWN_LABEL].sum() if UNKNOWN_LABEL in frame.columns else 0
    if "_box" not in frame.columns:
        return {"unknown_categories": int(unknown)} if unknown else {}
    boxes = frame.filter(pl.col("_box").is_not_null())
    same = [name for name in ("path", "_box", "_relative", "label") if name in frame.columns]
    good = boxes.filter(pl.col("_box_error").is_null()).select(same)
    good = good.with_columns(pl.col("_box").arr.to_list())
    columns = frame[BOX_SOURCE].drop_nulls().to_list() if BOX_SOURCE in frame.columns else []
    return {
        **({"box_columns": columns[0]} if len(columns) else {}),
        "boxes": boxes.height,
        "bad_boxes": boxes["_box_error"].count(),
        "duplicate_boxes": good.height - good.unique().height,
        "pictures_without_boxes": frame["path"].n_unique() - boxes["path"].n_unique(),
        "unknown_categories": int(unknown),
    }


def numbers_in(value: Any) -> list[float] | None:
    """A flat list of numbers as floats, whatever their size; None if it is no such list."""
    if type(value) is list and set(map(type, value)) == {float}:  # as nearly all are
        return value
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Collection):
        return None
    found = []
    for one in value:
        plain = type(one) is float or type(one) is int
        if not plain and (isinstance(one, bool) or not isinstance(one, numbers.Real)):
            return None
        try:
            found.append(float(one))
        except OverflowError:
            found.append(math.inf)
    return found


def around(xs: list[float], ys: list[float]) -> list[float]:
    """The upright box around points: left, top, width, height."""
    left, top = min(xs), min(ys)
    return [left, top, max(xs) - left, max(ys) - top]


def rectangles(values: list[list[float] | None]) -> dict[str, pl.Series]:
    """Columns of `RECTANGLE` from one list of four per row."""
    return _columns(RECTANGLE, values)


def corners(values: list[list[float] | None]) -> dict[str, pl.Series]:
    """Columns of `CORNERS` from one list of eight per row."""
    return _columns(CORNERS, values)


def _columns(names: tuple[str, ...], values: list[list[float] | None]) -> dict[str, pl.Series]:
    nothing = [None] * len(names)
    flat = pl.Series([side for row in values for side in row or nothing], dtype=pl.Float64)
    return {name: flat.gather_every(len(names), place) for place, name in enumerate(names)}
