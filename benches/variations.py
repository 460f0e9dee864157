"""What a synthetic collection has: variations of real pictures, planned, moved and described."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

import pixsieve
from pixsieve import schema
from pixsieve.store import WorkDir

CLASSES = 24
#: Each picture has so many variations or more, so that there are neighbors among them.
VARIATIONS = 20
#: Shares of the images.
COPIES, NEAR = 0.05, 0.25
#: Groups of near duplicates have so many members; some of them are equal to the pixel.
GROUP, TWINS = (2, 5), 0.1
WRONG_LABELS, NO_PRICE = 0.03, 0.1
#: Shares of what is not copied: empty, dark and far from everything.
EMPTY, DARK, FAR = 0.001, 0.001, 0.003
#: Squared length of what is added to embeddings of length one: to those of singles, outliers and
#: near duplicates. Two variations with s and t have a cosine of about 1 / sqrt((1 + s)(1 + t)).
SINGLE_NOISE, FAR_NOISE, NEAR_NOISE = (0.08, 0.6), (3.0, 8.0), (0.004, 0.03)
#: In path order, with their shares.
SPLITS = {"test": 0.1, "train": 0.8, "valid": 0.1}
#: Codes of broken images, with their shares, and what is said of them.
BROKEN = {
    "corrupt": (0.0011, "invalid JPEG: no image in it"),
    "truncated": (0.0011, "the data ends too early"),
    "unknown_format": (0.0003, "not a picture"),
    "missing_file": (0.0003, "no such file"),
}
CAMERAS = [f"{maker} {number}" for maker in ("Alpha", "Beta", "Gamma") for number in range(1, 5)]
YEARS = ("2014-01-01", "2025-01-01")
#: What is moved, by a factor near 1.
MOVED = ("mean", "stdv", "blur", "mean_r", "mean_g", "mean_b", "saturation", "value", "entropy")
#: What an empty picture has.
NOTHING = {"stdv": 0.5, "blur": 0.1, "contrast": 0.01, "entropy": 0.3, "edge_density": 0.0}
#: Units that are moved at once.
CHUNK = 16_384

Rows: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Pictures:
    """What was learnt of the real pictures: those that could be read."""

    info: dict[str, Any]
    work: WorkDir
    images: pl.DataFrame
    statistics: pl.DataFrame
    vectors: NDArray[np.float32]
    signatures: NDArray[np.uint8]
    mahalanobis: NDArray[np.float32]
    pairs: pl.DataFrame
    labels: Rows
    """Numbers of classes; these are clusters of the embeddings."""


@dataclass(frozen=True)
class Originals:
    """One entry for everything that is not an exact copy; groups stand together."""

    picture: Rows
    unit: Rows
    """Equal within a group of near duplicates, ascending."""
    sizes: Rows
    """Members of each unit."""
    noise: NDArray[np.float32]
    """Squared length, per unit."""
    twin: NDArray[np.bool_]
    """Whether the members of the unit are equal to the pixel."""
    error: Rows
    """Place in `BROKEN`; -1 for none."""
    empty: NDArray[np.bool_]
    dark: NDArray[np.bool_]

    @property
    def embedded(self) -> NDArray[np.bool_]:
        """What has pixels."""
        return (self.error < 0) | (self.error == list(BROKEN).index("truncated"))


def audited(folder: Path, base: Path, *, variations: int, random: np.random.Generator) -> Pictures:
    """Runs the audit of the real pictures, and takes as many as are needed."""
    audit = pixsieve.run(
        folder, work_dir=base, labels="folder", thumbnails=True, overwrite=True, progress=False
    )
    work, info = WorkDir(base), audit.info
    embedded = audit.embeddings().join(
        audit.images.filter(pl.col("error_code").is_null()), on="image", how="semi"
    )
    most = max(1, min(embedded.height, variations // VARIATIONS))
    chosen = np.sort(random.choice(embedded.height, most, replace=False))
    rows = embedded["image"].to_numpy()[chosen]
    shards = [work.shard(number, info) for number in range(len(info["shards"]))]
    vectors = np.ascontiguousarray(embedded["embedding"].to_numpy()[chosen])
    typicality = work.read_table("typicality", info)
    usual = typicality["mahalanobis"].mean()
    # Exact copies among the pictures are not in the graph.
    known = pl.DataFrame({"image": rows}).join(
        typicality, on="image", how="left", maintain_order="left"
    )
    return Pictures(
        # The sums are of other files; all else is kept.
        info={key: value for key, value in info.items() if key not in ("checksum", "checksums")},
        work=work,
        images=work.read_table("images", info)[rows],
        statistics=work.read_table("statistics", info)[rows].drop("image"),
        vectors=vectors,
        signatures=np.concatenate([shard.signatures for shard in shards])[rows],
        mahalanobis=known["mahalanobis"].fill_null(usual).to_numpy(),
        pairs=work.read_table("pairs", info),
        labels=clustered(vectors, random),
    )


def clustered(vectors: NDArray[np.float32], random: np.random.Generator) -> Rows:
    """The cluster of each, by some rounds of k-means."""
    centers = vectors[random.choice(len(vectors), min(CLASSES, len(vectors)), replace=False)]
    for _ in range(8):
        labels = (vectors @ centers.T).argmax(axis=1)
        sums = np.zeros_like(centers)
        np.add.at(sums, labels, vectors)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centers = np.where(lengths > 0, sums / np.maximum(lengths, 1e-9), centers)
    return (vectors @ centers.T).argmax(axis=1)


def planned(images: int, pictures: int, random: np.random.Generator) -> Originals:
    """Which images are to be, copies aside."""
    count = images - round(COPIES * images)
    near = round(NEAR * images)
    groups = random.integers(GROUP[0], GROUP[1], round(2 * near / sum(GROUP)), endpoint=True)
    sizes = np.concatenate([groups, np.ones(count - groups.sum(), np.int64)])
    units = len(sizes)
    single = sizes == 1
    far = single & (random.random(units) < FAR)
    noise = np.where(
        far, random.uniform(*FAR_NOISE, units), random.uniform(*SINGLE_NOISE, units)
    ).astype(np.float32)
    unit = np.repeat(np.arange(units), sizes)
    shares = [share for share, _ in BROKEN.values()]
    error = np.searchsorted(np.cumsum(shares), random.random(units), side="right")
    error = np.where(single & (error < len(shares)), error, -1)
    return Originals(
        picture=random.integers(0, pictures, units)[unit],
        unit=unit,
        sizes=sizes,
        noise=noise,
        twin=~single & (random.random(units) < TWINS),
        error=error[unit],
        empty=(random.random(units) < EMPTY)[unit],
        dark=(random.random(units) < DARK)[unit],
    )


def varied(
    originals: Originals, vectors: NDArray[np.float32], random: np.random.Generator
) -> NDArray[np.float32]:
    """An embedding of length one for each: its picture's, moved with its unit and by itself."""
    out = np.empty((len(originals.unit), vectors.shape[1]), np.float32)
    ends = np.concatenate([[0], np.cumsum(originals.sizes)])
    for start in range(0, len(originals.sizes), CHUNK):
        stop = min(start + CHUNK, len(originals.sizes))
        part = slice(ends[start], ends[stop])
        centers = vectors[originals.picture[ends[start:stop]]]
        centers = moved(centers, originals.noise[start:stop], random)
        own = random.uniform(*NEAR_NOISE, stop - start).astype(np.float32)
        own[originals.twin[start:stop] | (originals.sizes[start:stop] == 1)] = 0
        unit = originals.unit[part] - start
        out[part] = moved(centers[unit], own[unit], random)
    return out


