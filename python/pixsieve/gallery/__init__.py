"""Galleries: one page per kind of finding, to look through, in a notebook or a browser."""

from pixsieve.gallery.look import Look
from pixsieve.gallery.page import Gallery
from pixsieve.gallery.vis import Vis

__all__ = ["Gallery", "Look", "Vis"]
