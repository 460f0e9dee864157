"""The built-in model against the same network run by the Python package."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from conftest import Pictures, Run, draw
from model_cases import embed
from pixsieve.models import load_card


class TestBuiltInModel:
    def test_agrees_with_onnx_runtime_in_python(self, run: Run, tmp_path: Path):
        """Decode, resize and inference, done again with Pillow and the Python package."""
        sizes = [(128, 128), (200, 180), (150, 150), (300, 400), (640, 512), (60, 40), (1000, 300)]
        files = [tmp_path / f"{number}.png" for number in range(len(sizes))]
        for number, (path, size) in enumerate(zip(files, sizes, strict=True)):
            draw(number, 24, 24).resize(size, Image.Resampling.BICUBIC).save(path)
        ours = run(files).embeddings()["embedding"].to_numpy()
        check_agreement(files, ours, tmp_path)
        # And the pictures are far apart, so that this says something.
        assert (ours @ ours.T - np.eye(len(sizes))).max() < 0.95

    def test_agrees_on_photos(self, run: Run, tmp_path: Path, shared: Path):
        files = sorted((shared / "photos").rglob("*.jpg"))[::30]
        files += sorted((shared / "scenes").rglob("*.jpg"))[::200]
        assert len(files) > 20
        check_agreement(files, run(files).embeddings()["embedding"].to_numpy(), tmp_path)

    def test_is_the_model_it_was_made_from(self, run: Run, shared: Path):
        """Patches change how the first convolution is computed, not what comes out."""
        files = sorted((shared / "photos").rglob("*.jpg"))[::20]
        plain = run(files, model_path=str(shared.parent / "model" / "default.onnx")).embeddings()
        ours = run(files).embeddings()
        assert load_card(None, None).input["layout"] == "patches"
        assert np.array_equal(ours["embedding"].to_numpy(), plain["embedding"].to_numpy())

    def test_threads_and_batches_do_not_change_the_numbers(
        self, run: Run, tmp_path: Path, pictures: Pictures
    ):
        pictures(tmp_path / "in", *[f"{number}.png" for number in range(23)])
        first = run(tmp_path / "in", num_threads=1, batch_size=1).embeddings()
        second = run(tmp_path / "in", num_threads=4, batch_size=7).embeddings()
        assert first["image"].to_list() == second["image"].to_list()
        difference = first["embedding"].to_numpy() - second["embedding"].to_numpy()
        assert np.abs(difference).max() < 1e-3


def model_input(path: Path) -> NDArray[np.uint8]:
    """Short side at most 256, uniform borders cut off, then stretched as the card says."""
    with Image.open(path) as image:
        working = image.convert("RGB")
    short = min(working.size)
    if short > 256:
        size = [round(side * 256 / short) for side in working.size]
        working = working.resize(tuple(size), Image.Resampling.BOX)
    working = Image.fromarray(without_borders(np.asarray(working)))
    shrinks = working.width * working.height > 128 * 128
    how = Image.Resampling.BILINEAR if shrinks else Image.Resampling.BICUBIC
    return np.asarray(working.resize((128, 128), how)).transpose(2, 0, 1)


def without_borders(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lines whose values all lie within 12 of the corner's are border, if half a side is left.

    And up to 8 behind them whose values lie within 40.
    """
    height, width = pixels.shape[:2]

    def border(turned: NDArray[np.uint8]) -> int:
        """How many of the first rows are."""
        away = np.abs(turned.astype(int) - turned[0, 0]).max(axis=(1, 2))
        even = int(np.append(away > 12, True).argmax())
        return even + int(np.append(away[even : even + 8] > 40, True).argmax()) if even else 0

    top, left = border(pixels), border(pixels.transpose(1, 0, 2))
    bottom, right = border(pixels[top:][::-1]), border(pixels[:, left:].transpose(1, 0, 2)[::-1])
    inner = pixels[top : height - bottom, left : width - right]
    small = inner.shape[0] * 2 < height or inner.shape[1] * 2 < width
    return pixels if small else inner


def check_agreement(files: list[Path], ours: NDArray[np.float32], folder: Path) -> None:
    """In two steps: a level of difference in the input is much for a model of 8 bits."""
    inputs = inputs_of(files, folder)
    expected = np.stack([model_input(path) for path in files])
    assert np.abs(inputs.astype(int) - expected).max() <= 2  # one per resizing
    theirs = with_onnxruntime(inputs, folder)
    assert (ours * theirs).sum(axis=1).min() >= 0.9999


def inputs_of(files: list[Path], folder: Path) -> NDArray[np.uint8]:
    """What the pipeline gives to a model that takes what the built-in one takes."""
    source = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 3, 128, 128])
    target = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    nodes = [
        helper.make_node("Cast", ["image"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["f"], ["out"]),
    ]
    graph = helper.make_graph(nodes, "echo", [source], [target])
    path = folder / "echo.onnx"
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    size = {"height": 128, "width": 128, "dtype": "uint8"}
    found = embed(path, {"input": size, "output": {"normalize": "none"}}, files)
    return found.reshape(-1, 3, 128, 128).astype(np.uint8)


def patches_of(inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Layout `patches`: around each second pixel of each second row its 3 x 3 neighborhood."""
    count, _, height, width = inputs.shape
    patches = np.zeros((count, height // 2, width // 2, 32), np.uint8)
    patches[..., :27] = load_card(None, None).input["padding"]
    for row, column in np.ndindex(height // 2, width // 2):
        for number, (y, x) in enumerate(np.ndindex(3, 3)):
            source = (2 * row + y - 1, 2 * column + x - 1)
            if min(source) >= 0:
                part = slice(3 * number, 3 * number + 3)
                patches[:, row, column, part] = inputs[:, :, source[0], source[1]]
    return patches


def with_onnxruntime(inputs: NDArray[np.uint8], folder: Path) -> NDArray[np.float64]:
    """In a process of its own: this one has a copy of the library already."""
    script = (
        "import sys, numpy, onnxruntime as ort\n"
        "session = ort.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])\n"
        "pixels = numpy.load(sys.argv[2])\n"
        "numpy.save(sys.argv[3], session.run(None, {'image': pixels})[0])\n"
    )
    source, target = folder / "in.npy", folder / "out.npy"
    np.save(source, patches_of(inputs))
    subprocess.run(
        [sys.executable, "-c", script, load_card(None, None).path, source, target],
        check=True,
        timeout=60,
        capture_output=True,
    )
    embeddings = np.load(target).astype(np.float64)
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
