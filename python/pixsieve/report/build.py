"""The report of an audit: what is worth a place on the page, and no pixels yet."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import polars as pl

from pixsieve.audit import Audit
from pixsieve.config import Config
from pixsieve.pages.cards import Cards
from pixsieve.pages.text import count, number
from pixsieve.report import overview, sections
from pixsieve.report.data import Footage, Group, Look, Number, Report, Section, Setting
from pixsieve.report.plane import plane

#: Flags that have a number at the top, and whose absence is worth a line.
ALWAYS = ("dark", "bright", "blurry")


@dataclass(frozen=True)
class Limits:
    """How much of each kind the page shows: it is there to be sent, not to list everything."""

    groups: int = 15
    #: Images per duplicate group.
    members: int = 8
    pairs: int = 15
    #: Runs of frames that two videos share.
    runs: int = 12
    suspects: int = 15
    #: Pictures beside each suspected label.
    neighbors: int = 6
    outliers: int = 18
    clusters: int = 12
    #: Images per cluster, and of all clusters together.
    cluster_images: int = 24
    clustered: int = 90
    #: Images per flag; empty pictures rank before the truly blurred.
    looks: int = 21
    invalid: int = 100
    #: Rows of the table of classes, and classes of the heat map.
    classes: int = 30
    confused: int = 16
    #: Points of the map, and how many of them have a picture; at least a quarter of those have
    #: none elsewhere on the page.
    points: int = 4_000
    pictures: int = 400
    #: Pictures beyond these many characters are left out, those last on the page first.
    characters: int = 9_000_000


def build_report(audit: Audit, *, limits: Limits | None = None) -> Report:
    """What the page of this audit says; reads frames only, no picture.

    Args:
        audit: A finished run.
        limits: How much of each kind is shown.

    Raises:
        RuntimeError: If nothing has been run yet.
    """
    limits = limits or Limits()
    info, summary = audit.info, audit.summarize()
    images = audit.images
    cards = Cards(images)
    report = Report(
        title="Pixsieve report",
        input=str(info.get("input", "")),
        root=cards.root,
        date=info.get("date"),
        version=str(info.get("version", "")),
        facts=tuple(_facts(info)),
        seconds=_seconds(info),
        settings=_settings(info),
        numbers=_numbers(summary.counts),
        lines=tuple((line.text, line.call) for line in summary.lines),
        duplicates=_duplicates(audit, cards, limits),
        videos=_videos(audit, cards, limits.runs),
        leaks=sections.leaks(
            audit.leaks(),
            cards,
            pairs=limits.pairs,
            splits=images["split"].drop_nulls().n_unique(),
        ),
        mislabels=sections.mislabels(
            audit.mislabels(),
            cards,
            suspects=limits.suspects,
            neighbors=limits.neighbors,
            labelled=images["label"].count(),
        ),
        outliers=sections.outliers(audit.outliers(), cards, outliers=limits.outliers),
        components=sections.components(
            audit.connected_components(),
            cards,
            clusters=limits.clusters,
            each=limits.cluster_images,
            together=limits.clustered,
        ),
        invalid=sections.invalid(audit.invalid_instances(), cards, invalid=limits.invalid),
        looks=_looks(audit.flags(), cards, limits.looks),
        placeholders=sections.placeholders(
            audit.placeholders(), cards, each=limits.cluster_images // 3
        ),
        statistics=overview.statistics(audit),
        similarities=overview.similarities(audit),
        classes=overview.classes(audit, most=limits.classes),
        labels=images["label"].drop_nulls().n_unique(),
        confusion=overview.confusion(audit, most=limits.confused),
    )
    return replace(
        report,
        plane=plane(
            audit.projection(),
            cards,
            shown=report.shown(),
            outliers=audit.outliers()["image"],
            points=limits.points,
            pictures=limits.pictures,
        ),
    )


def _duplicates(audit: Audit, cards: Cards, limits: Limits) -> Section[Group]:
    found = audit.duplicates()
    within = audit.within_videos(found)
    return sections.duplicates(found, within, cards, groups=limits.groups, members=limits.members)


def _videos(audit: Audit, cards: Cards, runs: int) -> Section[Footage] | None:
    if not audit.has_videos:
        return None
    return sections.videos(audit.duplicate_videos(), audit.images["time_s"], cards, runs=runs)


def _looks(flags: pl.DataFrame, cards: Cards, looks: int) -> tuple[Section[Look], ...]:
    found = set(flags["flag"])
    return tuple(
        sections.look(flags.filter(pl.col("flag") == key), cards, key=key, looks=looks)
        for key in sections.LOOKS
        if key in found or key in ALWAYS
    )


def _numbers(counts: Mapping[str, Any]) -> tuple[Number, ...]:
    leaks = None if counts["leaks"] is None else sum(row["images"] for row in counts["leaks"])
    broken = counts["images"] - counts["valid"] - counts.get("small_boxes", 0)
    rows = [
        (counts["images"], "image", "images", None),
        (counts["removable"], "extra copy", "extra copies", "duplicates"),
        (counts["similar_frames"], "similar frame", "similar frames", "duplicates"),
        (leaks, "leak", "leaks", "leaks"),
        (counts["mislabels"], "suspect label", "suspect labels", "mislabels"),
        (counts["outliers"], "outlier", "outliers", "outliers"),
        (counts["components"], "cluster", "clusters", "components"),
        *((counts[flag], flag, flag, flag) for flag in ALWAYS),
        (broken, "broken", "broken", "invalid"),
    ]
    return tuple(
        Number(value, one if value == 1 else many, key)
        for value, one, many, key in rows
        if value is not None  # there were no splits, or no labels, to look at
    )


def _facts(info: Mapping[str, Any]) -> list[tuple[str, str]]:
    model, graph = info.get("model", {}), info.get("graph", {})
    facts = [("Pixsieve", str(info.get("version", "unknown")))]
    if model:
        text = f"{model['name']} ({str(model['sha256'])[:12]}), {model['dim']} numbers per image"
        facts.append(("Model", f"{text}, on {model['device']}"))
    if graph:
        recall = graph.get("recall")
        measured = "" if recall is None else f", recall {recall:.3f}"
        facts.append(("Graph", f"{graph['method']}, {graph['k']} neighbors per image{measured}"))
    thresholds = info.get("thresholds", {})
    if thresholds:
        listed = ", ".join(
            f"{name.replace('_', ' ')} {value:.3g}" for name, value in thresholds.items()
        )
        facts.append(("Similarity from", listed))
    left_out = {name: many for name, many in info.get("left_out", {}).items() if many}
    if left_out:
        listed = ", ".join(
            f"{number(many)} {name.replace('_', ' ')}" for name, many in left_out.items()
        )
        facts.append(("Left out", f"{count(sum(left_out.values()), 'file')} ({listed})"))
    if info.get("hint"):
        facts.append(("Note", str(info["hint"])))
    return facts


def _seconds(info: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """Seconds per stage; what a stage is made of runs in parallel and does not add up."""
    stages = info.get("seconds", {})
    return tuple((name, float(value)) for name, value in stages.items() if "." not in name)


def _settings(info: Mapping[str, Any]) -> tuple[Setting, ...]:
    stored, default = info.get("settings", {}), Config().to_dict()
    return tuple(
        Setting(field.name, _text(stored[field.name]), stored[field.name] != default[field.name])
        for field in fields(Config)
        if field.name in stored
    )


def _text(value: object) -> str:
    if value is None:
        return "default"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return number(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
