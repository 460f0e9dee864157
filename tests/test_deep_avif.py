"""AVIF of 10 and 12 bits is stretched by percentiles before it becomes 8."""

import importlib.util

import numpy as np
import pytest
from numpy.typing import NDArray

from foreign_cases import decoded
from pixsieve.sources import formats
from pixsieve.sources.formats.stretch import to_bytes

imagecodecs = pytest.importorskip("imagecodecs")
pytest.importorskip("av")


def faint(bits: int) -> NDArray[np.uint16]:
    """A picture in few of its values, which 8 bits would not tell apart."""
    y, x = np.mgrid[:48, :64]
    each = np.stack([x // 4, y // 3, (x + y) // 7], -1)
    return (each + 500 << bits - 10).astype(np.uint16)


def percentile(data: bytes) -> NDArray[np.uint8]:
    found = formats.decode(
        data, extension="avif", max_side=99, max_pixels=50_000, stretch="percentile"
    )
    assert isinstance(found, formats.Decoded)
    return found.array


@pytest.mark.parametrize("bits", [10, 12])
def test_percentiles_are_those_of_all_bits(bits: int):
    values = faint(bits)
    data = imagecodecs.avif_encode(values, level=100, bitspersample=bits)
    found = percentile(data)
    expected = to_bytes(values, "percentile")
    assert np.abs(found.astype(int) - expected).max() <= 2
    assert np.unique(found).size >= 16
    assert np.unique(decoded(data).array).size < 10


@pytest.mark.parametrize("form", ["420", "422", "444"])
@pytest.mark.parametrize("bits", [10, 12])
def test_colours_are_those_of_libavif(bits: int, form: str):
    y, x = np.mgrid[:48, :64]
    values = (np.stack([x * 16, y * 21, (x + y) * 9], -1) << bits - 10).astype(np.uint16)
    data = imagecodecs.avif_encode(values, level=90, bitspersample=bits, pixelformat=form)
    # Nearly the whole range is used: percentiles change little.
    plain, low, high = decoded(data).array.astype(float), *np.percentile(values, [1, 99])
    scale = 255 / (2**bits - 1)
    expected = np.clip((plain - low * scale) * 255 / ((high - low) * scale), 0, 255)
    apart = np.abs(percentile(data) - expected)
    assert apart.mean() < 2
    assert apart.max() < 9


def test_alpha_is_on_white_and_does_not_count():
    values = np.dstack([faint(10), np.full((48, 64), 1023, np.uint16)])
    values[:10] = 0
    data = imagecodecs.avif_encode(values, level=100, bitspersample=10)
    found = percentile(data)
    assert (found[:10] == 255).all()
    assert found[10:].min() < 255


def test_without_pyav_or_where_it_may_be_wrong_it_is_libavif(monkeypatch: pytest.MonkeyPatch):
    data = imagecodecs.avif_encode(faint(10), level=100, bitspersample=10)
    plain = decoded(data).array
    assert not np.array_equal(percentile(data), plain)
    assert np.array_equal(percentile(data + b"\0\0\0\x0cfreeimir"), plain)
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda n: None if n == "av" else find(n))
    assert np.array_equal(percentile(data), plain)


def test_sizes_are_limited():
    data = imagecodecs.avif_encode(faint(10), level=100, bitspersample=10)
    # 48 x 64 pixels at 24 bytes, of 7 for each that is allowed.
    least = 48 * 64 * 24 // 7 + 1
    for most, is_read in ((least, True), (least - 1, False)):
        found = formats.decode(
            data, extension="avif", max_side=99, max_pixels=most, stretch="percentile"
        )
        assert isinstance(found, formats.Decoded) == is_read
