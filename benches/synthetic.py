"""Work directories of any size, made in a minute: what questions cost of a million images.

    python benches/synthetic.py OUT --images 1000000 --pictures FOLDER

The pictures of a folder are audited, and every image is a variation of one of them: its numbers,
moved a little. Seven in ten are like nothing else, a quarter are near duplicates in groups of two
to five, one in twenty is an exact copy; there are wrong labels, outliers, empty and broken
pictures, and splits that leak. The neighbors of an image are the nearest among the variations of
its own picture and of the one most like it, by true similarities. What pages show is that
picture. `benches/questions.py` times the questions.
"""

import argparse
import os
import shutil
import time
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

import pixsieve
from pixsieve import _native, findings, schema
from pixsieve.store import SHARD_SIZE, Shard, WorkDir, write_shard
from variations import Originals, Pictures, Rows, audited, described, measurements, planned, varied

#: Neighbors that are compared, and from which similarity, as `run` does.
COMPARED, COMPARABLE = 4, 0.6
#: Of the near duplicates so many match; the least and most of their `match`.
MATCHING, MATCH = 0.9, (0.92, 0.9999)
#: Thumbnails that are there from the start, and of the first so many images for certain.
THUMBNAILS, FIRST = 5_000, 500


def make(folder: Path, images: int, *, pictures: Path, seed: int = 0) -> Path:
    """Writes a finished work directory of this many images.

    Args:
        folder: The work directory; an earlier one is replaced. `base` in it has the real run.
        images: 100 or more.
        pictures: A folder of real ones.
        seed: The same seed, pictures and number give the same tables.

    Returns:
        `folder`.

    Raises:
        ValueError: If there are too few images, or the folder holds something else.
    """
    if images < 100:
        raise ValueError(f"images must be 100 or more, not {images}")
    random = np.random.default_rng(seed)
    work = WorkDir(folder.absolute())
    source = f"{images:,} variations of {pictures}"
    with work.prepared(overwrite=True, source=source):
        work.write_info({"state": "running", "input": source})
        real = audited(pictures, work.path / "base", variations=images, random=random)
        originals = planned(images, len(real.vectors), random)
        vectors = varied(originals, real.vectors, random)
        copied = random.integers(0, len(originals.picture), images - len(originals.picture))
        order = random.permutation(np.concatenate([np.arange(len(originals.picture)), copied]))
        frame, original = described(order, originals, real, random)
        measured = measurements(originals, real, random)[original]
        write_shards(work, frame, original, measured, originals, vectors, real)
        tables = found(frame, original, measured, originals, vectors, real, random)
        for name, table in tables.items():
            work.write_table(name, table)
        link_thumbnails(work, frame, original, originals, real, random)
        counts = {"images": images, "embedded": int(originals.embedded[original].sum())}
        work.write_info({**real.info, "input": source, "state": "finished", "counts": counts})
    return folder


def write_shards(
    work: WorkDir,
    frame: pl.DataFrame,
    original: Rows,
    measured: NDArray[np.float32],
    originals: Originals,
    vectors: NDArray[np.float32],
    real: Pictures,
) -> None:
    """All shards, in the place of earlier ones."""
    shutil.rmtree(work.shards, ignore_errors=True)
    columns = ("width", "height", "file_size", "format", "digest", "error_code", "detail")
    for number, start in enumerate(range(0, frame.height, SHARD_SIZE)):
        part = original[start : start + SHARD_SIZE]
        rows = np.flatnonzero(originals.embedded[part])
        images = frame[start : start + SHARD_SIZE].select(columns)
        signatures = real.signatures[originals.picture[part]]
        signatures[~originals.embedded[part]] = 0
        shard = Shard(
            images.hstack(statistics_of(measured[start : start + SHARD_SIZE])),
            rows.astype(np.uint32),
            vectors[part[rows]],
            signatures,
        )
        write_shard(work.shards, number, "synthetic", shard)


def statistics_of(measured: NDArray[np.float32]) -> pl.DataFrame:
    """The columns of STATISTICS, without `image`."""
    columns = dict.fromkeys(_native.STATISTICS, pl.Float32)
    return pl.from_numpy(measured, schema=columns).fill_nan(None)


