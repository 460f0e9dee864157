"""Every format against Pillow, and damaged files against their error codes."""

import io
import json
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from conftest import Run, draw, shared_folder
from pixsieve import engine
from pixsieve.sources.files import PICTURE_EXTENSIONS

Pixels = NDArray[np.float64]

SHARED = shared_folder()
ROOT = SHARED / "formats" if SHARED else Path("formats")
FILES = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file())

AVIF = ("unknown_format", "AVIF is not read")
JPEG_2000 = ("unknown_format", "JPEG 2000 is not read")
NOTHING_KNOWN = ("unknown_format", "the content is of no known picture format")
ENDS_EARLY = ("corrupt", "the file ends early")


def gone(format_name: str, what: str) -> tuple[str, str]:
    return ("corrupt", f"Format error decoding {format_name}: {what}")


def lacking(format_name: str, what: str) -> tuple[str, str]:
    text = f"The decoder for {format_name} does not support the format features {what}"
    return ("unknown_format", text)


#: Files that give no pixels: code, and how the detail begins. Most are broken on purpose; Pillow
#: refuses them, too, unless a comment says why we differ.
REFUSED = {
    "heif/example.heic": ("unknown_format", "HEIF is not read"),
    "heif/plum-blossom-small.profile0.8bpc.yuv420.alpha-full.monochrome.avif": AVIF,
    "heif/plum-blossom-small.profile0.8bpc.yuv420.alpha-limited.avif": AVIF,
    "heif/plum-blossom-small.profile0.8bpc.yuv420.alpha-limited.monochrome.avif": AVIF,
    "heif/plum-blossom-small.profile2.8bpc.yuv422.alpha-full.monochrome.avif": AVIF,
    "heif/plum-blossom-small.profile2.8bpc.yuv422.alpha-limited.monochrome.avif": AVIF,
    "heif/red-at-12-oclock-with-color-profile-lossy.avif": AVIF,
    "pillow/exif.avif": AVIF,
    "pillow/hopper-missing-pixi.avif": AVIF,
    "pillow/hopper.avif": AVIF,
    "pillow/xmp_tags_orientation.avif": AVIF,
    "pillow/00r1_graya_la.jp2": JPEG_2000,
    "pillow/16bit.cropped.jp2": JPEG_2000,
    "smallest/jpeg2.jp2": JPEG_2000,
    "smallest/AudioVideoInterleave.avi": ("unknown_format", "video (AVI) is not read"),
    "smallest/Mpeg4.mp4": ("unknown_format", "video (MP4) is not read"),
    "smallest/mp4-with-audio.mp4": ("unknown_format", "video (MP4) is not read"),
    "smallest/webm.webm": ("unknown_format", "video (Matroska) is not read"),
    # Signed and floating values are measurements with a scale of their own, not grey levels.
    "misc/multipage_rgb.tif": lacking("Tiff", "Unhandled TIFF sample format 3 for 64 bits"),
    "pillow/16_bit_binary_pgm.tiff": lacking("Tiff", "Unhandled TIFF sample format 2 for 32 bits"),
    "pillow/16bit.s.tif": lacking("Tiff", "Unhandled TIFF sample format 2 for 16 bits"),
    # Compressions that need a library of their own.
    "pillow/hopper_lzma.tif": lacking("Tiff", "compression method Unknown(34925)"),
    "pillow/hopper_webp.tif": lacking("Tiff", "compression method WebP is unsupported"),
    "pillow/badbitcount.bmp": gone("Bmp", "Invalid channel bit count for RGB: 30000"),
    "pillow/badpalettesize.bmp": gone("Bmp", "Palette size 305402420 exceeds maximum"),
    "pillow/badwidth.bmp": gone("Bmp", "Negative width (-127)"),
    "pillow/pal8oversizepal.bmp": gone("Bmp", "Palette size 300 exceeds maximum size"),
    # Its header says -80 planes: Pillow does not look there.
    "pillow/badplanes.bmp": gone("Bmp", "More than one plane"),
    # Its runs leave the picture: Pillow shows what came before.
    "pillow/badrle.bmp": gone("Bmp", "Corrupt RLE data"),
    "pillow/badheadersize.bmp": lacking("Bmp", "Unknown bitmap header type (size=66)"),
    # OS/2 version 2, of 1992.
    "pillow/pal8os2v2-16.bmp": lacking("Bmp", "Unknown bitmap header type (size=16)"),
    "pillow/pal8os2v2.bmp": lacking("Bmp", "Unknown bitmap header type (size=64)"),
    "pillow/broken.png": gone("Png", "ChunkType"),
    "pillow/broken_data_stream.png": gone("Png", "CRC error"),
    "pillow/syntax_num_frames_zero.png": gone("Png", "IDAT or fdAT chunk is missing"),
    "pngsuite/xc1n0g08.png": gone("Png", "Invalid color type 1"),
    "pngsuite/xc9n2c08.png": gone("Png", "Invalid color type 9"),
    "pngsuite/xcrn0g04.png": gone("Png", "Invalid PNG signature"),
    # The checksum of the picture data is wrong: libpng and browsers refuse it, Pillow does not.
    "pngsuite/xcsn0g01.png": gone("Png", "CRC error"),
    "pngsuite/xd0n2c08.png": gone("Png", "Invalid bit depth 0"),
    "pngsuite/xd3n2c08.png": gone("Png", "Invalid bit depth 3"),
    "pngsuite/xd9n2c08.png": gone("Png", "Invalid bit depth 99"),
    "pngsuite/xdtn0g01.png": gone("Png", "IDAT or fdAT chunk is missing"),
    "pngsuite/xhdn0g08.png": gone("Png", "CRC error"),
    "pngsuite/xlfn0g04.png": gone("Png", "Invalid PNG signature"),
    "pngsuite/xs1n0g01.png": NOTHING_KNOWN,
    "pngsuite/xs2n0g01.png": NOTHING_KNOWN,
    "pngsuite/xs4n0g01.png": NOTHING_KNOWN,
    "pngsuite/xs7n0g01.png": gone("Png", "Invalid PNG signature"),
    "pillow/negative_size.ppm": NOTHING_KNOWN,
    "pillow/cross_scan_line_truncated.tga": ENDS_EARLY,
    "pillow/decompression_bomb.gif": ENDS_EARLY,
    "smallest/gif.gif": ENDS_EARLY,
    "pillow/decompression_bomb.ico": (
        "too_large",
        "65535 x 32767: more than 120000000 pixels",
    ),
    # A GIF without any colour table: Pillow makes up greys.
    "pillow/no_palette.gif": gone("Gif", "no color table available for current frame"),
    # The directory and the picture disagree on the height.
    "pillow/hopper_unexpected.ico": gone("Ico", "Entry(16, 32) and BMP(16, 16)"),
    "smallest/webp.webp": gone("WebP", "Corrupt bitstream"),
}

