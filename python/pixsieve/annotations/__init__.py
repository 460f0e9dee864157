"""What the user knows of the images: labels, splits and columns of their own."""

from pixsieve.annotations.join import Joined, join
from pixsieve.annotations.labels import SEPARATOR, separator_of
from pixsieve.annotations.parts import RELATIVE, ROTATED, WHOLE
from pixsieve.annotations.table import Annotations, as_frame, read_annotations

__all__ = [
    "RELATIVE",
    "ROTATED",
    "SEPARATOR",
    "WHOLE",
    "Annotations",
    "Joined",
    "as_frame",
    "join",
    "read_annotations",
    "separator_of",
]