def found(
    frame: pl.DataFrame,
    original: Rows,
    measured: NDArray[np.float32],
    originals: Originals,
    vectors: NDArray[np.float32],
    real: Pictures,
    random: np.random.Generator,
) -> dict[str, pl.DataFrame]:
    """The tables of the work directory."""
    config = pixsieve.Config()
    statistics = statistics_of(measured).with_row_index("image")
    copies = findings.collapse(
        frame, format_order=config.prefer_formats, split_order=config.prefer_splits
    )
    nodes = copies.filter(pl.col("image") == pl.col("representative"))["image"].to_numpy()
    # The image that stands for each original.
    image = np.zeros(len(originals.picture), np.uint32)
    image[original[nodes]] = nodes
    edges = neighbors(np.sort(original[nodes]), image, originals, vectors, real)
    pairs = compared(edges, originals.unit[original], real, random)
    alike = findings.pixel_candidates(
        frame, edges, statistics, threshold=real.info["thresholds"]["near_duplicate"]
    )["image"]
    unit = originals.unit[original[alike.to_numpy()]]
    pixels = pl.DataFrame({"image": alike, "unit": unit}).select(
        "image", pixel_digest=pl.concat_str("unit", pl.lit(" ")).str.pad_end(32).cast(pl.Binary)
    )
    known = originals.picture[original[nodes]]
    factor = 0.7 + np.sqrt(originals.noise[originals.unit[original[nodes]]])
    typicality = {"image": nodes, "mahalanobis": real.mahalanobis[known] * factor}
    return {
        "images": frame,
        "statistics": statistics,
        "edges": edges,
        "pairs": pairs,
        "pixel_digests": schema.conform(pixels, "pixel_digests", []),
        "typicality": pl.DataFrame(typicality).cast(dict(schema.TYPICALITY)),
    }


def neighbors(
    nodes: Rows,
    image: NDArray[np.uint32],
    originals: Originals,
    vectors: NDArray[np.float32],
    real: Pictures,
) -> pl.DataFrame:
    """EDGES between these originals: the k nearest among two pictures' variations."""
    k = int(real.info["graph"]["k"])
    alike = real.vectors @ real.vectors.T
    np.fill_diagonal(alike, -2)
    second = alike.argmax(axis=1)
    by_picture = nodes[np.argsort(originals.picture[nodes], kind="stable")]
    ends = np.searchsorted(
        originals.picture[by_picture], np.arange(len(real.vectors)), side="right"
    )
    members = np.split(by_picture, ends[:-1])
    parts = []
    for number, own in enumerate(members):
        others = own if len(members) == 1 else np.concatenate([own, members[second[number]]])
        similarities = vectors[own] @ vectors[others].T
        np.fill_diagonal(similarities, -2)
        most = min(k, len(others) - 1)
        if most < 1:
            continue
        place = np.argpartition(-similarities, most - 1, axis=1)[:, :most]
        parts.append(
            pl.DataFrame(
                {
                    "from": np.repeat(image[own], most),
                    "to": image[others[place.ravel()]],
                    # Of twins it may be more than 1 by its last digit.
                    "similarity": np.take_along_axis(similarities, place, 1).ravel().clip(-1, 1),
                },
                schema=schema.EDGES,
            )
        )
    edges = pl.concat(parts, rechunk=True)
    return edges.sort("from", "similarity", "to", descending=[False, True, False])


def compared(
    edges: pl.DataFrame, unit: Rows, real: Pictures, random: np.random.Generator
) -> pl.DataFrame:
    """PAIRS of each image with its nearest; the near duplicates among them match."""
    nearest = edges.filter(
        pl.int_range(pl.len()).over("from") < COMPARED, pl.col("similarity") >= COMPARABLE
    )
    ends = pl.min_horizontal("from", "to"), pl.max_horizontal("from", "to").alias("to")
    pairs = nearest.select(*ends, "similarity")
    # The same product the other way round may differ in its last digit.
    pairs = pairs.unique(["from", "to"], keep="first", maintain_order=True).sort("from", "to")
    near = unit[pairs["from"].to_numpy()] == unit[pairs["to"].to_numpy()]
    matching = near & (random.random(pairs.height) < MATCHING)
    like = real.pairs[random.integers(0, real.pairs.height, pairs.height)]
    match = np.where(matching, random.uniform(*MATCH, pairs.height), like["match"].to_numpy())
    return pairs.with_columns(
        match=pl.Series(match, dtype=pl.Float32), transform=like["transform"]
    ).cast(dict(schema.PAIRS))


def link_thumbnails(
    work: WorkDir,
    frame: pl.DataFrame,
    original: Rows,
    originals: Originals,
    real: Pictures,
    random: np.random.Generator,
) -> None:
    """Thumbnails of the first images, of the first in groups and copies, and of a sample."""
    copies = frame["digest"].is_duplicated().arg_true().to_numpy()
    grouped = np.flatnonzero(originals.sizes[originals.unit[original]] > 1)
    sample = random.permutation(frame.height)[:THUMBNAILS]
    wanted = np.concatenate(
        [np.arange(min(FIRST, frame.height)), copies[:FIRST], grouped[:FIRST], sample]
    )
    wanted = np.array(list(dict.fromkeys(wanted.tolist())))[:THUMBNAILS]
    wanted = wanted[originals.embedded[original[wanted]]]
    sources = real.images["digest"][originals.picture[original[wanted]]]
    for digest, source in zip(frame["digest"][wanted], sources, strict=True):
        target = work.thumbnail(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            os.link(real.work.thumbnail(source), target)
        except OSError:
            shutil.copyfile(real.work.thumbnail(source), target)


def main() -> None:
    """Makes one and says how long it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--pictures", type=Path, required=True, help="a folder of real pictures")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.perf_counter()
    make(options.out, options.images, pictures=options.pictures, seed=options.seed)
    print(f"{options.out}: {options.images:,} images in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
