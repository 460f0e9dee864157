"""How YOLOs write down what they find.

| layout | shape | of |
|---|---|---|
| boxes in rows, with objectness | (1, n, 5 + classes) | v5, v6, v7 |
| boxes in columns, without | (1, 4 + classes, n) | v8, v9, v11 |
| finished | (1, up to 300, 6) | v10; any exported with its NMS |
| finished, by picture | (n, 7) | v7 exported with `--end2end` |
| counted | num_dets, det_boxes, det_scores, det_classes | v6, v7 exported for TensorRT |

Segmenting models add the weights of their masks to each box, which are not read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pixsieve.errors import ModelError

Outputs: TypeAlias = Mapping[str, NDArray[Any]]

#: The grids on which the models put their boxes, in pixels, and how many boxes lie on each point.
STRIDES = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32))
ANCHORS = (1, 3)
#: No finished list is longer; grids of usual pictures hold more boxes.
LONGEST_FINISHED = 1_000
COUNTED = ("num_dets", "det_boxes", "det_scores", "det_classes")
#: What scores may exceed 1 by: half precision rounds.
ROUNDING = 0.01
#: Boxes that lie within so many pixels are given as shares of the picture, as RT-DETR does.
NORMALISED = 1.5
#: Classes of models that are trained on COCO, most often without saying so.
USUAL = 80


@dataclass(frozen=True)
class Candidates:
    """Boxes (n, 4) x1, y1, x2, y2 in pixels of the model's input, finite, of enough confidence."""

    boxes: NDArray[np.float64]
    confidences: NDArray[np.float32]
    classes: NDArray[np.intp]


class Layout(Protocol):
    """What the numbers of a model mean."""

    @property
    def classes(self) -> int | None:
        """How many classes it tells apart, where that shows."""

    @property
    def overlapping(self) -> bool:
        """Whether the same thing is found many times."""

    def places(self, outputs: Outputs) -> NDArray[Any]:
        """What it says of where boxes are, whatever their confidence."""

    def decode(self, outputs: Outputs, threshold: float) -> Candidates:
        """The boxes with at least this confidence.

        Raises:
            ModelError: If the output is not as it was, or holds no numbers.
        """


@dataclass(frozen=True)
class Grid:
    """A box for every point of a grid; see the table."""

    output: str
    columns: bool
    objectness: bool
    classes: int
    channels: int
    boxes: int
    overlapping: bool = True

    @np.errstate(invalid="ignore", over="ignore")
    def decode(self, outputs: Outputs, threshold: float) -> Candidates:
        """As `Layout` says."""
        table = self._table(outputs)
        first = 4 + self.objectness
        if self.objectness:
            # Before the classes are looked at, for most boxes are none.
            table = table[:, ~(table[4] < threshold)]
        scores = np.asarray(table[first : first + self.classes], np.float32)
        best = scores.max(axis=0)
        if self.objectness:
            best = best * np.asarray(table[4], np.float32)
        chosen = ~(best < threshold)
        x, y, width, height = np.asarray(table[:4, chosen], np.float64)
        boxes = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)
        return _checked(boxes, best[chosen], scores[:, chosen].argmax(axis=0))

    def places(self, outputs: Outputs) -> NDArray[Any]:
        """The centres."""
        return self._table(outputs)[:2]

    def _table(self, outputs: Outputs) -> NDArray[Any]:
        """(channels, boxes)."""
        shape = outputs[self.output].shape
        if len(shape) != 3 or shape[0] != 1 or shape[2 - self.columns] != self.channels:
            raise ModelError(f"the output {self.output!r} changes its shape to {list(shape)}")
        table: NDArray[Any] = outputs[self.output][0]
        return table if self.columns else table.T


@dataclass(frozen=True)
class Finished:
    """A list of what was found, each thing once: x1, y1, x2, y2, score, class."""

    output: str
    by_picture: bool = False
    classes: int | None = None
    overlapping: bool = False

    def places(self, outputs: Outputs) -> NDArray[Any]:
        """The corners."""
        return self._table(outputs)[:, :4]

    def decode(self, outputs: Outputs, threshold: float) -> Candidates:
        """As `Layout` says."""
        table = self._table(outputs)
        return _listed(table[:, :4], table[:, 4], table[:, 5], threshold)

    def _table(self, outputs: Outputs) -> NDArray[np.float64]:
        found = np.asarray(outputs[self.output], np.float64)
        if not self.by_picture:
            return found.reshape(-1, found.shape[-1])
        # Number of the picture, box, class, score.
        return found[:, [1, 2, 3, 4, 6, 5]]


@dataclass(frozen=True)
class Counted:
    """The same as four outputs, the first of which says how many things there are."""

    classes: int | None = None
    overlapping: bool = False

    def places(self, outputs: Outputs) -> NDArray[Any]:
        """The corners."""
        return outputs[COUNTED[1]]

    def decode(self, outputs: Outputs, threshold: float) -> Candidates:
        """As `Layout` says."""
        count, boxes, scores, classes = (outputs[name] for name in COUNTED)
        boxes, scores, classes = boxes.reshape(-1, 4), scores.ravel(), classes.ravel()
        if count.size != 1 or not len(boxes) == len(scores) == len(classes):
            raise ModelError(f"the outputs {', '.join(COUNTED)} differ in length")
        number = int(np.clip(np.nan_to_num(count.ravel()[0]), 0, len(boxes)))
        return _listed(boxes[:number], scores[:number], classes[:number], threshold)


def _listed(
    boxes: NDArray[Any], scores: NDArray[Any], classes: NDArray[Any], threshold: float
) -> Candidates:
    chosen = ~(scores < threshold)
    numbers = np.clip(np.nan_to_num(np.asarray(classes[chosen], float)), -1, 2**31)
    return _checked(
        np.asarray(boxes[chosen], np.float64),
        np.asarray(scores[chosen], np.float32),
        numbers.astype(np.intp),
    )


