"""Names and numbers as a reader can take them, whatever the names hold."""

import math
import re

from markupsafe import Markup, escape

_PICTURED = {"\n": "↵", "\u2028": "↵", "\u2029": "↵", "\x7f": "␡"}
#: Controls, which break lines or are not allowed on a page; invisible characters and those that
#: turn the direction of text, with which a name can pretend to be another; lone surrogates, which
#: stand for bytes that are not UTF-8.
_SPECIAL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ud800-\udfff]"
)


_NUMBER = r"(?:-?\d{1,9}(?:\.\d+)?|\?)"
#: How a path ends that names a box: `annotations.parts` writes it.
_BOX = re.compile(
    rf"#(?:(xywh)=(percent:)?({_NUMBER}(?:,{_NUMBER}){{3}})"
    rf"|corners=({_NUMBER}(?:,{_NUMBER}){{7}}))$",
    re.ASCII,
)


def short_name(path: str) -> str:
    """The path; of a box, in place of its numbers, these rounded: `cat.jpg [10, 20, 81 x 36]`.

    They are left and top, width and height; of a rotated box its first corner.
    """
    found = _BOX.search(path)
    if found is None:
        return path
    digits = 1 if found[2] else 0
    numbers = (found[3] or found[4]).split(",")
    shown = [one if one == "?" else f"{float(one):.{digits}f}" for one in numbers]
    size = f"{shown[2]} \u00d7 {shown[3]}{' %' if found[2] else ''}" if found[1] else "turned"
    return f"{path[: found.start()]} [{shown[0]}, {shown[1]}, {size}]"


def visible(text: object) -> str:
    """The text with each character that hides, breaks or turns it replaced by a visible one."""
    return _SPECIAL.sub(lambda found: _picture(found[0]), str(text))


def _picture(character: str) -> str:
    code = ord(character)
    if character in _PICTURED:
        return _PICTURED[character]
    if code < 0x20:
        return chr(0x2400 + code)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"[U+{code:04X}]"


def shorten(text: str, length: int) -> str:
    """The text, with an ellipsis in place of its middle if it is longer than `length`."""
    if len(text) <= length:
        return text
    # The end tells files apart more often than the beginning.
    tail = (length - 1) * 3 // 5
    return f"{text[: length - 1 - tail]}…{text[-tail:]}"


def breakable(text: str) -> Markup:
    """The text, escaped, with places where a browser may break a long path."""
    return escape(text).replace("/", Markup("/<wbr>"))


def number(value: float) -> str:
    """A whole number with its thousands set apart."""
    return f"{value:,.0f}"


def count(value: int, noun: str) -> str:
    """`1 image`, `2,000 images`."""
    return f"{number(value)} {noun}{'' if value == 1 else 's'}"


def similarity(value: float | None) -> str:
    """Three places, rounded down, so that only what is equal is called 1.000."""
    if value is None:
        return "?"
    # float32 has 0.96 as 0.95999998, which is not meant to show.
    return f"{math.floor(value * 1000 + 1e-3) / 1000:.3f}"


#: Smaller numbers have two places after the point, larger ones none.
SMALL, LARGE = 10, 1000


def measure(value: float) -> str:
    """A statistic with as many places after the point as say something."""
    return f"{value:,.2f}" if abs(value) < SMALL else f"{value:,.{1 if value < LARGE else 0}f}"


def share(value: float) -> str:
    """0..1 in percent."""
    return f"{value:.0%}"


def seconds(value: float) -> str:
    """A duration, as exact as one cares to know it."""
    if value >= 90:
        return f"{value / 60:,.1f} min"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def size(value: int) -> str:
    """Bytes in decimal units, which stay on the line of their number."""
    if value < 1000:
        return f"{value}\u00a0B"
    amount = value / 1000
    for unit in ("kB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.3g}\u00a0{unit}"
        amount /= 1000
    return f"{amount:,.1f}\u00a0TB"


def clock(seconds: float) -> str:
    """As players show it, with tenths: `0:07.5`, `1:02:03.0`."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    places = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{places}" if hours else f"{minutes}:{places}"
