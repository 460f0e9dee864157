"""The command line."""

from pixsieve.cli.app import main

__all__ = ["main"]
