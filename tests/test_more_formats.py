"""HEIF, AVIF, JPEG 2000 and JPEG XL: what comes out of them."""

import io
import struct
import threading
from pathlib import Path

import numpy as np
import pillow_heif
import pillow_jxl
import pytest
from PIL import Image, ImageOps

from conftest import draw
from foreign_cases import (
    FILES,
    avif,
    corners,
    decoded,
    exif_of,
    failed,
    far,
    heif,
    jp2,
    jxl,
    outcome,
)
from format_cases import saved, sixteen_bits, with_alpha
from pixsieve import engine
from pixsieve.sources import formats
from pixsieve.sources.places import Failure

WRITERS = {"heif": heif, "avif": avif, "jp2": jp2, "jxl": jxl}


def upright(image: Image.Image, orientation: int) -> Image.Image:
    image = image.copy()
    image.getexif()[0x0112] = orientation
    return ImageOps.exif_transpose(image)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
def test_kinds_of_colour(name: str, mode: str):
    """Against Rust, which reads the same picture from a PNG."""
    image = draw(1).convert(mode.removesuffix("A"))
    if mode.endswith("A"):
        image = with_alpha(image)
    found = decoded(WRITERS[name](image))
    expected = engine.decode(saved(image, "PNG"))
    assert (found.format, found.width, found.height) == (name, 64, 48)
    assert found.damage is None
    exact = name in ("jp2", "jxl")
    assert far(found.array, expected) <= (0 if exact else 1.5)


@pytest.mark.parametrize("name", WRITERS)
def test_odd_sizes(name: str):
    for size in ((1, 1), (1, 17), (31, 5), (33, 65)):
        image = draw(2, *size)
        assert far(decoded(WRITERS[name](image)).array, image) <= 1.5


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_of_avif_and_heif_is_applied_once(self, orientation: int):
        expected = upright(corners(), orientation)
        data = avif(corners(), exif=exif_of(orientation))
        found = decoded(data)
        assert far(found.array, expected) <= 2
        assert (found.width, found.height) == expected.size
        # As pillow-heif writes it: the turn stands beside the picture, and in EXIF.
        found = decoded(heif(corners(), exif=exif_of(orientation)))
        assert far(found.array, expected) <= 2
        assert (found.width, found.height) == expected.size

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_of_jpeg_xl(self, orientation: int, tmp_path: Path):
        """A JPEG packed without loss, and the same codestream without what the JPEG needs."""
        path = tmp_path / "a.jpg"
        corners().save(path, quality=95, exif=exif_of(orientation))
        encoder = pillow_jxl.Encoder(mode="RGB", lossless=True, quality=100)
        data = encoder(path.read_bytes(), 64, 48, jpeg_encode=True)
        expected = engine.decode(path.read_bytes())
        packed = decoded(data)
        assert np.array_equal(packed.array, expected)
        assert (packed.height, packed.width) == expected.shape[:2]
        bare = decoded(without(data, b"jbrd"))
        assert far(bare.array, expected) <= 3
        assert (bare.height, bare.width) == expected.shape[:2]

    def test_exif_in_jpeg_xl_does_not_count(self):
        """The codestream says how to turn it, and there it says nothing."""
        data = jxl(corners(), exif=exif_of(6))
        assert far(decoded(data).array, corners()) == 0

    def test_xmp_does_not_turn_an_avif(self, shared: Path):
        data = (shared / "formats" / "pillow" / "xmp_tags_orientation.avif").read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            assert decoded(data).array.shape == (image.height, image.width, 3)


def without(data: bytes, kind: bytes) -> bytes:
    """The file without its boxes of a kind."""
    left, at = b"", 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big") or len(data) - at
        if data[at + 4 : at + 8] != kind:
            left += data[at : at + size]
        at += size
    assert left != data
    return left


