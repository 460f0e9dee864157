"""From the listed pictures to shards: what a run reads, and in which portions."""

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pixsieve import _native, engine, schema
from pixsieve.annotations import RELATIVE, ROTATED, WHOLE, Joined
from pixsieve.engine import Images
from pixsieve.models import Card
from pixsieve.sources import Listing, is_url
from pixsieve.sources.formats import installed_since
from pixsieve.sources.listing import opened_by_secrets
from pixsieve.sources.places import Fetcher
from pixsieve.store import Shard, read_shard, shard_fingerprint, write_shard

if TYPE_CHECKING:
    from pixsieve.audit.job import Job

#: The settings that change what a shard holds.
SHARD_SETTINGS = (
    *("min_file_size", "min_width", "min_height", "max_pixels", "stretch", "high_accuracy"),
    *("clip_boxes", "augmentation_horiz", "augmentation_vert", "augmentation_additive_margin"),
)
#: Bytes that may be unpacked again for a thumbnail; of what lies further back in a compressed tar,
#: of what is gone after the run, and of URLs whose password or signature is not kept, thumbnails
#: are made while it is at hand.
NEAR = 256 << 20
#: Likewise frames that may be decoded again for that of a later one.
NEAR_FRAMES = 500


@dataclass(frozen=True)
class Files:
    """One row per image, in the order of their numbers."""

    frame: pl.DataFrame
    """path, label, split, then the user's columns, then internal ones."""
    unmatched: pl.DataFrame
    """UNMATCHED."""
    given: tuple[Fetcher, ...]

    def images(self, rows: pl.Series | slice) -> Images:
        """Some of them, ready to be read."""
        part = self.frame[rows] if isinstance(rows, slice) else self.frame[rows.to_list()]
        return Images.of(part, self.given)


def table_of_files(
    listing: Listing, joined: Joined, root: Path | None, annotations: pl.DataFrame | None
) -> Files:
    """The images of a run, those too that are annotated but not there.

    Raises:
        ValueError: If no annotation speaks of any picture.
    """
    frame = _with_places(joined.frame, root)
    lost = joined.frame["_location"].null_count() > 0
    frame = frame.with_columns(
        pl.col("_kind").fill_null("file"),
        *(pl.col(f"_{name}").fill_null(0) for name in ("offset", "stored", "size", "modified")),
    )
    if lost and annotations is not None and annotations["path"].n_unique() == joined.missing:
        _check_matches(listing, frame.filter("_lost"), annotations)
    return Files(frame.drop("_lost"), joined.unmatched, listing.given)


def _with_places(frame: pl.DataFrame, root: Path | None) -> pl.DataFrame:
    """The images, with `_location` and `_lost`: whether they are annotated, but not listed.

    Reading what is not there will say so; what is there, but not in the input, is left out.
    """
    lost = pl.col("_location").is_null().alias("_lost")
    if not frame["_location"].has_nulls():
        return frame.with_columns(lost)
    folder = (root or Path()).absolute()
    inside = str(folder) if root is not None and root.is_dir() else None
    named = "source" if "_box_kind" in frame.columns else "path"
    paths = frame.filter(lost)[named].unique(maintain_order=True)
    table = pl.DataFrame(
        {named: paths, "_place": [_place(folder, path) for path in paths]},
        schema={named: pl.String, "_place": pl.Binary},
    )
    away = [_is_elsewhere(os.fsdecode(place), inside) for place in table["_place"]]
    gone = pl.col(named).is_in(table.filter(pl.Series(away, dtype=pl.Boolean))[named].to_list())
    frame = frame.with_columns(lost).filter(~(gone & pl.col("_lost")))
    frame = frame.join(table, on=named, how="left", maintain_order="left")
    return frame.with_columns(_location=pl.coalesce("_location", "_place")).drop("_place")


def _place(folder: Path, path: str) -> bytes:
    return os.fsencode(path if is_url(path) else folder / path)


def _is_elsewhere(path: str, folder: str | None) -> bool:
    """Whether it is a file outside the folder; without a folder, whether it is a file."""
    below = folder is not None and os.path.abspath(path).startswith(folder + os.sep)  # noqa: PTH100
    return not below and not is_url(path) and os.path.lexists(path)


