"""Any input becomes a list of pictures in a stable order."""

from pixsieve.sources.files import list_files
from pixsieve.sources.globs import front, is_glob
from pixsieve.sources.inputs import SYNCED, Input, list_input, without_repeated
from pixsieve.sources.listing import Listing, combined, is_url, resolved, shown
from pixsieve.sources.names import SPLIT_PLACES, label_of_folder, split_of_path
from pixsieve.sources.order import NUMBER, in_order
from pixsieve.sources.select import select

__all__ = [
    "NUMBER",
    "SPLIT_PLACES",
    "SYNCED",
    "Input",
    "Listing",
    "combined",
    "front",
    "in_order",
    "is_glob",
    "is_url",
    "label_of_folder",
    "list_files",
    "list_input",
    "resolved",
    "select",
    "shown",
    "split_of_path",
    "without_repeated",
]
