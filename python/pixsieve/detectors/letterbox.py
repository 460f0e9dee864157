"""Pictures brought to the size that a detector wants, and boxes brought back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Fitted:
    """A picture scaled into a larger canvas."""

    pixels: Pixels
    """(height, width, 3) as the detector wants them."""
    scale_x: float
    scale_y: float
    left: int
    top: int

    def back(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Boxes (n, 4) of the canvas in pixels of the picture."""
        offset = np.array([self.left, self.top] * 2, float)
        scale = np.array([self.scale_x, self.scale_y] * 2)
        moved: NDArray[np.float64] = (boxes - offset) / scale
        return moved


def letterbox(
    pixels: Pixels, width: int, height: int, *, padding: int, centred: bool, enlarge: bool
) -> Fitted:
    """The picture, as large as it fits into the canvas; the rest of that is `padding`.

    It lies in the middle if `centred`, as YOLOs want it, else at the top left. Without `enlarge`
    a smaller picture keeps its size.
    """
    old_height, old_width = pixels.shape[:2]
    ratio = min(width / old_width, height / old_height)
    if not enlarge:
        ratio = min(ratio, 1.0)
    new_width = max(1, min(width, round(old_width * ratio)))
    new_height = max(1, min(height, round(old_height * ratio)))
    left = (width - new_width) // 2 if centred else 0
    top = (height - new_height) // 2 if centred else 0
    canvas = np.full((height, width, 3), padding, np.uint8)
    canvas[top : top + new_height, left : left + new_width] = resize(pixels, new_width, new_height)
    return Fitted(canvas, new_width / old_width, new_height / old_height, left, top)


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """The picture in another size, bilinear, as detectors are trained with (no smoothing)."""
    if pixels.shape[:2] == (height, width):
        return pixels
    above, below, down = _neighbors(pixels.shape[0], height)
    before, after, across = _neighbors(pixels.shape[1], width)
    upper, lower = pixels[above], pixels[below]
    across, down = across[:, None], down[:, None, None]
    top = upper[:, before] * (1 - across) + upper[:, after] * across
    bottom = lower[:, before] * (1 - across) + lower[:, after] * across
    mixed: NDArray[np.float32] = top + (bottom - top) * down
    return np.rint(mixed).astype(np.uint8)


def _neighbors(
    old: int, new: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each new pixel the two old ones it lies between, and the share of the second."""
    place = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)
    first = place.astype(np.intp)
    return first, np.minimum(first + 1, old - 1), (place - first).astype(np.float32)
