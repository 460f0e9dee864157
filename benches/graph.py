"""Times the neighbor graph of Pixsieve against faiss and usearch.

    python benches/graph.py

needs faiss-cpu and usearch beside Pixsieve in one environment. Every run is a process of its
own, so that peak memory belongs to one contender; the contenders take turns, so that a busy
moment of the machine hits all of them; medians are shown. Searching is timed up to the arrays
that the library returns, for every row of the collection; recall is the share of the true
neighbors of some rows, worked out in double precision with NumPy. Libraries are imported by the
contender that uses them: their memory is part of its peak.
"""

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from table import machine

Vectors = NDArray[np.float32]
Ids = NDArray[np.integer]
# Seconds to build, seconds to search, and the neighbors: k of them, or k + 1 with the row itself.
Run = tuple[float, float, Ids]

PACKAGES = {"faiss": "faiss-cpu", "usearch": "usearch", "pixsieve": "pixsieve", "numpy": "numpy"}
BASELINE = "faiss Flat"
SAMPLE = 300


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Runs `work` and returns the seconds it took and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def pixsieve_exact(vectors: Vectors, k: int, threads: int) -> Run:
    """All pairs; there is nothing to build."""
    from pixsieve import _native  # noqa: PLC0415

    seconds, found = timed(
        lambda: _native.exact_neighbors(
            vectors=vectors, k=k, distance="cosine", num_threads=threads, progress=None
        )
    )
    return 0.0, seconds, found[0]


def pixsieve_hnsw(vectors: Vectors, k: int, threads: int) -> Run:
    """Builds and searches in one call, which is shown as search."""
    from pixsieve import _native  # noqa: PLC0415

    seconds, found = timed(
        lambda: _native.hnsw_neighbors(
            vectors=vectors,
            k=k,
            distance="cosine",
            seed=1,
            ef_construction=100,
            ef_search=64,
            num_threads=threads,
            progress=None,
        )
    )
    return 0.0, seconds, found[0]


def faiss_index(vectors: Vectors, k: int, threads: int, name: str) -> Run:
    """An index of faiss over inner products, by its factory name."""
    import faiss  # noqa: PLC0415

    faiss.omp_set_num_threads(threads)
    index = faiss.index_factory(vectors.shape[1], name, faiss.METRIC_INNER_PRODUCT)
    if name.startswith("HNSW"):
        index.hnsw.efSearch = 64
    build, _ = timed(lambda: index.add(vectors))
    search, found = timed(lambda: index.search(vectors, k + 1))
    return build, search, found[1]


def faiss_flat(vectors: Vectors, k: int, threads: int) -> Run:
    """`IndexFlatIP`."""
    return faiss_index(vectors, k, threads, "Flat")


def faiss_hnsw(vectors: Vectors, k: int, threads: int) -> Run:
    """`IndexHNSWFlat` with 32 links."""
    return faiss_index(vectors, k, threads, "HNSW32")


def usearch_hnsw(vectors: Vectors, k: int, threads: int) -> Run:
    """The index of usearch with its own settings, in single precision."""
    from usearch.index import Index  # noqa: PLC0415

    index = Index(ndim=vectors.shape[1], metric="ip", dtype="f32")
    keys = np.arange(len(vectors))
    build, _ = timed(lambda: index.add(keys, vectors, threads=threads))
    search, found = timed(lambda: index.search(vectors, k + 1, threads=threads))
    return build, search, found.keys


CONTENDERS: dict[str, Callable[[Vectors, int, int], Run]] = {
    BASELINE: faiss_flat,
    "Pixsieve exact": pixsieve_exact,
    "Pixsieve hnsw": pixsieve_hnsw,
    "faiss HNSW32": faiss_hnsw,
    "usearch": usearch_hnsw,
}

# Rows, and who takes part: the builder of Pixsieve's hnsw is too slow for the large case.
CASES = {
    12_000: list(CONTENDERS),
    60_000: [name for name in CONTENDERS if name != "Pixsieve hnsw"],
}


