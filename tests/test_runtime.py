"""Which ONNX Runtime is loaded, and for which device."""

import ctypes.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Run
from model_cases import write_plain
from pixsieve import ModelError
from pixsieve.models import find_runtime, gpu_runtime


@pytest.fixture
def plain(tmp_path: Path) -> list[Path]:
    return write_plain(tmp_path)


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
    return gpu_runtime()


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
            monkeypatch.setattr("pixsieve.models.loading.gpu_runtime", lambda: True)
            assert run(plain, device="auto").info["model"]["device"] == "cpu"

    def test_an_unknown_one(self, run: Run, plain: list[Path]):
        message = "^device must be one of auto, cpu, cuda, not 'tpu'$"
        with pytest.raises(ValueError, match=message):
            run(plain, device="tpu")
