"""What the findings should say, in slow and readable Python."""

import math
from collections import Counter, defaultdict
from itertools import combinations

import polars as pl

from findings_cases import ORDERS, Case

Row = dict[str, object]


def decoded(case: Case) -> list[Row]:
    return [r for r in case.images.to_dicts() if r["error_code"] in (None, "truncated")]


def keep_order(images: pl.DataFrame) -> list[int]:
    """Image numbers, the one to keep first."""

    def key(row: Row) -> tuple[object, ...]:
        health = {None: 0, "truncated": 1}.get(row["error_code"], 2)
        place = [
            order.index(row[column].lower()) if (row[column] or "").lower() in order else len(order)
            for column, order in zip(("format", "split"), ORDERS.values(), strict=True)
        ]
        area = (row["width"] or 0) * (row["height"] or 0)
        size, path = row["file_size"] or 0, row["path"]
        return health, -area, -size, *place, len(path), path, row["image"]

    return [row["image"] for row in sorted(images.to_dicts(), key=key)]


def digest_edges(case: Case) -> dict[frozenset[str], float]:
    """The similarity of each pair of digests that has an edge."""
    digest = case.images["digest"].to_list()
    pairs: dict[frozenset[str], float] = {}
    for a, b, similarity in case.edges.iter_rows():
        pair = frozenset((digest[a], digest[b]))
        pairs[pair] = max(similarity, pairs.get(pair, -1))
    return pairs


def digest_pixels(case: Case) -> dict[str, bytes]:
    digest = case.images["digest"].to_list()
    return {digest[i]: p for i, p in case.pixel_digests.iter_rows() if p is not None}


def kind_of(case: Case, threshold: float):
    """A function that says how two images are duplicates: strength (0 is best), similarity."""
    edges, pixels = digest_edges(case), digest_pixels(case)

    def copies(digest: str) -> list[str]:
        same = [d for d, p in pixels.items() if p == pixels.get(digest)]
        return same or [digest]

    def compare(a: Row, b: Row) -> tuple[int, float] | None:
        x, y = a["digest"], b["digest"]
        if x == y:
            return 0, 1.0
        if y in copies(x):
            return 1, 1.0
        similarity = max(edges.get(frozenset((c, d)), -1) for c in copies(x) for d in copies(y))
        return (2, similarity) if similarity >= threshold else None

    return compare


def star_groups(case: Case, threshold: float) -> dict[int, dict[int, tuple[int, float]]]:
    """Representative → member → (strength, similarity), of groups of two or more.

    The strength is that of the strongest tie to any other of the group.
    """
    compare = kind_of(case, threshold)
    rows = {r["image"]: r for r in decoded(case)}
    order = [i for i in keep_order(case.images) if i in rows]
    taken: set[int] = set()
    groups = {}
    for first in order:
        if first not in taken:
            members = {
                i: compare(rows[i], rows[first])
                for i in order
                if i != first and i not in taken and compare(rows[i], rows[first])
            }
            taken |= {first, *members}
            group = [first, *members]
            strengths = {
                i: min((compare(rows[i], rows[j]) or (2, 0))[0] for j in group if j != i)
                for i in members
            }
            if members:
                groups[first] = {i: (strengths[i], members[i][1]) for i in members}
    return groups


def leaks(case: Case, threshold: float) -> dict[tuple[int, str], tuple[int, float, int]]:
    """(image_to, split_from) → (strength, similarity, image_from)."""
    compare = kind_of(case, threshold)
    places = ["train", "val", "test", "x"]
    found: dict[tuple[int, str], tuple[int, float, int]] = {}
    for pair in combinations([r for r in decoded(case) if r["split"]], 2):
        start, end = sorted(pair, key=lambda r: places.index(r["split"].lower()))
        verdict = compare(start, end)
        if verdict and start["split"] != end["split"]:
            key = (end["image"], start["split"])
            new = (verdict[0], verdict[1], start["image"])
            old = found.get(key, new)
            found[key] = min(new, old, key=lambda v: (v[0], -v[1], v[2]))
    return found


def components(case: Case, threshold: float) -> set[frozenset[int]]:
    """The components of two or more images, by repeated merging."""
    edges = digest_edges(case)
    rows = decoded(case)
    parts = [{r["image"]} for r in rows]
    for a, b in combinations(rows, 2):
        pair = frozenset((a["digest"], b["digest"]))
        if len(pair) == 1 or edges.get(pair, -1) >= threshold:
            left = next(p for p in parts if a["image"] in p)
            right = next(p for p in parts if b["image"] in p)
            if left is not right:
                left |= right
                parts.remove(right)
    return {frozenset(p) for p in parts if len(p) > 1}


def outlier_scores(case: Case) -> dict[str, float]:
    """The score of each digest that has neighbors."""
    digest = case.images["digest"].to_list()
    near = defaultdict(list)
    for a, b, similarity in case.edges.iter_rows():
        near[digest[a]].append((digest[b], 1 - similarity))
    spread = {d: sum(x for _, x in v) / len(v) for d, v in near.items()}
    scores = {}
    for d, neighbors in near.items():
        known = [spread[other] for other, _ in neighbors if other in spread]
        around = sum(known) / len(known) if known else spread[d]
        scores[d] = spread[d] * math.sqrt((spread[d] + 0.01) / (around + 0.01))
    return scores


def label_votes(case: Case) -> dict[int, dict[str, float]]:
    """For each labelled image that has voters: the adjusted votes for each label."""
    labels = defaultdict(Counter)
    for row in decoded(case):
        if row["label"] is not None:
            labels[row["digest"]][row["label"]] += 1
    carried = Counter(label for counter in labels.values() for label in counter)
    total = sum(carried.values())
    digest = case.images["digest"].to_list()
    near = defaultdict(list)
    for a, b, similarity in case.edges.iter_rows():
        near[digest[a]].append((digest[b], similarity))
    result = {}
    for row in decoded(case):
        own = labels[row["digest"]].copy()
        votes = [
            (label, math.exp((similarity - 1) / 0.1) / len(labels[d]))
            for d, similarity in near[row["digest"]]
            for label in labels[d]
        ]
        if len(own) > 1:
            own[row["label"]] -= 1
            votes += [(label, 1.0) for label in own if own[label] > 0]
        if row["label"] is not None and votes:
            tally: dict[str, float] = defaultdict(float)
            for label, weight in votes:
                prior = (carried[label] * len(carried) / total + 1) / 2
                tally[label] += weight / math.sqrt(prior)
            result[row["image"]] = dict(tally)
    return result
