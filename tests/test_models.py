"""Models of every supported shape give the right numbers; all others a clear error."""

import ctypes.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from conftest import Pictures, Run, draw
from pixsieve import Config, ModelError, engine
from pixsieve.models import find_runtime, load_card

TYPES = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "uint8": TensorProto.UINT8,
    "int64": TensorProto.INT64,
}
SIDE = 8
THRESHOLDS = {"similar": 0.9, "component": 0.9, "near_duplicate": 0.9, "candidate": 0.9}
Write = Callable[..., tuple[Path, dict[str, Any]]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
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
        path = tmp_path / "tiny.onnx"
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
    model = engine.load_model(load_card(str(path), card), config)
    found = engine.extract(
        [str(file) for file in files], model=model, config=config, thumbnails=None, progress=None
    )
    assert found["error"] == [None] * len(files)
    return found["embeddings"]


COLOURS = [(255, 0, 51), (10, 20, 30), (0, 255, 0), (1, 2, 255), (200, 200, 100), (90, 80, 70)]


@pytest.fixture
def plain(tmp_path: Path) -> list[Path]:
    """Pictures of one colour each: their averages are known."""
    paths = [tmp_path / "plain" / f"{number}.png" for number in range(len(COLOURS))]
    paths[0].parent.mkdir()
    for path, colour in zip(paths, COLOURS, strict=True):
        Image.new("RGB", (30, 20), colour).save(path)
    return paths


class TestShapes:
    @pytest.mark.parametrize("rank", [2, 4])
    @pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
    @pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
    def test_average_colour_comes_out(
        self, write: Write, plain: list[Path], layout: str, dtype: str, rank: int
    ):
        embeddings = embed(*write(layout=layout, dtype=dtype, rank=rank), plain)
        scale = 1 if dtype == "uint8" else 255
        expected = np.array(COLOURS) / scale
        assert embeddings.dtype == np.float32
        np.testing.assert_allclose(embeddings, expected, atol=2e-3 if dtype == "float16" else 1e-5)

    @pytest.mark.parametrize("batch", [1, 4, "n"])
    def test_batches_of_a_fixed_size_are_filled_up(
        self, write: Write, plain: list[Path], batch: int | str
    ):
        embeddings = embed(*write(batch=batch), plain)
        np.testing.assert_allclose(embeddings, np.array(COLOURS) / 255, atol=1e-5)

    def test_output_of_half_precision(self, write: Write, plain: list[Path]):
        embeddings = embed(*write(output_dtype="float16"), plain)
        np.testing.assert_allclose(embeddings, np.array(COLOURS) / 255, atol=2e-3)

    def test_mean_and_std_apply_per_channel(self, write: Write, plain: list[Path]):
        mean, std = [0.5, 0.25, 0.0], [0.5, 0.1, 1.0]
        embeddings = embed(*write(mean=mean, std=std), plain)
        expected = (np.array(COLOURS) / 255 - mean) / std
        np.testing.assert_allclose(embeddings, expected, atol=1e-5)

    def test_blue_first(self, write: Write, plain: list[Path]):
        embeddings = embed(*write(channels="BGR", layout="NHWC"), plain)
        np.testing.assert_allclose(embeddings, np.array(COLOURS)[:, ::-1] / 255, atol=1e-5)

    def test_length_one_where_the_card_says_so(self, write: Write, plain: list[Path]):
        path, card = write()
        embeddings = embed(path, card | {"output": {"normalize": "l2"}}, plain)
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)

    def test_a_card_in_a_file_beside_the_model(self, write: Write, plain: list[Path], run: Run):
        path, card = write(dtype="uint8")
        path.with_suffix(".json").write_text(json.dumps(card))
        audit = run(plain, model_path=str(path))
        assert audit.info["model"]["name"] == "tiny"
        np.testing.assert_allclose(audit.embeddings()["embedding"].to_numpy(), COLOURS, atol=1e-4)

    def test_a_picture_without_direction_is_valid_but_not_in_the_graph(
        self, write: Write, tmp_path: Path, run: Run
    ):
        folder = tmp_path / "in"
        folder.mkdir()
        Image.new("RGB", (20, 20)).save(folder / "black.png")
        Image.new("RGB", (20, 20), "white").save(folder / "white.png")
        path, card = write()
        audit = run(folder, model_path=str(path), model_card=card)
        assert audit.annotations()["error_code"].to_list() == [None, None]
        assert audit.embeddings()["image"].to_list() == [1]


