"""Every format and kind that Pillow writes, and TIFFs that it does not, come back."""

import io
import struct
import time

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from conftest import draw
from format_cases import KINDS, difference, saved, sixteen_bits
from pixsieve import engine


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
    def test_exif_orientation_is_applied(self, format_name: str, orientation: int):
        exif = Image.Exif()
        exif[274] = orientation
        options = {"lossless": True} if format_name == "WEBP" else {}
        data = saved(draw(1, 64, 32), format_name, exif=exif, **options)
        turned = orientation >= 5
        assert engine.decode(data).shape == ((64, 32, 3) if turned else (32, 64, 3))
        assert difference(data) <= 2

    def test_the_prefix_of_jpeg_is_tolerated_in_webp(self):
        exif = Image.Exif()
        exif[274] = 6
        tiff = exif.tobytes().removeprefix(b"Exif\0\0")
        # Pillow takes one prefix away.
        plain = saved(draw(1, 64, 32), "WEBP", lossless=True, exif=tiff)
        prefixed = saved(draw(1, 64, 32), "WEBP", lossless=True, exif=b"Exif\0\0" * 2 + tiff)
        assert plain != prefixed
        assert engine.decode(plain).shape == engine.decode(prefixed).shape == (64, 32, 3)

    def test_a_number_out_of_range_turns_nothing(self):
        exif = Image.Exif()
        exif[274] = 9
        assert engine.decode(saved(draw(1, 64, 32), "JPEG", exif=exif)).shape == (32, 64, 3)


WRITTEN = [
    ("PNG", "png", "bilevel,grey,grey and alpha,palette,colour,colour and alpha,16 bits", {}),
    ("JPEG", "jpg", "grey,colour,CMYK", {"quality": 95}),
    ("JPEG", "jfif", "grey,colour,CMYK", {"quality": 95, "progressive": True}),
    ("GIF", "gif", "bilevel,grey,palette,colour", {}),
    ("WEBP", "webp", "colour,colour and alpha", {"lossless": True}),
    ("WEBP", "webp", "colour,colour and alpha", {"quality": 90}),
    ("BMP", "bmp", "bilevel,grey,palette,colour", {}),
    (
        *("TIFF", "tif"),
        "bilevel,grey,grey and alpha,palette,colour,colour and alpha,CMYK,16 bits",
        {},
    ),
    ("TIFF", "tiff", "bilevel,grey,grey and alpha,palette,colour,CMYK", {"compression": "lzw"}),
    ("TIFF", "tiff", "grey,grey and alpha,palette,colour,16 bits", {"compression": "deflate"}),
    ("TIFF", "tiff", "grey,palette,colour,CMYK", {"compression": "packbits"}),
    ("TIFF", "tiff", "grey,colour", {"compression": "jpeg"}),
    ("TIFF", "tiff", "bilevel", {"compression": "group4"}),
    ("PPM", "ppm", "bilevel,grey,colour,16 bits", {}),
    ("TGA", "tga", "grey,grey and alpha,palette,colour,colour and alpha", {}),
    ("TGA", "tga", "grey,colour,colour and alpha", {"compression": "tga_rle"}),
    ("QOI", "qoi", "colour,colour and alpha", {}),
    ("ICO", "ico", "colour,colour and alpha", {"sizes": [(64, 48)]}),
    ("ICO", "ico", "colour,colour and alpha", {"sizes": [(64, 48)], "bitmap_format": "bmp"}),
]


COMBINATIONS = [
    pytest.param(
        format_name,
        extension,
        kind,
        options,
        id="-".join([format_name, kind, *map(str, options.values())]),
    )
    for format_name, extension, kinds, options in WRITTEN
    for kind in kinds.split(",")
]


class TestWrittenByPillow:
    @pytest.mark.parametrize(("format_name", "extension", "kind", "options"), COMBINATIONS)
    def test_every_kind_of_every_format(
        self, format_name: str, extension: str, kind: str, options: dict[str, object]
    ):
        assert difference(saved(KINDS[kind](), format_name, **options), extension) <= 2

    @pytest.mark.parametrize("format_name", ["GIF", "PNG", "WEBP", "TIFF"])
    def test_of_an_animation_the_first_frame(self, format_name: str):
        options = {"lossless": True} if format_name == "WEBP" else {}
        frames = [draw(2), draw(3)]
        data = saved(draw(1), format_name, save_all=True, append_images=frames, **options)
        assert Image.open(io.BytesIO(data)).n_frames == 3
        first = np.asarray(draw(1), dtype=np.float64)
        assert np.abs(engine.decode(data) - first).mean() <= 2

    def test_sixteen_bits_are_scaled_not_cut(self):
        data = saved(sixteen_bits(), "PNG")
        ours = engine.decode(data)[..., 0]
        assert (ours[0, 0], ours[-1, -1]) == (0, 255)
        assert np.abs(ours - np.asarray(sixteen_bits()) / 257).max() <= 1

    def test_transparent_is_white(self):
        clear = Image.new("RGBA", (3, 2), (10, 20, 30, 0))
        assert (engine.decode(saved(clear, "PNG")) == 255).all()

    def test_the_content_counts_not_the_extension(self):
        assert engine.decode(saved(draw(1), "PNG"), extension="jpg").shape == (48, 64, 3)


