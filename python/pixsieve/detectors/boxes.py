"""Boxes that detectors find, and what is done with them."""

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]

#: More boxes than this are never kept of one picture: those of the highest confidence are.
MOST = 300
#: No more boxes than these, those of the highest confidence, are compared with each other.
COMPARED = 30_000


@dataclass(frozen=True)
class Detections:
    """What a detector found in one picture, in descending confidence."""

    boxes: Floats
    """(n, 4) x1, y1, x2, y2 in pixels of the picture, within it."""
    corners: Floats | None
    """(n, 8) x1, y1 to x4, y4, clockwise from the top left; None where no box is rotated."""
    labels: list[str]
    confidences: Floats
    """(n,) from 0 to 1."""

    def __len__(self) -> int:
        return len(self.labels)


class Detector(Protocol):
    """Finds boxes in pictures; may be used by several threads at a time."""

    def detect(self, pixels: NDArray[np.uint8]) -> Detections:
        """What is found in a picture: (h, w, 3) upright RGB.

        Raises:
            ModelError: If the model fails, or gives no numbers.
        """


def none_found() -> Detections:
    """No box at all."""
    return Detections(
        np.zeros((0, 4), np.float32), None, labels=[], confidences=np.zeros(0, np.float32)
    )


def non_maximum(
    boxes: NDArray[np.float64],
    confidences: NDArray[np.float32],
    classes: NDArray[np.intp],
    *,
    overlap: float,
    most: int = MOST,
) -> NDArray[np.intp]:
    """Indices of the boxes that stay, by descending confidence; equals keep their order.

    A box goes that overlaps one of its own class and higher confidence by more than `overlap`
    (intersection over union). Boxes are (n, 4) x1, y1, x2, y2.
    """
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    rest = np.argsort(-confidences, kind="stable")
    kept: list[np.intp] = []
    while len(rest) and len(kept) < most:
        best, rest = rest[0], rest[1:]
        kept.append(best)
        corner = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        sides = np.maximum(corner - np.maximum(boxes[best, :2], boxes[rest, :2]), 0)
        shared = sides[:, 0] * sides[:, 1]
        either = areas[best] + areas[rest] - shared
        rest = rest[(shared <= overlap * either) | (classes[rest] != classes[best])]
    return np.array(kept, np.intp)


def corners_of(boxes: Floats) -> Floats:
    """Upright boxes (n, 4) as corners (n, 8), clockwise from the top left."""
    return boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]]


def surest(
    boxes: NDArray[np.float64],
    confidences: NDArray[np.float32],
    classes: NDArray[np.intp],
    *,
    size: tuple[int, int],
    overlap: float | None,
) -> tuple[Floats, NDArray[np.intp]]:
    """The boxes that stay, cut at the border of the picture, and their indices.

    Args:
        boxes: (n, 4) in pixels of the picture.
        confidences: (n,).
        classes: (n,).
        size: Width and height of the picture.
        overlap: As `non_maximum` takes it; None where each thing was found once.
    """
    boxes = np.clip(boxes, 0, np.array(size * 2))
    order = np.argsort(-confidences, kind="stable")
    order = order[have_area(boxes[order])][:COMPARED]
    if overlap is not None:
        kept = non_maximum(boxes[order], confidences[order], classes[order], overlap=overlap)
        order = order[kept]
    order = order[:MOST]
    return boxes[order].astype(np.float32), order


def have_area(boxes: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Which boxes have a width and a height."""
    return (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
