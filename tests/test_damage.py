"""Damaged, cut-off, tiny and huge pictures."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from PIL import Image

from conftest import Run, draw
from format_cases import KINDS, saved
from pixsieve import engine


class TestSizes:
    def test_one_pixel(self, run: Run, tmp_path: Path):
        for format_name in ("png", "jpeg", "gif", "webp", "bmp", "tiff", "ppm", "tga", "qoi"):
            path = tmp_path / "in" / f"a.{format_name}"
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", (1, 1), (200, 100, 50)).save(path)
        audit = run(tmp_path / "in", min_width=1, min_height=1)
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

    def test_sixteen_bits_take_twice_the_memory(self, run: Run, tmp_path: Path):
        """What is refused is what does not fit into 1 GB, not only what has many pixels."""
        folder = tmp_path / "in"
        folder.mkdir()
        for name, depth in (("a.png", 8), ("b.png", 16)):
            header = struct.pack(">IIBBBBB", 10_900, 10_900, depth, 6, 0, 0, 0)
            png = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"")
            (folder / name).write_bytes(png)
        frame = run(folder).invalid_instances().sort("path")
        assert frame["error_code"].to_list() == ["corrupt", "too_large"]
        bytes_held = 10_900 * 10_900 * 8 + len(png)
        detail = f"10900 x 10900: decoding takes {bytes_held} bytes, more than 840000000"
        assert frame["detail"][1] == detail

    @pytest.mark.parametrize(
        ("side", "scans", "code"),
        [(6000, 12, "decoded"), (6000, 60, "decode_timeout"), (300, 60, "decoded")],
    )
    def test_a_jpeg_may_have_fewer_scans_the_larger_it_is(self, side: int, scans: int, code: str):
        data = saved(Image.new("L", (side, side), 77), "JPEG", progressive=True)
        last = data[data.rindex(b"\xff\xda") : -2]
        usual = data.count(b"\xff\xda")
        assert attempt(data[:-2] + last * (scans - usual) + data[-2:]) == code


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

    @pytest.mark.parametrize("marker", [0x00, 0x6A, 0xC1, 0xC4, 0xC9, 0xD9, 0xDB, 0xDD, 0xF0])
    def test_a_broken_jpeg_does_not_break_the_next(self, run: Run, tmp_path: Path, marker: int):
        folder = tmp_path / "in"
        folder.mkdir()
        noise = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        for number in range(12):
            data = saved(Image.fromarray(noise + np.uint8(number)), "JPEG")
            (folder / f"good{number:02}.jpg").write_bytes(data)
            # Read by the same worker, between good ones.
            broken = data[:2] + bytes([0xFF, marker]) + b"unk"
            (folder / f"good{number:02}-broken.jpg").write_bytes(broken)
        audit = run(folder, num_threads=1)
        codes = dict(audit.annotations().select("path", "error_code").iter_rows())
        assert not [path for path, code in codes.items() if code and "-broken" not in path]

    def test_damaged_headers_of_one_do_not_break_others(self, run: Run, tmp_path: Path):
        chance = np.random.default_rng(2)
        folder = tmp_path / "in"
        folder.mkdir()
        noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        good = saved(Image.fromarray(noise), "JPEG")
        for number in range(40):
            data = bytearray(good)
            for place in chance.integers(2, min(620, len(good)), 3):
                data[place] = chance.integers(0, 256)
            (folder / f"{number:02}-bad.jpg").write_bytes(bytes(data))
            (folder / f"{number:02}-good.jpg").write_bytes(good + number.to_bytes(2, "big"))
        audit = run(folder, num_threads=2)
        invalid = audit.invalid_instances()["path"].to_list()
        assert not [path for path in invalid if path.endswith("good.jpg")]
        assert len(invalid) > 5
