"""What the user knows of the images: labels, splits, boxes and columns of their own."""

from pixsieve.annotations.boxes import BOX, counts, normalised
from pixsieve.annotations.hints import hint
from pixsieve.annotations.inputs import list_all
from pixsieve.annotations.join import Joined, join
from pixsieve.annotations.labels import SEPARATOR, separator_of
from pixsieve.annotations.parts import RELATIVE, ROTATED, WHOLE, with_parts, with_room
from pixsieve.annotations.pictures import STEM
from pixsieve.annotations.reading import Annotations, read_annotations
from pixsieve.annotations.table import as_frame
from pixsieve.annotations.yolo import YoloData, labels_for, read_data_yaml
from pixsieve.annotations.yolo_labels import boxes_of_pictures, pictures_of

__all__ = [
    "BOX",
    "RELATIVE",
    "ROTATED",
    "SEPARATOR",
    "STEM",
    "WHOLE",
    "Annotations",
    "Joined",
    "YoloData",
    "as_frame",
    "boxes_of_pictures",
    "counts",
    "hint",
    "join",
    "labels_for",
    "list_all",
    "normalised",
    "pictures_of",
    "read_annotations",
    "read_data_yaml",
    "separator_of",
    "with_parts",
    "with_room",
]