def scaled_by(name: str, value: float) -> dict[str, Any]:
    return {
        "after": (helper.make_node(name, ["x", "c"], ["out"]),),
        "constants": (helper.make_tensor("c", TensorProto.FLOAT, [1], [value]),),
    }


class TestWrongModels:
    """Each is told before the first picture is read: there is none to read."""

    def fails(self, run: Run, tmp_path: Path, path: Path, card: dict[str, Any] | None) -> str:
        with pytest.raises(ModelError) as caught:
            run([tmp_path / "none.png"], model_path=str(path), model_card=card)
        assert not list(tmp_path.glob("work*"))
        return str(caught.value)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            (
                {"shape": ["n", 1, SIDE, SIDE]},
                "the model's input has shape [-1, 1, 8, 8], but its card says (n, 3, 8, 8)",
            ),
            (
                {"shape": ["n", 3, 9, 8]},
                "the model's input has shape [-1, 3, 9, 8], but its card says (n, 3, 8, 8)",
            ),
            (
                {"layout": "NHWC", "shape": ["n", 3, SIDE, SIDE]},
                "the model's input has shape [-1, 3, 8, 8], but its card says (n, 8, 8, 3)",
            ),
            (
                {"dtype": "int64"},
                'the model\'s input "image" takes Int64, but its card says float32',
            ),
        ],
    )
    def test_input(
        self, run: Run, tmp_path: Path, write: Write, settings: dict[str, Any], message: str
    ):
        path, card = write(**settings)
        if settings.get("dtype") == "int64":
            card["input"]["dtype"] = "float32"
        assert self.fails(run, tmp_path, path, card) == f"{path}: {message}"

    def test_a_sequence_of_tokens(self, run: Run, tmp_path: Path, write: Write):
        path, card = write(rank=3)
        assert self.fails(run, tmp_path, path, card) == (
            "the model's output has shape [2, 3, 64]; needed is one embedding per picture: rank 2 "
            "(n, d), or rank 4, which is averaged over its area. Name another output with "
            "output_name"
        )

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_always_not_finite(self, run: Run, tmp_path: Path, write: Write, value: float):
        path, card = write(**scaled_by("Mul", value))
        assert self.fails(run, tmp_path, path, card) == (
            f"{path}: the model gives values that are not finite (NaN or infinity) for a test "
            "picture; check mean, std and dtype"
        )

    def test_names_that_the_model_does_not_have(self, run: Run, tmp_path: Path, write: Write):
        path, card = write(name="pixels")
        assert self.fails(run, tmp_path, path, card) == (
            f'{path}: name the picture\'s input with input_name: the model has ["image"]'
        )
        path, card = write()
        card["output"] = {"name": "features"}
        assert self.fails(run, tmp_path, path, card) == (
            f'{path}: no output "features": the model has ["out"]'
        )

    def test_not_an_onnx_file(self, run: Run, tmp_path: Path, write: Write):
        path, card = write()
        path.write_bytes(b"this is no model")
        message = self.fails(run, tmp_path, path, card)
        assert message.startswith(f"{path}: ONNX Runtime cannot load this model: ")

    def test_a_card_of_another_file(self, run: Run, tmp_path: Path, write: Write):
        path, card = write()
        message = self.fails(run, tmp_path, path, card | {"sha256": "0" * 64})
        assert re.fullmatch(
            re.escape(f"{path} is not the file that its card describes (SHA-256 ")
            + r"[0-9a-f]{12}…, the card says 0{12}…\)",
            message,
        )

    @pytest.mark.parametrize(
        ("card", "message"),
        [
            ("{", "{card} is not valid JSON: "),
            ("[1]", "{card} must hold one JSON object"),
            ("{}", "the card of tiny.onnx: input.height must be a number of pixels"),
            (
                '{"input": {"height": 8, "width": 8, "size": 8}}',
                "the card of tiny.onnx: input has unknown keys ['size']",
            ),
        ],
    )
    def test_a_card_that_is_none(
        self, run: Run, tmp_path: Path, write: Write, card: str, message: str
    ):
        path, _ = write()
        path.with_suffix(".json").write_text(card)
        start = message.replace("{card}", str(path.with_suffix(".json")))
        assert self.fails(run, tmp_path, path, None).startswith(start)

    @pytest.mark.parametrize(
        ("key", "value", "message"),
        [
            ("layout", "CHW", "must be one of NCHW, NHWC, not 'CHW'"),
            ("dtype", "int8", "must be one of float32, float16, uint8, not 'int8'"),
            ("channels", "RGBA", "must be one of RGB, BGR, not 'RGBA'"),
            ("resize", "pad", "must be one of stretch, crop, not 'pad'"),
            (
                *("filter_up", "magic"),
                "must be one of box, triangle-antialiased, bilinear, bicubic, lanczos, not 'magic'",
            ),
            ("mean", [0.5], "must be three numbers, one per channel; it is [0.5]"),
            ("mean", 0.5, "must be three numbers, one per channel; it is 0.5"),
            (
                *("std", [1, 1, 0]),
                "must be three numbers, one per channel, none of them 0; it is [1, 1, 0]",
            ),
        ],
    )
    def test_a_card_with_a_wrong_value(
        self, run: Run, tmp_path: Path, write: Write, key: str, value: Any, message: str
    ):
        path, card = write()
        card["input"][key] = value
        assert (
            self.fails(run, tmp_path, path, card) == f"the card of tiny.onnx: input.{key} {message}"
        )

    def test_no_card(self, run: Run, tmp_path: Path, write: Write):
        path, _ = write()
        with pytest.raises(FileNotFoundError, match=r"^tiny.onnx has no card: write tiny.json "):
            run([tmp_path / "none.png"], model_path=str(path))

    def test_no_model(self, run: Run, tmp_path: Path):
        path = tmp_path / "gone.onnx"
        with pytest.raises(FileNotFoundError, match=f"^model_path: there is no file {path}$"):
            run([tmp_path / "none.png"], model_path=str(path))

    def test_no_thresholds(self, run: Run, write: Write, plain: list[Path]):
        path, card = write()
        del card["thresholds"]
        message = "the card of model 'tiny' has no threshold 'similar': pass threshold="
        with pytest.raises(ValueError, match=f"^{message}$"):
            run(plain, model_path=str(path), model_card=card)
        given = {"threshold": 0.5, "cc_threshold": 0.5, "duplicate_threshold": 0.5}
        run(plain, model_path=str(path), model_card=card, **given)


