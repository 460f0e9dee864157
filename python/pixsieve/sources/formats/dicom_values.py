"""From the stored values of a DICOM frame to those that are shown (PS3.3, C.7.6.3, C.11)."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixsieve.sources.formats.stretch import between, in_blocks, percentiles, rounded

Values = NDArray[Any]


def grey(dataset: Any, stored: Values, stretch: str) -> NDArray[np.uint8]:
    """(h, w) of 8 bits; MONOCHROME1 is not inverted yet.

    Where the file gives several windows or tables, the first counts.
    """
    values = _modality(dataset, stored)
    if stretch == "percentile":
        lower, upper = percentiles(values.astype(np.float32))
        if upper > lower:
            return between(values.astype(np.float32), lower, upper)
    if dataset.get("VOILUTSequence"):
        return _by_table(dataset, values)
    window = _window(dataset)
    if window is not None:
        return in_blocks(values, window)
    if values is stored and stored.dtype == np.uint8 and dataset.BitsStored <= 8:
        return wide(stored, int(dataset.BitsStored))
    lowest, highest = float(np.min(values)), float(np.max(values))
    if not highest > lowest:
        return np.zeros(values.shape, np.uint8)
    return between(values.astype(np.float32), lowest, highest)


def wide(values: Values, bits: int) -> Values:
    """Unsigned values of so many bits, brought to the whole range of 8 or of 16 bits."""
    size = values.dtype.itemsize
    if size > 2 or not 1 <= bits <= 8 * size:
        raise ValueError(f"colours of {bits} bits in {size} bytes")
    values = values.view(np.uint8 if size == 1 else np.uint16)
    most = (1 << bits) - 1
    if bits in (8, 16) and bits == 8 * size:
        return values
    if bits > 8:
        whole: Values = (values & np.uint16(most)) << np.uint16(16 - bits)
        return whole
    table = ((np.arange(256**size) & most) * 255 + most // 2) // most
    return in_blocks(values, lambda block: table[block])


def of_palette(dataset: Any, stored: Values) -> Values:
    """(h, w, 3) by the file's tables, of 8 or 16 bits."""
    from pydicom.pixels.processing import apply_color_lut  # noqa: PLC0415 - needed only for DICOM

    colours = apply_color_lut(stored, dataset)
    # Some tables hold values of 8 bits in 16.
    narrow = dataset.RedPaletteColorLookupTableDescriptor[2] == 8
    return colours.astype(np.uint8) if narrow else colours


def _modality(dataset: Any, stored: Values) -> Values:
    """In the unit of what was measured, such as Hounsfield's."""
    if dataset.get("ModalityLUTSequence"):
        from pydicom.pixels.processing import apply_modality_lut  # noqa: PLC0415 - needed only for DICOM

        table: Values = apply_modality_lut(stored, dataset)
        return table
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    factor = 1.0 if slope is None else float(slope)
    offset = 0.0 if intercept is None else float(intercept)
    if (factor, offset) == (1.0, 0.0):
        return stored
    values: Values = stored.astype(np.float32)
    values *= np.float32(factor)
    values += np.float32(offset)
    return values


def _by_table(dataset: Any, values: Values) -> NDArray[np.uint8]:
    from pydicom.pixels.processing import apply_voi  # noqa: PLC0415 - needed only for DICOM

    whole = values if values.dtype.kind in "iu" else np.rint(values).astype(np.int32)
    bits = dataset.VOILUTSequence[0].LUTDescriptor[2]
    return between(apply_voi(whole, dataset).astype(np.float32), 0, (1 << bits) - 1)


def _window(dataset: Any) -> Callable[[Values], NDArray[np.uint8]] | None:
    """What makes 8 bits of values; None where the file gives no window that can be used."""
    center, width = (_first(dataset.get(name)) for name in ("WindowCenter", "WindowWidth"))
    if center is None or width is None:
        return None
    kind = dataset.get("VOILUTFunction") or "LINEAR"
    if kind == "SIGMOID" and width > 0:
        return lambda block: _sigmoid(block, center, width)
    if kind == "LINEAR_EXACT" and width > 0:
        return lambda block: _line(block, center - width / 2, width)
    if kind == "LINEAR" and width >= 1:
        return lambda block: _line(block, center - width / 2, width - 1)
    return None


def _first(value: Any) -> float | None:
    """Of one or several numbers."""
    values = [value] if isinstance(value, int | float | str) else list(value or ())
    number = float(values[0]) if values else None
    return number if number is not None and np.isfinite(number) else None


def _line(block: Values, start: float, width: float) -> NDArray[np.uint8]:
    steps = block.astype(np.float64) - start
    if width == 0:
        return np.where(steps > 0, np.uint8(255), np.uint8(0))
    return rounded(255 * np.clip(steps / width, 0, 1))


def _sigmoid(block: Values, center: float, width: float) -> NDArray[np.uint8]:
    steps = np.clip(4 * (block.astype(np.float64) - center) / width, -60, 60)
    return rounded(255 / (1 + np.exp(-steps)))
