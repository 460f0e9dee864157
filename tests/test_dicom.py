"""DICOM files, written by pydicom, against the standard's formulas."""

import io
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from conftest import draw
from foreign_cases import decoded, failed, far, jp2
from format_cases import saved
from pixsieve.sources.formats import HEAD, needs
from pixsieve.sources.formats.stretch import to_bytes


def dataset(values: NDArray[Any], kind: str, **elements: Any) -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid(
        entropy_srcs=["pixsieve"]
    )
    made.Rows, made.Columns = values.shape[:2]
    made.SamplesPerPixel = values.shape[2] if values.ndim == 3 else 1
    if made.SamplesPerPixel > 1:
        made.PlanarConfiguration = 0
    made.PhotometricInterpretation = kind
    bits = values.dtype.itemsize * 8
    made.BitsAllocated, made.BitsStored, made.HighBit = bits, bits, bits - 1
    made.PixelRepresentation = int(values.dtype.kind == "i")
    made.PixelData = values.tobytes() + b"\0" * (values.nbytes % 2)
    made["PixelData"].VR = "OW" if bits > 8 else "OB"
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def written(made: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    made.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, made, enforce_file_format=True)
    return buffer.getvalue()


def dicom(values: NDArray[Any], kind: str = "MONOCHROME2", **elements: Any) -> bytes:
    return written(dataset(values, kind, **elements))


def three(values: NDArray[Any]) -> NDArray[Any]:
    return values[..., None].repeat(3, axis=2)


RAMP = np.linspace(-1_000, 3_000, 64 * 48).astype(np.int16).reshape(48, 64)
GREY = np.asarray(draw(1).convert("L"))


def linear(value: float, center: float, width: float) -> float:
    """PS3.3, C.11.2.1.2.1, for 0 to 255."""
    if value <= center - 0.5 - (width - 1) / 2:
        return 0
    if value > center - 0.5 + (width - 1) / 2:
        return 255
    return ((value - (center - 0.5)) / (width - 1) + 0.5) * 255


def exact(value: float, center: float, width: float) -> float:
    """C.11.2.1.3.2."""
    return min(255.0, max(0.0, ((value - center) / width + 0.5) * 255))


def sigmoid(value: float, center: float, width: float) -> float:
    """C.11.2.1.3.1."""
    return 255 / (1 + math.exp(min(700.0, -4 * (value - center) / width)))


