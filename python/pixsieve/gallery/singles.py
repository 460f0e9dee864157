"""Galleries of single pictures: by a statistic, and broken ones."""

import re
from typing import Any

import numpy as np
import polars as pl

from pixsieve.audit import Audit
from pixsieve.findings import RULES
from pixsieve.gallery.data import Content, Figure, Single, Tag
from pixsieve.gallery.figures import Figures
from pixsieve.gallery.frames import Slice, content_of, external, names_of, rows_of, sliced
from pixsieve.pages.measures import cuts_of, measured
from pixsieve.pages.plots import histogram
from pixsieve.pages.text import measure

#: What users call a statistic, and whether its lowest values are looked at first.
NAMED = {
    **{
        flag: next((rule.metric, not rule.above) for rule in RULES if rule.flag == flag)
        for flag in dict.fromkeys(rule.flag for rule in RULES)
    },
    "blur": ("blur", True),
    "sharp": ("blur", False),
    "size": ("area", False),
    "grayscale": ("is_grayscale", False),
}
#: Pages are called after metrics, and not as those of the other galleries.
NAME = re.compile(r"\w[\w. -]*")
TAKEN = (
    *("duplicates", "leaks", "outliers", "similarity"),
    *("mislabels", "components", "invalid"),
)
TITLES = {
    "dark": "Darkest images",
    "bright": "Brightest images",
    "blur": "Blurriest images",
    "blurry": "Blurriest images",
    "sharp": "Sharpest images",
}


def statistics(
    audit: Audit,
    figures: Figures,
    *,
    number: int,
    metric: str,
    wanted: Slice,
    ascending: bool | None,
    given: Any,
) -> tuple[Content, pl.DataFrame]:
    """The images at one end of a statistic, below its histogram."""
    column, lowest = NAMED.get(metric, (metric, False))
    rising = lowest if ascending is None else ascending
    if given is None:
        stats = measured(audit)
        _check(metric, column, stats)
        values = stats.select("image", value=pl.col(column).cast(pl.Float64)).drop_nulls()
    else:
        if not NAME.fullmatch(metric) or metric in TAKEN:
            raise ValueError(f"metric={metric!r} cannot be the name of a page: rename the column")
        values = external(given, {"image": ("filename", "path"), "value": (column, metric)}, {})
        values = values.with_columns(rows_of(values["image"], figures).alias("image"))
    values = values.drop_nulls("value")
    before = values.height
    values = sliced(values, wanted, figures, ["image"])
    cuts = cuts_of(audit, column)
    if given is None:
        values = values.sort("value", "image", descending=[not rising, False])
    name = column.replace("_", " ")
    order = "Lowest" if rising else "Highest"
    content, shown = content_of(
        values,
        before,
        number,
        lambda row: Single(figures(row["image"], Tag(f"{name} {measure(row['value'])}"))),
        title=TITLES.get(metric, f"Images by {name}"),
        text=f"{order} {name} first." if given is None else "In the order of the frame.",
        unit="image",
        call=None if given is not None else "audit.img_stats()",
        nothing="No image was measured.",
        plot=histogram(np.asarray(values["value"].to_numpy()), cuts, name=name),
        plot_text=f"{name}, square roots of the numbers of images",
    )
    return content, shown.rename({"value": column})


def _check(metric: str, column: str, stats: pl.DataFrame) -> None:
    """Raises ValueError for what is no statistic."""
    kinds = stats.schema
    known = [name for name in kinds if kinds[name].is_numeric() or kinds[name] == pl.Boolean]
    known = [name for name in known if name != "image"]
    if column not in known:
        names = ", ".join(dict.fromkeys([*NAMED, *known]))
        raise ValueError(f"metric must be one of {names}; not {metric!r}")


def invalid(
    audit: Audit, figures: Figures, *, number: int, wanted: Slice
) -> tuple[Content, pl.DataFrame]:
    """The images that could not be read, or not wholly."""
    found = audit.invalid_instances()
    before = found.height
    if wanted is not None:
        codes, known = names_of(wanted), found["error_code"].unique().sort()
        for code in codes:
            if code not in known:
                there = ", ".join(map(repr, known)) or "none"
                raise ValueError(f"slice: no image has the error code {code!r}; there are {there}")
        found = found.filter(pl.col("error_code").is_in(codes))
    return content_of(
        found,
        before,
        number,
        lambda row: Single(_broken(row, figures)),
        title="Broken images",
        text="Files that could not be read as pictures. Truncated ones were read as far as they "
        "go and take part in everything else.",
        unit="image",
        call="audit.invalid_instances()",
        nothing="No broken images.",
    )


def _broken(row: dict[str, Any], figures: Figures) -> Figure:
    tags = [Tag(row["error_code"], "bad")]
    if row["detail"]:
        tags.append(Tag(row["detail"]))
    return figures(row["image"], *tags)
