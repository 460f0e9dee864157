"""One run, from the input to the tables of the work directory."""

import datetime
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve import _native, engine, findings, schema
from pixsieve.annotations import Annotations, join, read_annotations, separator_of
from pixsieve.audit import graph
from pixsieve.config import Config
from pixsieve.models import Card, load_card, load_model
from pixsieve.progress import Progress
from pixsieve.sources import Listing, list_images
from pixsieve.sources.files import Input, shown
from pixsieve.store import (
    SHARD_SIZE,
    Shard,
    WorkDir,
    read_shard,
    remove_shards,
    shard_fingerprint,
    write_shard,
)

#: The settings that change what a shard holds.
SHARD_SETTINGS = (
    "min_file_size",
    "min_width",
    "min_height",
    "max_pixels",
    "high_accuracy",
)


@dataclass
class Job:
    """What `run` carries from stage to stage."""

    work: WorkDir
    source: Input
    config: Config
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, unit: str) -> Iterator[None]:
        """Announces and times a stage."""
        self.progress.stage(name, unit)
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def execute(job: Job, annotations: Annotations | None) -> dict[str, pl.DataFrame]:
    """Runs everything and leaves a finished work directory.

    Returns:
        The tables as they were written, by their names.

    Raises:
        ValueError, OSError, ModelError: As `Audit.run` says.
    """
    config, work = job.config, job.work
    table = None if annotations is None else read_annotations(annotations, config)
    card = load_card(config.model_path, config.model_card)
    thresholds = resolve_thresholds(card, config)
    root = _root(job.source)
    for folder in (root, _root(config.test_dir or ())):
        _check_places(folder, work.path)
    with ThreadPoolExecutor(1) as beside:
        # The two do not need each other. What is wrong with the input is said first.
        loading = beside.submit(load_model, card, config)
        with job.stage("list", "images"):
            listing = _listing(job)
            annotated = 0 if table is None else table.height
            files = _table_of_files(listing, join(listing, table, config), root, annotated)
        with job.stage("load model", "models"):
            model = loading.result()
    described = f"{len(listing)} files" if root is None else shown(str(root))
    if config.test_dir is not None:
        described += f" and {shown(str(Path(config.test_dir)))}"
    info = {
        "version": _native.__version__,
        "date": datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="seconds"),
        "input": described,
        "settings": config.to_dict(),
        "model": {
            "name": card.name,
            "sha256": card.sha256,
            "dim": model.dim,
            "device": model.device,
        },
        "thresholds": thresholds,
        "match": _match_rule(card, config),
        "left_out": listing.notes,
        "label_separator": separator_of(table, config),
    }
    with work.prepared(overwrite=config.overwrite, source=described):
        parts = _shards(job, files, model, card)
        del model, loading  # Its memory is free as soon as the last shard is made.
        return _fill(job, files, parts, card, info)


def _fill(
    job: Job, files: "Files", parts: Iterator[Shard], card: Card, info: dict[str, Any]
) -> dict[str, pl.DataFrame]:
    """Everything that writes into the work directory; gives the tables."""
    work, near_duplicate = job.work, info["thresholds"]["near_duplicate"]
    work.write_info({**info, "state": "running"})
    with job.stage("extract", "images"):
        shards = list(parts)
        remove_shards(work.shards, len(shards))
    with job.stage("graph", "tiles"):
        images, statistics = _images(files, shards), _statistics(shards)
        nodes = graph.nodes(images, shards, job.config)
        embedded = sum(len(shard.rows) for shard in shards)
        del shards  # What of them is needed has been copied: their files need not stay mapped.
        edges, job.facts = engine.neighbor_graph(
            nodes.images,
            nodes.vectors,
            near_threshold=near_duplicate,
            config=job.config,
            progress=job.progress.update,
        )
        typicality = graph.typicality(nodes)
    with job.stage("verify", "pairs"):
        pairs = graph.compared_pairs(
            images,
            edges,
            statistics,
            nodes,
            card,
            near_threshold=near_duplicate,
            config=job.config,
            progress=job.progress.update,
        )
        del nodes
    with job.stage("pixels", "images"):
        alike = findings.pixel_candidates(images, edges, statistics, threshold=near_duplicate)
        pixels = _pixel_digests(job, files, alike["image"])
    with job.stage("write", "tables"):
        locations = pl.Series(
            "_location", [os.fsencode(path) for path in files.locations], pl.Binary
        )
        tables = {
            "images": images.with_columns(locations),
            "statistics": statistics,
            "edges": edges,
            "pairs": pairs,
            "pixel_digests": pixels,
            "typicality": typicality,
        }
        for name, frame in tables.items():
            work.write_table(name, frame)
    counts = {"images": images.height, "embedded": embedded}
    work.write_info(
        {**info, "state": "finished", "counts": counts, "graph": job.facts, "seconds": job.seconds}
    )
    return tables