#: Decoded and flagged: code `truncated`.
TRUNCATED = {"smallest/png-truncated.png": "the file ends early"}

#: Decoded, but not compared: why.
NOT_COMPARED = {
    "pillow/pal2.bmp": "Pillow does not read 2 bits per pixel",
    "pillow/rgb16-231.bmp": "Pillow does not read these bit fields",
    "pillow/pal4rletrns.bmp": "pixels that the runs skip: black here, colour 0 in Pillow",
    "pillow/pal8rletrns.bmp": "pixels that the runs skip: black here, colour 0 in Pillow",
}


def with_pillow(source: Path | io.BytesIO) -> Pixels:
    """Upright, first frame, 8 bits, alpha on white."""
    with Image.open(source) as image:
        image.load()
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):
            grey = np.asarray(upright, dtype=np.float64) / 257  # 65535 is white
            return np.repeat(grey[..., None], 3, axis=2)
        if upright.has_transparency_data:
            canvas = Image.new("RGBA", upright.size, "white")
            canvas.alpha_composite(upright.convert("RGBA"))
            upright = canvas
        return np.asarray(upright.convert("RGB"), dtype=np.float64)


def difference(data: bytes, extension: str = "") -> float:
    """Mean over all values, between us and Pillow."""
    ours, theirs = engine.decode(data, extension=extension), with_pillow(io.BytesIO(data))
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).mean())


