"""The rooms: who may import whom, and how large a file may grow."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python" / "pixsieve"
RUST = ROOT / "rust"

#: From the top downwards; a room imports only from rooms of lower lines, or from itself.
PYTHON_ROOMS = [
    ["__main__"],
    ["cli"],
    ["demo", "explorer", "gallery", "report"],
    ["pages"],
    ["__init__"],
    ["audit"],
    ["findings"],
    ["engine", "store"],
    ["shapes", "covariance"],
    ["annotations"],
    ["sources", "models", "detectors"],
    ["progress"],
    ["config", "schema", "errors"],
    ["_native"],
]
RUST_ROOMS = [
    ["lib"],
    ["python"],
    ["supervise"],
    ["pipeline"],
    ["embed", "neighbors"],
    ["cells", "hnsw"],
    ["exact", "verify"],
    ["products"],
    ["thumbnail"],
    ["crop", "preprocess", "statistics", "digest", "walk", "components", "distance"],
    ["decode", "logarithm", "turns", "testing"],
    ["matrix", "job"],
    ["error"],
]
#: What raises an error of Python's is made where errors are made Python's.
RUST_UPWARDS = {("supervise", "python")}
RUST_CRATES = {
    "pyo3": {"lib", "python", "supervise"},
    "numpy": {"python"},
    "ort": {"embed"},
    "instant_distance": {"hnsw"},
    "image": {"decode", "thumbnail"},
    "tiff": {"decode"},
    "turbojpeg": {"decode", "thumbnail"},
}


def level(rooms: list[list[str]], room: str) -> int:
    return next(number for number, line in enumerate(rooms) if room in line)


def python_room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py").removesuffix(".pyi")


def python_imports(path: Path) -> set[str]:
    """Rooms that a file imports when it is loaded; imports inside functions are on demand."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "pixsieve":
            names = [f"pixsieve.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        rooms = [name.split(".") for name in names if name.split(".")[0] == "pixsieve"]
        for parts in rooms:
            known = len(parts) > 1 and any(parts[1] in line for line in PYTHON_ROOMS)
            found.add(parts[1] if known else "__init__")
    return found


PYTHON_FILES = sorted(PACKAGE.rglob("*.py"))
RUST_FILES = sorted(RUST.rglob("*.rs"))


def identity(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PYTHON_FILES, ids=identity)
def test_python_imports_point_downwards(path: Path) -> None:
    room = python_room(path)
    own = level(PYTHON_ROOMS, room)
    upwards = {
        other
        for other in python_imports(path)
        if other != room and level(PYTHON_ROOMS, other) <= own
    }
    assert not upwards


def rust_room(path: Path) -> str:
    return path.relative_to(RUST).parts[0].removesuffix(".rs")


#: Packages that only some users have, and where they are used.
OPTIONAL = {
    "av": ["sources/formats", "sources/videos"],
    "obstore": ["sources/cloud"],
    "openTSNE": ["audit"],
    "pillow_heif": ["sources/formats"],
    "pillow_jxl": ["sources/formats"],
    "PIL": ["sources"],
    "pyarrow": ["sources/tables"],
    "pydicom": ["sources/formats"],
    "rapidocr": ["detectors"],
    "rawpy": ["sources/formats"],
}


@pytest.mark.parametrize("path", PYTHON_FILES, ids=identity)
def test_optional_packages_are_imported_on_demand_in_their_rooms(path: Path) -> None:
    tree = ast.parse(path.read_text())
    inside = {
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.If)
        for node in ast.walk(function)
    }
    wrong = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        else:
            continue
        for name in {name.partition(".")[0] for name in names} & OPTIONAL.keys():
            at_home = any(path.is_relative_to(PACKAGE / room) for room in OPTIONAL[name])
            if node not in inside or not at_home:
                wrong.append(name)
    assert not wrong


@pytest.mark.parametrize("path", RUST_FILES, ids=identity)
def test_rust_uses_point_downwards(path: Path) -> None:
    room = rust_room(path)
    code = path.read_text().split("#[cfg(test)]\nmod tests {")[0]
    uses = set(re.findall(r"\bcrate::(?:\{)?(\w+)", code))
    for group in re.findall(r"use crate::\{([^}]*)\}", code):
        uses |= {name.strip().split("::")[0] for name in group.split(",") if name.strip()}
    rooms = {other for other in uses if any(other in line for line in RUST_ROOMS)}
    own = level(RUST_ROOMS, room)
    upwards = {
        other
        for other in rooms
        if other != room and level(RUST_ROOMS, other) <= own and (room, other) not in RUST_UPWARDS
    }
    assert not upwards


@pytest.mark.parametrize("path", RUST_FILES, ids=identity)
def test_crates_stay_in_their_rooms(path: Path) -> None:
    code = path.read_text()
    strangers = {
        crate
        for crate, rooms in RUST_CRATES.items()
        if rust_room(path) not in rooms and re.search(rf"(?<![\w:]){crate}::", code)
    }
    assert not strangers


WEB_FILES = sorted([*PACKAGE.rglob("*.js"), *PACKAGE.rglob("*.css"), *PACKAGE.rglob("*.j2")])


@pytest.mark.parametrize("path", PYTHON_FILES, ids=identity)
def test_the_web_server_stays_in_its_room(path: Path) -> None:
    found = re.search(r"(?m)^\s*(?:from|import) (starlette|uvicorn)\b", path.read_text())
    assert found is None or python_room(path) == "explorer"


@pytest.mark.parametrize(
    "path",
    [*PYTHON_FILES, *RUST_FILES, *WEB_FILES, *sorted((ROOT / "tests").rglob("*.py"))],
    ids=identity,
)
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_importing_the_package_loads_neither_onnxruntime_nor_a_web_server() -> None:
    code = (
        "import sys, pixsieve; "
        "print([n for n in ('onnxruntime', 'starlette', 'uvicorn', 'jinja2', 'click', 'rich', "
        "'av', 'obstore', 'pyarrow', 'PIL', 'cv2', 'rapidocr', 'yaml', 'asyncio', "
        "'urllib.request') "
        "if n in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