def resolve_thresholds(card: Card, config: Config) -> dict[str, float]:
    """The similarities in force: as set, else the card's, in terms of the chosen distance.

    The card's are cosines; of two vectors of length one with cosine c the Euclidean distance is
    sqrt(2 - 2c), so those carry over to `euclidean`.

    Raises:
        ValueError: If one is neither set nor known.
    """
    settings = {
        "similar": "threshold",
        "component": "cc_threshold",
        "near_duplicate": "duplicate_threshold",
    }
    resolved: dict[str, float] = {}
    for name, setting in settings.items():
        given = getattr(config, setting)
        if given is not None:
            resolved[name] = float(given)
        elif config.distance == "cosine":
            resolved[name] = card.threshold(name, setting)
        elif config.distance == "euclidean" and card.output["normalize"] == "l2":
            resolved[name] = 1 / (1 + (2 - 2 * card.threshold(name, setting)) ** 0.5)
        else:
            raise ValueError(
                f"no similarity thresholds are known for distance={config.distance!r} with model "
                f"{card.name!r}: pass threshold=, cc_threshold= and duplicate_threshold="
            )
    return resolved


def _match_rule(card: Card, config: Config) -> dict[str, Any] | None:
    """What is stored of the calibration; None where near duplicates are told by similarity."""
    if card.match is None or config.distance != "cosine":
        return None
    return {"precision": card.match["precision"]}


def _listing(job: Job) -> Listing:
    """All files, those of `test_dir` last."""
    sources = [job.source] if job.config.test_dir is None else [job.source, job.config.test_dir]
    first, *second = (
        list_images(source, config=job.config, exclude=job.work.path, progress=job.progress.update)
        for source in sources
    )
    return first.joined(second[0]) if second else first


def _root(source: Input) -> Path | None:
    return Path(source) if isinstance(source, str | os.PathLike) else None


def _check_places(root: Path | None, work: Path) -> None:
    """Raises ValueError where the input would be written into."""
    if root is not None and root.is_dir() and root.resolve() == work.resolve():
        raise ValueError(
            f"work_dir is the input folder {root}: give another folder, for example {root}-audit"
        )


@dataclass(frozen=True)
class Files:
    """One row per image, in the order of their numbers."""

    frame: pl.DataFrame
    """path, label, split, then the user's columns."""
    locations: list[str]
    sizes: NDArray[np.uint64]
    modified: NDArray[np.int64]


def _table_of_files(
    listing: Listing, frame: pl.DataFrame, root: Path | None, annotated: int
) -> Files:
    folder = (root or Path()).absolute()
    listed = frame["listed"].to_list()
    locations = [
        # An annotated file that was not found: reading it will say why.
        str(folder / path) if row is None else listing.locations[row]
        for row, path in zip(listed, frame["path"], strict=True)
    ]
    if annotated:
        _check_matches(listing, frame, locations, annotated)
    sizes = [0 if row is None else listing.sizes[row] for row in listed]
    modified = [0 if row is None else listing.modified[row] for row in listed]
    return Files(
        frame.drop("listed"),
        locations,
        np.array(sizes, dtype=np.uint64),
        np.array(modified, dtype=np.int64),
    )


