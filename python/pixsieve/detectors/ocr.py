"""Lines of text, found and read by rapidocr."""

from typing import Any

import numpy as np

from pixsieve.detectors.boxes import Detections, have_area, none_found
from pixsieve.detectors.letterbox import Pixels
from pixsieve.errors import ModelError

#: A picture's longer side is at most so many times its shorter one, or black is added below or to
#: the right: rapidocr enlarges the shorter side to 736 pixels, whatever becomes of the other one.
SLENDEREST = 4

#: What rapidocr is asked to do: one thread (pictures are spread over threads), nothing printed.
SETTINGS: dict[str, Any] = {
    "Global.log_level": "critical",
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}


class Ocr:
    """Text with the models that rapidocr brings along; nothing is downloaded."""

    def __init__(self) -> None:
        """Loads the models.

        Raises:
            ImportError: If rapidocr is not installed; says how to get it.
            ModelError: If its models cannot be loaded.
        """
        try:
            import rapidocr  # noqa: PLC0415 - needed only to read text
        except ImportError as error:
            raise ImportError(
                f"bounding_box=\"ocr\" needs rapidocr: pip install 'pixsieve[ocr]' ({error})"
            ) from error
        try:
            self._engine: Any = rapidocr.RapidOCR(params=SETTINGS)
            # Its models are loaded by the first picture: better now than by many threads.
            for use_det in (False, True):
                self._engine(np.zeros((64, 64, 3), np.uint8), use_det=use_det)
        except Exception as error:
            raise ModelError(f"rapidocr cannot be started: {error}") from error

    def detect(self, pixels: Pixels) -> Detections:
        """As `Detector` says; the label is the text, and the corners follow its slope."""
        height, width = pixels.shape[:2]
        try:
            found: Any = self._engine(_as_bgr(pixels))
        except Exception as error:
            raise ModelError(f"rapidocr fails: {error}") from error
        # Where nothing is read, it answers with an object of another type.
        texts = getattr(found, "txts", None)
        if not texts or found.boxes is None:
            return none_found()
        limits = np.array([width, height], np.float32)
        corners = np.clip(np.asarray(found.boxes, np.float32), 0, limits)
        boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        confidences = np.asarray(found.scores, np.float32)
        order = np.argsort(-confidences, kind="stable")
        order = order[have_area(boxes[order])]
        return Detections(
            boxes[order],
            corners.reshape(-1, 8)[order],
            labels=[str(texts[number]) for number in order],
            confidences=confidences[order],
        )


def _as_bgr(pixels: Pixels) -> Pixels:
    """The picture as OpenCV has them, and not too slender."""
    height, width = pixels.shape[:2]
    least = -(-max(height, width) // SLENDEREST)
    canvas = np.zeros((max(height, least), max(width, least), 3), np.uint8)
    canvas[:height, :width] = pixels[..., ::-1]
    return canvas
