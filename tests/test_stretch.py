"""How more than 8 bits become 8, against oracles in whole numbers and fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixsieve.sources.formats import stretch as module
from pixsieve.sources.formats.stretch import percentiles, to_bytes

VALUES = st.lists(st.integers(0, 65_535), min_size=1, max_size=300)


def nearest_rank(values: list[int]) -> tuple[int, int]:
    """The smallest value of which at least 1 % and 99 % are not larger, by counting."""

    def least(percent: int) -> int:
        wanted = math.ceil(Fraction(percent * len(values), 100))
        return next(v for v in sorted(values) if sum(other <= v for other in values) >= wanted)

    return least(1), least(99)


def half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def by_percentile(values: list[int]) -> list[int]:
    lower, upper = nearest_rank(values)
    if upper <= lower:
        return [(value + 128) // 257 for value in values]
    exact = [Fraction(255 * (value - lower), upper - lower) for value in values]
    return [min(255, max(0, half_up(value))) for value in exact]


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_whole_numbers_by_percentile(values: list[int]):
    array = np.array(values, np.uint16)
    assert percentiles(array) == nearest_rank(values)
    assert to_bytes(array, "percentile").tolist() == by_percentile(values)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_floats_have_the_percentiles_of_the_whole_numbers(values: list[int]):
    array = np.array(values, np.float32)
    assert percentiles(array) == nearest_rank(values)
    lower, upper = nearest_rank(values)
    if upper > lower:
        assert np.abs(to_bytes(array, "percentile") - np.array(by_percentile(values))).max() <= 1


def test_every_whole_number_by_range():
    values = np.arange(65_536, dtype=np.uint16)
    expected = [half_up(Fraction(value, 257)) for value in range(65_536)]
    assert to_bytes(values, "range").tolist() == expected


def test_floats_by_range():
    values = np.array([np.nan, -np.inf, -1, 0, 0.5, 1, 7, np.inf], np.float32)
    assert to_bytes(values, "range").tolist() == [0, 0, 0, 0, 128, 255, 255, 255]
    # Just below one half: nothing is added to it before it is cut off.
    below = np.nextafter(np.float32(0.5), np.float32(0)) / np.float32(255)
    assert to_bytes(np.array([below], np.float32), "range").tolist() == [0]


def test_bytes_stay_as_they_are():
    values = np.array([3, 4, 5], np.uint8)
    assert to_bytes(values, "percentile") is values


def test_what_is_no_number_does_not_count():
    values = np.array([np.nan] * 1000 + [10.0, 20.0], np.float32)
    assert percentiles(values) == (10, 20)
    assert to_bytes(values, "percentile")[-3:].tolist() == [0, 0, 255]
    nothing = np.full(4, np.nan, np.float32)
    assert to_bytes(nothing, "percentile").tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_one_value_throughout_goes_by_range(kind: type[np.generic]):
    values = np.full((5, 4, 3), 1, kind)
    assert np.array_equal(to_bytes(values, "percentile"), to_bytes(values, "range"))


def test_infinities_at_both_ends_go_by_range():
    values = np.array([-np.inf, 0.5, np.inf], np.float32)
    assert to_bytes(values, "percentile").tolist() == [0, 128, 255]


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
@pytest.mark.parametrize("rule", ["range", "percentile"])
def test_pieces_make_the_whole(kind: type[np.generic], rule: str, monkeypatch: pytest.MonkeyPatch):
    """Nothing depends on how many values are converted at a time, or how they lie in memory."""
    values = np.random.default_rng(0).integers(0, 65_536, (37, 41, 3)).astype(kind)
    if kind == np.float32:
        values /= 65_535
    whole = to_bytes(values, rule)
    assert whole.shape == values.shape
    monkeypatch.setattr(module, "BLOCK", 100)
    assert np.array_equal(to_bytes(values, rule), whole)
    turned = values.swapaxes(0, 1)[::-1]
    assert np.array_equal(to_bytes(turned, rule), whole.swapaxes(0, 1)[::-1])


def test_outliers_do_not_count():
    """One percent of white dots does not darken a dim picture."""
    values = np.linspace(1_000, 2_000, 1_000).astype(np.uint16)
    values[::200] = 65_535
    shown = to_bytes(values, "percentile")
    assert shown[values < 65_535].max() >= 254
    assert to_bytes(values, "range")[values < 65_535].max() <= 8
