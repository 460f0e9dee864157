"""Pictures with boxes, and what they are cut to by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

import pixsieve

RECTANGLE = ("col_x", "row_y", "width", "height")
CORNERS = ("x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4")


def drawn(seed: int, width: int = 200, height: int = 150) -> NDArray[np.uint8]:
    """Blocks of colour under noise: no two parts of it are alike."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 200, (6, 8, 3))
    ys, xs = np.mgrid[0:height, 0:width]
    coarse = blocks[ys * 6 // height, xs * 8 // width]
    return (coarse + rng.integers(0, 56, (height, width, 3))).astype(np.uint8)


def save(folder: Path, name: str, pixels: NDArray[np.uint8], **options: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def table(
    *rows: tuple[Any, ...], names: tuple[str, ...] = RECTANGLE, **more: list[Any]
) -> pl.DataFrame:
    """Of rows of a file name and the sides of a box."""
    columns: dict[str, Any] = {"filename": [row[0] for row in rows]}
    for place, name in enumerate(names, start=1):
        columns[name] = pl.Series([row[place] for row in rows], dtype=pl.Float64)
    return pl.DataFrame({**columns, **more})


def measured(audit: pixsieve.Audit) -> pl.DataFrame:
    """What is known of the pixels of each image: size, statistics, embedding."""
    stats = audit.img_stats().drop("path", "file_size")
    own = [name for name in stats.columns if name in pixsieve.schema.IMG_STATS]
    vectors = audit.embeddings().select("image", "embedding")
    return stats.select(own).join(vectors, on="image").drop("image")


def cut_by_hand(
    folder: Path, crops: list[NDArray[np.uint8]], run: Any, **settings: Any
) -> pl.DataFrame:
    """What is known of crops that are pictures of their own."""
    for number, pixels in enumerate(crops):
        save(folder, f"{number:03}.png", pixels)
    return measured(run(folder, **settings))


def warped(pixels: NDArray[np.uint8], corners: list[float]) -> NDArray[np.uint8]:
    """A rotated box, upright: each pixel is looked up between the four around its place."""
    points = np.array(corners, np.float64).reshape(4, 2)
    across, down = points[1] - points[0], points[3] - points[0]
    width, height = (round(float(np.hypot(*side))) for side in (across, down))
    u, v = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    at = points[0] + u[..., None] * across + v[..., None] * down - 0.5
    limits = np.array(pixels.shape[1::-1]) - 1
    at = np.clip(at, 0, limits)
    first = np.floor(at).astype(int)
    second = np.minimum(first + 1, limits)
    sx, sy = np.moveaxis(at - first, -1, 0)[..., None]
    values = pixels.astype(np.float64)
    (x, y), (x2, y2) = np.moveaxis(first, -1, 0), np.moveaxis(second, -1, 0)
    above = values[y, x] * (1 - sx) + values[y, x2] * sx
    below = values[y2, x] * (1 - sx) + values[y2, x2] * sx
    return np.floor(above * (1 - sy) + below * sy + 0.5).astype(np.uint8)
