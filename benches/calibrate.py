"""Fits what a match means: `python benches/calibrate.py`.

From one half of the pictures of `photos` and `scenes` copies are made, one edit each; all pictures
go through Pixsieve. The pairs that it compares are those of copies, or are not: a logistic
function of what the comparison says is fitted to that. Then, for some precisions, the smallest
match that reaches it is looked up, with folds, so that no pair is scored by a fit that saw its
picture. Copies count less there than they are many, so that there is one for eleven pictures.
Prints the part `match` of the card, or writes it.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

import pixsieve
from copies import DATA, Collection, collection, half
from pixsieve import findings
from pixsieve.audit import graph
from pixsieve.findings.near import evidence
from pixsieve.models import load_card
from pixsieve.models.card import DEFAULT
from pixsieve.store import open_shard
from wrong_labels import cases

PRECISIONS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
COPIES_PER_PICTURE = 1 / 11
FOLDS = 5
#: Of the squares of the weights: so small that it only keeps them finite.
RIDGE = 1e-3
MOST_STEPS = 50
#: Labels that are wrong where their score is fitted: no larger share of all.
MOST_WRONG = 0.1

Values = NDArray[np.float64]


def registered(made: Collection, model_path: str | None, work: Path) -> pl.DataFrame:
    """The pairs that a run compares first, ends as in `made`, and what the comparison says."""
    audit = pixsieve.run(
        made.paths, work_dir=work, model_path=model_path, splits="none", progress=False
    )
    config, card = audit.config, load_card(model_path, None)
    nodes = graph.nodes(audit.images, [open_shard(work / "shards", 0)], config)
    pairs = graph.candidates(
        audit.images,
        pl.read_parquet(work / "edges.parquet"),
        nodes,
        rank=findings.keep_rank(
            audit.images, format_order=config.prefer_formats, split_order=config.prefer_splits
        ),
        least=card.thresholds.get("candidate", -1.0),
        near_threshold=audit.info["thresholds"]["near_duplicate"],
        config=config,
    )
    found = graph.registered(pairs, nodes, config=config, progress=None)
    rows = {path: row for row, path in enumerate(made.paths)}
    numbers = audit.images["path"].replace_strict(rows, return_dtype=pl.UInt32)
    return found.with_columns(numbers[found[end]].alias(end) for end in ("from", "to"))


def fitted(values: Values, copies: NDArray[np.bool_], worth: Values | None = None) -> Values:
    """The weights of a logistic regression, the intercept last (Newton's method).

    Each row counts `worth`, on average 1.
    """
    worth = np.ones(len(values)) if worth is None else worth / worth.mean()
    scale = values.std(axis=0)
    inputs = np.column_stack([(values - values.mean(axis=0)) / scale, np.ones(len(values))])
    weights = np.zeros(inputs.shape[1])
    penalty = RIDGE * np.diag([*np.ones(values.shape[1]), 0.0])
    for _ in range(MOST_STEPS):
        probability = 1 / (1 + np.exp(-inputs @ weights))
        slope = inputs.T @ (worth * (copies - probability)) - penalty @ weights
        spread = worth * probability * (1 - probability)
        curvature = (inputs * spread[:, None]).T @ inputs + penalty
        step = np.linalg.solve(curvature, slope)
        weights += step
        if np.abs(step).max() < 1e-9:
            break
    plain = weights[:-1] / scale
    return np.append(plain, weights[-1] - plain @ values.mean(axis=0))


def matches(values: Values, weights: Values) -> Values:
    """The logistic function of values and weights."""
    found: Values = 1 / (1 + np.exp(-(values @ weights[:-1] + weights[-1])))
    return found


def steps(match: Values, copies: NDArray[np.bool_], worth: Values) -> list[list[float]]:
    """For each precision that is reached the smallest match from which on it holds."""
    order = np.argsort(-match)
    true = np.cumsum((worth * copies)[order])
    precision = true / np.cumsum(worth[order])
    # At a smaller match the precision may be higher again: it counts as that of the larger ones.
    promised = np.maximum.accumulate(precision[::-1])[::-1]
    found = []
    for wanted in PRECISIONS:
        enough = np.flatnonzero(promised >= wanted)
        if enough.size:
            found.append([wanted, round(float(match[order][enough[-1]]), 4)])
    return found


def calibration(made: Collection, pairs: pl.DataFrame) -> dict[str, Any]:
    """The part `match` of a card."""
    one, other = (pairs[end].to_numpy() for end in ("from", "to"))
    relation = made.relation(one, other)
    kept = relation >= 0
    pairs, one, other, copies = pairs.filter(kept), one[kept], other[kept], relation[kept] > 0
    frame = pairs.select(**evidence())
    values = frame.to_numpy().astype(np.float64)
    match = np.empty(len(values))
    fold = np.array(made.origins)[one] % FOLDS
    for number in range(FOLDS):
        held = fold == number
        match[held] = matches(values[held], fitted(values[~held], copies[~held]))
    edited = np.array([bool(edit) for edit in made.edits])
    originals = int((~edited).sum())
    share = COPIES_PER_PICTURE * originals / max(int(edited.sum()), 1)
    worth = np.where(edited[one] | edited[other], share, 1.0)
    weights = fitted(values, copies)
    named = dict(zip(frame.columns, weights[:-1].round(4).tolist(), strict=True))
    return {
        "intercept": round(float(weights[-1]), 4),
        **named,
        "precision": steps(match, copies, worth),
    }


def label_weights(work: Path) -> dict[str, float]:
    """What `pixsieve.findings.verdicts` makes a probability of: slope and intercept.

    Of half of `scenes` and of `photos`, whose labels are replaced as in `wrong_labels`, 5 and 10 %
    of them; each collection counts the same.
    """
    logits, right, worth = [], [], []
    for name in ("scenes", "photos"):
        paths = [path for path in sorted((DATA / name).rglob("*.jpg")) if half(path) == 0]
        audit = pixsieve.run(paths, work_dir=work / name, splits="none", progress=False)
        order = [str(path) for path in paths]
        rows = audit.images["path"].replace_strict(
            order, np.arange(len(order)), return_dtype=pl.Int64
        )
        folders = [paths[row].parent.name for row in rows]
        classes, labels = np.unique(folders, return_inverse=True)
        vectors = audit.embeddings()
        for case in cases(labels, vectors["embedding"].to_numpy()):
            if case.rate > MOST_WRONG:
                continue
            named = audit.images.with_columns(label=pl.Series(classes[case.labels].tolist()))
            found = findings.opinions(
                named,
                audit._nearest,
                audit._near(audit._rule(None, None)),
                audit._pixels,
                vectors,
                named.clear(),
                separator=None,
            ).frame.filter(pl.col("strength").is_null())
            part = found["part"].to_numpy()
            logits.append(np.log(part / (1 - part)))
            right.append(~case.wrong[found["image"].to_numpy()])
            worth.append(np.full(found.height, 1 / found.height))
    slope, intercept = fitted(
        np.concatenate(logits)[:, None], np.concatenate(right), np.concatenate(worth)
    )
    return {"slope": round(slope, 3), "intercept": round(intercept, 3)}


def main() -> None:
    """Reads the arguments, fits, prints or writes."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--model", help="an ONNX file with its card; default: the built-in one")
    arguments.add_argument("--write", action="store_true", help="into the card of the model")
    arguments.add_argument(
        "--labels", action="store_true", help="print the weights of the score of labels instead"
    )
    chosen = arguments.parse_args()
    if chosen.labels:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(label_weights(Path(folder))))
        return
    with tempfile.TemporaryDirectory() as folder:
        made = collection(DATA, Path(folder), which=0, copies=None, seed=1)
        match = calibration(made, registered(made, chosen.model, Path(folder) / "work"))
    if not chosen.write:
        print(json.dumps(match, indent=2))
        return
    card = Path(chosen.model or DEFAULT).with_suffix(".json")
    content = json.loads(card.read_text(encoding="utf-8"))
    card.write_text(json.dumps({**content, "match": match}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
