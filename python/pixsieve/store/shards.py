"""Shards: what extract learnt of up to 65,536 images, reusable while nothing has changed."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve.store.atomic import write_array, write_frame, write_text

SHARD_SIZE = 65_536


@dataclass(frozen=True)
class Shard:
    """Rows of consecutive images."""

    images: pl.DataFrame
    """One row per image: digest, size, width, height, format, error, detail, then statistics."""
    rows: NDArray[np.uint32]
    """Rows (within the shard) that have an embedding, ascending."""
    embeddings: NDArray[np.float32]
    """One row per entry of `rows`; memory-mapped when read."""


def shard_fingerprint(
    settings: str, locations: Sequence[str], sizes: NDArray[np.uint64], modified: NDArray[np.int64]
) -> str:
    """Equal only if the same files, unchanged, would be read with the same settings."""
    digest = hashlib.blake2b(settings.encode(), digest_size=16)
    for location in locations:
        digest.update(location.encode("utf-8", errors="surrogateescape"))
        digest.update(b"\0")
    digest.update(np.ascontiguousarray(sizes).tobytes())
    digest.update(np.ascontiguousarray(modified).tobytes())
    return digest.hexdigest()


def write_shard(
    folder: Path, number: int, fingerprint: str, shard: Shard, signatures: NDArray[np.uint8]
) -> None:
    """Writes the parts, and last the note that makes them a shard."""
    prefix = f"{number:05}"
    write_array(folder / f"{prefix}.embeddings.npy", shard.embeddings)
    write_array(folder / f"{prefix}.signatures.npy", signatures)
    write_array(folder / f"{prefix}.rows.npy", shard.rows)
    write_frame(folder / f"{prefix}.images.parquet", shard.images)
    note = {"fingerprint": fingerprint, "images": shard.images.height, "embedded": len(shard.rows)}
    write_text(folder / f"{prefix}.json", json.dumps(note))


def read_shard(folder: Path, number: int, fingerprint: str | None) -> Shard | None:
    """The shard, or None if it is not there, unfinished, damaged, or of another fingerprint."""
    prefix = f"{number:05}"
    note = _read_note(folder / f"{prefix}.json")
    if note is None or (fingerprint is not None and note.get("fingerprint") != fingerprint):
        return None
    try:
        rows = np.load(folder / f"{prefix}.rows.npy", allow_pickle=False)
        embeddings = np.load(folder / f"{prefix}.embeddings.npy", mmap_mode="r", allow_pickle=False)
        images = pl.read_parquet(folder / f"{prefix}.images.parquet")
    except (OSError, EOFError, ValueError, pl.exceptions.PolarsError):
        # Whatever happened to it, its images can be read again.
        return None
    if images.height != note.get("images") or len(rows) != len(embeddings):
        return None
    return Shard(images, rows, embeddings)


def _read_note(path: Path) -> dict[str, Any] | None:
    try:
        note = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) else None


def remove_shards(folder: Path, first: int) -> None:
    """Removes the shards from number `first` on: an earlier run had more images."""
    for note in sorted(folder.glob("[0-9]" * 5 + ".json")):
        if int(note.stem) >= first:
            for part in folder.glob(f"{note.stem}.*"):
                part.unlink()
