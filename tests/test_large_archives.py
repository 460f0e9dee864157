"""Archives far larger than memory: what is read of them stays bounded."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from conftest import png

GIGABYTE = 1 << 30
#: Megabytes beyond what a run of a handful of pictures takes, model included.
ROOM = 300

SCRIPT = """
import pathlib, sys, pixsieve
audit = pixsieve.run(sys.argv[1], work_dir=sys.argv[2], progress=False, num_threads=2, device="cpu")
frame = audit.images.sort("path")
print(",".join(code or "ok" for code in frame["error_code"]))
# Not ru_maxrss, in which Linux counts what the process was before `exec`.
print(int(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024)
"""


def member(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry


def sparse_tar(path: Path, sizes: list[int]) -> None:
    """Small pictures, and between them pictures of these sizes that are nothing but a hole."""
    with path.open("wb") as file:
        for number, size in enumerate(sizes):
            data = png(number)
            for name, held in ((f"{number}-small.png", len(data)), (f"{number}-vast.png", size)):
                file.write(member(name, held).tobuf(tarfile.GNU_FORMAT))
                if held == len(data):
                    file.write(data)
                    file.seek(-held % 512, io.SEEK_CUR)
                else:
                    file.seek(held + -held % 512, io.SEEK_CUR)
        file.write(bytes(1024))


def run(source: Path, work: Path) -> tuple[list[str], int]:
    """The error codes by path, and the most memory that the process held, in megabytes."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(source), str(work)],
        capture_output=True,
        text=True,
        check=True,
    )
    codes, peak = done.stdout.split()
    return codes.split(","), int(peak)


@pytest.mark.skipif(sys.platform != "linux", reason="sparse files, and memory counted in kilobytes")
def test_a_tar_of_ten_gigabytes(tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    for number in range(5):
        (tmp_path / "few" / f"{number}.png").write_bytes(png(number))
    _, usual = run(tmp_path / "few", tmp_path / "usual")
    sizes = [2 * GIGABYTE + 3, GIGABYTE, 4 * GIGABYTE, GIGABYTE - 511, 2 * GIGABYTE]
    large = tmp_path / "large.tar"
    sparse_tar(large, sizes)
    assert large.stat().st_size > 10 * GIGABYTE
    assert large.stat().st_blocks * 512 < 1 << 20, "the disk holds holes"
    codes, peak = run(large, tmp_path / "work")
    assert codes == ["ok", "too_large"] * 5
    assert peak < usual + ROOM
