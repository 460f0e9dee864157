"""The lists of the explorer: what an item of each is, and what it can be sorted by.

A list has rows, and items of one row or of several that follow each other. What a row says of an
image is not repeated in it: columns of images are looked up by their numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve.audit import Audit

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Kind:
    """What a list is about."""

    name: str
    title: str
    #: What one item is called, in the singular.
    unit: str
    text: str
    nothing: str
    #: Columns that hold numbers of images; the first one leads.
    images: tuple[str, ...] = ("image",)
    #: The column whose equal values make an item; None where every row is one.
    key: str | None = None
    #: What a row says.
    columns: tuple[str, ...] = ()
    #: What an item of several rows says, worked out from them.
    said: dict[str, pl.Expr] = field(default_factory=dict)
    #: Whether items are shown as tiles beside each other; else each has a line to itself.
    tiles: bool = False
    #: What review advises for an item, in words; None if nothing.
    advice: str | None = None


def _spread(column: str) -> pl.Expr:
    return pl.col(column).min()


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "images",
            "All images",
            "image",
            "Everything that was read, or could not be.",
            "There are no images.",
            tiles=True,
        ),
        Kind(
            "duplicates",
            "Duplicates",
            "group",
            "Each image of a group shows the same as its first one, which is the one to keep.",
            "No image has a duplicate.",
            key="group",
            columns=("kind", "similarity", "match", "transform", "keep"),
            said={"size": pl.len(), "similarity": _spread("similarity"), "match": _spread("match")},
            advice="keep the first only",
        ),
        Kind(
            "leaks",
            "Leaks",
            "leak",
            "Images of a later split that have a duplicate in an earlier one.",
            "No image of a later split has a duplicate in an earlier one.",
            images=("image_to", "image_from"),
            columns=("split_from", "split_to", "kind", "similarity", "match", "transform"),
            advice="drop the later one",
        ),
        Kind(
            "mislabels",
            "Wrong labels",
            "label",
            "Labels against which more speaks than for them, the least probable first.",
            "No label is in doubt.",
            columns=("suggested_label", "score", "agreement", "neighbors", "conflict"),
            advice="take the suggestion",
        ),
        Kind(
            "outliers",
            "Outliers",
            "image",
            "Images that have little in common with all others, the strangest first.",
            "No image stands out from the others.",
            columns=("nearest", "similarity", "score", "percentile", "reason"),
            advice="drop it",
        ),
        Kind(
            "components",
            "Clusters",
            "cluster",
            "Look-alikes, linked by similar pairs: the largest clusters first.",
            "No images look alike enough to make a cluster.",
            key="component",
            columns=("similarity_mean", "similarity_min", "similarity_max"),
            said={
                "size": pl.len(),
                **{
                    name: pl.col(name).first()
                    for name in ("similarity_mean", "similarity_min", "similarity_max")
                },
            },
        ),
        Kind(
            "similarity",
            "Similar pairs",
            "pair",
            "Pairs of neighbors, the most similar first.",
            "No two images are similar enough.",
            images=("from", "to"),
            columns=("similarity",),
        ),
        Kind(
            "videos",
            "Duplicate videos",
            "run",
            "Runs of frames of two videos that match: a frame of one, then that of the other.",
            "No videos show the same.",
            images=("image_from", "image_to"),
            key="run",
            columns=("kind", "frames", "similarity", "share_from", "share_to"),
            said={
                name: pl.col(name).first()
                for name in ("kind", "frames", "similarity", "share_from", "share_to")
            },
        ),
        Kind(
            "flags",
            "Poor pictures",
            "flag",
            "Dark, bright, blurry, empty, oddly sized or shaped: by flag, the worst first.",
            "No picture is flagged.",
            columns=("flag", "metric", "value", "threshold", "rule"),
            tiles=True,
            advice="drop it",
        ),
        Kind(
            "placeholders",
            "Placeholders",
            "cluster",
            "Pictures that show nothing, or the same next to nothing many times over.",
            "There are no placeholders.",
            key="cluster",
            columns=("kind",),
            said={"size": pl.len(), "kind": pl.col("kind").first()},
            advice="drop all",
        ),
        Kind(
            "invalid",
            "Broken files",
            "file",
            "What could not be read, or only in part.",
            "Every file could be read.",
            columns=("error_code", "detail"),
            tiles=True,
            advice="drop it",
        ),
    )
}


def _frame_by_frame(runs: pl.DataFrame) -> pl.DataFrame:
    """A row for each pair of frames of a run."""
    frames = {"image_from": "images_from", "image_to": "images_to"}
    return (
        runs.with_row_index("run")
        .rename({old: new for new, old in frames.items()})
        .explode(*frames)
    )


def kinds_of(audit: Audit) -> list[str]:
    """The names of the lists that an audit has: those of videos only where there are any."""
    return [name for name in KINDS if name != "videos" or "time_s" in audit.images.columns]


#: The lists that have to be worked out, the quick ones first.
FINDINGS: dict[str, Callable[[Audit], pl.DataFrame]] = {
    "invalid": lambda audit: audit.invalid_instances(),
    "flags": lambda audit: audit.flags(),
    "duplicates": lambda audit: audit.duplicates(),
    "leaks": lambda audit: audit.leaks(),
    "outliers": lambda audit: audit.outliers(),
    "components": lambda audit: audit.connected_components(),
    "placeholders": lambda audit: audit.placeholders(),
    "videos": lambda audit: _frame_by_frame(audit.duplicate_videos()),
    "similarity": lambda audit: audit.similarity(),
    "mislabels": lambda audit: audit.mislabels(),
}


def rows_of(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Of a finding's frame what its list needs."""
    kind = KINDS[name]
    keys = () if kind.key is None else (kind.key,)
    return frame.select(*keys, *kind.images, *kind.columns)


