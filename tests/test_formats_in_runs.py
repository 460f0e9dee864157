"""The formats that Python decodes, and more than 8 bits, from the file to the tables of a run."""

import importlib.util
import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from archive_case import tar_of, zip_of
from conftest import Run, draw
from foreign_cases import FILES as WRITERS
from foreign_cases import _tiff, avif, decoded, exif_of, heif, outcome
from format_cases import saved
from pixsieve import _native
from pixsieve.sources.formats import needs
from pixsieve.sources.formats.stretch import to_bytes

STRETCHES = ("range", "percentile")
EXTENSIONS = {"heif": "heic", "raw": "dng"}
#: A file of each format, and its extension.
FILES = {name: (write(), EXTENSIONS.get(name, name)) for name, write in WRITERS.items()}


def native(data: bytes, stretch: str, extension: str) -> NDArray[np.uint8]:
    return _native.decode(
        data=data, extension=extension, max_side=65_535, max_pixels=10**8, stretch=stretch
    )


def in_colour(grey: NDArray[Any]) -> NDArray[Any]:
    return np.repeat(grey[..., None], 3, axis=2) if grey.ndim == 2 else grey


def sixteen(seed: int, *shape: int) -> NDArray[np.uint16]:
    """Most values in the middle, a few far out."""
    chance = np.random.default_rng(seed)
    values = chance.normal(9_000 + 300 * seed, 2_000, shape)
    values[0, :2] = 0 if len(shape) == 2 else [[0] * 3, [65_535] * 3]
    return np.clip(values, 0, 65_535).astype(np.uint16)


def encoded(values: NDArray[Any], kind: str) -> bytes:
    if kind == "png":
        return bytes(imagecodecs.png_encode(values))
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "tiff", compression="tiff_lzw")
    return buffer.getvalue()


def float_tiff(values: NDArray[np.float32]) -> bytes:
    """Of one channel or three, not packed."""
    height, width = values.shape[:2]
    channels = 1 if values.ndim == 2 else 3
    strip = values.astype("<f4").tobytes()
    entries = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [32] * channels),
        259: (3, [1]),
        262: (3, [1 if channels == 1 else 2]),
        273: (4, [0]),
        277: (3, [channels]),
        278: (4, [height]),
        279: (4, [len(strip)]),
        339: (3, [3] * channels),
    }
    return _tiff(entries, strip)


#: Grey or colour.
CHANNELS = [(), (3,)]


