"""Plots as SVG, drawn with the colours of the page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from pixsieve.pages.text import count, measure

WIDTH, HEIGHT = 640, 170
#: Room for the ticks below, and for the names of cuts above.
BELOW, ABOVE = 22, 20
BINS = 64
#: From this ratio of the largest to the middle value on, positive values are shown by logarithm.
SKEWED = 20.0
#: A character of the small print is so wide.
CHARACTER = 6.2


@dataclass(frozen=True)
class Cut:
    """A value that tells some images from the others."""

    value: float
    name: str
    #: Whether larger values are the odd ones.
    above: bool


def histogram(values: NDArray[np.float64], cuts: Sequence[Cut], *, name: str) -> Markup | None:
    """How many images have which value; bars beyond a cut stand out. None without values.

    Args:
        values: One per image; what is not finite is left out.
        cuts: Marked by lines.
        name: Of what is plotted, for readers who do not see it.
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    scale = _scale(values, cuts)
    places = scale.place(values)
    counts, edges = np.histogram(places, bins=BINS, range=(0, 1))
    # Of few images that differ from most, the bars shall still be seen.
    heights = np.sqrt(counts / counts.max()) * (HEIGHT - BELOW - ABOVE)
    said = escape(f"Histogram of {name}: {count(len(values), 'image')}")
    parts = [f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">']
    width = WIDTH / BINS
    for number, (many, height) in enumerate(zip(counts, heights, strict=True)):
        if many:
            low, high = (scale.value(edge) for edge in edges[number : number + 2])
            odd = any(low >= cut.value if cut.above else high <= cut.value for cut in cuts)
            parts.append(
                f'<rect class="{"odd" if odd else "bar"}" x="{number * width + 0.5:.1f}" '
                f'y="{HEIGHT - BELOW - max(height, 1):.1f}" width="{width - 1:.1f}" '
                f'height="{max(height, 1):.1f}"><title>{measure(low)} to {measure(high)}: '
                f"{count(int(many), 'image')}</title></rect>"
            )
    parts += [_tick(scale, value) for value in scale.ticks()]
    parts += [_line(scale, cut) for cut in cuts if 0 <= scale.place(np.array([cut.value]))[0] <= 1]
    return Markup("".join(parts) + "</svg>")  # noqa: S704 - made of numbers and escaped names


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    logarithmic: bool = False
    constant: bool = False

    def place(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """0..1."""
        if self.logarithmic:
            values = np.log10(np.maximum(values, 10**self.low))
        reach = self.high - self.low
        found: NDArray[np.float64] = (values - self.low) / (reach or 1)
        return found

    def value(self, place: float) -> float:
        plain = self.low + place * (self.high - self.low)
        return float(10**plain if self.logarithmic else plain)

    def ticks(self) -> list[float]:
        if self.logarithmic and self.high - self.low >= 2:
            return [10.0**power for power in range(math.ceil(self.low), math.floor(self.high) + 1)]
        low, high = self.value(0), self.value(1)
        if self.constant:
            return [low]
        step = 10.0 ** math.floor(math.log10((high - low) or 1))
        step *= next(factor for factor in (0.2, 0.5, 1, 2) if (high - low) / (step * factor) <= 8)
        first = math.ceil(low / step - 1e-9)
        return [step * number for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _scale(values: NDArray[np.float64], cuts: Sequence[Cut]) -> _Scale:
    # A cut that nothing comes near to would leave the plot empty but for one corner.
    low, high = float(values.min()), float(values.max())
    reach = (high - low) or 1
    near = [cut.value for cut in cuts if low - reach / 2 <= cut.value <= high + reach / 2]
    low, high = min([low, *near]), max([high, *near])
    positive = values[values > 0]
    skewed = len(positive) > 0 and high > SKEWED * float(np.median(positive))
    if low >= 0 and skewed:
        least = float(min([positive.min(), *(value for value in near if value > 0)]))
        return _Scale(math.log10(least), math.log10(high), logarithmic=True)
    return _Scale(low, high) if high > low else _Scale(low, low + 1, constant=True)


def _tick(scale: _Scale, value: float) -> str:
    x = float(scale.place(np.array([value]))[0]) * WIDTH
    text = f"{value:,.10g}"
    half = len(text) * CHARACTER / 2
    anchor = "start" if x < half else "end" if x > WIDTH - half else "middle"
    return (
        f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{HEIGHT - BELOW}" '
        f'y2="{HEIGHT - BELOW + 4}"/><text x="{x:.1f}" y="{HEIGHT - 5}" '
        f'text-anchor="{anchor}">{text}</text>'
    )


def _line(scale: _Scale, cut: Cut) -> str:
    x = float(scale.place(np.array([cut.value]))[0]) * WIDTH
    text = f"{cut.name} {'above' if cut.above else 'below'} {measure(cut.value)}"
    end = x > WIDTH / 2
    return (
        f'<line class="cut" x1="{x:.1f}" x2="{x:.1f}" y1="2" y2="{HEIGHT - BELOW}"/>'
        f'<text class="cut" x="{x + (-5 if end else 5):.1f}" y="12" '
        f'text-anchor="{"end" if end else "start"}">{escape(text)}</text>'
    )
