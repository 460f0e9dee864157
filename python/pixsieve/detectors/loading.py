"""From `bounding_box` to a detector."""

import os
from collections.abc import Callable
from pathlib import Path

from pixsieve.config import Config
from pixsieve.detectors.boxes import Detector
from pixsieve.detectors.ocr import Ocr
from pixsieve.detectors.session import Session
from pixsieve.detectors.yolo import Yolo
from pixsieve.detectors.yunet import YuNet, is_yunet
from pixsieve.errors import ModelError

#: What the catalogue of models calls the detector of faces.
FACES = "yunet"


def load_detector(bounding_box: str, *, config: Config, resolve: Callable[[str], Path]) -> Detector:
    """The detector of this name: `face`, `ocr`, an ONNX file, or a model of the catalogue.

    Args:
        bounding_box: Its name, or the path of its file.
        config: Where it shall run: `device`.
        resolve: Gives the file of a model of the catalogue, downloaded if need be.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If `ocr` is asked for and rapidocr is not installed.
        ModelError: If the file is no detector that is known.
    """
    if bounding_box == "ocr":
        return Ocr()
    if bounding_box == "face":
        path = resolve(FACES)
    elif _is_path(bounding_box):
        path = Path(bounding_box)
    else:
        path = resolve(bounding_box)
    session = Session(path, config.device)
    if is_yunet(session.outputs):
        return YuNet(session)
    if bounding_box == "face":
        raise ModelError(f"{path} is no YuNet: its outputs are {', '.join(session.outputs)}")
    return Yolo(session)


def _is_path(name: str) -> bool:
    return Path(name).suffix.lower() == ".onnx" or os.sep in name or "/" in name