class TestStretch:
    """Rust and Python follow one rule."""

    @pytest.mark.parametrize("stretch", STRETCHES)
    @pytest.mark.parametrize("kind", ["png", "tif"])
    @pytest.mark.parametrize("seed", range(4))
    def test_grey_of_16_bits(self, kind: str, stretch: str, seed: int):
        values = sixteen(seed, 31, 17)
        found = native(encoded(values, kind), stretch, kind)
        assert np.array_equal(found, in_colour(to_bytes(values, stretch)))

    @pytest.mark.parametrize("stretch", STRETCHES)
    @pytest.mark.parametrize("seed", range(4))
    def test_colour_of_16_bits(self, stretch: str, seed: int):
        values = sixteen(seed, 23, 19, 3)
        found = native(encoded(values, "png"), stretch, "png")
        assert np.array_equal(found, to_bytes(values, stretch))

    @pytest.mark.parametrize("channels", CHANNELS)
    @pytest.mark.parametrize("stretch", STRETCHES)
    @pytest.mark.parametrize("span", [(0, 1), (-0.5, 1.5), (0, 4_000), (-1e6, 1e6), (0.2, 0.2)])
    def test_floats(self, stretch: str, span: tuple[float, float], channels: tuple[int, ...]):
        values = np.random.default_rng(1).uniform(*span, (29, 13, *channels)).astype(np.float32)
        found = native(float_tiff(values), stretch, "tif")
        assert np.array_equal(found, in_colour(to_bytes(values, stretch)))

    @pytest.mark.parametrize("channels", CHANNELS)
    @pytest.mark.parametrize("stretch", STRETCHES)
    def test_floats_that_are_no_numbers(self, stretch: str, channels: tuple[int, ...]):
        values = np.linspace(0, 9, 400 * (channels or (1,))[0], dtype=np.float32)
        values = values.reshape(20, 20, *channels)
        values[3, 4:7] = np.array([np.nan, np.inf, -np.inf]).reshape(3, *[1 for _ in channels])
        found = native(float_tiff(values), stretch, "tif")
        assert np.array_equal(found, in_colour(to_bytes(values, stretch)))

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.integers(0, 65_535), min_size=1, max_size=250), st.sampled_from(STRETCHES))
    def test_any_whole_numbers(self, values: list[int], stretch: str):
        array = np.array([values], np.uint16)
        found = native(encoded(array, "png"), stretch, "png")
        assert np.array_equal(found, in_colour(to_bytes(array, stretch)))

    @pytest.mark.parametrize("stretch", STRETCHES)
    @pytest.mark.parametrize("kind", ["jp2", "jxl"])
    def test_the_same_from_the_decoders_of_python(self, kind: str, stretch: str):
        values = sixteen(2, 40, 48)
        encode = {
            "jp2": lambda: imagecodecs.jpeg2k_encode(values, level=0, reversible=True),
            "jxl": lambda: imagecodecs.jpegxl_encode(values, lossless=True),
        }[kind]
        found = decoded(bytes(encode()), stretch=stretch).array
        assert np.abs(found.astype(int) - in_colour(to_bytes(values, stretch))).max() <= (
            0 if kind == "jp2" else 1
        )

    def test_in_a_run(self, run: Run, tmp_path: Path):
        (tmp_path / "in").mkdir()
        values = sixteen(3, 64, 64)
        (tmp_path / "in" / "a.png").write_bytes(encoded(values, "png"))
        (tmp_path / "in" / "b.tif").write_bytes(encoded(values, "tif"))
        (tmp_path / "in" / "c.jp2").write_bytes(imagecodecs.jpeg2k_encode(values, level=0))
        for stretch in STRETCHES:
            statistics = run(tmp_path / "in", stretch=stretch).img_stats()
            assert statistics["mean"].n_unique() == 1
            expected = float(to_bytes(values, stretch).mean())
            assert abs(statistics["mean"][0] - expected) < 1


