"""Finds what is wrong with image collections."""

import warnings
from typing import TYPE_CHECKING, Any

from pixsieve._native import DEBUG_BUILD, __version__
from pixsieve.config import Config
from pixsieve.errors import ModelError

if TYPE_CHECKING:
    from pixsieve.audit import Audit, create, load, run

__all__ = ["Audit", "Config", "ModelError", "__version__", "create", "load", "run"]

if DEBUG_BUILD:
    warnings.warn(
        "this Pixsieve was compiled without optimisation and is ten times slower: build it with "
        "--release",
        RuntimeWarning,
        stacklevel=2,
    )


def __getattr__(name: str) -> Any:
    """What needs Polars is imported when it is first used: that takes a fifth of a second."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pixsieve import audit  # noqa: PLC0415

    return globals().setdefault(name, getattr(audit, name))


def __dir__() -> list[str]:
    return sorted(__all__)
