"""Brightness, sharpness, color and size of each image."""

import polars as pl
import polars.selectors as cs

from pixsieve.findings.graph import attach, is_decoded


def img_stats(images: pl.DataFrame, statistics: pl.DataFrame) -> pl.DataFrame:
    """One row per decoded image, sorted by image.

    Width and height are pixels of the upright picture, `file_size` is in bytes. All else is
    measured on the working image (short side at most 256) in 8-bit values: `blur` is the
    variance of the 3 x 3 Laplacian of the luminance, low for blurred pictures, and `contrast`
    is (max - min) / (max + min). What was not measured is null, never NaN.
    """
    found = (
        images.filter(is_decoded())
        .select("image")
        .join(statistics, on="image", how="left", maintain_order="left")
        .with_columns(cs.float().fill_nan(None))
        .with_columns(is_grayscale=pl.col("is_grayscale") > 0.5)
        .sort("image")
    )
    return attach(found, images, "img_stats")