class TestRuns:
    def test_every_format(self, run: Run, tmp_path: Path):
        """As files, and in archives."""
        members = {}
        for name, (data, extension) in FILES.items():
            members[f"{name}.{extension}"] = data
        for name, data in members.items():
            path = tmp_path / "in" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        (tmp_path / "all.tar").write_bytes(tar_of(members))
        (tmp_path / "all.tgz").write_bytes(tar_of(members, "w:gz"))
        (tmp_path / "all.zip").write_bytes(zip_of(members))
        first = run(tmp_path / "in", min_width=1, min_height=1)
        columns = ("format", "width", "height", "file_size", "digest", "error_code", "detail")
        rows = first.images.select(columns).rows()
        for other in ("all.tar", "all.tgz", "all.zip"):
            audit = run(tmp_path / other, min_width=1, min_height=1)
            assert audit.images.select(columns).rows() == rows
            assert audit.embeddings()["embedding"].equals(first.embeddings()["embedding"])
        for path, row in zip(first.images["path"], rows, strict=True):
            name = Path(path).name
            data, extension = members[name], Path(name).suffix[1:]
            expected = decoded(data, extension)
            assert row[:4] == (expected.format, expected.width, expected.height, len(data))
            assert needs(data[:132], extension) == row[0]
        assert {row[0] for row in rows} >= {"heif", "avif", "jp2", "jxl", "psd"}

    @pytest.mark.parametrize("kind", ["heif", "avif"])
    def test_they_stand_upright(self, kind: str, run: Run, tmp_path: Path):
        (tmp_path / "in").mkdir()
        data = {"heif": heif, "avif": avif}[kind](draw(1), exif=exif_of(6))
        (tmp_path / "in" / f"a.{kind}").write_bytes(data)
        images = run(tmp_path / "in").images
        assert images.select("width", "height").rows() == [(48, 64)]

    def test_same_bytes_have_the_same_digest(self, run: Run, tmp_path: Path):
        """It is that of the file, not of the pixels."""
        (tmp_path / "in").mkdir()
        data = saved(draw(1), "JPEG2000")
        for name in ("a.jp2", "b.jp2", "c.jpg"):
            (tmp_path / "in" / name).write_bytes(data)
        (tmp_path / "in" / "d.jp2").write_bytes(data + b"\0")
        digests = run(tmp_path / "in").images["digest"].to_list()
        assert len(set(digests[:3])) == 1
        assert digests[3] != digests[0]

    def test_without_the_packages_rows_say_what_to_install(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        (tmp_path / "in").mkdir()
        for name, (data, extension) in FILES.items():
            (tmp_path / "in" / f"{name}.{extension}").write_bytes(data)
        (tmp_path / "in" / "z.png").write_bytes(saved(draw(1), "PNG"))
        find = importlib.util.find_spec
        absent = {"PIL", "pillow_heif", "pillow_jxl", "pydicom", "rawpy"}

        def lack(name: str, package: str | None = None) -> Any:
            return None if name in absent else find(name, package)

        monkeypatch.setattr(importlib.util, "find_spec", lack)
        audit = run(tmp_path / "in")
        rows = audit.invalid_instances().select("error_code", "detail").rows()
        assert len(rows) == len(FILES)
        for code, detail in rows:
            assert code == "unknown_format"
            assert "pip install 'pixsieve[" in detail
        assert audit.info["counts"]["embedded"] == 1
        monkeypatch.setattr(importlib.util, "find_spec", find)
        again = run(tmp_path / "in", overwrite=True)
        assert again.invalid_instances().is_empty()

    @pytest.mark.parametrize(
        ("name", "data", "said"),
        [
            ("a.jpg", b"%PDF-1.7\n" + bytes(900), "PDF is not read"),
            ("a.png", b"<svg xmlns='http://www.w3.org/2000/svg'></svg>" + b" " * 300, "SVG"),
            ("a.psd", b"%PDF-1.7\n" + bytes(900), "PDF is not read"),
            ("a.dcm", bytes(900), "no known picture format"),
            ("a.nef", b"II*\0" + bytes(900), ""),
            ("a.heic", b"\0\0\0\x18ftypheic" + bytes(900), ""),
            ("a.jp2", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(900), ""),
            ("a.jxl", b"\xff\x0a" + bytes(900), ""),
        ],
    )
    def test_never_an_empty_picture(
        self, name: str, data: bytes, said: str, run: Run, tmp_path: Path
    ):
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / name).write_bytes(data)
        audit = run(tmp_path / "in")
        (row,) = audit.invalid_instances().rows(named=True)
        assert row["error_code"] in ("unknown_format", "corrupt", "truncated", "too_large")
        assert said in row["detail"]
        assert not audit.embeddings().height

    def test_cut_off(self, run: Run, tmp_path: Path):
        (tmp_path / "in").mkdir()
        names = []
        for name, (data, extension) in FILES.items():
            path = tmp_path / "in" / f"{name}.{extension}"
            path.write_bytes(data[: max(140, len(data) // 3)])
            names.append((path.name, outcome(path.read_bytes(), extension)))
        audit = run(tmp_path / "in", min_width=1, min_height=1)
        rows = {Path(one["path"]).name: one for one in audit.images.iter_rows(named=True)}
        for name, found in names:
            code = getattr(found, "code", "truncated" if getattr(found, "damage", None) else None)
            assert rows[name]["error_code"] == code, name