def tiff(
    order: str,
    *,
    bits: int,
    photometric: int,
    rows: NDArray[np.uint8],
    colours: NDArray[np.uint16] | None = None,
    fill_order: int = 1,
) -> bytes:
    """A TIFF of one strip, written by hand: Pillow writes none with fewer than 8 bits."""
    height, width = rows.shape
    packed = b"".join(
        np.packbits(np.unpackbits(row[:, None], axis=1)[:, 8 - bits :]).tobytes() for row in rows
    )
    if fill_order == 2:
        packed = bytes(int(f"{byte:08b}"[::-1], 2) for byte in packed)
    values = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 266: fill_order}
    values |= {273: 0, 277: 1, 278: height, 279: len(packed)}
    table = b"" if colours is None else colours.astype(f"{order}u2").tobytes()
    count = len(values) + (colours is not None)
    after = 8 + 2 + count * 12 + 4
    values[273] = after + len(table)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entries = [
        struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0)
        if value < 65536
        else struct.pack(f"{order}HHII", tag, 4, 1, value)
        for tag, value in values.items()
    ]
    if colours is not None:
        entries.append(struct.pack(f"{order}HHII", 320, 3, colours.size, after))
    head = mark + struct.pack(f"{order}IH", 8, count)
    return head + b"".join(entries) + bytes(4) + table + packed


class TestHandWrittenTiff:
    @pytest.mark.parametrize("order", "<>")
    @pytest.mark.parametrize("bits", [1, 2, 4, 8])
    def test_palettes(self, bits: int, order: str):
        generator = np.random.default_rng(bits)
        rows = generator.integers(0, 1 << bits, (7, 13), dtype=np.uint8)
        colours = generator.integers(0, 65536, (3, 1 << bits)).astype(np.uint16)
        data = tiff(order, bits=bits, photometric=3, rows=rows, colours=colours)
        expected = (colours >> 8).T[rows]
        assert (engine.decode(data) == expected).all()

    @pytest.mark.parametrize("fill_order", [1, 2])
    @pytest.mark.parametrize("photometric", [0, 1])
    @pytest.mark.parametrize("bits", [1, 2, 4, 8])
    def test_greys(self, bits: int, photometric: int, fill_order: int):
        rows = np.random.default_rng(bits).integers(0, 1 << bits, (7, 13), dtype=np.uint8)
        data = tiff("<", bits=bits, photometric=photometric, rows=rows, fill_order=fill_order)
        grey = rows * (255 // ((1 << bits) - 1))
        expected = grey if photometric == 1 else 255 - grey
        assert (engine.decode(data) == expected[..., None]).all()

    def test_a_palette_that_is_not_there_is_black(self):
        rows = np.full((3, 4), 9, dtype=np.uint8)
        data = tiff("<", bits=8, photometric=3, rows=rows)
        assert (engine.decode(data) == 0).all()

    def test_a_table_that_names_the_same_bytes_again_and_again_costs_nothing(self):
        rows = np.zeros((1000, 1000), dtype=np.uint8)
        data = bytearray(tiff("<", bits=8, photometric=1, rows=rows, fill_order=2))
        count, table = 100_000, len(data)
        for tag, value in ((273, 0), (279, 1_000_000)):
            entry = data.index(struct.pack("<HHI", tag, 3 if tag == 273 else 4, 1)) + 4
            data[entry : entry + 8] = struct.pack("<II", count, table)
            data[entry - 2] = 4
            data += struct.pack("<I", value) * count
            table = len(data)
        started = time.perf_counter()
        with pytest.raises(ValueError, match=r"^(corrupt|unknown_format|too_large): "):
            engine.decode(bytes(data))
        assert time.perf_counter() - started < 5

    def test_tags_that_contradict_each_other(self):
        """Of two values for the bits per sample each reader may take another."""
        rows = np.zeros((8, 8), dtype=np.uint8)
        colours = np.zeros((3, 256), dtype=np.uint16)
        data = bytearray(tiff("<", bits=8, photometric=3, rows=rows, colours=colours))
        # The entry of the compression, whose value is 1.
        start = data.index(struct.pack("<HHI", 259, 3, 1))
        data[start : start + 2] = struct.pack("<H", 258)
        with pytest.raises(ValueError, match=r"^corrupt: the TIFF's data does not fit its size$"):
            engine.decode(bytes(data))
