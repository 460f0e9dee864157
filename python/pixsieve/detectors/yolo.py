"""Things, found by a YOLO's ONNX file."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixsieve.detectors.boxes import Detections, surest
from pixsieve.detectors.layouts import Layout, check_places, recognize
from pixsieve.detectors.letterbox import Pixels, letterbox
from pixsieve.detectors.names import name_classes, read_names
from pixsieve.detectors.session import Session
from pixsieve.errors import ModelError

#: Boxes of less confidence are left out.
CONFIDENCE = 0.25
#: Of two boxes of one class that overlap more, the one of less confidence is left out.
OVERLAP = 0.45
#: The grey around a picture of another shape than the model's.
PADDING = 114


class Yolo:
    """A YOLO, v5 to v11, whose layout is recognized by what it gives for a grey picture."""

    def __init__(self, session: Session) -> None:
        """Tries the model.

        Raises:
            ModelError: If it fails, or its layout is none that is known.
        """
        self._session = session
        source = session.input
        blank = np.full((source.height, source.width, 3), PADDING, np.uint8)
        outputs = session.run(self._values(blank))
        names = read_names(session.metadata)
        try:
            self._layout: Layout = recognize(
                outputs,
                task=session.metadata.get("task", "detect"),
                classes=len(names) or None,
                width=source.width,
                height=source.height,
            )
            check_places(self._layout, outputs, source.width, source.height)
            self._layout.decode(outputs, CONFIDENCE)
        except ModelError as error:
            raise ModelError(f"{session.path.name}: {error}") from None
        self._names = name_classes(names, self._layout.classes)

    def detect(self, pixels: Pixels) -> Detections:
        """As `Detector` says; the label is the name of the class."""
        source = self._session.input
        fitted = letterbox(
            pixels, source.width, source.height, padding=PADDING, centred=True, enlarge=True
        )
        outputs = self._session.run(self._values(fitted.pixels))
        found = self._layout.decode(outputs, CONFIDENCE)
        boxes, chosen = surest(
            fitted.back(found.boxes),
            found.confidences,
            found.classes,
            size=(pixels.shape[1], pixels.shape[0]),
            overlap=OVERLAP if self._layout.overlapping else None,
        )
        return Detections(
            boxes,
            None,
            labels=[self._names[int(number)] for number in found.classes[chosen]],
            confidences=found.confidences[chosen],
        )

    def _values(self, pixels: Pixels) -> NDArray[Any]:
        dtype = self._session.input.dtype
        if dtype == np.uint8:
            return pixels
        return (pixels / np.float32(255)).astype(dtype, copy=False)