def moved(
    vectors: NDArray[np.float32], noise: NDArray[np.float32], random: np.random.Generator
) -> NDArray[np.float32]:
    """With noise of this squared length added, and of length one again."""
    added = random.standard_normal(vectors.shape, dtype=np.float32)
    added *= np.sqrt(noise / vectors.shape[1])[:, None]
    added += vectors
    return added / np.linalg.norm(added, axis=1, keepdims=True)


def described(
    order: Rows, originals: Originals, real: Pictures, random: np.random.Generator
) -> tuple[pl.DataFrame, Rows]:
    """IMAGES with `_location`, in path order, and the original of each image."""
    count = len(order)
    label = real.labels[originals.picture[order]]
    replaced = random.random(count) < WRONG_LABELS
    label = np.where(replaced, random.integers(0, CLASSES, count), label)
    split = random.choice(len(SPLITS), count, p=list(SPLITS.values()))
    number = np.lexsort((label, split))
    original, label, split = order[number], label[number], split[number]
    picture = originals.picture[original]
    codes = pl.Series([*BROKEN, None], dtype=pl.String)
    details = pl.Series([*(detail for _, detail in BROKEN.values()), None], dtype=pl.String)
    error = np.where(originals.error < 0, len(BROKEN), originals.error)[original]
    names = pl.Series([f"class_{name:03}" for name in range(CLASSES)])
    first, last = (np.datetime64(day, "s").astype(np.int64) for day in YEARS)
    frame = pl.DataFrame(
        {
            "image": np.arange(count, dtype=np.uint32),
            "label": names[label],
            "split": pl.Series(list(SPLITS))[split],
            "number": pl.Series(number).cast(pl.String).str.zfill(7),
            **{
                name: real.images[name][picture]
                for name in ("width", "height", "file_size", "format", "_location")
            },
            "digest": digests(len(originals.picture), random)[original],
            "error_code": codes[error],
            "detail": details[error],
            "camera": pl.Series(CAMERAS)[random.integers(0, len(CAMERAS), count)],
            "taken": pl.Series(random.integers(first, last, count)) * 1_000_000,
            "price": np.round(random.lognormal(3, 1, count), 2),
            "priced": random.random(count) >= NO_PRICE,
        }
    )
    code = pl.col("error_code")
    decoded, read = code.is_null() | (code == "truncated"), code.ne_missing(pl.lit("missing_file"))
    frame = frame.with_columns(
        *(pl.when(decoded).then(name).alias(name) for name in ("width", "height")),
        *(pl.when(read).then(name).alias(name) for name in ("file_size", "digest")),
        format=pl.when(read & code.ne_missing(pl.lit("unknown_format"))).then("format"),
        price=pl.when("priced").then("price"),
        taken=pl.col("taken").cast(pl.Datetime("us")),
        path=pl.format("data/{}/{}/IMG_{}.jpg", "split", "label", "number"),
    )
    return schema.conform(frame, "images", ["camera", "taken", "price", "_location"]), original