def _checked(
    boxes: NDArray[np.float64], confidences: NDArray[np.float32], classes: NDArray[np.intp]
) -> Candidates:
    """The boxes, those left out that are none.

    Raises:
        ModelError: If there are some, but nothing but NaN or infinity, or scores above 1.
    """
    finite = np.isfinite(boxes).all(axis=1) & np.isfinite(confidences)
    if len(finite) and not finite.any():
        raise ModelError("the model gives NaN or infinity instead of boxes")
    boxes, confidences, classes = boxes[finite], confidences[finite], classes[finite]
    if len(confidences) and confidences.max() > 1 + ROUNDING:
        raise ModelError(
            f"the model gives scores up to {confidences.max():.3g}, not from 0 to 1: export it "
            "with the last sigmoid"
        )
    return Candidates(boxes, np.minimum(confidences, np.float32(1)), classes)


def recognize(
    outputs: Outputs, *, task: str, classes: int | None, width: int, height: int
) -> Layout:
    """The layout of what a model gave for a picture of this size.

    Args:
        outputs: What it gave.
        task: What it was made for, `detect` or `segment`, as far as it says so.
        classes: How many classes it names, or None.
        width: Of the picture.
        height: Of the picture.

    Raises:
        ModelError: If it is none of those known, or could be several.
    """
    if task not in ("detect", "segment"):
        raise ModelError(f"it was made to {task}, not to detect boxes")
    if set(COUNTED) <= outputs.keys():
        return Counted()
    shapes = {name: output.shape for name, output in outputs.items()}
    tables = [name for name, shape in shapes.items() if len(shape) == 3 and shape[0] == 1]
    if len(tables) != 1:
        return _without_table(shapes, tables)
    masks = [shape[1] for shape in shapes.values() if len(shape) == 4]
    return _of_table(
        tables[0],
        shapes[tables[0]],
        masks=masks[0] if len(masks) == 1 else 0,
        classes=classes,
        counts=box_counts(width, height),
    )


def _without_table(shapes: Mapping[str, tuple[int, ...]], tables: list[str]) -> Layout:
    listed = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
    if tables:
        raise ModelError(f"several of its outputs could hold the boxes: {listed}")
    if len(shapes) == 1:
        ((name, shape),) = shapes.items()
        if len(shape) == 2 and shape[1] == 7:
            return Finished(name, by_picture=True)
    if len([shape for shape in shapes.values() if len(shape) in (4, 5)]) > 1:
        raise ModelError(
            f"its outputs are the raw heads of several scales ({listed}): export it with the "
            "layer that makes boxes of them (YOLOv7: export.py --grid)"
        )
    raise ModelError(f"its outputs are not those of a YOLO, v5 to v11: {listed}")


def _of_table(
    name: str, shape: tuple[int, ...], *, masks: int, classes: int | None, counts: set[int]
) -> Layout:
    _, rows, columns = shape
    grids = classes in (None, 1, 2)
    short = rows <= LONGEST_FINISHED and rows not in counts
    if columns == 6 + masks and (short or not grids):
        return Finished(name)
    options = [
        ((grid.boxes in counts, grid.columns != grid.objectness), grid)
        for grid in _grids(name, rows, columns, masks)
        if grid.boxes in counts or grid.boxes == max(rows, columns)
        if grid.classes == classes or (classes is None and grid.columns != grid.objectness)
    ]
    # The better fit: as many boxes as there should be, else the usual way.
    best = max((fit for fit, _ in options), default=None)
    found = [grid for fit, grid in options if fit == best]
    said = "names no classes" if classes is None else f"names {classes} classes"
    about = f"its output {name!r} has the shape {list(shape)}, and the file {said}"
    if not found:
        raise ModelError(
            f"{about}: that fits no YOLO for boxes (5 + classes, or 4 + classes, numbers each)"
        )
    if len(found) > 1 or (classes is None and _unusual(found[0], masks)):
        raise ModelError(
            f"{about}: that could be read in two ways; give it the metadata `names`, as "
            "Ultralytics' export does"
        )
    return found[0]


def _grids(name: str, rows: int, columns: int, masks: int) -> list[Grid]:
    """All ways to read a table."""
    return [
        Grid(name, is_columns, objectness, channels - 4 - objectness - masks, channels, boxes)
        for is_columns, channels, boxes in ((False, columns, rows), (True, rows, columns))
        for objectness in (False, True)
        if channels > 4 + objectness + masks
    ]


def _unusual(grid: Grid, masks: int) -> bool:
    """Whether the other reading of the same numbers would have the classes of COCO."""
    return grid.channels - masks - (4 if grid.objectness else 5) == USUAL


def check_places(layout: Layout, outputs: Outputs, width: int, height: int) -> None:
    """Boxes of a grid lie all over the picture, whether something is found or not.

    Raises:
        ModelError: If all lie in a corner, because they are not in pixels.
    """
    farthest = np.nan_to_num(layout.places(outputs)).max(initial=0)
    on_grid = isinstance(layout, Grid) and layout.boxes in box_counts(width, height)
    if 0 < farthest < (min(width, height) / 8 if on_grid else NORMALISED):
        raise ModelError(
            f"its boxes lie within {farthest:.3g} pixels of the top left corner: they are "
            "relative to a grid or to the picture's size, not in pixels"
        )


def box_counts(width: int, height: int) -> set[int]:
    """How many boxes a YOLO may give for a picture of this size."""
    return {
        anchors * sum(-(-width // stride) * -(-height // stride) for stride in strides)
        for strides in STRIDES
        for anchors in ANCHORS
    }
