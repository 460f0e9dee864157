"""Faces, found by YuNet's ONNX file."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from pixsieve.detectors.boxes import Detections, surest
from pixsieve.detectors.layouts import Outputs
from pixsieve.detectors.letterbox import Pixels, letterbox
from pixsieve.detectors.session import Session
from pixsieve.errors import ModelError

#: Pixels between two points of each of its grids.
STRIDES = (8, 16, 32)
#: By these outputs, and by no others, a model is known to be a YuNet.
OUTPUTS = frozenset(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox") for stride in STRIDES)
CONFIDENCE = 0.6
OVERLAP = 0.3
#: No face is larger than this power of e times a stride: what is beyond does not matter.
LARGEST = 12.0


def is_yunet(outputs: Collection[str]) -> bool:
    """Whether a model with these outputs is a YuNet."""
    return OUTPUTS.issubset(outputs)


class YuNet:
    """OpenCV's face detector of 2023 and later, decoded as `cv2.FaceDetectorYN` does."""

    def __init__(self, session: Session) -> None:
        """Tries the model.

        Raises:
            ModelError: If it fails, or gives something else than a YuNet.
        """
        source = session.input
        self._session = session
        if source.width % STRIDES[-1] or source.height % STRIDES[-1]:
            raise ModelError(
                f"{session.path.name} takes pictures of {source.width} x {source.height} pixels; "
                f"a YuNet's sides are multiples of {STRIDES[-1]}"
            )
        blank = np.zeros((source.height, source.width, 3), source.dtype)
        try:
            self._decode(session.run(blank))
        except ModelError as error:
            raise ModelError(f"{session.path.name}: {error}") from None

    def detect(self, pixels: Pixels) -> Detections:
        """As `Detector` says; the label is `face`."""
        source = self._session.input
        fitted = letterbox(
            pixels, source.width, source.height, padding=0, centred=False, enlarge=False
        )
        values = fitted.pixels[..., ::-1].astype(source.dtype)
        boxes, confidences = self._decode(self._session.run(values))
        faces, chosen = surest(
            fitted.back(boxes),
            confidences,
            np.zeros(len(boxes), np.intp),
            size=(pixels.shape[1], pixels.shape[0]),
            overlap=OVERLAP,
        )
        return Detections(
            faces, None, labels=["face"] * len(faces), confidences=confidences[chosen]
        )

    def _decode(self, outputs: Outputs) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        found = [self._of_stride(outputs, stride) for stride in STRIDES]
        boxes = np.concatenate([boxes for boxes, _ in found])
        confidences = np.concatenate([confidences for _, confidences in found])
        if np.isnan(confidences).all():
            raise ModelError("the model gives NaN instead of scores")
        chosen = (confidences >= CONFIDENCE) & np.isfinite(boxes).all(axis=1)
        return boxes[chosen], confidences[chosen]

    def _of_stride(
        self, outputs: Outputs, stride: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Boxes (n, 4) and confidences of all points of a grid, from left to right, row by row."""
        columns = self._session.input.width // stride
        rows = self._session.input.height // stride
        cls, obj, bbox = (outputs[f"{kind}_{stride}"] for kind in ("cls", "obj", "bbox"))
        if cls.size != rows * columns or obj.size != cls.size or bbox.size != 4 * cls.size:
            raise ModelError(
                f"cls_{stride}, obj_{stride} and bbox_{stride} do not hold {rows} x {columns} faces"
            )
        scores = np.clip(np.stack([cls.ravel(), obj.ravel()]).astype(np.float32), 0, 1)
        dx, dy, width, height = bbox.reshape(-1, 4).astype(np.float64).T
        row, column = np.divmod(np.arange(rows * columns), columns)
        across = np.exp(np.minimum(width, LARGEST)) / 2
        down = np.exp(np.minimum(height, LARGEST)) / 2
        x, y = column + dx, row + dy
        boxes = np.stack([x - across, y - down, x + across, y + down], axis=1) * stride
        return boxes, np.sqrt(scores[0] * scores[1])