class TestNotFiniteForSomePicture:
    def test_names_the_picture(self, run: Run, write: Write, plain: list[Path]):
        # The root of a negative number: for pictures darker than the test picture.
        after = (
            helper.make_node("Sub", ["x", "c"], ["y"]),
            helper.make_node("Sqrt", ["y"], ["out"]),
        )
        constants = (helper.make_tensor("c", TensorProto.FLOAT, [1], [0.2]),)
        path, card = write(after=after, constants=constants)
        with pytest.raises(ModelError) as caught:
            run([plain[1], plain[4]], model_path=str(path), model_card=card)
        assert str(caught.value) == (
            f"the model gave an embedding that is not finite (NaN or infinity) for {plain[1]}"
        )


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
    """Lines whose values all lie within 12 of the corner's are border, if half a side is left."""
    values = pixels.astype(int)
    height, width = values.shape[:2]

    def inside(corner: tuple[int, int], line_axis: int) -> NDArray[np.int64]:
        near = np.abs(values - values[corner]) <= 12
        return np.flatnonzero(~near.all(axis=(1 - line_axis, 2)))

    tops, bottoms = inside((0, 0), 0), inside((height - 1, 0), 0)
    lefts, rights = inside((0, 0), 1), inside((0, width - 1), 1)
    if not all(map(len, (tops, bottoms, lefts, rights))):
        return pixels
    rows, columns = slice(tops[0], bottoms[-1] + 1), slice(lefts[0], rights[-1] + 1)
    inner = pixels[rows, columns]
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


