"""Pictures in buckets and behind URLs."""

from pixsieve.sources.cloud.fetch import RemoteFetcher
from pixsieve.sources.cloud.listing import list_remote
from pixsieve.sources.cloud.reader import open_remote
from pixsieve.sources.cloud.sync import delete_synced, origins_of, sync_to_local

__all__ = [
    "RemoteFetcher",
    "delete_synced",
    "list_remote",
    "open_remote",
    "origins_of",
    "sync_to_local",
]
