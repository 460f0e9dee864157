"""The same pictures as a folder, in archives, in a Parquet file, and in a bucket 50 ms away.

    python benches/inputs.py [FOLDER] [--count 3000] [--rounds 5] [--latency 0.05] [--case s3 tar]

Whole runs, interleaved; medians of their seconds, and of those of the extract stage. The bucket's
server speaks just enough S3, and runs in a process of its own.
"""

import argparse
import io
import multiprocessing
import os
import shutil
import statistics
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import polars as pl

import pixsieve
from cloud_case import FakeServer
from copies import DATA
from table import machine, print_table

PICTURES = (".jpg", ".jpeg", ".png")


#: Contents by name.
Files = dict[str, bytes]


def chosen(root: Path, count: int) -> Files:
    """The pictures of a folder; over and over, told apart by their last bytes, if they are few."""
    found = sorted(path for path in root.rglob("*") if path.suffix.lower() in PICTURES)
    files = {}
    for number in range(count):
        path = found[number % len(found)]
        again = number // len(found)
        name = f"{again}/{path.relative_to(root).as_posix()}"
        files[name] = path.read_bytes() + (number.to_bytes(4, "big") if again else b"")
    return files


def folder(files: Files, target: Path) -> None:
    """On the same disk as the archives."""
    for name, data in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(data)


def tar(mode: str) -> Callable[[Files, Path], None]:
    """Written by tarfile in this mode."""

    def write(files: Files, target: Path) -> None:
        with tarfile.open(target, mode) as archive:  # type: ignore[call-overload]
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))

    return write


def zipped(compression: int) -> Callable[[Files, Path], None]:
    """Written by zipfile with this method."""

    def write(files: Files, target: Path) -> None:
        with zipfile.ZipFile(target, "w", compression) as archive:
            for name, data in files.items():
                archive.writestr(name, data)

    return write


def parquet(files: Files, target: Path) -> None:
    """Bytes in a column `image`, a hundred rows to a group."""
    frame = pl.DataFrame({"filename": list(files), "image": list(files.values())})
    frame.write_parquet(target, row_group_size=100, compression="uncompressed")


INPUTS: dict[str, tuple[str, Callable[[Files, Path], None]]] = {
    "folder": ("pictures", folder),
    "tar": ("a.tar", tar("w")),
    "zip, stored": ("stored.zip", zipped(zipfile.ZIP_STORED)),
    "zip, deflated": ("deflated.zip", zipped(zipfile.ZIP_DEFLATED)),
    "tgz": ("a.tgz", tar("w:gz")),
    "parquet": ("a.parquet", parquet),
}


def serve(root: Path, count: int, latency: float, pipe: Any) -> None:
    """The server, until it is told to end."""
    files = chosen(root, count)
    objects = {f"bkt/{name}": data for name, data in files.items()}
    with FakeServer(objects, latency=latency) as server:
        pipe.send(server.url)
        pipe.recv()
        pipe.send((server.most, server.requests.total()))


def run(source: str, work: Path, threads: int | None) -> tuple[float, float]:
    """Seconds of the whole run, and of its extract stage."""
    shutil.rmtree(work, ignore_errors=True)
    started = time.perf_counter()
    audit = pixsieve.run(source, work_dir=work, progress=False, num_threads=threads)
    return time.perf_counter() - started, float(audit.info["seconds"]["extract"])


def measure(sources: dict[str, str], rounds: int, threads: int | None, work: Path) -> None:
    """Prints the table as it grows, and at the end."""
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in sources}
    for number in range(rounds):
        for name, source in sources.items():
            figures[name].append(run(source, work, threads))
            print(f"{number + 1}/{rounds} {name:14} {figures[name][-1][0]:6.2f} s", file=sys.stderr)
    count = pixsieve.load(work).images.height
    medians = {
        name: [statistics.median(column) for column in zip(*runs, strict=True)]
        for name, runs in figures.items()
    }
    first = next(iter(medians.values()))
    print_table(
        ["input", "run, s", "images/s", "of the folder's", "extract, s", "images/s", "of its"],
        [
            [name, *_columns(whole, count, first[0]), *_columns(extract, count, first[1])]
            for name, (whole, extract) in medians.items()
        ],
    )


def _columns(seconds: float, count: int, folders: float) -> list[str]:
    return [f"{seconds:.2f}", f"{count / seconds:,.0f}", f"{folders / seconds:.2f}"]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DATA / "scenes")
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--case", nargs="*", default=[*INPUTS, "s3"])
    asked = parser.parse_args()
    files = chosen(asked.folder, asked.count)
    print(f"{len(files):,} pictures; {machine()}")
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=serve, args=(asked.folder, asked.count, asked.latency, theirs), daemon=True
    )
    process.start()
    os.environ |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    os.environ["AWS_ENDPOINT_URL"] = ours.recv()
    with tempfile.TemporaryDirectory() as scratch:
        sources = {}
        for name in dict.fromkeys(["folder", *asked.case]):
            if name == "s3":
                sources[name] = "s3://bkt"
                continue
            place, write = INPUTS[name]
            write(files, Path(scratch) / place)
            sources[name] = str(Path(scratch) / place)
        measure(sources, asked.rounds, asked.threads, Path(scratch) / "work")
    ours.send(None)
    most, total = ours.recv()
    print(f"{total:,} requests, at most {most} in flight: ", end="")
    print(f"one object each, 64 in flight cannot be more than {64 / asked.latency:,.0f} a second")
    process.join()


if __name__ == "__main__":
    main()
