"""Finds what is wrong with image collections."""

import warnings

from pixsieve._native import DEBUG_BUILD, __version__
from pixsieve.audit import Audit, create, load, run
from pixsieve.config import Config
from pixsieve.errors import ModelError

__all__ = ["Audit", "Config", "ModelError", "__version__", "create", "load", "run"]

if DEBUG_BUILD:
    warnings.warn(
        "this Pixsieve was compiled without optimisation and is ten times slower: build it with "
        "--release",
        RuntimeWarning,
        stacklevel=2,
    )
