"""Plots as SVG, drawn with the colours of the page."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from pixsieve.pages.text import count, measure

#: Pixels of a plot, and of its bars.
WIDTH, HEIGHT = 640, 120
#: Room for the ticks below, and for each line of the names of cuts above.
BELOW, LINE = 22, 13
#: Pixels of a bin, and from tick to tick at least.
BIN, TICK = 9, 72
#: From this ratio of the largest to the middle value on, positive values are shown by logarithm.
SKEWED = 20.0
#: Values that differ by a smaller part are the same; beyond the largest none is drawn.
EQUAL, LARGEST = 1e-9, 1e100
#: Unless more of them than this are zero, which has no logarithm: those are put to the left end.
FEW_ZEROS = 0.05
#: A character of the small print is so wide.
CHARACTER = 6.2


@dataclass(frozen=True)
class Cut:
    """A value that tells some images from the others."""

    value: float
    name: str
    #: Whether larger values are the odd ones.
    above: bool


def histogram(
    values: NDArray[np.float64],
    cuts: Sequence[Cut],
    *,
    name: str,
    unit: str = "image",
    width: int = WIDTH,
) -> Markup | None:
    """How many images have which value; bars beyond a cut stand out. None without values.

    Args:
        values: One per image; what is not finite is left out.
        cuts: Marked by lines.
        name: Of what is plotted, for readers who do not see it.
        unit: What is counted.
        width: In pixels, where the page has room for them.
    """
    values = values[np.abs(values) < LARGEST]
    if not len(values):
        return None
    scale = _scale(values, cuts, width)
    shown = [cut for cut in cuts if 0 <= scale.x(cut.value) <= width]
    above = LINE * max(1, *(sum(_ends(scale, cut) == end for cut in shown) for end in (0, 1))) + 7
    floor = above + HEIGHT
    said = escape(f"Histogram of {name}: {count(len(values), unit)}")
    parts = [
        f'<svg class="plot" viewBox="0 0 {width} {floor + BELOW}" role="img" aria-label="{said}">',
        *_bars(values, scale, cuts, unit, floor),
        *(_tick(scale, value, floor) for value in scale.ticks()),
    ]
    parts += [_line(scale, cut, floor) for cut in shown]
    lines = [0, 0]
    for cut in shown:
        lines[_ends(scale, cut)] += 1
        parts.append(_name(scale, cut, lines[_ends(scale, cut)]))
    return Markup("".join(parts) + "</svg>")  # noqa: S704 - made of numbers and escaped names


def _bars(
    values: NDArray[np.float64], scale: "_Scale", cuts: Sequence[Cut], unit: str, floor: int
) -> Iterator[str]:
    bins = scale.width // BIN
    counts, edges = np.histogram(scale.place(values), bins=bins, range=(0, 1))
    # Of few images that differ from most, the bars shall still be seen.
    heights = np.maximum(np.sqrt(counts / counts.max()) * HEIGHT, 1)
    wide = scale.width / bins
    for number, (many, height) in enumerate(zip(counts, heights, strict=True)):
        if many:
            low, high = (scale.value(edge) for edge in edges[number : number + 2])
            odd = any(low >= cut.value if cut.above else high <= cut.value for cut in cuts)
            yield (
                f'<rect class="{"odd" if odd else "bar"}" x="{number * wide + 0.5:.1f}" '
                f'y="{floor - height:.1f}" width="{wide - 1:.1f}" height="{height:.1f}"><title>'
                f"{measure(low)} to {measure(high)}: {count(int(many), unit)}</title></rect>"
            )


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    width: int
    logarithmic: bool = False
    constant: bool = False

    def place(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """0..1."""
        if self.logarithmic:
            values = np.log10(np.maximum(values, 10**self.low))
        reach = self.high - self.low
        found: NDArray[np.float64] = (values - self.low) / (reach or 1)
        return found

    def x(self, value: float) -> float:
        return float(self.place(np.array([value]))[0]) * self.width

    def value(self, place: float) -> float:
        plain = self.low + place * (self.high - self.low)
        return float(10**plain if self.logarithmic else plain)

    def ticks(self) -> list[float]:
        if self.logarithmic and self.high - self.low >= 2:
            return [10.0**power for power in range(math.ceil(self.low), math.floor(self.high) + 1)]
        low, high = self.value(0), self.value(1)
        if self.constant:
            return [low]
        most = self.width // TICK
        step = 10.0 ** math.floor(math.log10((high - low) or 1))
        factors = (0.2, 0.5, 1, 2, 5, 10)
        step *= next(factor for factor in factors if (high - low) / (step * factor) <= most)
        first = math.ceil(low / step - 1e-9)
        return [step * number for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _scale(values: NDArray[np.float64], cuts: Sequence[Cut], width: int) -> _Scale:
    # A cut that nothing comes near to would leave the plot empty but for one corner.
    low, high = float(values.min()), float(values.max())
    reach = (high - low) or 1
    near = [cut.value for cut in cuts if low - reach / 2 <= cut.value <= high + reach / 2]
    low, high = min([low, *near]), max([high, *near])
    positive = values[values > 0]
    skewed = len(positive) > 0 and high > SKEWED * float(np.median(positive))
    if low >= 0 and skewed and len(positive) >= (1 - FEW_ZEROS) * len(values):
        least = float(min([positive.min(), *(value for value in near if value > 0)]))
        return _Scale(math.log10(least), math.log10(high), width, logarithmic=True)
    if high - low > EQUAL * max(1e-300, abs(low), abs(high)):
        return _Scale(low, high, width)
    return _Scale(low, low + max(1, abs(low)), width, constant=True)


def _tick(scale: _Scale, value: float, floor: int) -> str:
    x = scale.x(value)
    text = f"{value:,.10g}"
    half = len(text) * CHARACTER / 2
    anchor = "start" if x < half else "end" if x > scale.width - half else "middle"
    return (
        f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{floor}" y2="{floor + 4}"/>'
        f'<text x="{x:.1f}" y="{floor + BELOW - 5}" text-anchor="{anchor}">{text}</text>'
    )


def _ends(scale: _Scale, cut: Cut) -> int:
    """Whether the name of a cut ends at its line (1) or begins there (0)."""
    return int(scale.x(cut.value) > scale.width / 2)


def _line(scale: _Scale, cut: Cut, floor: int) -> str:
    x = scale.x(cut.value)
    return f'<line class="cut" x1="{x:.1f}" x2="{x:.1f}" y1="2" y2="{floor}"/>'


def _name(scale: _Scale, cut: Cut, line: int) -> str:
    x, ends = scale.x(cut.value), _ends(scale, cut)
    text = f"{cut.name} {'above' if cut.above else 'below'} {measure(cut.value)}"
    return (
        f'<text class="cut" x="{x + (-5 if ends else 5):.1f}" y="{line * LINE - 1}" '
        f'text-anchor="{"end" if ends else "start"}">{escape(text)}</text>'
    )


# ---- heat map ---- #

#: Pixels of a cell, and of a character of a name.
CELL = 30
#: Names are cut to so many characters.
LONGEST = 18


def heat_map(
    names: Sequence[str], shares: NDArray[np.float64], counts: NDArray[np.int64]
) -> Markup:
    """How often the class of a row is taken for that of a column.

    Args:
        names: n names, of rows and columns alike.
        shares: (n, n), 0..1, which colours the cells; the diagonal stays empty.
        counts: (n, n), which are written into them.
    """
    short = [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in names]
    left = int(max((len(name) for name in short), default=0) * CHARACTER) + 12
    size, top = len(names) * CELL, left
    parts = [
        f'<svg class="plot heat" viewBox="0 0 {left + size + 8} {top + size + 4}" '
        f'style="max-width:{left + size + 8}px" role="img" aria-label="Classes that are taken '
        'for each other">'
    ]
    for row, name in enumerate(short):
        middle = top + row * CELL + CELL / 2 + 4
        parts.append(f'<text x="{left - 6}" y="{middle}" text-anchor="end">{escape(name)}</text>')
        x = left + row * CELL + CELL / 2 + 4
        parts.append(
            f'<text transform="translate({x},{top - 6}) rotate(-90)">{escape(name)}</text>'
        )
    most = float(shares.max(initial=0)) or 1.0
    for (row, column), share in np.ndenumerate(shares):
        x, y = left + column * CELL, top + row * CELL
        strength = 0 if row == column else share / most
        parts.append(
            f'<rect class="cell" x="{x + 1}" y="{y + 1}" width="{CELL - 2}" height="{CELL - 2}" '
            f'rx="3"/><rect class="odd" x="{x + 1}" y="{y + 1}" width="{CELL - 2}" '
            f'height="{CELL - 2}" rx="3" opacity="{strength:.2f}"><title>'
            f"{escape(names[row])} → {escape(names[column])}: "
            f"{count(int(counts[row, column]), 'image')}</title></rect>"
        )
        if row != column and counts[row, column]:
            tone = " strong" if strength > 0.55 else ""
            parts.append(
                f'<text class="value{tone}" x="{x + CELL / 2}" y="{y + CELL / 2 + 4}" '
                f'text-anchor="middle">{counts[row, column]}</text>'
            )
    return Markup("".join(parts) + "</svg>")  # noqa: S704 - made of numbers and escaped names
