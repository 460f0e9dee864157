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

from copies import Collection, collection
from pixsieve import Config, engine, findings
from pixsieve.audit import graph
from pixsieve.findings.near import evidence
from pixsieve.models import load_card, load_model
from pixsieve.models.card import DEFAULT

DATA = Path(__file__).parent.parent.parent / "shared" / "data"
PRECISIONS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
COPIES_PER_PICTURE = 1 / 11
FOLDS = 5
#: Of the squares of the weights: so small that it only keeps them finite.
RIDGE = 1e-3
MOST_STEPS = 50

Values = NDArray[np.float64]


def registered(made: Collection, model_path: str | None) -> pl.DataFrame:
    """The pairs that a run would compare, and what the comparison says."""
    config = Config()
    card = load_card(model_path, None)
    rows = engine.extract(
        made.paths, model=load_model(card, config), config=config, thumbnails=None, progress=None
    )
    images = pl.DataFrame(
        {
            "image": np.arange(len(made.paths), dtype=np.uint32),
            "path": made.paths,
            "split": pl.Series([None] * len(made.paths), dtype=pl.String),
            "width": rows["width"],
            "height": rows["height"],
            "file_size": rows["size"],
            "format": rows["format"],
            "error_code": pl.Series(rows["error"], dtype=pl.String),
        }
    )
    nodes = graph.Nodes(rows["rows"], rows["embeddings"], rows["signatures"][rows["rows"]])
    threshold = card.threshold("near_duplicate", "duplicate_threshold")
    edges, _ = engine.neighbor_graph(
        nodes.images, nodes.vectors, near_threshold=threshold, config=config, progress=None
    )
    pairs = graph.candidates(
        images,
        edges,
        nodes,
        rank=findings.keep_rank(images, format_order=(), split_order=()),
        least=card.thresholds.get("candidate", -1.0),
        near_threshold=threshold,
        config=config,
    )
    return graph.registered(pairs, nodes, config=config, progress=None)


def fitted(values: Values, copies: NDArray[np.bool_]) -> Values:
    """The weights of a logistic regression, the intercept last (Newton's method)."""
    scale = values.std(axis=0)
    inputs = np.column_stack([(values - values.mean(axis=0)) / scale, np.ones(len(values))])
    weights = np.zeros(inputs.shape[1])
    penalty = RIDGE * np.diag([*np.ones(values.shape[1]), 0.0])
    for _ in range(MOST_STEPS):
        probability = 1 / (1 + np.exp(-inputs @ weights))
        slope = inputs.T @ (copies - probability) - penalty @ weights
        curvature = (inputs * (probability * (1 - probability))[:, None]).T @ inputs + penalty
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


def main() -> None:
    """Reads the arguments, fits, prints or writes."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--model", help="an ONNX file with its card; default: the built-in one")
    arguments.add_argument("--write", action="store_true", help="into the card of the model")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = collection(DATA, Path(folder), which=0, copies=None, seed=1)
        match = calibration(made, registered(made, chosen.model))
    if not chosen.write:
        print(json.dumps(match, indent=2))
        return
    card = Path(chosen.model or DEFAULT).with_suffix(".json")
    content = json.loads(card.read_text(encoding="utf-8"))
    card.write_text(json.dumps({**content, "match": match}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
