"""Tiny ONNX detectors whose results are known.

A locator finds red squares (class 0) and green ones (class 1) on a dark picture and writes them
down as a YOLO, or a YuNet, would.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

TYPES = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "uint8": TensorProto.UINT8,
    "int64": TensorProto.INT64,
    "string": TensorProto.STRING,
}
COLOURS = {0: (255, 0, 0), 1: (0, 255, 0)}
SCORES = {0: 0.9, 1: 0.8}


class Graph:
    """Nodes and constants, written down as Python calls them."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def add(self, kind: str, *inputs: str, to: str | None = None, **attributes: Any) -> str:
        name = to or f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def save(
        self,
        path: Path,
        shape: Sequence[int | str],
        outputs: Sequence[str],
        *,
        dtype: str = "float32",
        output_dtype: str = "float32",
        metadata: Mapping[str, str] | None = None,
        shapes: Mapping[str, Sequence[int]] | None = None,
    ) -> Path:
        graph = helper.make_graph(
            self.nodes,
            "detector",
            [helper.make_tensor_value_info("images", TYPES[dtype], shape)],
            [
                helper.make_tensor_value_info(name, TYPES[output_dtype], (shapes or {}).get(name))
                for name in outputs
            ],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        helper.set_model_props(model, dict(metadata or {}))
        onnx.save(model, path)
        return path


def fixed(
    path: Path,
    outputs: Mapping[str, NDArray[Any]],
    *,
    shape: Sequence[int | str] = (1, 3, 64, 64),
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """A model that gives these outputs, whatever it is shown."""
    graph = Graph()
    whole = graph.add("ReduceMax", "images", keepdims=0)
    nothing = graph.add("Mul", whole, graph.constant(0.0))
    for name, values in outputs.items():
        graph.add("Add", graph.constant(values), nothing, to=name)
    shapes = {name: values.shape for name, values in outputs.items()}
    return graph.save(path, shape, list(outputs), metadata=metadata, shapes=shapes)


def spread(width: int, height: int, anchors: int, score: float = 0.01) -> NDArray[np.float32]:
    """(n, 5) centre, width, height and score of boxes all over the picture."""
    rows = []
    for stride in (8, 16, 32):
        y, x = np.mgrid[0 : height // stride, 0 : width // stride]
        one = np.full(x.size, 1.0)
        grid = np.stack(
            [(x.ravel() + 0.5) * stride, (y.ravel() + 0.5) * stride, 9 * one, 7 * one, score * one],
            axis=1,
        )
        rows += [grid] * anchors
    return np.concatenate(rows).astype(np.float32)


def locator(
    path: Path,
    layout: str,
    *,
    width: int = 640,
    height: int = 640,
    dtype: str = "float32",
    channels_last: bool = False,
    opened: bool = False,
    classes: int = 3,
    names: str | None = "{0: 'red', 1: 'green', 2: 'blue'}",
    masks: int = 0,
) -> Path:
    """A YOLO; `layout` is v5, v6, v7, v8, v9, v10, v11, v7-end2end or v6-end2end."""
    graph = Graph()
    picture = _picture(graph, dtype, channels_last)
    found = {number: _square(graph, picture, number, width, height) for number in COLOURS}
    if layout in ("v10", "v7-end2end", "v6-end2end"):
        outputs = _finished(graph, found, layout)
    else:
        outputs = [_grid(graph, found, layout, (width, height), classes, masks)]
    if masks:
        values = np.zeros((1, masks, height // 4, width // 4))
        graph.add("Identity", graph.constant(values), to="output1")
        outputs.append("output1")
    if dtype == "float16":
        outputs = [_half(graph, name) for name in outputs]
    shape: list[int | str] = [1, height, width, 3] if channels_last else [1, 3, height, width]
    if opened:
        shape = ["batch", "h", "w", 3] if channels_last else ["batch", 3, "h", "w"]
    metadata = {} if names is None else {"names": names, "task": "segment" if masks else "detect"}
    return graph.save(
        path,
        shape,
        outputs,
        dtype=dtype,
        output_dtype="float16" if dtype == "float16" else "float32",
        metadata=metadata,
    )


def _half(graph: Graph, name: str) -> str:
    graph.nodes.append(helper.make_node("Cast", [name], [f"{name}h"], to=TensorProto.FLOAT16))
    return f"{name}h"


def _picture(graph: Graph, dtype: str, channels_last: bool) -> str:
    """(1, 3, h, w) from 0 to 1."""
    picture = "images"
    if dtype != "float32":
        graph.nodes.append(helper.make_node("Cast", ["images"], ["cast"], to=TensorProto.FLOAT))
        picture = "cast"
    if dtype == "uint8":
        picture = graph.add("Div", picture, graph.constant(255.0))
    return graph.add("Transpose", picture, perm=[0, 3, 1, 2]) if channels_last else picture


def _square(graph: Graph, picture: str, channel: int, width: int, height: int) -> dict[str, str]:
    """The square that is bright in this channel: its sides, centre, size, and whether it is there.

    All have the shape (1,). The padding is no square: 114 of 255 is less than half.
    """
    plane = graph.add("Gather", picture, graph.constant([channel], np.int64), axis=1)
    lit = graph.add("Greater", plane, graph.constant(0.5))
    graph.nodes.append(helper.make_node("Cast", [lit], [f"{lit}f"], to=TensorProto.FLOAT))
    found = {}
    for axis, others, length in (("x", [0, 1, 2], width), ("y", [0, 1, 3], height)):
        line = graph.add("ReduceMax", f"{lit}f", graph.constant(others, np.int64), keepdims=0)
        ends = graph.add("Mul", line, graph.constant(np.arange(length) + 1))
        starts = graph.add("Mul", line, graph.constant(length - np.arange(length)))
        end = graph.add("ReduceMax", ends, graph.constant([0], np.int64), keepdims=1)
        back = graph.add("ReduceMax", starts, graph.constant([0], np.int64), keepdims=1)
        start = graph.add("Sub", graph.constant([length]), back)
        size = graph.add("Sub", end, start)
        total = graph.add("Add", end, start)
        found |= {f"{axis}1": start, f"{axis}2": end, f"{axis}s": size}
        found[f"{axis}c"] = graph.add("Mul", total, graph.constant(0.5))
    there = graph.add("ReduceMax", f"{lit}f", keepdims=0)
    found["there"] = graph.add("Reshape", there, graph.constant([1], np.int64))
    return found


def _grid(
    graph: Graph,
    found: Mapping[int, Mapping[str, str]],
    layout: str,
    size: tuple[int, int],
    classes: int,
    masks: int,
) -> str:
    """The squares, each twice, among boxes of too little confidence."""
    objectness = layout in ("v5", "v6", "v7")
    table = spread(*size, anchors=3 if layout in ("v5", "v7") else 1)
    rest = np.concatenate(
        [table, np.full((len(table), classes - 1 + objectness + masks), 0.01, np.float32)], axis=1
    )
    rows = []
    for number, square in found.items():
        for weaker in (1.0, 0.7):
            score = graph.add("Mul", square["there"], graph.constant([SCORES[number] * weaker]))
            nothing = graph.constant([0.0])
            own = graph.add("Sqrt", score) if objectness else score
            scores = [own if one == number else nothing for one in range(classes)]
            if objectness:
                # The confidence is the product of both.
                scores.insert(0, own)
            place = [square["xc"], square["yc"], square["xs"], square["ys"]]
            weights = [graph.constant(np.full(masks, 3.0))] if masks else []
            row = graph.add("Concat", *place, *scores, *weights, axis=0)
            rows.append(graph.add("Unsqueeze", row, graph.constant([0], np.int64)))
    listed = graph.add("Concat", *rows, graph.constant(rest[len(rows) :]), axis=0)
    whole = graph.add("Unsqueeze", listed, graph.constant([0], np.int64))
    if layout in ("v8", "v9", "v11"):
        return graph.add("Transpose", whole, perm=[0, 2, 1], to="output0")
    return graph.add("Identity", whole, to="output0")


def _finished(graph: Graph, found: Mapping[int, Mapping[str, str]], layout: str) -> list[str]:
    boxes, scores, numbers = [], [], []
    for number, square in found.items():
        corners = [square[name] for name in ("x1", "y1", "x2", "y2")]
        boxes.append(graph.add("Concat", *corners, axis=0))
        scores.append(graph.add("Mul", square["there"], graph.constant([SCORES[number]])))
        numbers.append(graph.constant([number]))
    axis = graph.constant([0], np.int64)
    if layout == "v6-end2end":
        graph.add("Identity", graph.constant([[2.0]]), to="num_dets")
        stacked = [graph.add("Unsqueeze", box, axis) for box in boxes]
        for name, parts in (("boxes", stacked), ("scores", scores), ("classes", numbers)):
            joined = graph.add("Concat", *parts, axis=0)
            graph.add("Unsqueeze", joined, axis, to=f"det_{name}")
        return ["num_dets", "det_boxes", "det_scores", "det_classes"]
    rows = []
    for box, score, number in zip(boxes, scores, numbers, strict=True):
        parts = [box, score, number]
        if layout == "v7-end2end":
            parts = [graph.constant([0.0]), box, number, score]
        rows.append(graph.add("Unsqueeze", graph.add("Concat", *parts, axis=0), axis))
    if layout == "v7-end2end":
        return [graph.add("Concat", *rows, axis=0, to="output")]
    rows.append(graph.constant(np.zeros((300 - len(rows), 6))))
    return [graph.add("Unsqueeze", graph.add("Concat", *rows, axis=0), axis, to="output0")]


def yunet_outputs(
    rng: np.random.Generator, width: int, height: int
) -> dict[str, NDArray[np.float32]]:
    """What a YuNet might give, at random."""
    outputs = {}
    for stride in (8, 16, 32):
        count = (width // stride) * (height // stride)
        for kind in ("cls", "obj"):
            outputs[f"{kind}_{stride}"] = rng.uniform(-0.1, 1.2, (1, count, 1))
        outputs[f"bbox_{stride}"] = rng.normal(0, 0.7, (1, count, 4))
        outputs[f"kps_{stride}"] = rng.normal(0, 1, (1, count, 10))
    return {name: values.astype(np.float32) for name, values in outputs.items()}


def yunet_locator(path: Path, side: int = 640) -> Path:
    """A YuNet for which red squares are faces; it takes 0 to 255, blue first."""
    graph = Graph()
    picture = graph.add("Div", "images", graph.constant(255.0))
    square = _square(graph, picture, 2, side, side)
    names = []
    for stride in (8, 16, 32):
        count = (side // stride) ** 2
        rest = graph.constant(np.zeros((count - 1, 1)))
        # All are written down by the first point of each grid; the finest one is the surest.
        score = graph.add("Mul", square["there"], graph.constant([0.9 if stride == 8 else 0.7]))
        pair = [graph.add("Div", square[name], graph.constant([stride])) for name in ("xc", "yc")]
        for name in ("xs", "ys"):
            size = graph.add("Max", square[name], graph.constant([1e-3]))
            share = graph.add("Div", size, graph.constant([stride]))
            pair.append(graph.add("Log", share))
        axis = graph.constant([0], np.int64)
        box = graph.add("Unsqueeze", graph.add("Concat", *pair, axis=0), axis)
        first = graph.add("Unsqueeze", score, axis)
        boxes = graph.add("Concat", box, graph.constant(np.zeros((count - 1, 4))), axis=0)
        scores = graph.add("Concat", first, rest, axis=0)
        parts = {
            "cls": scores,
            "obj": scores,
            "bbox": boxes,
            "kps": graph.constant(np.zeros((count, 10))),
        }
        for kind, values in parts.items():
            names.append(graph.add("Unsqueeze", values, axis, to=f"{kind}_{stride}"))
    return graph.save(path, (1, 3, side, side), names)
