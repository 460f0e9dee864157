"""Models: their cards, and the library that runs them."""

from pixsieve.models.card import Card, load_card
from pixsieve.models.loading import gpu_runtime, load_model
from pixsieve.models.runtime import find_runtime

__all__ = ["Card", "find_runtime", "gpu_runtime", "load_card", "load_model"]
