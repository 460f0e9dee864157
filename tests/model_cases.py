"""Tiny models whose results are known."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from pixsieve import Config, engine
from pixsieve.models import load_card, load_model

TYPES = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "uint8": TensorProto.UINT8,
    "int64": TensorProto.INT64,
}


SIDE = 8


THRESHOLDS = {"similar": 0.9, "component": 0.9, "near_duplicate": 0.9, "candidate": 0.9}


Write = Callable[..., tuple[Path, dict[str, Any]]]


def model_writer(folder: Path) -> Write:
    """Writes a model that averages the picture per channel; returns its path and its card."""

    def make(
        *,
        layout: str = "NCHW",
        dtype: str = "float32",
        rank: int = 2,
        batch: int | str = "n",
        shape: list[int | str] | None = None,
        after: tuple[onnx.NodeProto, ...] = (),
        constants: tuple[onnx.TensorProto, ...] = (),
        output_dtype: str = "float32",
        **card: Any,
    ) -> tuple[Path, dict[str, Any]]:
        axes = [2, 3] if layout == "NCHW" else [1, 2]
        full = [batch, 3, SIDE, SIDE] if layout == "NCHW" else [batch, SIDE, SIDE, 3]
        source = helper.make_tensor_value_info("image", TYPES[dtype], shape or full)
        last = "x" if after else "out"
        pool = {
            2: helper.make_node("ReduceMean", ["f", "axes"], [last], keepdims=0),
            3: helper.make_node("Reshape", ["f", "tokens"], [last]),
            4: helper.make_node("Identity", ["f"], [last]),
        }[rank]
        target = helper.make_tensor_value_info("out", TYPES[output_dtype], None)
        graph = helper.make_graph(
            [helper.make_node("Cast", ["image"], ["f"], to=TYPES[output_dtype]), pool, *after],
            "tiny",
            [source],
            [target],
            [
                helper.make_tensor("axes", TensorProto.INT64, [2], axes),
                helper.make_tensor("tokens", TensorProto.INT64, [3], [0, 3, -1]),
                *constants,
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        path = folder / "tiny.onnx"
        onnx.save(model, path)
        described = {
            "name": "tiny",
            "input": {"height": SIDE, "width": SIDE, "dtype": dtype, "layout": layout} | card,
            "output": {"normalize": "none"},
            "thresholds": THRESHOLDS,
        }
        return path, described

    return make


def embed(path: Path, card: dict[str, Any], files: list[Path]) -> NDArray[np.float32]:
    config = Config(num_threads=2, device="cpu", batch_size=4)
    model = load_model(load_card(str(path), card), config)
    found = engine.extract(
        engine.Images.of_files(files), model=model, config=config, thumbnails=None, progress=None
    )
    assert found["error"] == [None] * len(files)
    return found["embeddings"]


COLOURS = [(255, 0, 51), (10, 20, 30), (0, 255, 0), (1, 2, 255), (200, 200, 100), (90, 80, 70)]


def write_plain(folder: Path) -> list[Path]:
    """Pictures of one colour each: their averages are known."""
    paths = [folder / "plain" / f"{number}.png" for number in range(len(COLOURS))]
    paths[0].parent.mkdir()
    for path, colour in zip(paths, COLOURS, strict=True):
        Image.new("RGB", (30, 20), colour).save(path)
    return paths
