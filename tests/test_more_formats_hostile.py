"""Broken, huge and lying files of the formats that Python decodes."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import draw
from foreign_cases import FILES, decoded, dng, failed, jp2, jxl, outcome, psd
from pixsieve.sources.formats import decode
from pixsieve.sources.formats.jxl_header import picture_size
from pixsieve.sources.places import Failure
from test_dicom import GREY, dicom

WHOLE = {name: write() for name, write in FILES.items()} | {"dicom": dicom(GREY)}
CODES = {"corrupt", "too_large", "unknown_format"}
HARD = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def extension_of(name: str) -> str | None:
    return "dng" if name == "raw" else None


@pytest.mark.parametrize("name", WHOLE)
@HARD
@given(data=st.data())
def test_flipped_bits(name: str, data: st.DataObject):
    """A row says what is wrong, or there is a picture; nothing is raised."""
    broken = bytearray(WHOLE[name])
    for place in data.draw(st.lists(st.integers(0, 8 * len(broken) - 1), min_size=1, max_size=6)):
        broken[place // 8] ^= 1 << place % 8
    found = outcome(bytes(broken), extension_of(name), max_pixels=1_000_000)
    if isinstance(found, Failure):
        assert found.code in CODES
        assert found.detail
        assert "\n" not in found.detail
    else:
        high, wide, channels = found.array.shape
        assert channels == 3
        assert high * wide <= 1_000_000


@pytest.mark.parametrize("name", WHOLE)
@HARD
@given(share=st.floats(0, 1, exclude_max=True))
def test_cut_off(name: str, share: float):
    data = WHOLE[name]
    found = outcome(data[: int(share * len(data))], extension_of(name), max_pixels=1_000_000)
    if isinstance(found, Failure):
        assert found.code in {*CODES, "empty_file"}


@pytest.mark.parametrize("name", WHOLE)
@HARD
@given(rest=st.binary(max_size=300))
def test_a_head_and_then_anything(name: str, rest: bytes):
    head = WHOLE[name][: 132 if name == "dicom" else 12]
    found = outcome(head + rest, extension_of(name), max_pixels=1_000_000)
    assert isinstance(found, Failure)
    assert found.code in CODES


def huge_jxl(side: int) -> bytes:
    """A codestream that says its size and no more: 30 bits for each side."""
    bits = 0 | (3 << 1) | ((side - 1) << 3) | (0 << 33) | (3 << 36) | ((side - 1) << 38)
    return b"\xff\x0a" + bits.to_bytes(9, "little") + bytes(20)


def huge_jp2(side: int) -> bytes:
    data = bytearray(jp2(draw(1), no_jp2=True))
    for at in (8, 24):
        data[at : at + 8] = struct.pack(">II", side, side)
    return bytes(data)


def sized(name: str, side: int) -> bytes:
    """The file as it is, but its boxes say another size."""
    data = bytearray(WHOLE[name])
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", side, side)
    return bytes(data)


def huge(side: int) -> dict[str, bytes]:
    return {
        "heif": sized("heif", side),
        "avif": sized("avif", side),
        "jp2": huge_jp2(side),
        "jxl": huge_jxl(side),
        "psd": psd([np.zeros((1, 1))] * 3, 3, size=(side, side), packed=True),
        "raw": dng(np.zeros((2, 2, 3), np.uint16), size=(side, side)),
        "dicom": dicom(GREY, Rows=side, Columns=side),
    }


@pytest.mark.parametrize("name", huge(60_000))
def test_sixty_thousand_squared(name: str):
    """Few bytes, 10.8 GB of pixels: refused by the header."""
    data = huge(60_000)[name]
    tracemalloc.start()
    found = failed(data, extension_of(name))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 << 20
    # libavif has limits of its own, and no word for them.
    assert found.code == ("corrupt" if name == "avif" else "too_large")
    if name in ("jp2", "jxl", "psd", "dicom"):
        assert found.detail == "60000 x 60000: more than 120000000 pixels"


@pytest.mark.parametrize("name", WHOLE)
class TestLimits:
    def test_of_pixels(self, name: str):
        exact = {"max_pixels": 64 * 48 - 1}
        found = failed(WHOLE[name], extension_of(name), **exact)
        assert found.code == "too_large"
        assert found.detail == "64 x 48: more than 3071 pixels"

    def test_of_memory(self, name: str):
        found = outcome(WHOLE[name], extension_of(name), max_pixels=64 * 48)
        if isinstance(found, Failure):
            assert found.code == "too_large"
            assert f"more than {7 * 64 * 48}" in found.detail
        assert decoded(WHOLE[name], extension_of(name), max_pixels=10 * 64 * 48).width == 64

    def test_of_sides(self, name: str):
        found = failed(WHOLE[name], extension_of(name), max_side=63)
        assert found.detail == "64 x 48: a side is longer than 63 pixels"
        assert decoded(WHOLE[name], extension_of(name), max_side=64).height == 48


def test_a_reduced_picture_may_be_larger_than_the_limit():
    data = jp2(draw(1, 1_024, 768))
    assert failed(data, max_pixels=300_000).code == "too_large"
    found = decoded(data, max_pixels=300_000, short_side=100)
    assert found.array.shape == (192, 256, 3)


def test_the_size_of_a_jpeg_xl_is_what_libjxl_finds():
    sizes = [(8, 8), (256, 256), (640, 480), (3, 1), (1, 3), (320, 200), (300, 200), (160, 90)]
    for width, height in [*sizes, (512, 256), (10_001, 3), (1, 9_000), (264, 264)]:
        for container in (False, True):
            data = jxl(draw(1, width, height), use_container=container)
            assert picture_size(data) == (width, height)


def test_tiles_without_end():
    """Tiles of one pixel: 16 million of them."""
    data = bytearray(jp2(draw(1, 4_000, 4_000), no_jp2=True))
    data[24:32] = struct.pack(">II", 1, 1)
    assert failed(bytes(data)).code == "corrupt"


def test_boxes_without_end_are_left():
    for mark in (b"\0\0\0\x0cjP  \r\n\x87\n", b"\0\0\0\x0cJXL \r\n\x87\n"):
        for box in (b"\0\0\0\0", b"\0\0\0\1" + bytes(12), struct.pack(">I4s", 8, b"free") * 9_999):
            assert failed(mark + box).code == "corrupt"


def test_levels_that_are_not_there():
    data = bytearray(jp2(draw(4, 256, 192)))
    data[data.index(b"\xff\x52") + 9] = 200
    assert failed(bytes(data), short_side=10).code == "corrupt"


def test_a_panic_of_a_library_is_a_failure(monkeypatch: pytest.MonkeyPatch):
    class Panic(BaseException):
        """As Rust's panics come to Python."""

    def panics(*_: object) -> None:
        raise Panic("called `Option::unwrap()`\non a `None` value")

    monkeypatch.setattr("pixsieve.sources.formats.psd.decode", panics)
    found = failed(WHOLE["psd"])
    assert found == Failure("corrupt", "called `Option::unwrap()` on a `None` value")

    def stops(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pixsieve.sources.formats.psd.decode", stops)
    with pytest.raises(KeyboardInterrupt):
        decode(WHOLE["psd"], extension=None, max_side=9, max_pixels=9, stretch="range")


def test_a_deflated_dicom_is_not_inflated():
    """64 MB of zeros in 64 kB."""
    packer = zlib.compressobj(wbits=-15)
    zeros = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    data = WHOLE["dicom"].replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99", 1) + zeros
    assert failed(data).code == "unknown_format"
