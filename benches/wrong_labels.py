"""Wrong labels: those of `scenes`, some of them replaced, and who finds them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

import pixsieve
from copies import DATA, half
from peers import run_peer
from ranking import auroc, average_precision
from table import print_table

RATES = (0.05, 0.1, 0.2)
KINDS = ("uniform", "similar")
SEEDS = (0, 1, 2)
NEIGHBORS = 10

#: Both are quick on the same embeddings: neighbors as in Datalab, and logistic regression.
CLEANLAB = """
import sys
import numpy as np
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
data = np.load(sys.argv[1])
X, k, found = data["X"], int(data["k"]), {}
for name in data.files:
    if name.startswith("labels "):
        y = data[name]
        near = KNeighborsClassifier(k + 1).fit(X, y).predict_proba(X)
        near[np.arange(len(y)), y] -= 1 / (k + 1)
        near *= (k + 1) / k
        fitted = cross_val_predict(
            LogisticRegression(max_iter=1000), X, y, cv=5, method="predict_proba"
        )
        for method, probabilities in (("k-NN", near), ("logistic regression", fitted)):
            found[f"{method} {name}"] = get_label_quality_scores(y, probabilities)
np.savez(sys.argv[2], **found)
"""
#: The neighbors that fastdup's own model finds, as numbers of files in the order of their names.
FASTDUP = """
import sys, fastdup
audit = fastdup.create(work_dir=sys.argv[2], input_dir=sys.argv[1])
audit.run(overwrite=True, print_summary=False, threshold=-1.0, nearest_neighbors_k=int(sys.argv[4]))
frame = audit.similarity()
frame[["filename_from", "filename_to", "distance"]].to_csv(sys.argv[3], index=False, header=False)
"""


@dataclass(frozen=True)
class Case:
    """Labels, some of them replaced."""

    kind: str
    rate: float
    labels: NDArray[np.int64]
    wrong: NDArray[np.bool_]


def cases(labels: NDArray[np.int64], vectors: NDArray[np.float32]) -> Iterator[Case]:
    """Each rate and kind under several seeds.

    `uniform`: any other class; `similar`: the one whose mean embedding is nearest.
    """
    classes = labels.max() + 1
    means = np.stack([vectors[labels == number].mean(axis=0) for number in range(classes)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    alike = means @ means.T
    np.fill_diagonal(alike, -2)
    for kind in KINDS:
        for rate in RATES:
            for seed in SEEDS:
                chance = np.random.default_rng(seed)
                rows = chance.choice(len(labels), round(rate * len(labels)), replace=False)
                new = labels.copy()
                if kind == "uniform":
                    new[rows] = (labels[rows] + chance.integers(1, classes, len(rows))) % classes
                else:
                    new[rows] = alike.argmax(axis=1)[labels[rows]]
                yield Case(kind, rate, new, new != labels)


def wrong_labels(python: Path | None, out: Path, *, which: int) -> None:
    """Prints what everyone makes of the labels of one half of `scenes`."""
    paths = [path for path in sorted((DATA / "scenes").rglob("*.jpg")) if half(path) == which]
    folder = out / "labelled"
    folder.mkdir()
    for number, path in enumerate(paths):
        (folder / f"{number:05}.jpg").write_bytes(path.read_bytes())
    classes, labels = np.unique([path.parent.name for path in paths], return_inverse=True)
    audit = pixsieve.run(
        folder, work_dir=out / "labels", nearest_neighbors_k=NEIGHBORS, progress=False
    )
    vectors = audit.embeddings()["embedding"].to_numpy()
    made = list(cases(labels, vectors))
    ours = [pixsieve_scores(audit, classes[case.labels].tolist(), out) for case in made]
    scores = {"Pixsieve": ours}
    if python is not None:
        scores |= cleanlab_scores(python, vectors, made, out)
        near = fastdup_neighbors(python, folder, out, len(paths))
        scores["fastdup's label score"] = [agreement(near, case.labels) for case in made]
    rows = []
    for name, found in scores.items():
        cells = []
        for kind in KINDS:
            pairs = [
                (average_precision(case.wrong, -one), auroc(case.wrong, -one))
                for case, one in zip(made, found, strict=True)
                if case.kind == kind
            ]
            cells += [f"{value:.3f}" for value in np.mean(pairs, axis=0)]
        rows.append([name, *cells])
    print(f"\nWrong labels: {len(paths):,} pictures, {len(made)} draws of 5, 10 and 20 %\n")
    print_table(["contender", *(f"{kind}: {x}" for kind in KINDS for x in ("AP", "AUROC"))], rows)
    print_table(["score", "images", "labels that are right"], calibration(made, ours))


def pixsieve_scores(audit: pixsieve.Audit, labels: list[str], out: Path) -> NDArray[np.float64]:
    """The score of each image; 1 where it is not contradicted."""
    names = audit.annotations()["path"].str.split("/").list.last()
    table = pl.DataFrame({"path": names, "label": labels})
    again = pixsieve.run(
        out / "labelled",
        work_dir=out / "labels",
        annotations=table,
        nearest_neighbors_k=NEIGHBORS,
        overwrite=True,
        progress=False,
    )
    # Conflicts are listed by another rule: here only what the neighbors say is compared.
    opinions = again._opinions()
    assert opinions is not None, "there are labels"
    found = opinions.frame
    score = np.ones(len(labels))
    score[found["image"].to_numpy()] = found["score"].to_numpy()
    return score


def cleanlab_scores(
    python: Path, vectors: NDArray[np.float32], made: list[Case], out: Path
) -> dict[str, list[NDArray[np.float64]]]:
    """Its label quality from the same embeddings, with probabilities of two kinds."""
    given, found = out / "labels.npz", out / "scores.npz"
    labels = {f"labels {number:03}": case.labels for number, case in enumerate(made)}
    np.savez(given, X=vectors, k=NEIGHBORS, **labels)
    run_peer(python, CLEANLAB, given, found)
    scores = np.load(found)
    methods = {f"k-NN, k = {NEIGHBORS}": "k-NN", "logistic regression": "logistic regression"}
    return {
        f"cleanlab, {name}": [scores[f"{method} {number}"] for number in labels]
        for name, method in methods.items()
    }


def fastdup_neighbors(python: Path, folder: Path, out: Path, count: int) -> NDArray[np.int64]:
    """The neighbors of each image by fastdup, itself where there are fewer."""
    table = out / "fastdup-labels.csv"
    run_peer(python, FASTDUP, folder, out / "fastdup-labels", table, NEIGHBORS)
    frame = pl.read_csv(table, has_header=False, new_columns=["from", "to", "score"])
    ends = frame.select(
        pl.col(name).str.split("/").list.last().str.head(5).cast(pl.Int64)
        for name in ("from", "to")
    ).filter(pl.col("from") != pl.col("to"))
    near = np.repeat(np.arange(count)[:, None], NEIGHBORS, axis=1)
    for (row,), group in ends.group_by("from"):
        to = group["to"].to_numpy()[:NEIGHBORS]
        near[row, : len(to)] = to
    return near


def agreement(near: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Fastdup's label score: the share of the neighbors that have the label."""
    share: NDArray[np.float64] = (labels[near] == labels[:, None]).mean(axis=1)
    return share


def calibration(made: list[Case], found: list[NDArray[np.float64]]) -> list[list[str]]:
    """Of the images whose score is in a range, the share whose label is right."""
    score = np.concatenate(found)
    right = ~np.concatenate([case.wrong for case in made])
    rows = []
    for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 0.95), (0.95, 1.001)):
        inside = (score >= low) & (score < high)
        rows.append(
            [f"{low:g} to {min(high, 1):g}", f"{inside.sum():,}", f"{right[inside].mean():.3f}"]
        )
    return rows
