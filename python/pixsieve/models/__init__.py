"""Models: their cards, the catalogue of those with a name, and the library that runs them."""

from pixsieve.models.cache import cache_folder, check, path_of
from pixsieve.models.card import Card, load_card
from pixsieve.models.catalog import CATALOG, Entry, named
from pixsieve.models.fetching import fetch
from pixsieve.models.loading import gpu_runtime, load_model
from pixsieve.models.runtime import find_runtime

__all__ = [
    "CATALOG",
    "Card",
    "Entry",
    "cache_folder",
    "check",
    "fetch",
    "find_runtime",
    "gpu_runtime",
    "load_card",
    "load_model",
    "named",
    "path_of",
]
