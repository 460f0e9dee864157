"""The work directory: Parquet and NPY files, written whole or not at all."""

from pixsieve.store.decisions import append_event, log_mark, read_events
from pixsieve.store.shards import (
    SHARD_SIZE,
    Shard,
    open_shard,
    read_shard,
    remove_shards,
    shard_fingerprint,
    write_shard,
)
from pixsieve.store.workdir import FORMAT, RUN, WorkDir, is_page

__all__ = [
    "FORMAT",
    "RUN",
    "SHARD_SIZE",
    "Shard",
    "WorkDir",
    "append_event",
    "is_page",
    "log_mark",
    "open_shard",
    "read_events",
    "read_shard",
    "remove_shards",
    "shard_fingerprint",
    "write_shard",
]