def _check_matches(
    listing: Listing, frame: pl.DataFrame, locations: list[str], annotated: int
) -> None:
    """One misspelt path is a row of its own; if all are, it is the user who should know."""
    missing = frame["listed"].is_null().arg_true()
    if len(missing) < annotated:
        return
    if not any(os.path.lexists(locations[row]) for row in missing):
        first = frame["path"][missing[0]]
        raise ValueError(
            f"none of the {annotated:,} annotated paths, such as {first!r}, is among "
            f"the {len(listing):,} images found, such as {listing.relative[0]!r}: give paths "
            "relative to the input folder"
        )


def _shards(job: Job, files: Files, model: _native.Model, card: Card) -> Iterator[Shard]:
    settings = {name: getattr(job.config, name) for name in SHARD_SETTINGS}
    described = json.dumps(
        [_native.__version__, card.sha256, settings, dict(card.input), dict(card.output)],
        default=str,
    )
    total = len(files.locations)
    spent: dict[str, float] = {}
    for number, start in enumerate(range(0, total, SHARD_SIZE)):
        part = slice(start, start + SHARD_SIZE)
        locations = files.locations[part]
        fingerprint = shard_fingerprint(
            described, locations, files.sizes[part], files.modified[part]
        )
        shard = read_shard(job.work.shards, number, fingerprint)
        if shard is None:
            shard = _extract(job, locations, model, number, fingerprint, (start, total), spent)
        job.progress.update(start + len(locations), total)
        yield shard
    for stage, seconds in spent.items():
        job.seconds[f"extract.{stage}"] = seconds


def _extract(
    job: Job,
    locations: list[str],
    model: _native.Model,
    number: int,
    fingerprint: str,
    place: tuple[int, int],
    spent: dict[str, float],
) -> Shard:
    start, total = place
    rows = engine.extract(
        locations,
        model=model,
        config=job.config,
        thumbnails=job.work.thumbnails if job.config.thumbnails else None,
        progress=lambda done, _: job.progress.update(start + done, total),
    )
    for stage, seconds in rows["seconds"].items():
        spent[stage] = spent.get(stage, 0.0) + seconds
    shard = Shard(_shard_frame(rows), rows["rows"], rows["embeddings"], rows["signatures"])
    return write_shard(job.work.shards, number, fingerprint, shard)


def _shard_frame(rows: "_native.Extraction") -> pl.DataFrame:
    read = pl.Series(rows["digest"].any(axis=1))
    hexadecimal = pl.Series([digest.tobytes() for digest in rows["digest"]], dtype=pl.Binary)
    frame = pl.DataFrame(
        {
            "width": rows["width"],
            "height": rows["height"],
            "file_size": rows["size"],
            "format": pl.Series(rows["format"], dtype=pl.String),
            "digest": hexadecimal.bin.encode("hex"),
            "error_code": pl.Series(rows["error"], dtype=pl.String),
            "detail": pl.Series(rows["detail"], dtype=pl.String),
        }
    )
    known = pl.col("width") > 0
    frame = frame.with_columns(
        digest=pl.when(read).then("digest"),
        file_size=pl.when(read).then("file_size"),
        width=pl.when(known).then("width"),
        height=pl.when(known).then("height"),
    )
    statistics = pl.from_numpy(
        rows["statistics"], schema=dict.fromkeys(_native.STATISTICS, pl.Float32)
    )
    return frame.hstack(statistics.fill_nan(None))


def _images(files: Files, shards: list[Shard]) -> pl.DataFrame:
    measured = pl.concat([shard.images.drop(_native.STATISTICS) for shard in shards])
    frame = files.frame.hstack(measured).with_row_index("image")
    return schema.conform(frame, "images", schema.user_columns(frame))


def _statistics(shards: list[Shard]) -> pl.DataFrame:
    frame = pl.concat([shard.images.select(_native.STATISTICS) for shard in shards])
    return frame.with_row_index("image")


def _pixel_digests(job: Job, files: Files, candidates: pl.Series) -> pl.DataFrame:
    digests = engine.pixel_digests(
        [files.locations[image] for image in candidates],
        config=job.config,
        progress=job.progress.update,
    )
    frame = pl.DataFrame({"image": candidates, "pixel_digest": pl.Series(digests, dtype=pl.Binary)})
    return schema.conform(frame, "pixel_digests", [])
