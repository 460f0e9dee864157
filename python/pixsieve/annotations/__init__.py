"""What the user knows of the images: labels, splits and columns of their own."""

from pixsieve.annotations.join import SEPARATOR, join, separator_of
from pixsieve.annotations.table import Annotations, as_frame, read_annotations

__all__ = ["SEPARATOR", "Annotations", "as_frame", "join", "read_annotations", "separator_of"]
