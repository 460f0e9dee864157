"""The explorer: a web app on this machine, to look through an audit and to decide."""

from pixsieve.explorer.server import Explorer, explore

__all__ = ["Explorer", "explore"]
