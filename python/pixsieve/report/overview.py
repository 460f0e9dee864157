"""What the report says of the collection as a whole: distributions, classes, confusions."""

from typing import Any

import numpy as np
import polars as pl

from pixsieve.audit import Audit
from pixsieve.pages.measures import cuts_of, measured
from pixsieve.pages.plots import Cut, heat_map, histogram
from pixsieve.pages.text import visible
from pixsieve.report.data import ClassRow, Plot

#: Pixels of the plot of a statistic.
SMALL = 360
#: What statistics are called, in the order of their plots.
STATISTICS = {
    "mean": "Brightness, 0 to 255",
    "stdv": "Contrast: standard deviation",
    "blur": "Sharpness: variance of the Laplacian",
    "entropy": "Entropy of the luminance, bits",
    "saturation": "Saturation",
    "edge_density": "Share of edges",
    "width": "Width, pixels",
    "height": "Height, pixels",
    "aspect_ratio": "Width by height",
    "file_size": "File size, bytes",
    "hue": "Hue, degrees",
    "value": "Value",
    "mean_r": "Red, 0 to 255",
    "mean_g": "Green, 0 to 255",
    "mean_b": "Blue, 0 to 255",
    "min": "Smallest value",
    "max": "Largest value",
    "unique": "Different values",
    "contrast": "Contrast: (max - min) / (max + min)",
    "rms_contrast": "Contrast: root mean square",
}


def statistics(audit: Audit) -> tuple[Plot, ...]:
    """A histogram of each statistic, with the limits of its flags."""
    stats, plots = measured(audit), []
    for column, name in STATISTICS.items():
        values = stats[column].cast(pl.Float64).drop_nulls().to_numpy()
        drawn = histogram(np.asarray(values), cuts_of(audit, column), name=name, width=SMALL)
        if drawn is not None:
            plots.append(Plot(name, drawn))
    return tuple(plots)


def similarities(audit: Audit) -> Plot | None:
    """How similar the pairs of the neighbor graph are, with the thresholds."""
    names = {"near_duplicate": "near duplicates", "similar": "similar", "component": "clusters"}
    merged: dict[float, list[str]] = {}
    for key, name in names.items():
        merged.setdefault(float(audit.info["thresholds"][key]), []).append(name)
    cuts = [Cut(value, ", ".join(said), above=True) for value, said in sorted(merged.items())]
    values = audit.edge_similarities().cast(pl.Float64).to_numpy()
    drawn = histogram(np.asarray(values), cuts, name="similarity of neighbors", unit="pair")
    return None if drawn is None else Plot("Similarity of images and their neighbors", drawn)


def classes(audit: Audit, *, most: int) -> tuple[ClassRow, ...]:
    """The classes, largest first: how many images, and what was found among them."""
    images = audit.images
    if not images["label"].count():
        return ()
    counted = images.select("label").drop_nulls().group_by("label").agg(images=pl.len())
    found = {
        "duplicates": audit.duplicates(within_videos=False).filter(~pl.col("keep")),
        "mislabels": audit.mislabels(),
        "outliers": audit.outliers(),
        "invalid": images.filter(pl.col("error_code").is_not_null()),
    }
    for name, frame in found.items():
        each = frame.select("label").drop_nulls().group_by("label").agg(pl.len().alias(name))
        counted = counted.join(each, on="label", how="left")
    rows = counted.fill_null(0).sort("images", "label", descending=[True, False])
    return tuple(ClassRow(**row) for row in rows.head(most).iter_rows(named=True))


def confusion(audit: Audit, *, most: int) -> Plot | None:
    """Which classes are taken for each other: those that most often are."""
    pairs = audit.confusion().drop_nulls(["label", "suggested_label"])
    if pairs.is_empty():
        return None
    ends = pl.concat([pairs.select("images", name=end) for end in ("label", "suggested_label")])
    totals = ends.group_by("name").agg(pl.col("images").sum())
    chosen = totals.sort("images", "name", descending=[True, False]).head(most)["name"].sort()
    place = {name: number for number, name in enumerate(chosen)}
    shares = np.zeros((len(chosen), len(chosen)))
    counts = np.zeros((len(chosen), len(chosen)), np.int64)
    row: dict[str, Any]
    for row in pairs.iter_rows(named=True):
        if row["label"] in place and row["suggested_label"] in place:
            where = place[row["label"]], place[row["suggested_label"]]
            shares[where], counts[where] = row["share"], row["images"]
    drawn = heat_map([visible(name) for name in chosen], shares, counts)
    return Plot("Classes that are taken for each other", drawn)
