"""The arguments that all galleries share."""

import difflib
import operator
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypedDict

import polars as pl

#: From a path to what is said of it.
Says = Callable[[str], Any] | Mapping[str, Any]
#: Pictures that are embedded without asking.
MANY = 1_000
#: More than any page can show.
MOST = 2**31
#: Longer sides that pictures are reduced to.
SIDES = (256, 512, 1024, 2048)


class LookOptions(TypedDict, total=False):
    """The same as `Look`, for type checkers."""

    label_col: str | None
    draw_bbox: bool
    num_images: int
    max_width: int | None
    lazy_load: bool
    save_artifacts: bool
    show: bool
    load_crops: bool | None
    get_label_func: Says | None
    get_reformat_filename_func: Says | None
    get_extra_col_func: Callable[[str], Any] | None
    get_bounding_box_func: Says | pl.DataFrame | str | os.PathLike[str] | None


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a gallery looks; every gallery takes these by name.

    Attributes:
        label_col: Shows this column of the images in place of the label.
        draw_bbox: Draws boxes over the pictures: those of `get_bounding_box_func`, else, where
            the images are boxes, these over the whole pictures.
        num_images: How many rows, clusters or pictures are shown.
        max_width: Pictures are shown at most so wide, in pixels; they are never enlarged.
        lazy_load: Writes the pictures into the folder `images` beside the page, from where the
            browser fetches them as they come into sight; else the page is one file.
        save_artifacts: Also writes the frame of what is shown, as CSV beside the page.
        show: In a notebook, displays the page.
        load_crops: Shows the box itself instead of the whole picture, where the images are boxes;
            None: unless `draw_bbox` is set. Other images are shown as they are.
        get_label_func: Called with a path, or a mapping of paths, gives the label to show.
        get_reformat_filename_func: Called with a path, gives the name to show.
        get_extra_col_func: Called with a path, gives more to say: text, or a list of texts.
            HTML is shown as text unless it says that it is HTML (`markupsafe.Markup`,
            `IPython.display.HTML`).
        get_bounding_box_func: Called with a path, or a mapping of paths, gives boxes
            `[x1, y1, x2, y2]` in pixels; or a frame or CSV file with the columns `filename` (or
            `path`), `col_x`, `row_y`, `width` and `height`.
    """

    label_col: str | None = None
    draw_bbox: bool = False
    num_images: int = 20
    max_width: int | None = None
    lazy_load: bool = False
    save_artifacts: bool = False
    show: bool = True
    load_crops: bool | None = None
    get_label_func: Says | None = None
    get_reformat_filename_func: Says | None = None
    get_extra_col_func: Callable[[str], Any] | None = None
    get_bounding_box_func: Says | pl.DataFrame | str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "num_images", whole("num_images", self.num_images, 1))
        if self.max_width is not None:
            object.__setattr__(self, "max_width", whole("max_width", self.max_width, 16))

    def side(self, usual: int) -> int:
        """The longer side that pictures of this gallery are reduced to."""
        wanted = usual if self.max_width is None else self.max_width
        return next((side for side in SIDES if side >= wanted), SIDES[-1])


def whole(name: str, value: Any, least: int) -> int:
    """A whole number, of NumPy too.

    Raises:
        ValueError: If it is none, or too small.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return min(number, MOST)


def look_of(options: Mapping[str, Any]) -> Look:
    """The arguments that were given, checked.

    Raises:
        TypeError: If there is no such argument.
        ValueError: If one is out of range.
    """
    known = [field.name for field in fields(Look)]
    for name in options:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"
            raise TypeError(f"galleries take no argument {name!r}{hint}")
    return Look(**options)


def says(function: Says | None, path: str) -> Any:
    """What a function or mapping has for a path."""
    if function is None:
        return None
    return function(path) if callable(function) else function.get(path)
