"""Boxes over pictures."""

import math
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from pixsieve.annotations import as_frame
from pixsieve.audit import Audit
from pixsieve.audit.whole import outline
from pixsieve.gallery.data import Box
from pixsieve.gallery.look import Look
from pixsieve.pages import Card

#: Columns of a table of boxes: left, top, width and height in pixels.
COLUMNS = ("col_x", "row_y", "width", "height")

#: Of a picture its width and height.
Size = tuple[int | None, int | None] | None
Boxes = Callable[[Card, Size], tuple[Box, ...]]


def shows_whole(look: Look, audit: Audit) -> bool:
    """Whether the pictures are shown that the images are parts of.

    Raises:
        ValueError: If crops are asked for, and boxes shall be drawn over them.
    """
    if not audit.has_boxes:
        # Crops that were given as files are images like others, and shown as they are.
        return False
    if look.load_crops and look.draw_bbox and look.get_bounding_box_func is None:
        raise ValueError("draw_bbox draws over whole pictures: leave load_crops out")
    return look.load_crops is False or (look.draw_bbox and not look.load_crops)


def boxes_of(look: Look, audit: Audit, row: Callable[[object], int | None]) -> Boxes:
    """Gives the boxes to be drawn over the picture of any image.

    `row` gives the number of the image with a path.

    Raises:
        FileNotFoundError: If the file of boxes does not exist.
        ValueError: If there is nothing to draw, a table lacks a column, or none of its paths is
            that of an image.
    """
    given = look.get_bounding_box_func
    if given is None:
        if not look.draw_bbox:
            return lambda _card, _size: ()
        if not audit.has_boxes:
            raise ValueError("draw_bbox: the images have no boxes: pass get_bounding_box_func")
        return lambda card, _size: _own(outline(audit, card.image))
    table: Any = _table(given)
    if not isinstance(table, Mapping):
        return lambda card, size: _shares(table(card.path), card, size)
    found = {row(name): boxes for name, boxes in table.items()}
    if table and set(found) == {None}:
        raise ValueError(
            f"get_bounding_box_func: none of its {len(table):,} paths, such as "
            f"{next(iter(table))!r}, is that of an image"
        )
    return lambda card, size: _shares(found.get(card.image), card, size)


def _own(corners: Box | None) -> tuple[Box, ...]:
    return () if corners is None else (corners,)


def _table(given: Any) -> Any:
    """A function or mapping of paths, whatever was given."""
    if isinstance(given, (str, os.PathLike)):
        if not Path(given).is_file():
            raise FileNotFoundError(f"get_bounding_box_func: there is no file {os.fspath(given)}")
        try:
            given = pl.read_csv(Path(given))
        except pl.exceptions.PolarsError as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(f"get_bounding_box_func: {given} cannot be read: {reason}") from None
    elif hasattr(given, "iloc") or (isinstance(given, Mapping) and "col_x" in given):
        given = as_frame(given, "get_bounding_box_func")
    if not isinstance(given, pl.DataFrame):
        if not callable(given) and not isinstance(given, Mapping):
            raise TypeError(
                "get_bounding_box_func must be a function, a mapping, a frame or a CSV file, "
                f"not {type(given).__name__}"
            )
        return given
    name = next((name for name in ("path", "filename") if name in given.columns), "filename")
    missing = [column for column in (name, *COLUMNS) if column not in given.columns]
    if missing:
        raise ValueError(f"get_bounding_box_func: the table has no column {missing[0]!r}")
    left, top, width, height = (pl.col(column) for column in COLUMNS)
    try:
        numbers = given.with_columns(pl.col(column).cast(pl.Float64) for column in COLUMNS)
    except pl.exceptions.PolarsError:
        raise ValueError(f"get_bounding_box_func: {', '.join(COLUMNS)} must hold numbers") from None
    listed = numbers.drop_nulls([name, *COLUMNS]).group_by(name, maintain_order=True)
    grouped = listed.agg(box=pl.concat_list(left, top, left + width, top + height))
    return dict(grouped.iter_rows())


def _shares(boxes: Any, card: Card, size: Size) -> tuple[Box, ...]:
    width, height = size or (None, None)
    if boxes is None or not width or not height:
        return ()
    if not isinstance(boxes, Iterable):
        raise ValueError(f"the bounding boxes of {card.path} must be a list, not {boxes!r}")
    found: list[Box] = []
    for box in boxes:
        try:
            x1, y1, x2, y2 = (float(side) for side in box)
            if any(map(math.isnan, (x1, y1, x2, y2))):
                continue
        except (TypeError, ValueError):
            raise ValueError(
                f"a bounding box of {card.path} must be [x1, y1, x2, y2], not {box!r}"
            ) from None
        left, right = sorted(min(max(x, 0), width) / width for x in (x1, x2))
        top, bottom = sorted(min(max(y, 0), height) / height for y in (y1, y2))
        if right > left and bottom > top:
            found.append(((left, top), (right, top), (right, bottom), (left, bottom)))
    return tuple(found)
