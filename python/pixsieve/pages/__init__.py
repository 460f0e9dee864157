"""What all pages share: cards of images, thumbnails, texts, plots, and how a page is written."""

from pixsieve.pages.cards import Card, Cards
from pixsieve.pages.pictures import Thumbnail, load_thumbnails
from pixsieve.pages.write import environment, style, target_of

__all__ = [
    "Card",
    "Cards",
    "Thumbnail",
    "environment",
    "load_thumbnails",
    "style",
    "target_of",
]