def _check_matches(listing: Listing, lost: pl.DataFrame, annotations: pl.DataFrame) -> None:
    """One misspelt path is a row of its own; if all are, it is the user who should know."""
    if not any(os.path.lexists(os.fsdecode(path)) for path in lost["_location"]):
        raise ValueError(
            f"none of the {annotations.height:,} annotated paths, such as "
            f"{annotations['path'].sort()[0]!r}, is among the {len(listing):,} images found, such "
            f"as {listing.frame['relative'][0]!r}: give paths relative to the input folder"
        )


def extract_shards(job: "Job", files: Files, model: _native.Model, card: Card) -> Iterator[Shard]:
    """The shards of a run, those of an earlier one where nothing has changed."""
    settings = {name: getattr(job.config, name) for name in SHARD_SETTINGS}
    described = json.dumps(
        [_native.__version__, card.sha256, settings, dict(card.input), dict(card.output)],
        default=str,
    )
    total = files.frame.height
    spent: dict[str, float] = {}
    for number, part in enumerate(portions(files.frame, job.shard_size)):
        rows = files.frame[part]
        shard = None
        fingerprint = uuid.uuid4().hex
        # What an object in memory holds is not known before it is read.
        if not (rows["_kind"] == "given").any():
            known = described + (job.begun if _any_undated(rows) else "")
            fingerprint = shard_fingerprint(known, rows.select(_told_by(rows)))
            shard = read_shard(job.work.shards, number, fingerprint)
        if shard is None or installed_since(set(shard.images["detail"].drop_nulls().unique())):
            shard = _extract(job, files, part, model, spent)
            shard = write_shard(job.work.shards, number, fingerprint, shard)
        job.progress.update(part.stop, total)
        yield shard
    for stage, seconds in spent.items():
        job.seconds[f"extract.{stage}"] = seconds


def portions(frame: pl.DataFrame, size: int) -> Iterator[slice]:
    """Rows of each shard; the boxes of one picture stay together, so that it is decoded once."""
    start, total = 0, frame.height
    while start < total:
        end = min(start + size, total)
        if end < total and "_box_kind" in frame.columns:
            here = frame["source"][end - 1]
            last = frame["source"][start:end]
            same = int((last == here).sum())
            whole = frame["source"][end] == here and same < end - start
            end -= same if whole else 0
        yield slice(start, end)
        start = end


def _any_undated(rows: pl.DataFrame) -> bool:
    """Whether some may have changed unseen: URLs of lists, say, which only this run has read."""
    remote = rows["_location"].bin.contains(b"://")
    return bool((remote & (rows["_modified"] == 0)).any())


def _told_by(rows: pl.DataFrame) -> list[str]:
    """The columns by which it is told whether a picture is still the same."""
    return [name for name in rows.columns if name in schema.INTERNAL and name != "_relative"]


def _extract(
    job: "Job", files: Files, part: slice, model: _native.Model, spent: dict[str, float]
) -> Shard:
    total = files.frame.height
    rows = files.frame[part]
    far = (rows["_kind"] == "streamed") & (rows["_offset"] > NEAR)
    far |= (rows["_kind"] == "frame") & (rows["_stored"] > NEAR_FRAMES)
    fleeting = ((rows["_kind"] == "given") | far).any() or opened_by_secrets(rows["path"])
    found = engine.extract(
        files.images(part),
        model=model,
        config=job.config,
        thumbnails=job.work.thumbnails if job.config.thumbnails or fleeting else None,
        progress=lambda done, _: job.progress.update(part.start + done, total),
    )
    for stage, seconds in found["seconds"].items():
        spent[stage] = spent.get(stage, 0.0) + seconds
    frame = _shard_frame(found)
    if "_box_error" in files.frame.columns:
        said = files.frame["_box_error"][part]
        known = pl.col("error_code") == "bad_bounding_box"
        detail = pl.when(known).then(pl.coalesce(said, "detail")).otherwise("detail")
        frame = frame.with_columns(detail=detail)
    return Shard(frame, found["rows"], found["embeddings"], found["signatures"])


