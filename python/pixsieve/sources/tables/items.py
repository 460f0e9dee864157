"""Pictures as Python's objects: Pillow's, arrays, tensors, bytes, and what holds them."""

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve.sources.places import Content, Failure, Pixels
from pixsieve.sources.tables.columns import PICTURE_COLUMNS
from pixsieve.sources.tables.given import of_cell, read_file

#: Where an item that is a mapping has its picture, and its label.
PICTURE_KEYS = (*PICTURE_COLUMNS, "pixel_values", "images", "x")
LABEL_KEYS = ("label", "labels", "target", "class", "cls", "fine_label", "y")


class Indexed(Protocol):
    """Anything whose items can be had by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class Items:
    """Brings the pictures of a list or dataset."""

    def __init__(self, items: Indexed, *, max_pixels: int) -> None:
        self._items = items
        self._max_pixels = max_pixels
        # A dataset may hold an open file.
        self._lock = threading.Lock()

    def fetch(self, rows: pl.DataFrame) -> Iterator[tuple[int, Content]]:
        """Yields the picture of each item; an item that raises is corrupt."""
        for row, offset in rows.select("row", "offset").iter_rows():
            yield row, self._bring(offset)

    def _bring(self, offset: int) -> Content:
        try:
            with self._lock:
                return as_content(self._items[offset], max_pixels=self._max_pixels)
        except Exception as error:  # noqa: BLE001 - a dataset of the user's may raise anything
            return Failure("corrupt", f"item {offset}: {type(error).__name__}: {error}")


def is_picture(item: object) -> bool:
    """Whether it is a picture by itself: Pillow's, an array, a tensor or bytes."""
    return (
        _is_pillow(item)
        or isinstance(item, bytes | bytearray | memoryview)
        or (isinstance(item, np.ndarray) and item.ndim in (2, 3, 4))
        or (_is_tensor(item) and len(getattr(item, "shape", ())) in (2, 3, 4))
    )


def _is_pillow(item: object) -> bool:
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(item, pillow.Image)


def _is_tensor(item: object) -> bool:
    return hasattr(item, "detach") and hasattr(item, "numpy")


def picture_of(item: Any) -> Any:
    """The picture in an item: itself, the first of a tuple, or what a mapping has under its key.

    None if there is none.
    """
    if isinstance(item, Mapping):
        if {"bytes", "path"} & set(item):
            return item
        return next((item[key] for key in PICTURE_KEYS if key in item), None)
    if isinstance(item, tuple | list):
        found = [picture_of(part) for part in item if not isinstance(part, str)]
        found += [part for part in item[:1] if isinstance(part, str)]
        return next((part for part in found if part is not None), None)
    is_path = isinstance(item, str | os.PathLike)
    return item if is_path or is_picture(item) else None


def label_of(item: Any) -> str | int | list[Any] | None:
    """The label in an item: what stands behind the picture in a tuple, or under its key."""
    label = None
    if isinstance(item, Mapping):
        label = next((item[key] for key in LABEL_KEYS if key in item), None)
    elif isinstance(item, tuple | list) and len(item) > 1:
        label = item[1]
    return plain_label(label)


def plain_label(label: Any) -> str | int | list[Any] | None:
    """A label as a string, a number or a list of these; None for anything else."""
    if _is_tensor(label):
        label = label.detach().cpu().numpy()
    if isinstance(label, np.ndarray | np.generic):
        label = label.tolist()
    if isinstance(label, str | int) and not isinstance(label, bool):
        return label
    if isinstance(label, list) and all(isinstance(one, str | int) for one in label):
        return label
    return None