def with_onnxruntime(inputs: NDArray[np.uint8], folder: Path) -> NDArray[np.float64]:
    """In a process of its own: this one has a copy of the library already."""
    script = (
        "import sys, numpy, onnxruntime as ort\n"
        "session = ort.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])\n"
        "pixels = numpy.load(sys.argv[2])\n"
        "numpy.save(sys.argv[3], session.run(None, {'image': pixels})[0])\n"
    )
    source, target = folder / "in.npy", folder / "out.npy"
    np.save(source, inputs)
    subprocess.run(
        [sys.executable, "-c", script, load_card(None, None).path, source, target],
        check=True,
        timeout=60,
        capture_output=True,
    )
    embeddings = np.load(target).astype(np.float64)
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)


class TestRuntime:
    def test_named_but_not_there(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("PIXSIEVE_ONNXRUNTIME", "/nowhere/libonnxruntime.so")
        message = "^PIXSIEVE_ONNXRUNTIME=/nowhere/libonnxruntime.so: there is no such file$"
        with pytest.raises(ModelError, match=message):
            run([tmp_path / "none.png"])

    def test_another_one_than_is_loaded(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain: list[Path]
    ):
        run(plain)
        library = find_runtime()
        other = tmp_path / library.name
        other.symlink_to(library)
        monkeypatch.setenv("PIXSIEVE_ONNXRUNTIME", str(other))
        message = f"ONNX Runtime is already loaded from {library}; restart Python to use {other}"
        with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
            run(plain)

    def test_a_library_that_is_another_and_then_the_right_one(
        self, tmp_path: Path, plain: list[Path]
    ):
        """In a process that has loaded none: the failed attempt must leave no trace."""
        script = """
import os, sys, pixsieve
work, other, *files = sys.argv[1:]
for named in (other, files[0]):
    os.environ["PIXSIEVE_ONNXRUNTIME"] = named
    try:
        pixsieve.run(files, work_dir=work, progress=False, device="cpu")
    except pixsieve.ModelError as error:
        print(error)
del os.environ["PIXSIEVE_ONNXRUNTIME"]
audit = pixsieve.run(files, work_dir=work, progress=False, device="cpu")
print(audit.embeddings().height)
"""
        name = ctypes.util.find_library("m")
        assert name
        folder = next(
            line.split()[-1]
            for line in Path("/proc/self/maps").read_text().splitlines()
            if "/libc.so" in line or "/libc-" in line
        )
        other = Path(folder).with_name(name)
        files = [str(path) for path in plain]
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "work"), str(other), *files],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={key: value for key, value in os.environ.items() if "ONNXRUNTIME" not in key},
        )
        first, second, third = done.stdout.splitlines()
        assert first.startswith(f"{other} is not ONNX Runtime: ")
        assert second.startswith(f"{files[0]} is not ONNX Runtime: ")
        assert third == str(len(files))

    def test_not_installed(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        for variable in ("PIXSIEVE_ONNXRUNTIME", "ORT_DYLIB_PATH"):
            monkeypatch.delenv(variable, raising=False)
        with pytest.raises(ModelError, match=r"^ONNX Runtime is not installed: run `pip install "):
            find_runtime()


def has_gpu() -> bool:
    return engine.gpu_runtime()


class TestDevice:
    @pytest.mark.skipif(has_gpu(), reason="the installed ONNX Runtime can use a GPU")
    def test_cuda_fails_loudly_where_there_is_none(
        self, run: Run, plain: list[Path], tmp_path: Path
    ):
        with pytest.raises(ModelError) as caught:
            run(plain, device="cuda")
        message = str(caught.value)
        assert message.startswith('device="cuda": ')
        assert message.endswith(". Install onnxruntime-gpu in place of onnxruntime, and a driver")
        assert not list(tmp_path.glob("work*"))

    def test_auto_falls_back(self, run: Run, plain: list[Path], monkeypatch: pytest.MonkeyPatch):
        audit = run(plain, device="auto")
        assert audit.info["model"]["device"] in ("cpu", "cuda")
        if not has_gpu():
            # Also where a GPU's library is installed, but cannot be used.
            monkeypatch.setattr(engine, "gpu_runtime", lambda: True)
            assert run(plain, device="auto").info["model"]["device"] == "cpu"

    def test_an_unknown_one(self, run: Run, plain: list[Path]):
        message = "^device must be one of auto, cpu, cuda, not 'tpu'$"
        with pytest.raises(ValueError, match=message):
            run(plain, device="tpu")