class TestGrey:
    @pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    def test_eight_bits_stay_as_they_are(self, syntax: str):
        data = written(dataset(GREY, "MONOCHROME2"), syntax)
        assert needs(data[:HEAD]) == "dicom"
        found = decoded(data)
        assert np.array_equal(found.array, three(GREY))
        assert (found.format, found.width, found.height) == ("dicom", 64, 48)

    def test_big_endian(self):
        made = dataset(RAMP, "MONOCHROME2")
        made.PixelData = RAMP.astype(">i2").tobytes()
        made.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        buffer = io.BytesIO()
        made.save_as(buffer, implicit_vr=False, little_endian=False, enforce_file_format=True)
        assert np.array_equal(decoded(buffer.getvalue()).array, decoded(dicom(RAMP)).array)

    def test_monochrome1_is_inverted(self):
        assert np.array_equal(decoded(dicom(GREY, "MONOCHROME1")).array, 255 - three(GREY))

    @pytest.mark.parametrize(
        ("function", "formula"), [(None, linear), ("LINEAR_EXACT", exact), ("SIGMOID", sigmoid)]
    )
    @pytest.mark.parametrize(("center", "width"), [(40, 400), (1000, 1), (0.5, 2), (900, 3000)])
    def test_windows(self, function: str | None, formula: Any, center: float, width: float):
        elements: dict[str, Any] = {"WindowCenter": center, "WindowWidth": width}
        if function:
            elements["VOILUTFunction"] = function
        if formula is linear and width == 1:
            expected = np.where(center - 0.5 < RAMP, 255.0, 0.0)
        else:
            rows = [[formula(float(value), center, width) for value in row] for row in RAMP]
            expected = np.array(rows)
        found = decoded(dicom(RAMP, **elements)).array
        assert np.abs(found - three(expected)).max() <= 0.51

    def test_the_window_is_in_units_of_the_modality(self):
        stored = (RAMP + 1024).astype(np.uint16)
        window = {"WindowCenter": [40, 700], "WindowWidth": [400, 2000]}
        scaled = dicom(stored, RescaleSlope=1, RescaleIntercept=-1024, **window)
        assert np.array_equal(decoded(scaled).array, decoded(dicom(RAMP, **window)).array)

    def test_without_a_window_from_the_smallest_to_the_largest(self):
        expected = (RAMP.astype(np.float64) + 1000) / 4000 * 255
        assert np.abs(decoded(dicom(RAMP)).array - three(expected)).max() <= 0.51
        turned = decoded(dicom(RAMP, RescaleSlope=-2, RescaleIntercept=5)).array
        assert np.abs(turned - three(255 - expected)).max() <= 0.51

    def test_one_value_throughout(self):
        assert not decoded(dicom(np.full((48, 64), 700, np.uint16))).array.any()

    def test_by_percentile_whatever_the_window(self):
        values = (RAMP.astype(np.int32) + 1_000).astype(np.uint16)
        data = dicom(values, WindowCenter=40, WindowWidth=4)
        found = decoded(data, stretch="percentile").array
        assert np.abs(found.astype(int) - three(to_bytes(values, "percentile"))).max() <= 1

    def test_a_table_of_values(self):
        item = Dataset()
        item.LUTDescriptor = [4, 10, 8]
        item.LUTData = [0, 255, 30, 99]
        item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
        stored = np.array([[0, 10, 11], [12, 13, 200]], np.uint8)
        found = decoded(dicom(stored, VOILUTSequence=[item]))
        assert found.array[..., 0].tolist() == [[0, 0, 255], [30, 99, 99]]

    def test_one_and_twelve_bits(self):
        bits = np.random.default_rng(0).integers(0, 2, (16, 24), dtype=np.uint8)
        made = dataset(bits, "MONOCHROME2", BitsAllocated=1, BitsStored=1, HighBit=0)
        made.PixelData = np.packbits(bits.ravel(), bitorder="little").tobytes()
        assert np.array_equal(decoded(written(made)).array, three(bits * 255))
        twelve = dicom(np.full((4, 4), 4095, np.uint16), BitsStored=12, HighBit=11)
        assert not decoded(twelve).array.any()