class View:
    """A list of one audit."""

    def __init__(self, kind: Kind, rows: pl.DataFrame) -> None:
        self.kind, self.rows = kind, rows
        if kind.key is None or rows.is_empty():
            self._starts = None
        else:
            changes = np.flatnonzero(np.diff(rows[kind.key].to_numpy())) + 1
            self._starts = np.concatenate([[0], changes, [rows.height]])

    @property
    def total(self) -> int:
        """How many items there are."""
        return self.rows.height if self._starts is None else len(self._starts) - 1

    def rows_of(self, item: int) -> range:
        """The rows of an item."""
        if self._starts is None:
            return range(item, item + 1)
        return range(int(self._starts[item]), int(self._starts[item + 1]))

    def item_of(self, row: int) -> int:
        """The item that has this row."""
        if self._starts is None:
            return row
        return int(np.searchsorted(self._starts, row, side="right")) - 1

    def any_of(self, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which items have one of these rows."""
        if self._starts is None:
            return rows
        return np.logical_or.reduceat(rows, self._starts[:-1])

    def leaders(self) -> NDArray[np.uint32]:
        """The first image of every item."""
        images = self.rows[self.kind.images[0]].to_numpy()
        return images if self._starts is None else images[self._starts[:-1]]

    @cached_property
    def items(self) -> pl.DataFrame:
        """What can be said of each item, and what items are sorted by."""
        key = self.kind.key
        if key is None:
            return self.rows.select(self._named(self.kind.columns))
        return self.rows.group_by(key, maintain_order=True).agg(**self.kind.said).drop(key)

    def said(self, item: int) -> dict[str, Any]:
        """What can be said of one item."""
        return self.items.row(item, named=True) if self.items.width else {}

    def _named(self, names: Sequence[str]) -> list[str]:
        """Those that can be sorted by."""
        return [name for name in names if not self.rows.schema[name].is_nested()]

    def images_of(self, item: int) -> list[int]:
        """The images of an item, in its order."""
        part = self.rows[self.rows_of(item).start : self.rows_of(item).stop]
        ends = [part[column] for column in self.kind.images]
        return [int(image) for row in zip(*ends, strict=True) for image in row]
