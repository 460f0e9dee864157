"""One run, from the input to the tables of the work directory."""

import datetime
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from pixsieve import _native, engine, findings, schema
from pixsieve.annotations import (
    WHOLE,
    Annotations,
    counts,
    hint,
    join,
    list_all,
    read_annotations,
    separator_of,
)
from pixsieve.audit import graph
from pixsieve.audit.copies import Copies, delete_copies, fleeting_copies, with_origins
from pixsieve.audit.detection import with_detected
from pixsieve.audit.extraction import (
    Files,
    extract_shards,
    table_of_crops,
    table_of_files,
    table_of_images,
    table_of_statistics,
)
from pixsieve.config import Config, named_inputs
from pixsieve.models import Card, load_card, load_model
from pixsieve.progress import Progress
from pixsieve.sources import Input, Listing, front, is_glob, is_url, shown
from pixsieve.sources.places import Fetcher
from pixsieve.store import (
    SHARD_SIZE,
    Shard,
    WorkDir,
    remove_shards,
)


@dataclass
class Job:
    """What `run` carries from stage to stage."""

    #: Images per shard; the boxes of one picture stay together.
    shard_size: ClassVar[int] = SHARD_SIZE

    work: WorkDir
    source: Input
    config: Config
    progress: Progress
    given: tuple[Fetcher, ...] = ()
    copies: Copies = field(default_factory=dict)
    #: Of this run and those that it goes on with.
    begun: str = field(default_factory=lambda: uuid.uuid4().hex)
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
    card = load_card(config.model_path, config.model_card, progress=job.progress)
    thresholds = resolve_thresholds(card, config)
    root = _root(job.source)
    if config.sync_s3_to_local:
        # Nothing is copied into a folder that the run may not use.
        work.check(overwrite=config.overwrite, source=None)
    for folder in (root, *map(_root, _second(config))):
        _check_places(folder, work.path)
    with ThreadPoolExecutor(1) as beside:
        # The two do not need each other. What is wrong with the input is said first.
        loading = beside.submit(load_model, card, config)
        with job.stage("list", "images"):
            listing = _listing(job)
            if table is None:
                table = listing.annotations
            if table is not None and table.is_empty():
                raise ValueError("annotations: they hold no row, for any picture")
            joined = join(listing, table, config)
        joined = with_detected(job, joined, listing.given)
        files = table_of_files(listing, joined, root, table)
        with job.stage("load model", "models"):
            model = loading.result()
    described = _described(job.source) or f"{len(listing)} files"
    settings = config.to_dict()
    if config.test_dir is not None:
        named = [shown(one) for one in _second(config)]
        settings["test_dir"] = named[0] if isinstance(config.test_dir, str) else named
        described += f" and {', '.join(filter(None, map(_described, _second(config))))}"
    info = {
        "version": _native.__version__,
        "date": datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="seconds"),
        "input": described,
        "settings": settings,
        "model": {
            "name": card.name,
            "sha256": card.sha256,
            "dim": model.dim,
            "device": model.device,
        },
        "thresholds": thresholds,
        "match": _match_rule(card, config),
        "left_out": listing.notes | ({"filtered": joined.filtered} if joined.filtered else {}),
        "annotations": {} if table is None else counts(table),
        "hint": hint(job.source) if table is None else None,
        "label_separator": separator_of([table, listing.frame], config),
    }
    job.given = files.given
    job.copies = fleeting_copies(listing, work.path, config)
    with work.prepared(overwrite=config.overwrite, source=described):
        info["begun"] = job.begun = work.unfinished().get("begun", job.begun)
        parts = extract_shards(job, files, model, card)
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
        images, statistics = table_of_images(files, shards), table_of_statistics(shards)
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
        pixels = _pixel_digests(job, files, images, alike["image"])
    with job.stage("write", "tables"):
        images = with_origins(images, job.copies)
        tables = {
            "images": images,
            "statistics": statistics,
            "edges": edges,
            "pairs": pairs,
            "pixel_digests": pixels,
            "typicality": typicality,
            "unmatched": files.unmatched,
        }
        crops = table_of_crops(images)
        if crops is not None:
            tables["crops"] = crops
        for name, frame in tables.items():
            work.write_table(name, frame)
    found = {"images": images.height, "embedded": embedded}
    work.write_info(
        {**info, "state": "finished", "counts": found, "graph": job.facts, "seconds": job.seconds}
    )
    delete_copies(job.copies, work.path)
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
        list_all(source, config=job.config, work_dir=job.work.path, progress=job.progress.update)
        for source in sources
    )
    return first.joined(second[0]) if second else first


def _second(config: Config) -> Sequence[str]:
    """What is given as `test_dir`."""
    given = config.test_dir or ()
    return (given,) if isinstance(given, str) else given


def _root(source: Input) -> Path | None:
    """The folder or file, if it is one of this machine; of a pattern the folder it starts from."""
    if not isinstance(source, str | os.PathLike) or is_url(os.fspath(source)):
        return None
    text = os.fspath(source)
    return Path(front(text) if is_glob(text) else text)


def _described(source: Input) -> str | None:
    """The folders, files or URLs as they may be shown; None of anything else."""
    named = named_inputs(source)
    if named is None:
        return None
    return ", ".join(shown(text if is_url(text) else str(Path(text))) for text in named)


def _check_places(root: Path | None, work: Path) -> None:
    """Raises ValueError where the input would be written into."""
    if root is not None and root.is_dir() and root.resolve() == work.resolve():
        raise ValueError(
            f"work_dir is the input folder {root}: give another folder, for example {root}-audit"
        )


def _pixel_digests(
    job: Job, files: Files, images: pl.DataFrame, candidates: pl.Series
) -> pl.DataFrame:
    """Of images that are parts of pictures, or frames, the digest is that of their pixels."""
    rows = images[candidates.to_list()]
    whole = pl.Series([True]).new_from_index(0, rows.height)
    if "_box_kind" in rows.columns:
        whole &= (rows["_box_kind"] & WHOLE) != 0
    if "_kind" in rows.columns:
        whole &= rows["_kind"] != "frame"
    known = rows.select(pl.when(~whole).then(pl.col("digest").str.decode("hex"))).to_series()
    digests = engine.pixel_digests(
        files.images(candidates.filter(whole)), config=job.config, progress=job.progress.update
    )
    read = pl.DataFrame(
        {"image": candidates.filter(whole), "read": pl.Series(digests, dtype=pl.Binary)}
    )
    frame = pl.DataFrame({"image": candidates, "known": known}).join(
        read, on="image", how="left", maintain_order="left"
    )
    frame = frame.select("image", pixel_digest=pl.coalesce("known", "read"))
    return schema.conform(frame, "pixel_digests", [])
