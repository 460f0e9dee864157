"""Makes a model take patches: the same numbers, a sixth faster.

    python benches/patches.py SOURCE.onnx TARGET.onnx

The first 3 x 3 convolution with stride 2 sees three channels, too few for ONNX Runtime's kernels:
with 2 % of the multiplications it takes a fifth of the time. In TARGET it is a 1 x 1 convolution
over patches of 27 values that Pixsieve lays side by side while it fills the input (layout
`patches`). SOURCE.json, the card, is rewritten beside TARGET. Both files are compared on noise, and
timed.
"""

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

from table import print_table

#: 3 x 3 places with 3 channels each, and what a patch is filled up to with zeros.
USED, PATCH = 27, 32
BATCH = 16


def with_patches(model: ModelProto) -> tuple[ModelProto, int]:
    """The model with its first convolution rewritten, and the value of a pixel outside.

    Raises:
        ValueError: If the model does not begin as such a model does.
    """
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    source = graph.input[0]
    scaling = _only_reader(model, source.name, "DequantizeLinear")
    convolution = _only_reader(model, scaling.output[0], "Conv")
    attributes = {
        attribute.name: helper.get_attribute_value(attribute) for attribute in convolution.attribute
    }
    wanted = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    if any(attributes.get(name) != value for name, value in wanted.items()):
        raise ValueError(f"the first convolution is not 3 x 3 with stride 2: {attributes}")
    dequantized = next(node for node in graph.node if convolution.input[1] in node.output)
    kernel = weights[dequantized.input[0]]
    values = numpy_helper.to_array(kernel)  # (out, 3, 3, 3): channel, row, column
    flat = np.zeros((len(values), PATCH, 1, 1), values.dtype)
    flat[:, :USED, 0, 0] = values.transpose(0, 2, 3, 1).reshape(len(values), USED)
    kernel.CopyFrom(numpy_helper.from_array(flat, kernel.name))
    convolution.ClearField("attribute")
    convolution.attribute.append(helper.make_attribute("kernel_shape", [1, 1]))

    turn = helper.make_node("Transpose", [source.name], ["patches"], perm=[0, 3, 1, 2])
    scaling.input[0] = "patches"
    graph.node.insert(list(graph.node).index(scaling), turn)
    _, rows, columns, patch = source.type.tensor_type.shape.dim
    for side, name in ((rows, "rows"), (columns, "columns")):
        side.Clear()
        side.dim_param = name
    patch.Clear()
    patch.dim_value = PATCH
    onnx.checker.check_model(model)
    return model, int(numpy_helper.to_array(weights[scaling.input[2]]))


def _only_reader(model: ModelProto, name: str, kind: str) -> NodeProto:
    nodes = [node for node in model.graph.node if name in node.input]
    if len(nodes) != 1 or nodes[0].op_type != kind:
        raise ValueError(f"{name!r} is not read by one {kind}: {[node.op_type for node in nodes]}")
    return nodes[0]


def unfold(pictures: NDArray[np.uint8], padding: int) -> NDArray[np.uint8]:
    """(n, 3, h, w) as patches, (n, h / 2, w / 2, 32)."""
    _, _, height, width = pictures.shape
    framed = np.pad(pictures, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=padding)
    places = [
        framed[:, :, row : row + height : 2, column : column + width : 2]
        for row in range(3)
        for column in range(3)
    ]
    values = np.concatenate(places, axis=1).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(np.pad(values, ((0, 0),) * 3 + ((0, PATCH - USED),)))


def session_of(path: Path) -> onnxruntime.InferenceSession:
    """On one thread, as Pixsieve's workers are."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def milliseconds(session: Any, name: str, values: NDArray[np.uint8]) -> float:
    """Median per picture."""
    times = []
    for _ in range(30):
        started = time.perf_counter()
        session.run(None, {name: values})
        times.append((time.perf_counter() - started) * 1000 / len(values))
    return float(np.median(times))


def main() -> None:
    """Writes, compares, times."""
    source, target = map(Path, sys.argv[1:])
    card = json.loads(source.with_suffix(".json").read_text(encoding="utf-8"))
    model, padding = with_patches(onnx.load(source))
    onnx.save(model, target)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    card |= {"file": target.name, "sha256": digest}
    card["input"] |= {"layout": "patches", "padding": padding}
    target.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")

    shape = (BATCH, 3, card["input"]["height"], card["input"]["width"])
    pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    name = card["input"]["name"]
    cases = {source: pictures, target: unfold(pictures, padding)}
    sessions = {path: session_of(path) for path in cases}
    before, after = (sessions[path].run(None, {name: cases[path]})[0] for path in cases)
    times = [
        (path.name, f"{milliseconds(sessions[path], name, cases[path]):.3f}") for path in cases
    ]
    print_table(["model", "ms per picture"], times)
    print(f"\nlargest difference: {np.abs(before - after).max()}")


if __name__ == "__main__":
    main()
