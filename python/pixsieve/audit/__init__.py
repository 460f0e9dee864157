"""A run and what it found."""

from pixsieve.audit.audit import Audit
from pixsieve.audit.entry import create, load, run

__all__ = ["Audit", "create", "load", "run"]
