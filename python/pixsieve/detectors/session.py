"""A detector's ONNX file, opened by ONNX Runtime's Python package."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixsieve.errors import ModelError

#: What a side has that the model leaves open.
OPEN_SIDE = 640
#: No model takes larger pictures: 4 bytes for each of 3 channels.
LARGEST_SIDE = 8_192
DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(uint8)": np.dtype(np.uint8),
}


@dataclass(frozen=True)
class Input:
    """How the model takes a picture."""

    name: str
    width: int
    height: int
    channels_last: bool
    dtype: np.dtype[Any]


class Session:
    """A model with one picture as its input; its `run` may be called by several threads."""

    def __init__(self, path: Path, device: str) -> None:
        """Opens the file.

        Raises:
            FileNotFoundError: If there is no such file.
            ModelError: If it is no ONNX model, or one that takes something else than a picture.
        """
        if not path.is_file():
            raise FileNotFoundError(f"bounding_box: there is no file {path}")
        self.path = path
        self._session = _open(path, device)
        self.input = self._read_input()
        self.outputs: list[str] = [one.name for one in self._session.get_outputs()]
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map

    def run(self, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """What the model gives for (height, width, 3) values of its own dtype, by output.

        Raises:
            ModelError: If it fails.
        """
        batch = (values if self.input.channels_last else values.transpose(2, 0, 1))[None]
        fed = {self.input.name: np.ascontiguousarray(batch)}
        try:
            found = self._session.run(self.outputs, fed)
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors share no other type
            raise ModelError(f"{self.path.name} fails: {_brief(error)}") from None
        for name, output in zip(self.outputs, found, strict=True):
            if not isinstance(output, np.ndarray) or output.dtype.kind not in "fiu":
                raise ModelError(f"{self.path.name}: its output {name!r} does not hold numbers")
        return dict(zip(self.outputs, found, strict=True))

    def _read_input(self) -> Input:
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(one.name for one in inputs)
            raise ModelError(
                f"{self.path.name} has {len(inputs)} inputs ({names}); a detector has one, the "
                "picture"
            )
        name, shape = inputs[0].name, inputs[0].shape
        if inputs[0].type not in DTYPES:
            raise ModelError(
                f"{self.path.name}: its input {name!r} holds {inputs[0].type}; "
                f"{', '.join(DTYPES)} can be given"
            )
        if len(shape) != 4 or 3 not in (shape[1], shape[3]):
            raise ModelError(
                f"{self.path.name}: its input {name!r} has the shape {shape}, not "
                "[1, 3, height, width] or [1, height, width, 3]"
            )
        if isinstance(shape[0], int) and shape[0] > 1:
            raise ModelError(
                f"{self.path.name} takes {shape[0]} pictures at a time: export it for one"
            )
        channels_last = shape[1] != 3
        height, width = (
            _side(side, self.path) for side in (shape[1:3] if channels_last else shape[2:4])
        )
        return Input(name, width, height, channels_last, DTYPES[inputs[0].type])


def _side(side: object, path: Path) -> int:
    if not isinstance(side, int) or side < 1:
        return OPEN_SIDE
    if side > LARGEST_SIDE:
        raise ModelError(
            f"{path.name} takes pictures of {side:,} pixels a side; {LARGEST_SIDE:,} is the most"
        )
    return side


def _open(path: Path, device: str) -> Any:
    try:
        import onnxruntime  # type: ignore[import-untyped]  # noqa: PLC0415 - 31 MB of library
    except ImportError as error:
        raise ModelError(
            f"detectors need ONNX Runtime's Python package: pip install onnxruntime ({error})"
        ) from None
    cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if device == "cuda" and not cuda:
        raise ModelError(
            "device='cuda': the installed ONNX Runtime cannot use a GPU: pip uninstall "
            "onnxruntime, then pip install onnxruntime-gpu"
        )
    providers = ["CPUExecutionProvider"]
    if cuda and device != "cpu":
        providers.insert(0, "CUDAExecutionProvider")
    options = onnxruntime.SessionOptions()
    # The threads are those that bring the pictures: each runs the model by itself.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors share no other type
        raise ModelError(f"{path} cannot be opened as an ONNX model: {_brief(error)}") from None
    if device == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
        raise ModelError("device='cuda': ONNX Runtime finds no GPU that it can use")
    return session


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:300]}…"
