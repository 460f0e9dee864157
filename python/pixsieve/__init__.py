"""Finds what is wrong with image collections."""

from pixsieve._native import __version__
from pixsieve.audit import Audit, create, load, run
from pixsieve.config import Config
from pixsieve.errors import ModelError

__all__ = ["Audit", "Config", "ModelError", "__version__", "create", "load", "run"]
