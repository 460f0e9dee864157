"""Boxes: images that are parts of pictures."""

import polars as pl

from pixsieve.sources.tables.box_columns import CORNERS

#: Bits of `_box_kind`, as the boundary to Rust has them.
RELATIVE, ROTATED, WHOLE = 1, 2, 4
#: What a run says of an image that is a box; users' columns of these names give way.
PART_COLUMNS = frozenset({"source", "col_x", "row_y", "box_width", "box_height", *CORNERS})


def with_parts(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """The images, one per box, where there are any; and the paths of pictures without a box.

    An image that is a box is called by its place in the picture (W3C Media Fragments:
    `a.jpg#xywh=10,20,100,50`), and `source` is the picture.
    """
    if "_box" not in frame.columns:
        return frame, pl.Series(dtype=pl.String)
    frame = with_room(frame)
    bare = pl.col("_box").is_null() & pl.col("_box_error").is_null()
    without = frame.filter(bare.all().over("path"))["path"].unique(maintain_order=True)
    frame = frame.filter(~bare)
    kind = (
        pl.col("_box_relative").fill_null(False).cast(pl.UInt8) * RELATIVE
        + pl.col("_box_rotated").fill_null(False).cast(pl.UInt8) * ROTATED
    )
    frame = frame.with_columns(_box_kind=kind.cast(pl.UInt8), source=pl.col("path"))
    named = pl.col("path") + "#" + _fragment()
    number = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("path")
    frame = frame.with_columns(path=named)
    again = pl.when(number > 1).then(pl.format("&n={}", number)).otherwise(pl.lit(""))
    frame = frame.with_columns(path=pl.col("path") + again)
    return frame.drop("_box_relative", "_box_rotated"), without


def with_room(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame without columns called as in `PART_COLUMNS`: they get `_user` after their names.

    The `source` of frames is their `video`.
    """
    taken, names = {*frame.columns, *PART_COLUMNS}, {}
    for name in frame.columns:
        if name in PART_COLUMNS:
            of_frames = name == "source" and "time_s" in taken and "video" not in taken
            free = "video" if of_frames else f"{name}_user"
            while free in taken:
                free += "_user"
            taken.add(free)
            names[name] = free
    return frame.rename(names)


def _fragment() -> pl.Expr:
    at = [pl.col("_box").arr.get(place, null_on_oob=True) for place in range(8)]
    relative, rotated = (
        pl.col(f"_box_{name}").fill_null(False) for name in ("relative", "rotated")
    )
    sides = [at[0], at[1], at[4] - at[0], at[5] - at[1]]
    upright = _joined([_text(value, 2) for value in sides])
    shares = _joined([_text(value * 100, 3) for value in sides])
    corners = _joined([_text(value, 2) for value in at])
    return (
        pl.when(pl.col("_box").is_null() | pl.all_horizontal(value.is_nan() for value in at))
        .then(pl.lit("xywh=?"))
        .when(rotated)
        .then(pl.lit("corners=") + corners)
        .when(relative)
        .then(pl.lit("xywh=percent:") + shares)
        .otherwise(pl.lit("xywh=") + upright)
    )


def _text(value: pl.Expr, digits: int) -> pl.Expr:
    # Minus zero is zero, too.
    known = pl.when(value.round(digits) == 0).then(0.0).otherwise(value.round(digits))
    return known.fill_nan(None).cast(pl.String).str.strip_suffix(".0").fill_null("?")


def _joined(parts: list[pl.Expr]) -> pl.Expr:
    return pl.concat_str(parts, separator=",")
