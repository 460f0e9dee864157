"""The flat picture of PSD and PSB files, which are written here by hand."""

import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from conftest import draw
from foreign_cases import decoded, failed, far, psd
from format_cases import sixteen_bits
from pixsieve.sources.formats.stretch import to_bytes

GREY, PALETTE, COLOUR, CMYK, DUOTONE, LAB = 1, 2, 3, 4, 8, 9


def planes(image: Image.Image) -> list[NDArray[np.uint8]]:
    values = np.asarray(image)
    return list(np.moveaxis(values, 2, 0)) if values.ndim == 3 else [values]


def three(values: NDArray[np.generic]) -> NDArray[np.generic]:
    return values[..., None].repeat(3, axis=2)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("large", [False, True])
class TestPlanes:
    def test_colour(self, packed: bool, large: bool):
        for size in ((64, 48), (1, 1), (3, 7), (129, 2), (257, 31)):
            image = draw(1, *size)
            found = decoded(psd(planes(image), COLOUR, packed=packed, large=large))
            assert np.array_equal(found.array, np.asarray(image))
            assert (found.format, found.width, found.height) == ("psd", *size)

    def test_grey_and_duotone(self, packed: bool, large: bool):
        image = draw(2).convert("L")
        for mode in (GREY, DUOTONE):
            found = decoded(psd(planes(image), mode, packed=packed, large=large))
            assert np.array_equal(found.array, three(np.asarray(image)))

    def test_sixteen_bits(self, packed: bool, large: bool):
        values = np.asarray(sixteen_bits()) // 16
        data = psd([values], GREY, depth=16, packed=packed, large=large)
        for rule in ("range", "percentile"):
            shown = decoded(data, stretch=rule).array
            assert np.array_equal(shown, three(to_bytes(values, rule)))

    def test_floats(self, packed: bool, large: bool):
        values = np.linspace(-0.5, 1.5, 64 * 48, dtype=np.float32).reshape(48, 64)
        data = psd([values] * 3, COLOUR, depth=32, packed=packed, large=large)
        assert np.array_equal(decoded(data).array, three(to_bytes(values, "range")))

    def test_one_bit(self, packed: bool, large: bool):
        bits = np.random.default_rng(0).integers(0, 2, (13, 21), dtype=np.uint8)
        found = decoded(psd([bits], 0, depth=1, packed=packed, large=large))
        assert np.array_equal(found.array, three(255 * (1 - bits)))


class TestColours:
    def test_palette(self):
        image = draw(3).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
        palette = np.zeros((256, 3), np.uint8)
        known = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
        palette[: len(known)] = known
        data = psd(planes(image), PALETTE, palette=palette.T.tobytes())
        assert np.array_equal(decoded(data).array, np.asarray(image.convert("RGB")))
        assert failed(psd(planes(image), PALETTE, palette=b"abc")).code == "corrupt"

    def test_cmyk(self):
        """Photoshop counts light, not ink."""
        ink = planes(draw(4).convert("CMYK"))
        found = decoded(psd([255 - plane for plane in ink], CMYK))
        assert far(found.array, draw(4).convert("CMYK").convert("RGB")) <= 1

    def test_lab(self):
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        lab = ImageCms.profileToProfile(draw(5), *profiles, outputMode="LAB")
        light, red, blue = planes(lab)
        data = psd([light, red ^ 128, blue ^ 128], LAB)
        assert far(decoded(data).array, draw(5)) <= 3

    def test_more_channels_are_no_transparency(self):
        """Photoshop writes the flat picture on white; the rest are masks and spot colours."""
        extra = np.zeros((48, 64), np.uint8)
        for packed in (False, True):
            data = psd([*planes(draw(6)), extra, extra], COLOUR, packed=packed)
            assert np.array_equal(decoded(data).array, np.asarray(draw(6)))


class TestBroken:
    def test_what_is_not_read_is_said(self):
        data = bytearray(psd(planes(draw(1)), COLOUR))
        for how in (2, 3):
            at = len(data) - 48 * 64 * 3 - 2
            data[at : at + 2] = struct.pack(">H", how)
            assert failed(bytes(data)).code == "unknown_format"
        assert failed(psd(planes(draw(1)), COLOUR, depth=24)).code == "unknown_format"

    def test_wrong_headers(self):
        assert failed(psd(planes(draw(1))[:2], COLOUR)).code == "corrupt"
        assert failed(psd(planes(draw(1)), 77)).code == "corrupt"
        assert failed(b"8BPS\0\1").code == "corrupt"
        assert failed(psd(planes(draw(1)), COLOUR, size=(0, 5))).code == "corrupt"

    @pytest.mark.parametrize("packed", [False, True])
    def test_cut_off(self, packed: bool):
        data = psd(planes(draw(1)), COLOUR, packed=packed)
        for length in (27, 40, len(data) // 2, len(data) - 1):
            assert failed(data[:length]).code == "corrupt"
