"""The work directory: Parquet and NPY files, written whole or not at all."""

from pixsieve.store.shards import (
    SHARD_SIZE,
    Shard,
    open_shard,
    read_shard,
    remove_shards,
    shard_fingerprint,
    write_shard,
)
from pixsieve.store.workdir import FORMAT, WorkDir, is_page

__all__ = [
    "FORMAT",
    "SHARD_SIZE",
    "Shard",
    "WorkDir",
    "is_page",
    "open_shard",
    "read_shard",
    "remove_shards",
    "shard_fingerprint",
    "write_shard",
]
