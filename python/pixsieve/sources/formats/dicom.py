"""DICOM, through pydicom: the first frame, as a viewer shows it."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixsieve.sources.formats.colours import to_rgb
from pixsieve.sources.formats.dicom_values import grey, of_palette, wide
from pixsieve.sources.formats.jp2_header import Header
from pixsieve.sources.formats.picture import Decoded, RefusedError, Request

#: Floats, what becomes of them, and RGB; to it come, for each byte of a frame, that of the
#: dataset, of the frame, and of its array.
PER_PIXEL, PER_BYTE = 8, 4
#: A transfer syntax by which the whole file is compressed. pydicom would inflate it to any size.
DEFLATED = b"1.2.840.10008.1.2.1.99"
DATA = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
NEEDED = (
    *("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored"),
    "PhotometricInterpretation",
)
MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
JPEG, JPEG_2000 = b"\xff\xd8", b"\xff\x4f\xff\x51"
#: Where in a JPEG the size stands: the start of a frame of any kind.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def decode(data: bytes, request: Request) -> Decoded:
    """The first frame.

    Grey goes through the modality's rescaling and the file's first window or table of values; with
    `stretch` "percentile" from percentile to percentile instead. Without a window, pictures of
    more than 8 bits go from their smallest value to their largest.
    """
    import pydicom  # noqa: PLC0415 - needed only for DICOM

    if DEFLATED in data:
        raise RefusedError("unknown_format", "DICOM that is deflated as a whole is not read")
    dataset = pydicom.dcmread(io.BytesIO(data))
    _check_complete(dataset)
    width, height = int(dataset.Columns), int(dataset.Rows)
    wide_frame = int(dataset.SamplesPerPixel) * max(1, int(dataset.BitsAllocated) // 8)
    request.check(width, height, width * height, PER_PIXEL + PER_BYTE * wide_frame)
    frame = _frame(dataset)
    if frame.shape[:2] != (height, width):
        raise RefusedError("corrupt", f"the frame is not of {width} x {height} pixels")
    array = _shown(dataset, frame, request.stretch)
    return Decoded(array, "dicom", width, height)


def _check_complete(dataset: Any) -> None:
    if not any(name in dataset for name in DATA):
        raise RefusedError("unknown_format", "DICOM without a picture")
    for name in NEEDED:
        if dataset.get(name) is None:
            raise RefusedError("corrupt", f"DICOM without {name}")
    if dataset.file_meta.get("TransferSyntaxUID") is None:
        raise RefusedError("corrupt", "DICOM without TransferSyntaxUID")


def _frame(dataset: Any) -> NDArray[Any]:
    """(h, w) or (h, w, 3), YBR made RGB."""
    from pydicom.pixels.decoders.base import get_decoder  # noqa: PLC0415 - needed only for DICOM
    from pydicom.pixels.utils import pixel_array  # noqa: PLC0415 - likewise

    syntax = dataset.file_meta.TransferSyntaxUID
    if not get_decoder(syntax).is_available:
        raise RefusedError("unknown_format", f"no installed package reads DICOM's {syntax.name}")
    if syntax.is_encapsulated:
        _check_encapsulated(dataset)
    else:
        _cut(dataset)
    try:
        array: NDArray[Any] = pixel_array(dataset, index=0)
    except RuntimeError as error:
        # Each package's own reason stands on a line of its own.
        raise ValueError(str(error).strip().splitlines()[-1]) from None
    return array


def _cut(dataset: Any) -> None:
    """Leaves only the first frame; pydicom would warn of more bytes than it expects."""
    from pydicom.pixels.utils import get_expected_length  # noqa: PLC0415 - needed only for DICOM

    if "PixelData" in dataset:
        dataset.NumberOfFrames = 1
        length = get_expected_length(dataset)
        if length < len(dataset.PixelData):
            # The length of an element is even.
            dataset.PixelData = dataset.PixelData[:length] + b"\0" * (length % 2)


def _check_encapsulated(dataset: Any) -> None:
    """The frame must be as large as the dataset says: its decoder believes the frame."""
    from pydicom.encaps import get_frame  # noqa: PLC0415 - needed only for DICOM

    count = int(dataset.get("NumberOfFrames") or 1)
    frame = get_frame(dataset.PixelData, 0, number_of_frames=count)
    if frame.startswith(JPEG):
        size = _size_of_jpeg(frame)
    elif frame.startswith(JPEG_2000):
        header = Header.read(frame)
        size = header.width, header.height
    else:
        return
    if size != (dataset.Columns, dataset.Rows):
        raise RefusedError("corrupt", f"the frame is not of {dataset.Columns} x {dataset.Rows}")


def _size_of_jpeg(frame: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 <= len(frame):
        marker, length = frame[at + 1], int.from_bytes(frame[at + 2 : at + 4], "big")
        if marker in FRAMES:
            high, wide = frame[at + 5 : at + 7], frame[at + 7 : at + 9]
            return int.from_bytes(wide, "big"), int.from_bytes(high, "big")
        at += 2 + length if marker != 0xFF else 1
    raise RefusedError("corrupt", "the frame ends within its header")


def _shown(dataset: Any, frame: NDArray[Any], stretch: str) -> NDArray[np.uint8]:
    kind = dataset.PhotometricInterpretation
    if kind in MONOCHROME:
        values = grey(dataset, frame, stretch)
        return to_rgb(255 - values if kind == "MONOCHROME1" else values, stretch)
    if kind == "PALETTE COLOR":
        return to_rgb(of_palette(dataset, frame), stretch)
    return to_rgb(wide(frame, int(dataset.BitsStored)), stretch)
