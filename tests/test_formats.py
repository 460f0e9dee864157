"""The real files of many formats against Pillow, or against their error codes."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from conftest import Run, shared_folder
from format_cases import with_pillow
from pixsieve import engine
from pixsieve.sources.files import PICTURE_EXTENSIONS

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


#: Files that Rust does not decode, but Python's decoders and PyAV do in a run: None, or why they
#: do not, either.
ELSEWHERE: dict[str, tuple[str, str] | None] = {
    **{name: None for name, refusal in REFUSED.items() if refusal in (AVIF, JPEG_2000)},
    "heif/example.heic": None,
    "smallest/webm.webm": None,
    # Two channels of different size.
    "pillow/00r1_graya_la.jp2": ("corrupt", "broken data stream when reading image file"),
    "smallest/AudioVideoInterleave.avi": ("corrupt", "the video holds no frame"),
    "smallest/Mpeg4.mp4": ("corrupt", "its header is damaged or cut off"),
    "smallest/mp4-with-audio.mp4": ("unknown_format", "there is no video in it"),
}


#: Decoded, but not compared: why.
NOT_COMPARED = {
    "pillow/pal2.bmp": "Pillow does not read 2 bits per pixel",
    "pillow/rgb16-231.bmp": "Pillow does not read these bit fields",
    "pillow/pal4rletrns.bmp": "pixels that the runs skip: black here, colour 0 in Pillow",
    "pillow/pal8rletrns.bmp": "pixels that the runs skip: black here, colour 0 in Pillow",
}


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
        audit = run([ROOT / name for name in FILES], min_width=1, min_height=1)
        invalid = audit.invalid_instances().select("path", "error_code", "detail").rows()
        found = {str(Path(path).relative_to(ROOT)): (code, text) for path, code, text in invalid}
        truncated = {name: ("truncated", text) for name, text in TRUNCATED.items()}
        told = {name: refusal for name, refusal in (REFUSED | ELSEWHERE).items() if refusal}
        expected = told | truncated
        assert {name: code for name, (code, _) in found.items()} == {
            name: code for name, (code, _) in expected.items()
        }
        for name, (_, text) in found.items():
            assert text.startswith(expected[name][1])
        assert audit.annotations().height == len(FILES)
        # Every picture that was read is in the graph, the truncated included.
        assert audit.embeddings().height == len(FILES) - len(told)

    def test_less_than_a_gigabyte_for_all_of_them(self, tmp_path: Path):
        script = (
            "import json, pathlib, resource, sys, pixsieve\n"
            "files, work = json.load(sys.stdin)\n"
            "pixsieve.run(files, work_dir=work, progress=False, num_threads=2, device='cpu')\n"
            # Linux counts what the process was before `exec`, too: the tests themselves.
            "status = pathlib.Path('/proc/self/status')\n"
            "peak = status.read_text().split('VmHWM:')[1].split()[0] if status.exists() else "
            "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "print(peak)\n"
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


def test_the_names_that_the_documentation_promises_are_listed():
    promised = "jpg jpeg jfif png apng gif webp bmp tiff tif ppm pgm tga qoi ico"
    assert set(promised.split()) <= set(PICTURE_EXTENSIONS)