def as_content(item: Any, *, max_pixels: int) -> Content:
    """The picture in an item, ready to be read.

    Arrays are (h, w), (h, w, c) or (c, h, w) with 1, 3 or 4 channels; whole numbers are of 8 or 16
    bits, floats from 0 to 1 or from 0 to 255. Alpha is put on white.
    """
    picture = picture_of(item)
    if picture is None:
        return Failure("unknown_format", f"a {type(item).__name__} holds no picture")
    if isinstance(picture, Mapping | bytes | bytearray | memoryview):
        return of_cell(picture)
    if isinstance(picture, str | os.PathLike):
        return read_file(os.fspath(picture))
    if _is_pillow(picture):
        return _of_pillow(picture, max_pixels)
    tensor = _is_tensor(picture)
    array = _as_array(picture) if tensor else np.asarray(picture)
    return _of_array(array, max_pixels, "array", channels_first=tensor)


def _as_array(tensor: Any) -> NDArray[Any]:
    tensor = tensor.detach().cpu()
    if getattr(tensor, "is_floating_point", lambda: False)():
        tensor = tensor.float()  # NumPy has no bfloat16.
    return np.asarray(tensor.numpy())


def _of_pillow(image: Any, max_pixels: int) -> Content:
    from PIL import ImageOps  # noqa: PLC0415 - there where a picture of Pillow's is

    if image.width * image.height > max_pixels:
        return _too_large(image.width, image.height, max_pixels)
    name = (image.format or "array").lower()
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _of_array(np.asarray(image), max_pixels, name, channels_first=False)
    transparent = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    array = np.asarray(image.convert("RGBA" if transparent else "RGB"))
    return _of_array(array, max_pixels, name, channels_first=False)


def _too_large(width: int, height: int, most: int) -> Failure:
    return Failure("too_large", f"{width}x{height} pixels, but at most {most:,} are read")


def _of_array(
    array: NDArray[Any], max_pixels: int, name: str, *, channels_first: bool
) -> Pixels | Failure:
    while array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    shape = "x".join(map(str, array.shape))
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or not array.size:
        return Failure("unknown_format", f"an array of {shape} values is no picture")
    array = _channels_last(array, channels_first=channels_first)
    height, width, channels = array.shape
    if channels not in (1, 3, 4):
        return Failure("unknown_format", f"an array of {shape} values has no 1, 3 or 4 channels")
    if height * width > max_pixels:
        return _too_large(width, height, max_pixels)
    whole = _as_bytes(array)
    if isinstance(whole, Failure):
        return whole
    return Pixels(_as_rgb(whole), name)


def _channels_last(array: NDArray[Any], *, channels_first: bool) -> NDArray[Any]:
    first, last = array.shape[0] in (1, 3, 4), array.shape[2] in (1, 3, 4)
    return np.moveaxis(array, 0, 2) if first and (channels_first or not last) else array


def _as_bytes(array: NDArray[Any]) -> NDArray[np.uint8] | Failure:
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "biuf":
        return Failure("unknown_format", f"an array of {array.dtype} is no picture")
    low, high = float(array.min()), float(array.max())
    if not np.isfinite(low + high):
        return Failure("corrupt", "the array holds values that are not finite")
    if low < -1e-3 or high > 65_535:
        return Failure(
            "corrupt",
            f"the array holds values from {low:.3g} to {high:.3g}: pictures are needed that are "
            "not normalised, from 0 to 1 or from 0 to 255",
        )
    scaled = array.astype(np.float64) * (255.0 / _white(array.dtype, high))
    return np.clip(scaled + 0.5, 0, 255).astype(np.uint8)


def _white(dtype: np.dtype[Any], high: float) -> float:
    """The value that stands for white."""
    if dtype == np.bool_ or (dtype.kind == "f" and high <= 1.0 + 1e-3):
        return 1.0
    return 65_535.0 if dtype == np.uint16 or high > 255.5 else 255.0


def _as_rgb(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    if array.shape[2] == 4:
        alpha = array[:, :, 3:].astype(np.uint32)
        on_white = (array[:, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255
        array = on_white.astype(np.uint8)
    return np.ascontiguousarray(array)
