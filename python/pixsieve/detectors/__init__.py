"""Detectors: what in a picture is worth being looked at by itself."""

from pixsieve.detectors.boxes import Detections, Detector
from pixsieve.detectors.crops import Found, detect_all
from pixsieve.detectors.loading import load_detector
from pixsieve.detectors.regions import is_global_box, parse_global_box

__all__ = [
    "Detections",
    "Detector",
    "Found",
    "detect_all",
    "is_global_box",
    "load_detector",
    "parse_global_box",
]
