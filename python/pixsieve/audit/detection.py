"""Parts of pictures that nobody annotated: what a detector finds, or the same box for all."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from pixsieve.annotations import WHOLE, Joined, with_parts, with_room
from pixsieve.detectors import detect_all, is_global_box, load_detector, parse_global_box
from pixsieve.engine import Brought, Images, contents, pixels
from pixsieve.models import fetch, named
from pixsieve.sources.places import Fetcher

if TYPE_CHECKING:
    from pixsieve.audit.job import Job


def with_detected(job: "Job", joined: Joined, given: tuple[Fetcher, ...]) -> Joined:
    """One row per part of a picture, as the setting `bounding_box` says.

    A picture that cannot be read stays a row of its own, which will say why.

    Raises:
        FileNotFoundError, ImportError, ModelError: If the detector cannot be had or used.
        ValueError: If there are boxes already, or nothing was found in any picture.
    """
    setting = job.config.bounding_box
    if setting is None:
        return joined
    if "_box_kind" in joined.frame.columns:
        raise ValueError("bounding_box is for pictures without boxes: the annotations have some")
    frame = with_room(joined.frame).with_row_index("_row")
    if is_global_box(setting):
        left, top, width, height = parse_global_box(setting)
        right, bottom = left + width, top + height
        box = [left, top, right, top, right, bottom, left, bottom]
        frame = frame.with_columns(_box=pl.lit(box, dtype=pl.Array(pl.Float64, 8)))
        failed = pl.Series(dtype=pl.UInt32)
    else:
        frame, failed = _detected(job, frame, given, setting)
    unread = frame["_row"].is_in(failed.implode())
    parts = frame.filter(~unread).with_columns(
        _box_error=pl.lit(None, dtype=pl.String), _box_relative=False, _box_rotated=_is_rotated()
    )
    parts, without = with_parts(parts)
    whole = frame.filter(unread).with_columns(
        _box_kind=pl.lit(WHOLE, dtype=pl.UInt8), source=pl.col("path")
    )
    if parts.is_empty():
        raise ValueError(f"bounding_box={setting!r}: nothing was found in any picture")
    images = pl.concat([parts, whole], how="diagonal_relaxed").sort("_row", maintain_order=True)
    bare = pl.DataFrame({"path": without}).select(
        pl.col("path").cast(pl.String), side=pl.lit("input"), reason=pl.lit("nothing was found")
    )
    return replace(joined, frame=images.drop("_row"), unmatched=pl.concat([joined.unmatched, bare]))


def _is_rotated() -> pl.Expr:
    """Whether the sides of a box are not those of its picture."""
    x1, y1, x2, y2, x3, y3, x4, y4 = (pl.col("_box").arr.get(place) for place in range(8))
    level = (x1 == x4) & (x2 == x3) & (y1 == y2) & (y3 == y4)
    return (~level).fill_null(value=False)


def _detected(
    job: "Job", frame: pl.DataFrame, given: tuple[Fetcher, ...], setting: str
) -> tuple[pl.DataFrame, pl.Series]:
    """The rows, one per part, with its label where the user gave none; and those that failed."""
    detector = load_detector(
        setting,
        config=job.config,
        resolve=lambda name: fetch(named(name), progress=job.progress).path,
    )
    found = detect_all(
        lambda brought: pixels(brought, job.config),
        _numbered(contents(Images.of(frame, given), job.config)),
        detector,
        total=frame.height,
        threads=job.config.threads,
        progress=job.progress,
    )
    boxes = found.boxes.rename({"row": "_row", "label": "_found"})
    if "confidence" in frame.columns:
        frame = frame.rename({"confidence": "confidence_user"})
    frame = frame.join(boxes, on="_row", how="left", maintain_order="left_right")
    label = pl.coalesce("label", "_found")
    return frame.with_columns(label=label).drop("_found"), found.notes["row"]


def _numbered(pictures: Iterator[Brought]) -> Iterator[tuple[int, Brought]]:
    for brought in pictures:
        yield brought[0], brought
