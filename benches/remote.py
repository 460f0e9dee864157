"""Pictures of a bucket on loopback, each request 50 ms away; and a listing of a million objects.

    python benches/remote.py FOLDER [--count 3000] [--latency 0.05] [--requests 64]

The server speaks just enough S3, and runs in a process of its own.
"""

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import polars as pl

from cloud_case import FakeServer
from pixsieve.config import Config
from pixsieve.sources.cloud import RemoteFetcher, list_remote, sync_to_local

EXTENSIONS = frozenset({"jpg", "jpeg", "png"})


def name_of(number: int) -> str:
    """Of one of the many objects."""
    return f"photos/2025/batch-{number // 10_000:04}/picture-{number:09}.jpg"


def serve(folder: str, count: int, latency: float, listed: int, pipe: Any) -> None:
    """The server, until it is told to end."""
    files = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() == ".jpg")
    data = [path.read_bytes() for path in files]
    objects = {f"bkt/{n // 100}/{n}.jpg": data[n % len(data)] for n in range(count)}
    with FakeServer(objects, latency=latency, generated=name_of, count=listed) as server:
        pipe.send(server.url)
        pipe.recv()
        pipe.send((server.most, server.requests.total()))


def timed(what: str, count: int, work: Callable[[], Any]) -> Any:
    """What the work gives, after a line that says how fast it was."""
    started, cpu = time.perf_counter(), time.process_time()
    result = work()
    seconds = time.perf_counter() - started
    used = (time.process_time() - cpu) / count * 1e6
    print(f"{what:28} {count / seconds:10,.0f} /s   {used:6.0f} us CPU each   {seconds:6.2f} s")
    return result


def peak() -> float:
    """Megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--listed", type=int, default=1_000_000)
    asked = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    arguments = (asked.folder, asked.count, asked.latency, asked.listed, theirs)
    process = context.Process(target=serve, args=arguments)
    process.start()
    os.environ |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    os.environ["AWS_ENDPOINT_URL"] = ours.recv()
    config = Config(num_requests=asked.requests)

    def listing(url: str) -> pl.DataFrame:
        return list_remote(url, config=config, extensions=EXTENSIONS, progress=None)[0]

    rows = timed("list", asked.count, lambda: listing("s3://bkt")).with_row_index("row")
    for _ in range(3):
        fetch = RemoteFetcher(config).fetch
        contents = timed("fetch", asked.count, lambda run=fetch: list(run(rows)))
        assert all(isinstance(content, bytes) for _, content in contents)
        del contents
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        timed("sync", asked.count, lambda: sync_to_local(rows, copy, config, None))
    if asked.listed:
        before = peak()
        frame = timed("list many", asked.listed, lambda: listing("s3://generated"))
        print(f"{frame.height:,} objects: {frame.estimated_size('mb'):,.0f} MB of table, ", end="")
        print(f"{peak() - before:,.0f} MB more at the peak")
    ours.send(None)
    most, total = ours.recv()
    print(f"{total:,} requests, at most {most} in flight")
    process.join()


if __name__ == "__main__":
    main()
