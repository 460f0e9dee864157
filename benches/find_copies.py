"""Copies: who finds the edited ones, which pairs land in one group, which leaks are found.

Every contender says which pairs it takes for copies and how sure it is; a pair is right if both
show one original. Two shots of one view count neither way.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

import pixsieve
from copies import DATA, Collection, collection
from peers import run_peer
from ranking import average_precision, recall_at
from table import print_table

COPIES = 300
SEED = 2
PRECISION = 0.99

#: All pairs from a similarity of 0.5 on: fastdup's own lists begin at 0.9.
FASTDUP = """
import sys, fastdup
audit = fastdup.create(work_dir=sys.argv[2], input_dir=sys.argv[1])
audit.run(overwrite=True, print_summary=False, threshold=0.5, nearest_neighbors_k=10)
frame = audit.similarity()
frame[["filename_from", "filename_to", "distance"]].to_csv(sys.argv[3], index=False, header=False)
"""
#: Its package imports PyTorch for a method that is not used here.
IMAGEDEDUP = """
import sys
from unittest.mock import MagicMock
for name in ("torch", "torch.nn", "torch.utils", "torch.utils.data", "torchvision",
             "torchvision.models", "torchvision.transforms", "imagededup.methods.cnn",
             "imagededup.utils.models", "imagededup.utils.data_generator", "sklearn",
             "sklearn.metrics", "sklearn.metrics.pairwise"):
    sys.modules.setdefault(name, MagicMock())
from imagededup.methods import hashing
hashes = getattr(hashing, sys.argv[2])().encode_images(sys.argv[1])
with open(sys.argv[3], "w") as file:
    file.writelines(f"{name},{value}\\n" for name, value in sorted(hashes.items()))
"""
#: Its sets of exact and near duplicates; all pairs of a set.
CLEANVISION = """
import sys
from itertools import combinations
from pathlib import Path
from cleanvision import Imagelab
lab = Imagelab(data_path=sys.argv[1])
lab.find_issues({"exact_duplicates": {}, "near_duplicates": {}}, n_jobs=1, verbose=False)
with open(sys.argv[2], "w") as file:
    for kind in ("exact_duplicates", "near_duplicates"):
        for group in lab.info[kind]["sets"]:
            for a, b in combinations(sorted(Path(path).name for path in group), 2):
                file.write(f"{a},{b},1\\n")
"""
#: Of 64 bits; imagededup's own lists end at 10.
MOST_BITS = 24


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows that a contender takes for copies, the surest first."""

    one: NDArray[np.int64]
    other: NDArray[np.int64]
    score: NDArray[np.float64]


def of_names(frame: pl.DataFrame, rows: dict[str, int]) -> Pairs:
    """Pairs of a frame with file names `from` and `to`, and `score`; each once."""
    numbered = frame.select(
        low=pl.col("from").replace_strict(rows, return_dtype=pl.Int64),
        high=pl.col("to").replace_strict(rows, return_dtype=pl.Int64),
        score=pl.col("score").cast(pl.Float64),
    )
    ends = (pl.min_horizontal("low", "high"), pl.max_horizontal("low", "high"))
    best = (
        numbered.select(low=ends[0], high=ends[1], score="score")
        .filter(pl.col("low") != pl.col("high"))
        .group_by("low", "high")
        .agg(pl.col("score").max())
        .sort("score", "low", "high", descending=[True, False, False])
    )
    return Pairs(best["low"].to_numpy(), best["high"].to_numpy(), best["score"].to_numpy())


def of_pixsieve(audit: pixsieve.Audit, rows: dict[str, int]) -> Pairs:
    """The pairs that were compared, by their match; then by similarity."""
    names = audit.annotations()["path"].str.split("/").list.last()
    pairs = pl.read_parquet(audit.work_dir / "pairs.parquet")
    score = pl.col("match").cast(pl.Float64) + 1e-6 * pl.col("similarity")
    return of_names(
        pl.DataFrame({"from": names[pairs["from"]], "to": names[pairs["to"]]}).with_columns(
            score=pairs.select(score).to_series()
        ),
        rows,
    )


def of_fastdup(python: Path, folder: Path, out: Path, rows: dict[str, int]) -> Pairs:
    """Fastdup's pairs, by its similarity (which it calls distance)."""
    table = out / "fastdup.csv"
    run_peer(python, FASTDUP, folder, out / "fastdup", table)
    frame = pl.read_csv(table, has_header=False, new_columns=["from", "to", "score"])
    names = pl.col("from", "to").str.split("/").list.last()
    return of_names(frame.with_columns(names), rows)


def of_hashes(python: Path, folder: Path, out: Path, rows: dict[str, int], method: str) -> Pairs:
    """Imagededup's hashes, by the bits in which they agree."""
    table = out / f"{method}.csv"
    run_peer(python, IMAGEDEDUP, folder, method, table)
    frame = pl.read_csv(
        table, has_header=False, new_columns=["name", "hash"], schema_overrides=[pl.String] * 2
    )
    values = np.array([int(value, 16) for value in frame["hash"]], dtype=np.uint64)
    found = []
    for row in range(len(values) - 1):
        bits = np.bitwise_count(values[row] ^ values[row + 1 :])
        near = np.flatnonzero(bits <= MOST_BITS)
        found.append(np.column_stack([np.full(near.size, row), row + 1 + near, 64 - bits[near]]))
    pairs = np.concatenate(found)
    names = frame["name"]
    named = {"from": names[pairs[:, 0]], "to": names[pairs[:, 1]], "score": pairs[:, 2]}
    return of_names(pl.DataFrame(named), rows)