def _shard_frame(rows: "_native.Extraction") -> pl.DataFrame:
    read = pl.Series(rows["digest"].any(axis=1))
    hexadecimal = pl.Series([digest.tobytes() for digest in rows["digest"]], dtype=pl.Binary)
    frame = pl.DataFrame(
        {
            "width": rows["width"],
            "height": rows["height"],
            "source_width": rows["source_width"],
            "source_height": rows["source_height"],
            "file_size": rows["size"],
            "format": pl.Series(rows["format"], dtype=pl.String),
            "digest": hexadecimal.bin.encode("hex"),
            "error_code": pl.Series(rows["error"], dtype=pl.String),
            "detail": pl.Series(rows["detail"], dtype=pl.String),
        }
    )
    known = pl.col("width") > 0
    # A frame has no file of its own.
    empty = pl.col("error_code") == "empty_file"
    frame = frame.with_columns(
        digest=pl.when(read).then("digest"),
        file_size=pl.when(empty | (pl.col("file_size") > 0)).then("file_size"),
        width=pl.when(known).then("width"),
        height=pl.when(known).then("height"),
    )
    statistics = pl.from_numpy(
        rows["statistics"], schema=dict.fromkeys(_native.STATISTICS, pl.Float32)
    )
    return frame.hstack(statistics.fill_nan(None))


def table_of_images(files: Files, shards: list[Shard]) -> pl.DataFrame:
    """IMAGES, and the internal columns that say where each image lies."""
    measured = pl.concat([shard.images.drop(_native.STATISTICS) for shard in shards])
    frame = files.frame.hstack(measured).with_row_index("image")
    if "_box_kind" in frame.columns:
        frame = boxes_in_pixels(frame)
        # A part has no file of its own.
        whole = (pl.col("_box_kind") & WHOLE) != 0
        frame = frame.with_columns(file_size=pl.when(whole).then("file_size"))
    sizes = ["source_width", "source_height"]
    frame = frame.rename({name: f"_{name}" for name in sizes})
    columns = schema.user_columns(frame)
    user = [name for name in columns if name not in schema.INTERNAL]
    return schema.conform(frame, "images", [*user, *internal_columns(frame)])


def boxes_in_pixels(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds where each box lies in its picture: `col_x`, `row_y`, `box_width`, `box_height`.

    Of a rotated box they are the upright box around it; `x1` to `y4` are its corners.
    """
    kind = pl.col("_box_kind")
    relative, rotated = (kind & RELATIVE) != 0, (kind & ROTATED) != 0
    # The size of a picture that could not be read is not known.
    read = [pl.col(name) for name in ("source_width", "source_height")]
    sizes = [pl.when(size > 0).then(size) for size in read]
    corners = [
        pl.col("_box").arr.get(place, null_on_oob=True)
        * pl.when(relative).then(sizes[place % 2]).otherwise(1)
        for place in range(8)
    ]
    left, top = (pl.min_horizontal(corners[axis::2]) for axis in (0, 1))
    right, bottom = (pl.max_horizontal(corners[axis::2]) for axis in (0, 1))
    frame = frame.with_columns(
        col_x=left, row_y=top, box_width=right - left, box_height=bottom - top
    )
    if frame.select(rotated.any()).item():
        names = [f"{axis}{number}" for number in range(1, 5) for axis in "xy"]
        frame = frame.with_columns(
            pl.when(rotated).then(corner).alias(name)
            for name, corner in zip(names, corners, strict=True)
        )
    return frame


def table_of_crops(images: pl.DataFrame) -> pl.DataFrame | None:
    """CROPS, a row per box that was cut out; None if the images are whole pictures."""
    if "_box_kind" not in images.columns:
        return None
    cut = pl.col("width").is_not_null() & ((pl.col("_box_kind") & WHOLE) == 0)
    sizes = {"width": pl.col("box_width"), "height": pl.col("box_height")}
    given = {name: pl.col(name) for name in schema.CROPS if name in images.columns}
    columns = {name: pl.lit(None) for name in schema.CROPS} | given | sizes
    kinds = [pl.col(name).cast(dtype, strict=False) for name, dtype in schema.CROPS.items()]
    return images.filter(cut).select(**columns).select(kinds)


def internal_columns(frame: pl.DataFrame) -> list[str]:
    """Those that are kept: only a location where all images are whole files."""
    names = ["_location"]
    if (frame["_kind"] != "file").any() or "_box_kind" in frame.columns:
        names += ["_kind", "_offset", "_stored", "_size", "_check", "_modified"]
    if "_box_kind" in frame.columns:
        names += ["_box", "_box_kind", "_source_width", "_source_height"]
    return names


def table_of_statistics(shards: list[Shard]) -> pl.DataFrame:
    """STATISTICS, one row per image."""
    frame = pl.concat([shard.images.select(_native.STATISTICS) for shard in shards])
    return frame.with_row_index("image")