class TestColour:
    def test_rgb_by_pixel_and_by_plane(self):
        pixels = np.asarray(draw(2))
        assert np.array_equal(decoded(dicom(pixels, "RGB")).array, pixels)
        planes = dataset(pixels, "RGB", PlanarConfiguration=1)
        planes.PixelData = np.moveaxis(pixels, 2, 0).tobytes()
        assert np.array_equal(decoded(written(planes)).array, pixels)

    def test_sixteen_bits_and_twelve_of_them(self):
        pixels = np.asarray(draw(2)).astype(np.uint16) * 257
        assert np.array_equal(decoded(dicom(pixels, "RGB")).array, np.asarray(draw(2)))
        twelve = dicom(pixels >> 4, "RGB", BitsStored=12, HighBit=11)
        assert np.abs(decoded(twelve).array - np.asarray(draw(2)).astype(int)).max() <= 1

    def test_ybr(self):
        values = np.asarray(draw(2).convert("YCbCr"))
        assert far(decoded(dicom(values, "YBR_FULL")).array, draw(2)) <= 1.5

    @pytest.mark.parametrize("width", [8, 16])
    def test_palette(self, width: int):
        table = np.random.default_rng(1).integers(0, 256, (3, 256), dtype=np.uint8)
        made = dataset(GREY, "PALETTE COLOR")
        for name, entries in zip(("Red", "Green", "Blue"), table, strict=True):
            values = entries if width == 8 else entries.astype("<u2") * 257
            setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, width])
            made[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
            setattr(made, f"{name}PaletteColorLookupTableData", values.tobytes())
        assert np.array_equal(decoded(written(made)).array, np.moveaxis(table[:, GREY], 0, 2))


class TestFrames:
    def test_the_first_of_several(self):
        frames = np.stack([GREY, 255 - GREY, GREY // 2])
        made = dataset(GREY, "MONOCHROME2", NumberOfFrames=3)
        made.PixelData = frames.tobytes()
        assert np.array_equal(decoded(written(made)).array, three(GREY))
        packed = [saved(draw(seed), "JPEG") for seed in (1, 2)]
        made = dataset(np.asarray(draw(1)), "YBR_FULL_422", NumberOfFrames=2)
        made.PixelData = encapsulate(packed)
        assert far(decoded(written(made, JPEGBaseline8Bit)).array, draw(1)) <= 20

    def test_more_bytes_than_expected_are_no_matter(self):
        made = dataset(GREY, "MONOCHROME2")
        made.PixelData += b"\7" * 1000
        assert np.array_equal(decoded(written(made)).array, three(GREY))

    def test_packed_without_loss(self):
        made = dataset(RAMP, "MONOCHROME2")
        expected = decoded(written(made)).array
        made.compress(RLELossless, generate_instance_uid=False)
        assert np.array_equal(decoded(written(made, RLELossless)).array, expected)
        made = dataset(np.asarray(draw(3)), "RGB")
        made.PixelData = encapsulate([jp2(draw(3), no_jp2=True, mct=0)])
        assert np.array_equal(decoded(written(made, JPEG2000Lossless)).array, np.asarray(draw(3)))

    def test_what_no_package_reads_is_said(self):
        made = dataset(GREY, "MONOCHROME2")
        made.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
        found = failed(written(made, JPEGLosslessSV1))
        assert found.code == "unknown_format"
        assert "JPEG Lossless" in found.detail


class TestBroken:
    def test_a_report_is_no_picture(self):
        made = dataset(GREY, "MONOCHROME2")
        del made.PixelData
        assert failed(written(made)).code == "unknown_format"

    def test_deflated_as_a_whole(self):
        data = written(dataset(GREY, "MONOCHROME2"), DeflatedExplicitVRLittleEndian)
        assert failed(data).code == "unknown_format"

    @pytest.mark.parametrize("name", ["Rows", "Columns", "BitsAllocated", "SamplesPerPixel"])
    def test_without_what_it_needs(self, name: str):
        made = dataset(GREY, "MONOCHROME2")
        delattr(made, name)
        found = failed(written(made))
        assert (found.code, found.detail) == ("corrupt", f"DICOM without {name}")

    def test_fewer_bytes_than_expected(self):
        made = dataset(GREY, "MONOCHROME2")
        made.PixelData = made.PixelData[:100]
        assert failed(written(made)).code == "corrupt"

    def test_a_frame_that_is_larger_than_said(self):
        """A decoder believes the frame, so it is looked into first."""
        for frame, syntax in (
            (saved(draw(1, 640, 480), "JPEG"), JPEGBaseline8Bit),
            (jp2(draw(1, 640, 480), no_jp2=True), JPEG2000Lossless),
        ):
            made = dataset(np.asarray(draw(1)), "RGB")
            made.PixelData = encapsulate([frame])
            found = failed(written(made, syntax))
            assert found.code == "corrupt"
            assert "64 x 48" in found.detail

    def test_the_same_is_said_every_time(self):
        """Pillow's own words name a place in memory."""
        made = dataset(np.asarray(draw(1)), "RGB")
        made.PixelData = encapsulate([b"no JPEG at all"])
        found = failed(written(made, JPEGBaseline8Bit))
        assert found.code == "corrupt"
        assert "0x" not in found.detail

    def test_huge(self):
        made = dataset(GREY, "MONOCHROME2", Rows=60_000, Columns=60_000)
        assert failed(written(made)).code == "too_large"


def test_the_extension_does_not_matter():
    assert np.array_equal(decoded(dicom(GREY), "jpg").array, three(GREY))


def test_several_threads_decode_the_same():
    packed = dataset(RAMP, "MONOCHROME2", WindowCenter=40, WindowWidth=400)
    packed.compress(RLELossless, generate_instance_uid=False)
    files = [written(packed, RLELossless), dicom(np.asarray(draw(2)), "RGB"), dicom(GREY)]
    expected = [decoded(data).array for data in files]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: decoded(files[number % 3]).array, range(120)))
    assert all(np.array_equal(one, expected[number % 3]) for number, one in enumerate(found))
