"""Fixtures that several test files share."""

import ctypes
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixsieve

pytest_plugins = ["browser_fixtures", "server_fixtures"]

Run = Callable[..., pixsieve.Audit]
Pictures = Callable[..., list[Path]]

#: Linux capabilities that let root ignore permissions: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH.
DAC = (1 << 1) | (1 << 2)
CAPABILITY_VERSION = 0x20080522


def pytest_configure() -> None:
    """Ctrl-C is heard, by the tests and what they start, even where a shell has it ignored."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def shared_folder() -> Path | None:
    """Real files, which are not part of the repository."""
    default = Path(__file__).parent.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("PIXSIEVE_TEST_DATA", default))
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real files."""
    folder = shared_folder()
    if folder is None:
        assert not os.environ.get("PIXSIEVE_REQUIRE_DATA"), "the real pictures are not there"
        pytest.skip("no real pictures: set PIXSIEVE_TEST_DATA to the folder that holds them")
    return folder


def draw(seed: int, width: int = 64, height: int = 48) -> Image.Image:
    """Coarse coloured blocks: no two seeds look alike, and a JPEG of them stays close."""
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((width, height), Image.Resampling.NEAREST)


def png(seed: int) -> bytes:
    """A picture like no other, as a file."""
    buffer = io.BytesIO()
    draw(seed).save(buffer, "png")
    return buffer.getvalue()


def pngs(start: int, count: int) -> dict[str, bytes]:
    """By name."""
    return {f"{seed:03}.png": png(seed) for seed in range(start, start + count)}


@pytest.fixture
def pictures() -> Pictures:
    """Writes distinct pictures: `pictures(folder, "a.png", "b/c.jpg", size=(w, h), seed=n)`."""

    def write(
        folder: Path, *names: str, size: tuple[int, int] = (64, 48), seed: int = 0
    ) -> list[Path]:
        paths = [folder / name for name in names]
        for number, path in enumerate(paths):
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(seed + number, *size).save(path)
        return paths

    return write


@pytest.fixture
def seven(tmp_path: Path, pictures: Pictures) -> Path:
    """A folder of seven distinct pictures, 0.png to 6.png."""
    folder = tmp_path / "seven"
    pictures(folder, *[f"{number}.png" for number in range(7)])
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A work directory that is not there yet."""
    return tmp_path / "work"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`pixsieve.run` without a progress bar, with a new work directory unless one is given."""
    count = 0

    def start(source: Any, **settings: Any) -> pixsieve.Audit:
        nonlocal count
        count += 1
        settings = {
            "work_dir": tmp_path / f"work{count}",
            "progress": False,
            "num_threads": 2,
            "device": "cpu",
        } | settings
        return pixsieve.run(source, **settings)

    return start


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Permissions count, for root, too: its power to ignore them is laid down for the test.

    Capabilities belong to the thread; threads that it starts inherit them.
    """
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("permissions do not bind root on this system")
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = _Header(CAPABILITY_VERSION, 0), (_Sets * 2)()
    assert libc.capget(ctypes.byref(header), ctypes.byref(sets)) == 0
    before = sets[0].effective
    sets[0].effective = before & ~DAC
    assert libc.capset(ctypes.byref(header), ctypes.byref(sets)) == 0
    yield
    sets[0].effective = before
    assert libc.capset(ctypes.byref(header), ctypes.byref(sets)) == 0
