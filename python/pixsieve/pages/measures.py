"""Statistics with their limits, as plots and galleries show them."""

import polars as pl

from pixsieve.audit import Audit
from pixsieve.findings import RULES
from pixsieve.pages.plots import Cut


def measured(audit: Audit) -> pl.DataFrame:
    """`img_stats()` with `area` in pixels and `elongation`, the longer side by the shorter."""
    ratio = pl.col("aspect_ratio")
    return audit.img_stats().with_columns(
        area=pl.col("width").cast(pl.Float64) * pl.col("height"),
        elongation=pl.max_horizontal(ratio, 1 / ratio),
    )


def cuts_of(audit: Audit, column: str) -> list[Cut]:
    """The limits of the flags that judge this statistic."""
    return [
        Cut(float(getattr(audit.config, rule.limit)), rule.flag.replace("_", " "), rule.above)
        for rule in RULES
        if rule.metric == column and rule.limit is not None
    ]