def saved(image: Image.Image, format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


@pytest.mark.usefixtures("shared")
class TestRealFiles:
    @pytest.mark.parametrize("name", FILES or [""])
    @pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
    def test_is_read_as_by_pillow_or_refused(self, name: str):
        path = ROOT / name
        data, extension = path.read_bytes(), path.suffix[1:].lower()
        started = time.perf_counter()
        try:
            ours, error = engine.decode(data, extension=extension), None
        except ValueError as refusal:
            ours, error = None, str(refusal)
        assert time.perf_counter() - started < 5
        if name in REFUSED:
            assert error is not None
            assert error.startswith(": ".join(REFUSED[name]))
            return
        assert error is None
        assert ours is not None
        if name not in NOT_COMPARED:
            theirs = with_pillow(path)
            assert ours.shape == theirs.shape
            assert np.abs(ours - theirs).mean() <= 2

    def test_the_tables_name_files_that_exist(self):
        assert {*REFUSED, *TRUNCATED, *NOT_COMPARED} <= set(FILES)
        assert len(FILES) > 400

    def test_a_run_over_all_of_them_lists_the_refused(self, run: Run):
        audit = run(
            [ROOT / name for name in FILES], min_input_image_width=1, min_input_image_height=1
        )
        invalid = audit.invalid_instances().select("path", "error_code", "detail").rows()
        found = {str(Path(path).relative_to(ROOT)): (code, text) for path, code, text in invalid}
        truncated = {name: ("truncated", text) for name, text in TRUNCATED.items()}
        expected = REFUSED | truncated
        assert {name: code for name, (code, _) in found.items()} == {
            name: code for name, (code, _) in expected.items()
        }
        for name, (_, text) in found.items():
            assert text.startswith(expected[name][1])
        assert audit.annotations().height == len(FILES)
        # Every picture that was read is in the graph, the truncated included.
        assert audit.embeddings().height == len(FILES) - len(REFUSED)

    def test_less_than_a_gigabyte_for_all_of_them(self, tmp_path: Path):
        script = (
            "import json, resource, sys, pixsieve\n"
            "files, work = json.load(sys.stdin)\n"
            "pixsieve.run(files, work_dir=work, progress=False, num_threads=2, device='cpu')\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        )
        files = [str(ROOT / name) for name in FILES]
        done = subprocess.run(
            [sys.executable, "-c", script],
            input=json.dumps([files, str(tmp_path / "work")]),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        kilobytes = int(done.stdout) / (1024 if sys.platform == "darwin" else 1)
        assert kilobytes < 1_000_000

    @pytest.mark.parametrize(
        ("upright", "turned"),
        [
            ("exif_orientation/test_1.jpg", "exif_orientation/test_{}.jpg"),
            ("pillow/hopper_orientation_2.jpg", "pillow/hopper_orientation_{}.jpg"),
            ("pillow/hopper_orientation_2.webp", "pillow/hopper_orientation_{}.webp"),
            ("pillow/g4_orientation_1.tif", "pillow/g4_orientation_{}.tif"),
        ],
    )
    def test_eight_orientations_are_one_picture(self, upright: str, turned: str):
        first = engine.decode((ROOT / upright).read_bytes()).astype(int)
        for number in range(2, 9):
            other = engine.decode((ROOT / turned.format(number)).read_bytes())
            assert other.shape == first.shape
            assert np.abs(other - first).mean() < 4  # each was compressed for itself


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


def with_alpha(image: Image.Image) -> Image.Image:
    ramp = np.linspace(0, 255, image.width).astype(np.uint8)
    image.putalpha(Image.fromarray(np.tile(ramp, (image.height, 1))))
    return image


def sixteen_bits() -> Image.Image:
    ramp = np.linspace(0, 65535, 64 * 48).astype(np.uint16)
    return Image.fromarray(ramp.reshape(48, 64))


KINDS: dict[str, Callable[[], Image.Image]] = {
    "bilevel": lambda: draw(1).convert("1"),
    "grey": lambda: draw(1).convert("L"),
    "grey and alpha": lambda: with_alpha(draw(1).convert("L")),
    "palette": lambda: draw(1).convert("P", palette=Image.Palette.ADAPTIVE, colors=16),
    "colour": lambda: draw(1),
    "colour and alpha": lambda: with_alpha(draw(1)),
    "CMYK": lambda: draw(1).convert("CMYK"),
    "16 bits": sixteen_bits,
}

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
    entries = [struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0) for tag, value in values.items()]
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


class TestSizes:
    def test_one_pixel(self, run: Run, tmp_path: Path):
        for format_name in ("png", "jpeg", "gif", "webp", "bmp", "tiff", "ppm", "tga", "qoi"):
            path = tmp_path / "in" / f"a.{format_name}"
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", (1, 1), (200, 100, 50)).save(path)
        audit = run(tmp_path / "in", min_input_image_width=1, min_input_image_height=1)
        assert audit.invalid_instances().is_empty()
        assert audit.embeddings().height == 9
        frame = run(tmp_path / "in").invalid_instances()
        assert frame["error_code"].unique().to_list() == ["too_small"]
        assert frame["detail"].unique().to_list() == ["1 x 1 pixels: smaller than 10 x 10"]

    def test_thirty_thousand_squared(self, run: Run, tmp_path: Path):
        """Few bytes, 2.7 GB of pixels: refused before memory is spent, in any format."""
        folder = tmp_path / "in"
        folder.mkdir()
        side = 30_000
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        png = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"")
        (folder / "a.png").write_bytes(png)
        jpeg = bytearray(saved(draw(1), "JPEG"))
        start = jpeg.index(b"\xff\xc0") + 5
        jpeg[start : start + 4] = struct.pack(">HH", side, side)
        (folder / "b.jpg").write_bytes(jpeg)
        (folder / "c.ppm").write_bytes(b"P6 30000 30000 255\n")
        bmp = bytearray(saved(draw(1), "BMP"))
        bmp[18:26] = struct.pack("<II", side, side)
        (folder / "d.bmp").write_bytes(bmp)
        gif = bytearray(saved(draw(1), "GIF"))
        gif[6:10] = struct.pack("<HH", side, side)
        (folder / "e.gif").write_bytes(gif)
        progressive = bytearray(saved(draw(1), "JPEG", progressive=True))
        start = progressive.index(b"\xff\xc2") + 5
        progressive[start : start + 4] = struct.pack(">HH", side, side)
        (folder / "f.jpg").write_bytes(progressive)
        frame = run(folder).invalid_instances()
        rows = {
            Path(path).name: (code, detail)
            for path, code, detail in frame.select("path", "error_code", "detail").iter_rows()
        }
        refused = ("too_large", "30000 x 30000: more than 120000000 pixels")
        # A JPEG is scaled while it is decoded: 3,750 x 3,750 pixels fit.
        damaged = ("truncated", "Corrupt JPEG data: premature end of data segment")
        assert rows == {
            "a.png": refused,
            "b.jpg": damaged,
            "c.ppm": refused,
            "d.bmp": refused,
            "e.gif": refused,
            "f.jpg": refused,
        }

    def test_a_large_jpeg_is_read_at_a_smaller_scale(self, run: Run, tmp_path: Path):
        folder = tmp_path / "in"
        folder.mkdir()
        Image.new("L", (12_000, 11_000), 77).save(folder / "a.jpg", quality=50)
        audit = run(folder)
        assert audit.annotations().select("width", "height", "error_code").row(0) == (
            12_000,
            11_000,
            None,
        )
        assert audit.img_stats()["mean"][0] == pytest.approx(77, abs=1)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


CODES = {"empty_file", "unknown_format", "corrupt", "too_large", "decode_timeout"}


def attempt(data: bytes) -> str:
    """`decoded`, or the error code; anything else is a failed test."""
    try:
        pixels = engine.decode(data)
    except ValueError as error:
        code = str(error).partition(":")[0]
        assert code in CODES
        return code
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
    return "decoded"


GOOD = {
    "JPEG": saved(draw(5), "JPEG"),
    "progressive JPEG": saved(draw(5), "JPEG", progressive=True),
    "PNG": saved(draw(5), "PNG"),
    "GIF": saved(draw(5), "GIF"),
    "WEBP": saved(draw(5), "WEBP"),
    "BMP": saved(draw(5), "BMP"),
    "TIFF": saved(draw(5), "TIFF", compression="lzw"),
    "palette TIFF": saved(KINDS["palette"](), "TIFF"),
}


class TestDamage:
    @pytest.mark.parametrize("name", GOOD)
    def test_every_prefix_decodes_or_has_a_code(self, name: str):
        data = GOOD[name]
        step = max(1, len(data) // 150)
        assert {attempt(data[:length]) for length in range(0, len(data), step)} > {"empty_file"}
        assert attempt(data) == "decoded"

    @pytest.mark.parametrize("name", GOOD)
    @seed(1)
    @settings(max_examples=60, deadline=5000, database=None)
    @given(flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=8))
    def test_flipped_bits_never_crash(self, name: str, flips: list[tuple[float, int]]):
        data = bytearray(GOOD[name])
        for place, bits in flips:
            data[int(place * (len(data) - 1))] ^= bits
        attempt(bytes(data))

    @pytest.mark.parametrize(
        ("name", "format_name"),
        [("a.jpg", "JPEG"), ("a.png", "PNG"), ("a.gif", "GIF"), ("a.bmp", "BMP")],
    )
    def test_half_a_file_is_kept_and_flagged(
        self, run: Run, tmp_path: Path, name: str, format_name: str
    ):
        noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        options = {"interlace": 0} if format_name == "GIF" else {}
        data = saved(Image.fromarray(noise), format_name, **options)
        folder = tmp_path / "in"
        folder.mkdir()
        (folder / name).write_bytes(data[: len(data) // 2])
        audit = run(folder)
        text = "premature end" if format_name == "JPEG" else "the file ends early"
        assert audit.invalid_instances()["error_code"].to_list() == ["truncated"]
        assert text in audit.invalid_instances()["detail"][0].lower()
        assert audit.annotations().select("width", "height").row(0) == (64, 64)
        assert audit.embeddings().height == 1
        # What is there is as it was.
        rows = slice(-8, None) if format_name == "BMP" else slice(0, 8)
        part = engine.decode(data[: len(data) // 2])[rows].astype(float)
        assert np.abs(part - engine.decode(data)[rows]).mean() <= 2

    @pytest.mark.parametrize("format_name", ["TIFF", "WEBP", "PPM", "QOI"])
    def test_half_a_file_of_other_formats_is_corrupt(self, format_name: str):
        noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        data = saved(Image.fromarray(noise), format_name)
        assert attempt(data[: len(data) // 2]) == "corrupt"

    def test_a_jpeg_with_junk_between_its_segments(self):
        data = saved(draw(5), "JPEG")
        # After the first segment: bytes that belong to nothing.
        end = 4 + int.from_bytes(data[4:6], "big")
        junk = data[:end] + b"junk" * 4 + data[end:]
        assert (engine.decode(junk) == engine.decode(data)).all()

    def test_a_jpeg_with_bytes_after_its_end(self, run: Run, tmp_path: Path):
        path = tmp_path / "a.jpg"
        path.write_bytes(saved(draw(5), "JPEG") + bytes(1000))
        assert run([path]).invalid_instances().is_empty()


def test_the_names_that_the_documentation_promises_are_listed():
    promised = "jpg jpeg jfif png apng gif webp bmp tiff tif ppm pgm tga qoi ico"
    assert set(promised.split()) <= set(PICTURE_EXTENSIONS)
