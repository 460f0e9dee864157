"""Times the neighbor graph of a million vectors and more against faiss and usearch.

    python benches/scale.py --rows 1000000 --copies 0.3

needs faiss-cpu and usearch beside Pixsieve in one environment. All are asked for the same recall:
the settings of faiss and usearch are raised, on a sample of rows and outside of the time that is
told, until they reach it; Pixsieve chooses its own. Every run is a process of its own, so that
peak memory belongs to one contender. The vectors lie in unlike clusters of low dimension, some of
them copies of others, a third of these to the bit.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph import peak_memory
from table import machine

Vectors = NDArray[np.float32]
SAMPLE = 1_000
#: Rows that are made at a time.
CHUNK = 50_000
PACKAGES = ("faiss-cpu", "usearch", "pixsieve", "numpy")


def collection(rows: int, width: int, copies: float, seed: int = 0) -> Vectors:
    """Rows of length 1, about 300 to a cluster; a share of them nearly or exactly twice."""
    random = np.random.default_rng(seed)
    own = rows - int(rows * copies)
    clusters, inner = max(10, own // 300), 24
    weights = 1 / np.arange(1, clusters + 1) ** 0.8
    of = random.choice(clusters, own, p=weights / weights.sum())
    centres = random.standard_normal((clusters, width), dtype=np.float32)
    bases = random.standard_normal((64, inner, width), dtype=np.float32) / np.sqrt(inner)
    vectors = np.empty((rows, width), np.float32)
    for start in range(0, own, CHUNK):
        part = of[start : start + CHUNK]
        inside = random.standard_normal((len(part), inner), dtype=np.float32)
        spread = 0.15 * random.standard_normal((len(part), width), dtype=np.float32)
        for base in range(64):
            chosen = part % 64 == base
            spread[chosen] += 0.9 * (inside[chosen] @ bases[base])
        vectors[start : start + len(part)] = centres[part] + spread
    for start in range(own, rows, CHUNK):
        size = min(CHUNK, rows - start)
        noise = 0.12 * random.standard_normal((size, width), dtype=np.float32)
        noise[random.random(size) < 1 / 3] = 0
        vectors[start : start + size] = vectors[random.integers(0, own, size)] + noise
    for start in range(0, rows, CHUNK):
        part = vectors[start : start + CHUNK]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    random.shuffle(vectors)
    return vectors


def sampled(rows: int) -> NDArray[np.int64]:
    """The rows whose recall is measured."""
    return np.random.default_rng(1).choice(rows, min(SAMPLE, rows), replace=False)


def least_similar(vectors: Vectors, k: int) -> NDArray[np.float32]:
    """The similarity of the k-th true neighbor of each sampled row."""
    sample = sampled(len(vectors))
    best = np.full((len(sample), k + 1), -np.inf, np.float32)
    for start in range(0, len(vectors), CHUNK):
        found = vectors[sample] @ vectors[start : start + CHUNK].T
        best = np.partition(np.concatenate([best, found], axis=1), -(k + 1), axis=1)[:, -(k + 1) :]
    # One of them is the row itself.
    return np.sort(best, axis=1)[:, 0]


def recall(vectors: Vectors, ids: NDArray[Any], rows: NDArray[np.int64], least: Vectors) -> float:
    """Share of the neighbors that are as near as the true ones; `ids` may hold the row itself."""
    k = ids.shape[1] - 1
    hits = 0
    for row, others, wanted in zip(rows, ids, least, strict=True):
        known = [other for other in others.tolist() if other not in (row, -1)][:k]
        hits += int((vectors[known] @ vectors[row] >= wanted - 1e-5).sum())
    return hits / (k * len(rows))


Index = tuple[float, Callable[[Vectors, int], NDArray[Any]], Callable[[int], None]]


def faiss_index(vectors: Vectors, threads: int, name: str) -> Index:
    """Seconds to build, how to search, and how to set what trades time for recall."""
    import faiss  # noqa: PLC0415

    faiss.omp_set_num_threads(threads)
    index = faiss.index_factory(vectors.shape[1], name, faiss.METRIC_INNER_PRODUCT)
    started = time.perf_counter()
    if not index.is_trained:
        index.train(vectors[: 64 * index.nlist])
    index.add(vectors)
    seconds = time.perf_counter() - started

    def effort(level: int) -> None:
        if name.startswith("HNSW"):
            index.hnsw.efSearch = level
        else:
            index.nprobe = level

    return seconds, lambda queries, k: index.search(queries, k)[1], effort


def usearch_index(vectors: Vectors, threads: int) -> Index:
    """As `faiss_index`, with usearch's own settings."""
    from usearch.index import Index as Usearch  # noqa: PLC0415

    index = Usearch(ndim=vectors.shape[1], metric="ip", dtype="f32")
    started = time.perf_counter()
    index.add(np.arange(len(vectors)), vectors, threads=threads)
    seconds = time.perf_counter() - started

    def effort(level: int) -> None:
        index.expansion_search = level

    def search(queries: Vectors, k: int) -> NDArray[Any]:
        return np.asarray(index.search(queries, k, threads=threads).keys).astype(np.int64)

    return seconds, search, effort


