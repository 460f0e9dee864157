"""Plots: what is drawn is what was counted."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixsieve.pages.plots import WIDTH, Cut, histogram

VALUES = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=50)


def drawn(values, *cuts: Cut) -> ET.Element:
    return ET.fromstring(str(histogram(np.array(values, float), cuts, name="a <b> & c")))


def bars(plot: ET.Element, kind: str) -> int:
    """How many images the bars of a kind count."""
    titles = [one.find("title").text for one in plot.iter("rect") if one.get("class") == kind]
    return sum(int(re.search(r": ([\d,]+) image", title)[1].replace(",", "")) for title in titles)


@given(VALUES, st.floats(-1e6, 1e6), st.booleans())
def test_every_image_is_in_a_bar_inside_the_plot(values, cut, above):
    plot = drawn(values, Cut(cut, "odd", above))
    assert bars(plot, "bar") + bars(plot, "odd") == len(values)
    for one in plot.iter("rect"):
        x, y, width, height = (float(one.get(name)) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + width <= WIDTH + 1
        assert 0 <= y <= y + height <= float(plot.get("viewBox").split()[3])
    for text in plot.iter("text"):
        assert -1 <= float(text.get("x")) <= WIDTH + 6


def test_what_lies_beyond_a_cut_stands_out():
    values = [*range(100), *[1000] * 7]
    plot = drawn(values, Cut(500, "large", above=True))
    assert bars(plot, "odd") == 7
    assert "large above 500" in "".join(plot.itertext())
    assert bars(drawn(values, Cut(500, "small", above=False)), "odd") == 100


def test_few_among_many_are_seen():
    heights = [float(one.get("height")) for one in drawn([0] * 10_000 + [1]).iter("rect")]
    assert min(heights) >= 1


def test_skewed_values_are_shown_by_logarithm():
    plot = drawn(np.geomspace(1, 1e6, 500))
    assert [text.text for text in plot.iter("text")] == [
        *("1", "10", "100", "1,000", "10,000", "100,000", "1,000,000")
    ]


def test_one_value_has_one_tick():
    plot = drawn([50_176] * 3)
    assert [text.text for text in plot.iter("text")] == ["50,176"]
    assert bars(plot, "bar") == 3


def test_names_are_escaped_and_nothing_gives_no_plot():
    assert drawn([1, 2]).get("aria-label") == "Histogram of a <b> & c: 2 images"
    assert histogram(np.array([np.nan, np.inf]), [], name="x") is None


@pytest.mark.parametrize("value", [-1e12, 1e12])
def test_a_cut_that_is_far_away_does_not_squeeze_the_plot(value):
    plot = drawn([1, 2, 3], Cut(value, "far", above=True))
    assert "far" not in "".join(plot.itertext())