class TestMoreThanEightBits:
    def test_grey_by_range(self):
        values = np.asarray(sixteen_bits())
        expected = ((values.astype(np.uint32) + 128) // 257)[..., None].repeat(3, axis=2)
        for write in (jp2, jxl):
            assert np.array_equal(decoded(write(sixteen_bits())).array, expected)

    def test_grey_by_percentile(self):
        dim = Image.fromarray(np.asarray(sixteen_bits()) // 64)
        for write in (jp2, jxl):
            assert decoded(write(dim)).array.max() <= 4
            stretched = decoded(write(dim), stretch="percentile").array
            assert (stretched.min(), stretched.max()) == (0, 255)
            assert 100 < stretched.mean() < 155

    def test_floats(self):
        ramp = np.linspace(-0.5, 1.5, 64 * 48, dtype=np.float32).reshape(48, 64)
        data = jxl(Image.fromarray(ramp))
        expected = np.clip(ramp, 0, 1)[..., None].repeat(3, axis=2) * 255
        assert far(decoded(data).array, expected) <= 0.5

    def test_heif_of_ten_bits(self):
        values = (np.asarray(draw(3)).astype("<u2") * 257).tobytes()
        buffer = io.BytesIO()
        picture = pillow_heif.from_bytes("RGB;16", (64, 48), values)
        picture.save(buffer, quality=-1, chroma=444)
        assert far(decoded(buffer.getvalue()).array, draw(3)) <= 1
        dim = (np.asarray(draw(3)).astype("<u2") * 64).tobytes()
        buffer = io.BytesIO()
        pillow_heif.from_bytes("RGB;16", (64, 48), dim).save(buffer, quality=-1, chroma=444)
        assert decoded(buffer.getvalue()).array.max() <= 65
        assert decoded(buffer.getvalue(), stretch="percentile").array.max() == 255


class TestJpeg2000:
    def test_reduced_is_the_mean_of_its_parts(self):
        image = draw(4, 256, 192)
        data = jp2(image, num_resolutions=6)
        found = decoded(data, short_side=48)
        assert found.array.shape == (48, 64, 3)
        assert (found.width, found.height) == (256, 192)
        assert far(found.array, image.resize((64, 48), Image.Resampling.BOX)) <= 4

    @pytest.mark.parametrize(("width", "height"), [(257, 193), (255, 191), (1001, 999), (64, 500)])
    @pytest.mark.parametrize("short_side", [32, 33, 100, 5000])
    def test_reduced_is_never_below_what_was_asked_for(
        self, width: int, height: int, short_side: int
    ):
        image = draw(5, width, height)
        found = decoded(jp2(image), short_side=short_side)
        assert (found.width, found.height) == (width, height)
        high, wide, _ = found.array.shape
        assert min(high, wide) >= min(short_side, width, height)
        assert far(found.array, image.resize((wide, high), Image.Resampling.BOX)) <= 12

    def test_as_many_halvings_as_there_are(self):
        found = decoded(jp2(draw(4, 256, 192), num_resolutions=2), short_side=10)
        assert found.array.shape == (96, 128, 3)

    def test_a_bare_codestream(self):
        data = jp2(draw(6), no_jp2=True)
        assert data.startswith(b"\xff\x4f\xff\x51")
        assert far(decoded(data).array, draw(6)) == 0

    def test_palette_and_cmyk(self):
        data = jp2(draw(6).convert("CMYK"))
        assert far(decoded(data).array, draw(6)) <= 1

    def test_sixteen_bits_of_real_life(self, shared: Path):
        folder = shared / "formats" / "pillow"
        found = decoded((folder / "16bit.cropped.jp2").read_bytes())
        with Image.open(folder / "16bit.cropped.tif") as image:
            values = np.asarray(image).astype(np.uint32)
        assert np.array_equal(found.array[..., 0], (values + 128) // 257)

    def test_size_within_and_without_must_agree(self):
        data = bytearray(jp2(draw(6)))
        at = data.index(b"ihdr") + 4
        data[at : at + 8] = struct.pack(">II", 10, 10)
        assert failed(bytes(data)).code == "corrupt"


class TestRealFiles:
    def test_all_but_the_broken_ones(self, shared: Path):
        folder = shared / "formats"
        paths = [
            path for path in sorted(folder.rglob("*")) if path.suffix in (".heic", ".avif", ".jp2")
        ]
        found = {path: outcome(path.read_bytes(), path.suffix[1:]) for path in paths}
        broken = {path.name for path, content in found.items() if isinstance(content, Failure)}
        # Alpha at half the size.
        assert broken == {"00r1_graya_la.jp2"}
        for path in paths:
            read_by_pillow = path.suffix != ".heic" and not path.name.startswith("plum-blossom")
            if path.name not in broken and read_by_pillow:
                with Image.open(path) as image:
                    if "exif" in image.info:
                        continue
                    picture = image.convert("RGBA") if "A" in image.mode else image
                    if image.mode in ("RGB", "L"):
                        assert far(found[path].array, picture.convert("RGB")) == 0, path

    def test_avif_that_libavif_refuses(self, shared: Path, monkeypatch: pytest.MonkeyPatch):
        """Several boxes of a kind that there may be one of; FFmpeg and browsers pass over it."""
        paths = sorted((shared / "formats" / "heif").glob("plum-blossom*.avif"))
        arrays = [decoded(path.read_bytes()).array for path in paths]
        grey = [one for path, one in zip(paths, arrays, strict=True) if "mono" in path.name]
        assert len(paths) == 5
        assert len(grey) == 4
        for one in arrays:
            # A round blossom on nothing, which is white.
            assert one.shape == (128, 128, 3)
            assert (one[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
            assert one.std() > 3
        # However alpha and colours are stored.
        assert max(far(one, grey[0]) for one in grey) <= 1
        data = paths[0].read_bytes()
        small = formats.decode(data, extension="avif", max_side=99, max_pixels=99, stretch="range")
        assert isinstance(small, Failure)
        assert small.code == "too_large"
        for end in range(0, len(data), 97):
            assert isinstance(outcome(data[:end], "avif"), Failure)
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "av" else True)
        assert "pip install 'pixsieve[video]'" in failed(data).detail

    def test_a_real_heic(self, shared: Path):
        found = decoded((shared / "formats" / "heif" / "example.heic").read_bytes())
        assert found.array.shape == (854, 1280, 3)
        assert found.array.std() > 30


class TestWhichFormat:
    def test_by_the_first_bytes(self):
        for name, write in FILES.items():
            assert formats.needs(write()[: formats.HEAD], "dng" if name == "raw" else None) == name
        # The general brand, with AVIF's among those that follow it.
        head = b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf"
        assert formats.needs(head) == "avif"
        assert formats.needs(head.replace(b"avif", b"heic")) == "heif"
        assert formats.needs(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom") == "raw"

    @pytest.mark.parametrize(
        "head",
        [
            b"",
            b"\0\0\0\x18ftypisom\0\0\2\0isomiso2",
            b"%PDF-1.7\n",
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
            b"\xc5\xd0\xd3\xc6" + b"\0" * 30,
            b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
            b"<svg/>",
            b"\xd7\xcd\xc6\x9a" + b"\0" * 40,
            b"\x01\0\0\0" + b"\0" * 36 + b" EMF",
            b"II*\0\x08\0\0\0",
            b"\x89PNG\r\n\x1a\n",
        ],
    )
    @pytest.mark.parametrize("extension", [None, "heic", "psd", "jp2", "jxl", "dcm", "eps"])
    def test_what_is_none_of_them_is_not_read(self, head: bytes, extension: str | None):
        """PDF, PostScript, SVG, metafiles, films, and what Rust reads."""
        assert formats.needs(head, extension) is None
        wanted = "unknown_format" if head else "empty_file"
        assert failed(head, extension).code == wanted

    def test_a_raw_extension_alone_is_not_enough(self):
        assert formats.needs(saved(draw(1), "JPEG")[:132], "NEF") is None
        assert formats.needs(b"MM\0*\0\0\0\x08", "NEF") == "raw"
        assert formats.needs(b"II*\0\x08\0\0\0", ".dng") == "raw"

    def test_what_is_missing_is_said(self, monkeypatch: pytest.MonkeyPatch):
        wanted = {
            "heif": "reading HEIF needs pillow-heif: pip install 'pixsieve[formats]'",
            "dicom": "reading DICOM needs pydicom: pip install 'pixsieve[dicom]'",
            "raw": "reading camera RAW needs rawpy: pip install 'pixsieve[raw]'",
        }
        data = FILES["heif"]()
        assert all(formats.missing(name) is None for name in wanted)
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        assert {name: formats.missing(name) for name in wanted} == wanted
        assert failed(data) == Failure("unknown_format", wanted["heif"])


def test_pillow_is_left_as_it_was():
    """Limits, warnings and truncated pictures are the user's own settings."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = 100
    try:
        for name, write in FILES.items():
            decoded(write(), "dng" if name == "raw" else None)
        assert Image.MAX_IMAGE_PIXELS == 100
    finally:
        Image.MAX_IMAGE_PIXELS = before


def test_several_threads_decode_the_same():
    files = {name: write() for name, write in FILES.items()}
    expected = {
        name: decoded(data, "dng" if name == "raw" else None).array for name, data in files.items()
    }
    wrong: list[str] = []

    def work(names: list[str]) -> None:
        for name in names * 15:
            found = outcome(files[name], "dng" if name == "raw" else None)
            if isinstance(found, Failure) or not np.array_equal(found.array, expected[name]):
                wrong.append(f"{name}: {found}")

    names = list(files)
    threads = [
        threading.Thread(target=work, args=(names[turn:] + names[:turn],)) for turn in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
