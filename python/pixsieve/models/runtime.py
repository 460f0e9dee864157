"""Finds the ONNX Runtime library inside the installed wheel, without importing it."""

import importlib.util
import os
from pathlib import Path

from pixsieve.errors import ModelError

#: Environment variables that name the library, in order.
VARIABLES = ("PIXSIEVE_ONNXRUNTIME", "ORT_DYLIB_PATH")


def find_runtime() -> Path:
    """The absolute path of the ONNX Runtime library.

    Raises:
        ModelError: If there is none; says what to install.
    """
    for variable in VARIABLES:
        if named := os.environ.get(variable):
            path = Path(named).absolute()
            if not path.is_file():
                raise ModelError(f"{variable}={named}: there is no such file")
            return path
    spec = importlib.util.find_spec("onnxruntime")
    for folder in spec.submodule_search_locations or () if spec else ():
        for path in sorted((Path(folder) / "capi").glob("*onnxruntime*")):
            if _is_library(path.name):
                return path.absolute()
    raise ModelError(
        "ONNX Runtime is not installed: run `pip install onnxruntime` (or onnxruntime-gpu for "
        f"device='cuda'), or set {VARIABLES[0]} to the path of its library"
    )


def _is_library(name: str) -> bool:
    return "providers" not in name and (
        name.startswith("libonnxruntime.so")
        or (name.startswith("libonnxruntime") and name.endswith(".dylib"))
        or name == "onnxruntime.dll"
    )
