"""Images that could not be read, or not wholly."""

import polars as pl

from pixsieve.findings.graph import attach


def invalid_instances(images: pl.DataFrame) -> pl.DataFrame:
    """One row per image with an error code, sorted by image.

    Truncated images are among them, although they were decoded and take part in the findings.
    `file_size` is in bytes.
    """
    found = images.filter(pl.col("error_code").is_not_null()).select("image")
    return attach(found, images, "invalid_instances")
