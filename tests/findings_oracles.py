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
    near, tied = defaultdict(list), defaultdict(set)
    for a, b, similarity in case.edges.iter_rows():
        near[digest[a]].append(1 - similarity)
        tied[digest[a]].add(digest[b])
        tied[digest[b]].add(digest[a])
    scores = {}
    for d, away in near.items():
        around = [near[other][-1] for other in tied[d] if other in near]
        scores[d] = (away[-1] + sum(around) / len(around) if around else 2 * away[-1]) / 2
    return scores


def points(case: Case) -> dict[int, object]:
    """What shows the same picture: the pixels, else the bytes, of each decoded image."""
    pixels = digest_pixels(case)
    return {r["image"]: pixels.get(r["digest"], r["digest"]) for r in decoded(case)}


def label_parts(case: Case) -> dict[int, float]:
    """For each labelled image with voters: the part of the votes that is for its label."""
    place = points(case)
    everyone = {r["image"]: r["label"] for r in decoded(case) if r["label"] is not None}
    parts = _parts(place, everyone)
    cases = {(place[i], name): i for i, name in reversed(everyone.items())}
    label = {i: name for (_, name), i in cases.items()}
    ties = _ties(case, place)
    voters = {
        i: [(q, s, t) for (p, q), (s, t) in ties.items() if p == place[i] and q in parts]
        for i in label
    }
    disputed = {i for i in label if len(parts[place[i]]) > 1}
    temperature, e = _temperature({i: v for i, v in voters.items() if v}, label, parts, disputed)
    votes = {
        i: [(q, t * math.exp((s - 1) / temperature), False) for q, s, t in voters[i]]
        + [(place[i], 2.0, True)] * (i in disputed)
        for i in label
    }
    trust = _trust(votes, label, parts, place, e)
    size: Counter[str] = Counter()
    for names in parts.values():
        size.update(names)
    mean = sum(size.values()) / len(size) if size else 1
    found = {}
    for i, name in label.items():
        fair: dict[str, float] = defaultdict(float)
        for q, weight, twin in votes[i]:
            for other, part in parts[q].items():
                fair[other] += weight * part * (1 if twin else trust[q, other])
        fair = {n: w / math.sqrt((size[n] / mean + 1) / 2) for n, w in fair.items()}
        rival = max((w for n, w in fair.items() if n != name), default=0)
        if fair:
            against = rival + e / 2 if len(fair) > (name in fair) else e / 2 * 1e-12
            part = (fair.get(name, 0) + e / 2) / (fair.get(name, 0) + e / 2 + against)
            found[i] = min(part, 1 - 1e-9)
    judged = {i: cases[place[i], name] for i, name in everyone.items()}
    return {i: found[first] for i, first in judged.items() if first in found}


def _parts(place: dict[int, object], label: dict[int, str]) -> dict[object, dict[str, float]]:
    """How the images of each point split over the labels."""
    carried: dict[object, Counter[str]] = defaultdict(Counter)
    for image, name in label.items():
        carried[place[image]][name] += 1
    return {
        p: {n: c / sum(names.values()) for n, c in names.items()} for p, names in carried.items()
    }


def _ties(case: Case, place: dict[int, object]) -> dict[tuple[object, object], tuple[float, int]]:
    """(point, voter) → (similarity, 2 if each is a neighbor of the other)."""
    ties: dict[tuple[object, object], tuple[float, int]] = {}
    for a, b, similarity in case.edges.iter_rows():
        for p, q in ((place[a], place[b]), (place[b], place[a])):
            best, times = ties.get((p, q), (-1, 0))
            if p != q:
                ties[p, q] = (max(best, similarity), min(times + 1, 2))
    return ties


def _trust(votes, label, parts, place, e) -> dict[tuple[object, str], float]:
    """How far the images of a point that carry a label are trusted."""
    of = defaultdict(list)
    for i, name in label.items():
        own = sum(w * parts[q].get(name, 0) for q, w, _ in votes[i])
        total = sum(w for _, w, _ in votes[i])
        of[place[i], name].append((own + 3 * e) / max(total + 3 * e, 2**-30))
    return {key: sum(values) / len(values) for key, values in of.items()}


def _temperature(voters, label, parts, disputed) -> tuple[float, float]:
    """The best temperature, and the undecided weight."""
    every = [
        (i, 1 - s, t * part, name == label[i])
        for i, v in voters.items()
        for q, s, t in v
        for name, part in parts[q].items()
    ]
    scale = max(sum(a for _, a, _, _ in every) / len(every), 1e-3) if every else 1
    fits = {}
    for relative in (0.2, 0.3, 0.45, 0.65, 1.0, 1.5, 2.2) if every else ():
        total, own = defaultdict(float), defaultdict(float)
        for i, away, times, agrees in every:
            total[i] += times * math.exp(-away / (scale * relative))
            own[i] += agrees * times * math.exp(-away / (scale * relative))
        e = 0.1 * sum(total.values()) / len(total)
        classes = len({name for names in parts.values() for name in names})
        fit = sum(math.log((own[i] + e / classes) / (total[i] + e)) for i in total) / len(total)
        fits[relative] = fit
    good = [relative for relative, fit in fits.items() if fit >= max(fits.values()) - 1e-4]
    temperature = scale * max(good, default=1.0)
    total = defaultdict(float)
    for i, away, times, _ in every:
        total[i] += times * math.exp(-away / temperature)
    for i in disputed:
        total[i] += 2
    return temperature, 0.1 * sum(total.values()) / len(total) if total else 0.0