def collection(rows: int, width: int) -> Vectors:
    """Clustered rows of length 1, about 30 to a cluster, like embeddings of similar pictures."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((rows // 30, width), dtype=np.float32)
    spread = 0.6 * random.standard_normal((rows, width), dtype=np.float32)
    vectors = centres[random.integers(0, len(centres), rows)] + spread
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def sampled_rows(rows: int) -> Ids:
    """The rows whose recall is measured."""
    return np.random.default_rng(1).choice(rows, min(SAMPLE, rows), replace=False)


def truth(vectors: Vectors, k: int) -> list[list[int]]:
    """The true neighbors of the sampled rows."""
    sample = sampled_rows(len(vectors))
    similarities = vectors[sample].astype(np.float64) @ vectors.T.astype(np.float64)
    similarities[np.arange(len(sample)), sample] = -np.inf
    return np.argsort(-similarities, axis=1, kind="stable")[:, :k].tolist()


def peak_memory() -> int:
    """Bytes of this process, the interpreter and the data included."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux hands the peak of the parent process on to `getrusage`.
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def work(name: str, data: str, k: int, threads: int) -> None:
    """One run of one contender, in a process of its own; prints what came of it."""
    vectors = np.load(data)
    build, search, found = CONTENDERS[name](vectors, k, threads)
    memory = peak_memory()
    sample = sampled_rows(len(vectors))
    ids = [
        [other for other in others if other != row][:k]
        for row, others in zip(sample.tolist(), found[sample].tolist(), strict=True)
    ]
    print(json.dumps({"build": build, "search": search, "memory": memory, "ids": ids}))


def run_once(name: str, data: Path, k: int, threads: int) -> dict[str, object]:
    """Starts `work` in a new process."""
    command = [sys.executable, __file__, "--work", name, "--data", str(data)]
    command += ["--k", str(k), "--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def recall(found: list[list[int]], wanted: list[list[int]]) -> float:
    """Share of the true neighbors that were found."""
    hits = sum(len(set(a) & set(b)) for a, b in zip(found, wanted, strict=True))
    return hits / sum(map(len, wanted))


def compare(rows: int, names: list[str], options: argparse.Namespace) -> None:
    """Runs one case and prints its part of the table."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "vectors.npy"
        vectors = collection(rows, options.width)
        np.save(data, vectors)
        wanted = truth(vectors, options.k)
        runs: dict[str, list[dict]] = {name: [] for name in names}
        for _ in range(options.runs):
            for name in names:
                runs[name].append(run_once(name, data, options.k, options.threads))

    def median(name: str, *keys: str) -> float:
        return statistics.median(sum(run[key] for key in keys) for run in runs[name])

    for name in names:
        total = median(name, "build", "search")
        print(
            f"| {rows:,} x {options.width} | {name} | {median(name, 'build'):.2f} "
            f"| {median(name, 'search'):.2f} | {total:.2f} "
            f"| {median(BASELINE, 'build', 'search') / total:.2f} "
            f"| {recall(runs[name][0]['ids'], wanted):.4f} "
            f"| {median(name, 'memory') / 2**20:,.0f} |",
            flush=True,
        )


def main() -> None:
    """Prints the machine, the versions and the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--rows", type=int, nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--data", help=argparse.SUPPRESS)
    options = parser.parse_args()
    missing = [name for module, name in PACKAGES.items() if not importlib.util.find_spec(module)]
    if missing:
        sys.exit(f"not installed for {sys.executable}: {', '.join(missing)}")
    if options.work:
        work(options.work, options.data, options.k, options.threads)
        return
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES.values())
    print(machine())
    print(versions)
    print(f"k = {options.k}, {options.threads} threads, median of {options.runs} runs\n")
    print("| case | contender | build s | search s | total s | times faiss Flat | recall | MiB |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for rows in options.rows:
        compare(rows, CASES[rows], options)


if __name__ == "__main__":
    main()
