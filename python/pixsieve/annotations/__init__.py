"""What the user knows of the images: labels, splits, boxes and columns of their own."""

from pixsieve.annotations.boxes import BOX, counts, normalised
from pixsieve.annotations.join import SEPARATOR, join, separator_of
from pixsieve.annotations.pictures import STEM
from pixsieve.annotations.reading import Annotations, read_annotations
from pixsieve.annotations.table import as_frame
from pixsieve.annotations.yolo import YoloData, labels_for, read_data_yaml
from pixsieve.annotations.yolo_labels import boxes_of_pictures, pictures_of

__all__ = [
    "BOX",
    "SEPARATOR",
    "STEM",
    "Annotations",
    "YoloData",
    "as_frame",
    "boxes_of_pictures",
    "counts",
    "join",
    "labels_for",
    "normalised",
    "pictures_of",
    "read_annotations",
    "read_data_yaml",
    "separator_of",
]