def pixsieve_cells(vectors: Vectors, k: int, threads: int, wanted: float) -> dict[str, Any]:
    """The graph of cells, from the vectors to neighbors and similarities."""
    from pixsieve import Config  # noqa: PLC0415
    from pixsieve.engine.cells import Cells  # noqa: PLC0415

    started = time.perf_counter()
    cells = Cells(vectors, Config(num_threads=threads))
    build = time.perf_counter() - started
    (ids, _), facts = cells.neighbors(k, recall=wanted, progress=None)
    total = time.perf_counter() - started
    sample = sampled(len(vectors))
    own = np.concatenate([sample[:, None], ids[sample]], axis=1).astype(np.int64)
    return {"build": build, "search": total - build, "ids": own.tolist(), "effort": facts}


def tuned(index: Index, vectors: Vectors, k: int, wanted: float, least: Vectors) -> dict[str, Any]:
    """The least effort of doubling ones that reaches the recall, then all rows with it."""
    build, search, effort = index
    sample = sampled(len(vectors))
    level = 4
    while True:
        effort(level)
        if (
            level >= 4_096
            or recall(vectors, search(vectors[sample], k + 1), sample, least) >= wanted
        ):
            break
        level = level * 3 // 2
    started = time.perf_counter()
    found = search(vectors, k + 1)
    seconds = time.perf_counter() - started
    return {"build": build, "search": seconds, "ids": found[sample].tolist(), "effort": level}


def work(name: str, folder: Path, options: argparse.Namespace) -> None:
    """One run of one contender, in a process of its own; prints what came of it."""
    vectors = np.load(folder / "vectors.npy", mmap_mode="r" if name == "Pixsieve" else None)
    least = np.load(folder / "least.npy")
    threads, k, wanted = options.threads, options.k, options.recall
    if name == "Pixsieve":
        done = pixsieve_cells(vectors, k, threads, wanted)
    elif name == "usearch":
        done = tuned(usearch_index(vectors, threads), vectors, k, wanted, least)
    else:
        factory = name.removeprefix("faiss ").replace(
            "IVF", f"IVF{4 * int(len(vectors) ** 0.5)},Flat"
        )
        done = tuned(faiss_index(vectors, threads, factory), vectors, k, wanted, least)
    memory = peak_memory()
    sample = sampled(len(vectors))
    reached = recall(vectors, np.array(done.pop("ids")), sample, least)
    print(json.dumps({**done, "recall": reached, "memory": memory}))


CONTENDERS = ("Pixsieve", "faiss IVF", "faiss HNSW32", "usearch")


def main() -> None:
    """Prints the machine, the versions and the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--copies", type=float, default=0.3)
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--contenders", nargs="*", default=list(CONTENDERS), choices=CONTENDERS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.folder, options)
        return
    print(machine())
    print(", ".join(f"{name} {version(name)}" for name in PACKAGES))
    print(f"{options.rows:,} x {options.width}, {options.copies:.0%} copies, k = {options.k}\n")
    print("| contender | build s | search s | total s | recall | GB | effort |")
    print("|---|--:|--:|--:|--:|--:|---|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        vectors = collection(options.rows, options.width, options.copies)
        np.save(folder / "vectors.npy", vectors)
        np.save(folder / "least.npy", least_similar(vectors, options.k))
        del vectors
        for name in options.contenders:
            command = [sys.executable, __file__, "--work", name, "--folder", place]
            for setting in ("rows", "recall", "k", "threads"):
                command += [f"--{setting}", str(getattr(options, setting))]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{name} failed:\n{done.stderr}")
            found = json.loads(done.stdout.splitlines()[-1])
            print(
                f"| {name} | {found['build']:.1f} | {found['search']:.1f} "
                f"| {found['build'] + found['search']:.1f} | {found['recall']:.3f} "
                f"| {found['memory'] / 1e9:.2f} | {found['effort']} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
