"""Shards: what extract learnt of up to 65,536 images, reusable while nothing has changed."""

import hashlib
import json
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve.store.atomic import checksum, read_frame, write_array, write_frame, write_text

SHARD_SIZE = 65_536
PARTS = ("embeddings.npy", "signatures.npy", "rows.npy", "images.parquet")
#: Every name that a shard's files have.
SHARD_FILE = re.compile(rf"(\d{{5}})\.(?:json|{'|'.join(map(re.escape, PARTS))})", re.ASCII)


@dataclass(frozen=True)
class Shard:
    """Rows of consecutive images."""

    images: pl.DataFrame
    """One row per image: digest, size, width, height, format, error, detail, then statistics."""
    rows: NDArray[np.uint32]
    """Rows (within the shard) that have an embedding, ascending."""
    embeddings: NDArray[np.float32]
    """One row per entry of `rows`; memory-mapped when read."""
    signatures: NDArray[np.uint8]
    """One per image, (n, 32, 32) luminance; memory-mapped when read."""


def shard_fingerprint(settings: str, pictures: pl.DataFrame) -> str:
    """Equal only if the same pictures, unchanged, would be read with the same settings.

    Args:
        settings: What else decides on the contents.
        pictures: Columns that say which they are: bytes, text and numbers.
    """
    digest = hashlib.blake2b(settings.encode(), digest_size=16)
    for column in pictures.iter_columns():
        digest.update(f"{column.name}\n".encode())
        digest.update(column.is_null().to_numpy().tobytes())
        known = column.drop_nulls()
        if isinstance(known.dtype, pl.Array):
            known = known.explode()
        if known.dtype == pl.String:
            known = known.cast(pl.Binary)
        if known.dtype == pl.Binary:
            digest.update(known.bin.size().to_numpy().tobytes())
            digest.update(b"".join(known))
        else:
            digest.update(np.ascontiguousarray(known.to_physical().to_numpy()).tobytes())
    return digest.hexdigest()


def write_shard(folder: Path, number: int, fingerprint: str, shard: Shard) -> Shard:
    """Writes the parts, and last the note that makes them a shard.

    Returns:
        The shard with its arrays mapped from their files: they need no memory any more.
    """
    prefix = f"{number:05}"
    write_array(folder / f"{prefix}.embeddings.npy", shard.embeddings)
    write_array(folder / f"{prefix}.signatures.npy", shard.signatures)
    write_array(folder / f"{prefix}.rows.npy", shard.rows)
    write_frame(folder / f"{prefix}.images.parquet", shard.images)
    note = {
        "fingerprint": fingerprint,
        "images": shard.images.height,
        "embedded": len(shard.rows),
        "checksums": {part: checksum(folder / f"{prefix}.{part}") for part in PARTS},
    }
    write_text(folder / f"{prefix}.json", json.dumps(note))
    return Shard(shard.images, shard.rows, *_mapped(folder, prefix))


def read_shard(folder: Path, number: int, fingerprint: str) -> Shard | None:
    """The shard, or None if it is not there, unfinished, damaged, or of another fingerprint."""
    try:
        note = _read_note(folder / f"{number:05}.json")
        return open_shard(folder, number) if note["fingerprint"] == fingerprint else None
    except (KeyError, ValueError):
        # Whatever happened to it, its images can be read again.
        return None


def open_shard(folder: Path, number: int, *, checked: bool = False) -> Shard:
    """The shard of this number; whether its bytes are as written is not asked if `checked`.

    Raises:
        ValueError: If a part is missing or not as it was written; the message names the file.
    """
    prefix = f"{number:05}"
    note = _read_note(folder / f"{prefix}.json")
    sums = note.get("checksums")
    for part in PARTS:
        path = folder / f"{prefix}.{part}"
        try:
            good = checked or (isinstance(sums, dict) and checksum(path) == sums.get(part))
        except OSError as error:
            raise damaged(path, error.strerror) from None
        if not good:
            raise damaged(path, "not what the run wrote")
    try:
        rows = np.load(folder / f"{prefix}.rows.npy", allow_pickle=False)
        embeddings, signatures = _mapped(folder, prefix)
        images = read_frame((folder / f"{prefix}.images.parquet").read_bytes())
    except (OSError, EOFError, ValueError, tokenize.TokenError, pl.exceptions.PolarsError) as error:
        raise damaged(folder / f"{prefix}.*", str(error)) from None
    _check(folder / f"{prefix}.rows.npy", rows.dtype == np.uint32 and rows.ndim == 1)
    _check(folder / f"{prefix}.json", note.get("images") == images.height)
    ascending = bool(np.all(rows[1:] > rows[:-1])) and (not len(rows) or rows[-1] < images.height)
    _check(folder / f"{prefix}.rows.npy", ascending)
    fits = embeddings.ndim == 2 and len(embeddings) == len(rows)
    _check(folder / f"{prefix}.embeddings.npy", embeddings.dtype == np.float32 and fits)
    fits = signatures.ndim == 3 and len(signatures) == images.height
    _check(folder / f"{prefix}.signatures.npy", signatures.dtype == np.uint8 and fits)
    return Shard(images, rows, embeddings, signatures)


def _mapped(folder: Path, prefix: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    embeddings, signatures = (
        np.load(folder / f"{prefix}.{part}.npy", mmap_mode="r", allow_pickle=False)
        for part in ("embeddings", "signatures")
    )
    return embeddings, signatures


def damaged(path: Path, why: str | None) -> ValueError:
    """The error that says so of a file in a folder of the work directory."""
    place = f"work_dir {path.parent.parent}: {path.parent.name}/{path.name}"
    return ValueError(f"{place} is damaged ({why}); run again with overwrite=True")


def _check(path: Path, good: bool) -> None:
    if not good:
        raise damaged(path, "its numbers do not fit")


def _read_note(path: Path) -> dict[str, Any]:
    try:
        note = json.loads(path.read_bytes())
    except OSError as error:
        raise damaged(path, error.strerror) from None
    except (ValueError, RecursionError):
        raise damaged(path, "not JSON") from None
    if not isinstance(note, dict):
        raise damaged(path, "not a note")
    return note


def remove_shards(folder: Path, first: int) -> None:
    """Removes the shards from number `first` on: an earlier run had more images."""
    for path in sorted(folder.glob("*")):
        match = SHARD_FILE.fullmatch(path.name)
        if match and int(match[1]) >= first:
            path.unlink()