def digests(count: int, random: np.random.Generator) -> pl.Series:
    """Different ones."""
    return pl.Series([random.bytes(32 * count).hex()]).str.extract_all(".{64}").explode()


def measurements(
    originals: Originals, real: Pictures, random: np.random.Generator
) -> NDArray[np.float32]:
    """The statistics of each original: its picture's, moved; (n, statistics), NaN for unknown."""
    names = real.statistics.columns
    values = real.statistics.fill_null(np.nan).to_numpy()[originals.picture].astype(np.float32)
    columns = [names.index(name) for name in MOVED]
    units, twin = len(originals.sizes), originals.twin[originals.unit]
    for column in columns:
        factor = np.exp(0.03 * random.standard_normal(units, np.float32))[originals.unit]
        own = np.exp(0.002 * random.standard_normal(len(twin), np.float32))
        values[:, column] *= np.where(twin, factor, factor * own)
    values[:, names.index("entropy")] = values[:, names.index("entropy")].clip(0, 8)
    for name in ("mean", "mean_r", "mean_g", "mean_b", "value"):
        column = names.index(name)
        values[originals.dark, column] *= 0.1
        values[:, column] = values[:, column].clip(0, 255)
    for name, value in NOTHING.items():
        values[originals.empty, names.index(name)] = value
    values[~originals.embedded] = np.nan
    return values
