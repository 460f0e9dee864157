"""Any input becomes a list of files in a stable order."""

from pixsieve.sources.files import Listing, list_images, select
from pixsieve.sources.names import SPLIT_PLACES, label_of_folder, split_of_path

__all__ = [
    "SPLIT_PLACES",
    "Listing",
    "label_of_folder",
    "list_images",
    "select",
    "split_of_path",
]
