"""One box for all pictures, given as text."""

import math

#: What the text must name, each once.
KEYS = ("row_y", "col_x", "height", "width")
FORM = "row_y=…,col_x=…,height=…,width=…"


def is_global_box(bounding_box: str) -> bool:
    """Whether the text says where a box is, and does not name a detector."""
    return "=" in bounding_box and not bounding_box.lower().endswith(".onnx")


def parse_global_box(text: str) -> tuple[float, float, float, float]:
    """x, y, width and height in pixels, of `row_y=…,col_x=…,height=…,width=…` in any order.

    Raises:
        ValueError: If a part is missing, unknown, given twice, no number, or negative, or if the
            box has no area.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        key, equals, number = (piece.strip() for piece in part.partition("="))
        if key not in KEYS or not equals:
            raise ValueError(f"bounding_box={text!r}: {part.strip()!r} is no part of {FORM}")
        if key in found:
            raise ValueError(f"bounding_box={text!r} gives {key} twice")
        found[key] = _number(key, number, text)
    missing = [key for key in KEYS if key not in found]
    if missing:
        raise ValueError(f"bounding_box={text!r} lacks {', '.join(missing)}: write {FORM}")
    for key in ("height", "width"):
        if found[key] == 0:
            raise ValueError(f"bounding_box={text!r}: {key} must be more than 0")
    return found["col_x"], found["row_y"], found["width"], found["height"]


def _number(key: str, text: str, whole: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"bounding_box={whole!r}: {key} is no number: {text!r}") from None
    if not 0 <= value < math.inf:
        raise ValueError(f"bounding_box={whole!r}: {key} must be at least 0, not {text}")
    return value