def of_cleanvision(python: Path, folder: Path, out: Path, rows: dict[str, int]) -> Pairs:
    """Cleanvision's sets, without a rank."""
    table = out / "cleanvision.csv"
    run_peer(python, CLEANVISION, folder, table)
    frame = pl.read_csv(table, has_header=False, new_columns=["from", "to", "score"])
    return of_names(frame, rows)


def copies_row(name: str, pairs: Pairs, made: Collection) -> list[str]:
    """Average precision, and recall at a precision of 0.99."""
    relation = made.relation(pairs.one, pairs.other)
    counted = relation >= 0
    right, score = relation[counted] > 0, pairs.score[counted]
    total = len(made.paths) - sum(not edit for edit in made.edits)
    return [
        name,
        f"{average_precision(right, score, total):.3f}",
        f"{recall_at(right, score, total, PRECISION):.3f}",
        f"{right.sum() / total:.3f}",
    ]


def by_edit(pairs: Pairs, made: Collection, least: float) -> list[list[str]]:
    """Of the copies of each kind the share that is listed."""
    relation = made.relation(pairs.one, pairs.other)
    sure = (relation > 0) & (pairs.score >= least)
    found = {max(a, b) for a, b in zip(pairs.one[sure], pairs.other[sure], strict=True)}
    kinds = sorted({edit for edit in made.edits if edit})
    rows = []
    for kind in kinds:
        copies = [row for row, edit in enumerate(made.edits) if edit == kind]
        rows.append(
            [kind, str(len(copies)), f"{sum(row in found for row in copies) / len(copies):.2f}"]
        )
    return rows


def chains(audit: pixsieve.Audit, made: Collection, rows: dict[str, int]) -> tuple[int, int]:
    """Pairs within one group that are no copies of each other's original, and all such pairs."""
    members = audit.duplicates().select("group", name=pl.col("path").str.split("/").list.last())
    wrong, total = 0, 0
    for (_,), group in members.group_by("group"):
        numbers = np.array([rows[name] for name in group["name"]])
        one, other = np.triu_indices(len(numbers), 1)
        relation = made.relation(numbers[one], numbers[other])
        wrong += int((relation == 0).sum())
        total += len(relation)
    return wrong, total


def leaks() -> tuple[int, int, int]:
    """Of the listed leaks of `splits`: how many, how many were found, and false exact ones."""
    lines = (DATA / "splits" / "leaks.tsv").read_text(encoding="utf-8").splitlines()
    known = {frozenset(line.split("\t")[:2]) for line in lines if "/" in line}
    with tempfile.TemporaryDirectory() as folder:
        root = DATA / "splits"
        audit = pixsieve.run(root, work_dir=Path(folder) / "work", progress=False)
        found = audit.leaks().filter(pl.col("kind") == "exact")
    listed = {
        frozenset(str(Path(path).relative_to(root)) for path in pair)
        for pair in found.select("path_from", "path_to").iter_rows()
    }
    digests = dict(audit.annotations().select("path", "digest").iter_rows())
    false = sum(
        digests[a] != digests[b] for a, b in found.select("path_from", "path_to").iter_rows()
    )
    return len(known), len(known & listed), false


def find_copies(python: Path | None, out: Path, *, which: int) -> None:
    """Prints what everyone makes of copies, and of ours the groups, the precision and the leaks."""
    folder = out / "pictures"
    made = collection(DATA, folder, which=which, copies=COPIES, seed=SEED, complete=True)
    rows = {Path(path).name: row for row, path in enumerate(made.paths)}
    audit = pixsieve.run(folder, work_dir=out / "work", progress=False)
    ours = of_pixsieve(audit, rows)
    contenders = {"Pixsieve": ours}
    if python is not None:
        contenders |= {
            "fastdup": of_fastdup(python, folder, out, rows),
            "imagededup PHash": of_hashes(python, folder, out, rows, "PHash"),
            "imagededup DHash": of_hashes(python, folder, out, rows, "DHash"),
            "cleanvision": of_cleanvision(python, folder, out, rows),
        }
    print(f"\nCopies: {COPIES} among {len(made.paths):,} pictures\n")
    header = ["contender", "average precision", f"recall at {PRECISION}", "recall of all listed"]
    print_table(header, [copies_row(name, pairs, made) for name, pairs in contenders.items()])
    known = json.loads((audit.work_dir / "run.json").read_text())["match"]["precision"]
    least = float(np.interp(PRECISION, *np.array(known).T))
    listed = made.relation(ours.one, ours.other)[ours.score >= least]
    right = int((listed > 0).sum())
    print(f"\nWhere a precision of {PRECISION} is asked for:\n")
    print_table(["edit", "copies", "found"], by_edit(ours, made, least))
    wrong, total = chains(audit, made, rows)
    known_leaks, found_leaks, false_leaks = leaks()
    print()
    print_table(
        ["task", "figure", "value"],
        [
            ["calibration", "precision", f"{right / max(int((listed >= 0).sum()), 1):.3f}"],
            ["calibration", "recall", f"{right / COPIES:.3f}"],
            ["no chains", "pairs in one group that are no copies", f"{wrong} of {total}"],
            ["natural leaks", "found", f"{found_leaks} of {known_leaks}"],
            ["natural leaks", "false exact ones", str(false_leaks)],
        ],
    )
