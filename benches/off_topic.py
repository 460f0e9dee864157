"""Off-topic pictures: some of one collection among those of another, and who finds them."""

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

RATES = (0.02, 0.05)
SEEDS = (0, 1, 2)
PLACES = {"photos in scenes": ("scenes", "photos"), "scenes in photos": ("photos", "scenes")}

#: Each with the numbers of neighbors that are usual, on the same embeddings.
SKLEARN = """
import sys
import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
X = np.load(sys.argv[1])
found = {"IsolationForest": -IsolationForest(random_state=0).fit(X).score_samples(X)}
for k in (10, 20):
    found[f"LOF, k = {k}"] = -LocalOutlierFactor(k).fit(X).negative_outlier_factor_
    found[f"k-NN distance, k = {k}"] = NearestNeighbors(n_neighbors=k).fit(X).kneighbors()[0][:, -1]
np.savez(sys.argv[2], **found)
"""
#: An image is an outlier for its least similar neighbor.
FASTDUP = """
import sys, fastdup
audit = fastdup.create(work_dir=sys.argv[2], input_dir=sys.argv[1])
audit.run(overwrite=True, print_summary=False, threshold=-1.0, nearest_neighbors_k=10)
frame = audit.similarity()
frame[["filename_from", "distance"]].to_csv(sys.argv[3], index=False, header=False)
"""


@dataclass(frozen=True)
class Mixed:
    """A folder of pictures, some of which do not belong there."""

    folder: Path
    strange: NDArray[np.bool_]


def mixed(home: str, guests: str, rate: float, seed: int, which: int, folder: Path) -> Mixed:
    """One half of `home`, and of `guests` so many that they are `rate` of all."""
    own, others = (
        [path for path in sorted((DATA / name).rglob("*.jpg")) if half(path) == which]
        for name in (home, guests)
    )
    chance = np.random.default_rng(seed)
    count = round(len(own) * rate / (1 - rate))
    chosen = [others[row] for row in chance.choice(len(others), count, replace=False)]
    folder.mkdir(parents=True)
    for number, path in enumerate(own + chosen):
        (folder / f"{number:05}.jpg").write_bytes(path.read_bytes())
    return Mixed(folder, np.arange(len(own) + count) >= len(own))


def off_topic(python: Path | None, out: Path, *, which: int) -> None:
    """Prints what everyone makes of the mixtures, and what the automatic cut lists."""
    figures: dict[str, dict[str, list[tuple[float, float]]]] = {}
    listed: list[list[str]] = []
    for place, (home, guests) in PLACES.items():
        for rate in RATES:
            counts = []
            for seed in SEEDS:
                work = out / f"{home}-{rate}-{seed}"
                made = mixed(home, guests, rate, seed, which, work / "pictures")
                audit = pixsieve.run(made.folder, work_dir=work / "audit", progress=False)
                for name, score in scores(audit, made, python, work).items():
                    pair = (average_precision(made.strange, score), auroc(made.strange, score))
                    figures.setdefault(name, {}).setdefault(place, []).append(pair)
                cut = audit.outliers(outlier_cut="auto")["image"].to_numpy()
                counts.append((len(cut), made.strange[cut].sum(), made.strange.sum()))
            total = np.sum(counts, axis=0)
            listed.append([place, f"{rate:.0%}", *(str(number) for number in total)])
    print(f"\nOff-topic pictures, {len(RATES) * len(SEEDS)} draws of 2 and 5 % each\n")
    header = ["contender", *(f"{place}: {x}" for place in PLACES for x in ("AP", "AUROC"))]
    print_table(
        header,
        [
            [name, *(f"{x:.3f}" for place in PLACES for x in np.mean(of[place], axis=0))]
            for name, of in figures.items()
        ],
    )
    print("\nWhat the automatic cut lists, over all draws:\n")
    print_table(["mixture", "share", "listed", "of these off-topic", "off-topic in all"], listed)


def scores(
    audit: pixsieve.Audit, made: Mixed, python: Path | None, work: Path
) -> dict[str, NDArray[np.float64]]:
    """How strange each picture is for each contender."""
    found = audit.outliers(outlier_percentile=1.0)
    ours = np.zeros(len(made.strange))
    ours[found["image"].to_numpy()] = found["score"].to_numpy()
    result = {"Pixsieve": ours}
    if python is None:
        return result
    vectors, table = work / "vectors.npy", work / "scores.npz"
    np.save(vectors, audit.embeddings()["embedding"].to_numpy())
    run_peer(python, SKLEARN, vectors, table)
    result |= dict(np.load(table))
    edges = work / "fastdup.csv"
    run_peer(python, FASTDUP, made.folder, work / "fastdup", edges)
    frame = pl.read_csv(edges, has_header=False, new_columns=["path", "similarity"])
    least = (
        frame.select(
            row=pl.col("path").str.split("/").list.last().str.head(5).cast(pl.Int64),
            similarity="similarity",
        )
        .group_by("row")
        .agg(pl.col("similarity").min())
    )
    theirs = np.zeros(len(made.strange))
    theirs[least["row"].to_numpy()] = 1 - least["similarity"].to_numpy()
    return {**result, "fastdup": theirs}
