"""Camera RAW: digital negatives written here, of a sensor that saw known colours."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from conftest import draw
from foreign_cases import corners, decoded, dng, failed, far
from format_cases import saved
from pixsieve.sources import formats
from pixsieve.sources.formats import picture, raw

SEEN = np.asarray(corners()).astype(np.uint16) * 128


def colours_of(pixels: np.ndarray) -> list[list[int]]:
    """Of the four corners, as 0 and 1."""
    places = ((4, 4), (4, -4), (-4, 4), (-4, -4))
    return [(pixels[place] > 128).astype(int).tolist() for place in places]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_once(orientation: int):
    expected = corners()
    expected.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(expected))
    for short_side in (None, 20):
        found = decoded(dng(SEEN, orientation=orientation), "dng", short_side=short_side)
        assert (found.height, found.width) == upright.shape[:2]
        assert colours_of(found.array) == colours_of(upright)
        assert found.format == "raw"


def test_half_the_size_where_that_is_enough():
    assert decoded(dng(SEEN), "DNG", short_side=24).array.shape == (24, 32, 3)
    assert decoded(dng(SEEN), "dng", short_side=25).array.shape == (48, 64, 3)
    found = decoded(dng(SEEN), "dng", short_side=1)
    assert (found.array.shape, found.width, found.height) == ((24, 32, 3), 64, 48)


def test_by_percentile():
    """A picture of few counts is dim, unless it is stretched; LibRaw's own way is set aside."""
    ramp = np.linspace(0, 2_000, 64 * 48).reshape(48, 64)
    dim = ramp[..., None].repeat(3, axis=2).astype(np.uint16)
    found = decoded(dng(dim), "dng", stretch="percentile").array
    assert found.min() == 0
    assert found.max() == 255


def test_without_the_extension_it_is_a_tiff():
    assert formats.needs(dng(SEEN)[: formats.HEAD], "tif") is None
    assert failed(dng(SEEN), "tif").code == "unknown_format"


def test_a_tiff_that_is_called_raw():
    data = saved(draw(1), "TIFF")
    assert failed(data, "nef").code in ("unknown_format", "corrupt")


@pytest.mark.parametrize("head", [b"FUJIFILMCCD-RAW ", b"IIRO\x08\0\0\0", b"IIU\0\x18\0\0\0"])
def test_marks_without_a_picture(head: bytes):
    assert failed(head).code in ("unknown_format", "corrupt")
    assert failed(head + bytes(5_000)).code in ("unknown_format", "corrupt")


class Sensor:
    """What LibRaw says of a file of 64 x 48 with a JPEG of the camera's in it."""

    def __init__(self, jpeg: bytes) -> None:
        self.jpeg = jpeg

    def extract_thumb(self) -> object:
        import rawpy

        return rawpy.Thumbnail(rawpy.ThumbFormat.JPEG, self.jpeg)


class TestTheCamerasJpeg:
    REQUEST = picture.Request(65_535, 120_000_000, "range", None)
    SMALLER = picture.Request(65_535, 120_000_000, "range", 20)

    def preview(self, image: Image.Image, request: picture.Request, **options: object):
        data = saved(image, "JPEG", **options)
        return raw._preview(Sensor(data), 64, 48, request)

    def test_stands_for_the_picture(self):
        found = self.preview(draw(1), self.REQUEST)
        assert found is not None
        with Image.open(io.BytesIO(saved(draw(1), "JPEG"))) as image:
            assert far(found, image) == 0

    def test_its_own_orientation_does_not_count(self):
        """LibRaw says how the sensor's picture is turned, and the JPEG lies as the sensor does."""
        turned = draw(1)
        turned.getexif()[0x0112] = 6
        found = self.preview(turned, self.REQUEST, exif=turned.getexif())
        assert found is not None
        assert found.shape == (48, 64, 3)

    def test_unless_it_is_small_or_shows_another_part(self):
        assert self.preview(draw(1, 32, 24), self.REQUEST) is None
        assert self.preview(draw(1, 64, 64), self.REQUEST) is None
        assert self.preview(draw(1, 32, 24), self.SMALLER) is not None
        assert self.preview(draw(1, 24, 18), self.SMALLER) is None

    def test_comes_smaller_where_that_is_enough(self):
        found = self.preview(draw(1, 640, 480), self.SMALLER)
        assert found is not None
        assert found.shape == (60, 80, 3)

    def test_a_broken_one_is_no_loss(self):
        data = saved(draw(1), "JPEG")
        for broken in (b"", data[:20], data[: len(data) // 2], b"\xff\xd8" + bytes(100)):
            assert raw._preview(Sensor(broken), 64, 48, self.REQUEST) is None
