"""The package's one exception type; all else is a builtin exception by meaning."""

from pixsieve._native import ModelError

__all__ = ["ModelError"]
