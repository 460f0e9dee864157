"""What is wrong with the collection, in a few lines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from pixsieve.findings.flags import FLAGS
from pixsieve.findings.videos import KINDS

#: How a row says which extra reads it.
INSTALL = r"pip install '(pixsieve\[\w+\])'"


@dataclass(frozen=True)
class Line:
    """One line of the summary."""

    #: What was found, as a sentence.
    text: str
    #: The call that lists it; None if there is nothing to list.
    call: str | None = None

    def __str__(self) -> str:
        return self.text if self.call is None else f"{self.text} → {self.call}"


@dataclass(frozen=True)
class Summary:
    """The lines to print, and the same numbers for programs."""

    lines: list[Line]
    #: Numbers, and lists of flat dicts of numbers and strings: can be written as JSON.
    counts: dict[str, Any] = field(hash=False)


#: Pairs of splits that have a line of their own.
MOST_LEAK_LINES = 10
#: What flagged images are called, by the name of the flag.
FLAG_TEXTS = {
    "low_information": "low-information",
    "low_contrast": "low-contrast",
    "dark": "dark",
    "bright": "bright",
    "blurry": "blurry",
    "odd_size": "oddly sized",
    "odd_aspect_ratio": "oddly shaped",
    "grayscale": "grey",
}

#: What pairs of videos are called, by kind.
VIDEO_TEXTS = {"video": "the same", "clip": "one part of the other", "part": "sharing a part"}

#: What the files that were not read are called, by the key under which they are counted.
LEFT_OUT = {
    "hidden": "hidden ones (hidden=True reads them)",
    "not_pictures": "no picture by name or content",
    "links": "links to what is listed already or to nothing",
    "special": "sockets, FIFOs, devices",
    "runs": "folders of earlier runs",
    "repeated": "named more than once",
    "absent_tests": "test folders or lists of the data.yaml that are not there",
}


#: What is wrong with boxes, by the key under which they are counted.
ODD_BOXES = {
    "bad_boxes": "bad ones",
    "duplicate_boxes": "given more than once",
    "unknown_categories": "of categories without a name",
}

#: What did not come together, by the reason.
UNMATCHED = {
    "the input has no such picture": "annotations without a picture",
    "no annotation": "pictures without an annotation",
    "no box": "pictures without a box",
    "nothing was found": "pictures in which nothing was found",
}


def summary(
    *,
    left_out: Mapping[str, int],
    annotations: Mapping[str, Any],
    unmatched: pl.DataFrame,
    images: pl.DataFrame,
    duplicates: pl.DataFrame,
    connected_components: pl.DataFrame,
    leaks: pl.DataFrame,
    outliers: pl.DataFrame,
    mislabels: pl.DataFrame,
    flags: pl.DataFrame,
    placeholders: pl.DataFrame,
    duplicate_videos: pl.DataFrame | None = None,
    hint: str | None = None,
    within_videos: pl.Series | None = None,
) -> Summary:
    """What the frames of the findings add up to.

    Every number counts images, and percentages are shares of all images. `valid` leaves out every
    image with an error code, truncated ones too; `examined` counts these as well. A duplicate that
    could go is an image of a group that is not its representative. Where there are videos,
    `within_videos` says which of the duplicates are frames of the video of their representative:
    alike by nature, they are `similar_frames`, not `removable`. Leaks and suspected labels are
    mentioned if there are two splits, or any labels, and duplicate videos, which are counted in
    pairs, if they are not None, as where there are no videos; else their counts are None.
    `left_out` counts files that were not taken as images, by reason; `annotations` what there is to
    tell of boxes, and is empty without any; `unmatched` is UNMATCHED; `hint` is a sentence on
    annotations that were not read.
    """
    has_splits = images["split"].drop_nulls().n_unique() > 1
    has_labels = images["label"].count() > 0
    counts = {
        **_validity(images),
        **_small_boxes(images),
        "left_out": dict(left_out),
        **_annotated(annotations, images),
        "unmatched": dict(unmatched.group_by("reason").len().sort("reason").iter_rows()),
        **_duplicates(duplicates, within_videos),
        **_components(connected_components),
        "leaks": _grouped(leaks, ["split_from", "split_to", "kind"]) if has_splits else None,
        "outliers": outliers.height,
        "low_information_outliers": outliers.filter(pl.col("reason") == "low_information").height,
        "mislabels": mislabels.height if has_labels else None,
        "conflicts": mislabels["conflict"].count() if has_labels else None,
        **{name: flags.filter(pl.col("flag") == name).height for name in FLAGS},
        "duplicate_videos": None if duplicate_videos is None else _videos(duplicate_videos),
        "placeholder_clusters": placeholders["cluster"].n_unique(),
        "placeholders": placeholders["image"].n_unique(),
    }
    lines = [
        _line_of_images(counts),
        *_line_of_left_out(left_out),
        *([Line(f"{hint}.")] if hint else ()),
        *_line_of_boxes(counts),
        *_line_of_unmatched(counts),
        *_line_of_invalid(counts),
    ]
    if images.height and not counts["examined"]:
        # That nothing was found would sound as if something had been looked at.
        return Summary([*lines, _line_of_nothing(images)], counts)
    lines += [
        _line_of_duplicates(counts),
        *_line_of_videos(counts),
        _line_of_components(counts),
        *(_lines_of_leaks(counts) if has_splits else ()),
        _line_of_outliers(counts),
        *([_line_of_mislabels(counts)] if has_labels else ()),
        *_lines_of_flags(counts),
        *_line_of_placeholders(counts),
    ]
    return Summary(lines, counts)


# ---- counts ---- #


def _grouped(frame: pl.DataFrame, columns: list[str]) -> list[dict[str, Any]]:
    return frame.group_by(columns).agg(images=pl.len()).sort(columns).to_dicts()


def _validity(images: pl.DataFrame) -> dict[str, Any]:
    broken = images.filter(pl.col("error_code").is_not_null())
    return {
        "images": images.height,
        "valid": images.height - broken.height,
        "examined": images.filter(
            pl.col("error_code").fill_null("truncated") == "truncated"
        ).height,
        "invalid": _grouped(broken, ["error_code"]),
        "unread": _grouped(
            broken.select(package=pl.col("detail").str.extract(INSTALL)).drop_nulls(), ["package"]
        ),
    }


def _small_boxes(images: pl.DataFrame) -> dict[str, int]:
    """How many boxes are too small to be looked at; nothing where the images are whole pictures."""
    if "box_width" not in images.columns:
        return {}
    small = (pl.col("error_code") == "too_small") & pl.col("box_width").is_not_null()
    return {"small_boxes": images.filter(small).height}


def _annotated(annotations: Mapping[str, Any], images: pl.DataFrame) -> dict[str, Any]:
    """What there is to tell of boxes; nothing where the images are whole pictures."""
    if "boxes" not in annotations:
        return dict(annotations)
    # Which boxes reach beyond their picture is known only now.
    bad = images.filter(pl.col("error_code") == "bad_bounding_box").height
    return {**annotations, "bad_boxes": bad}


def _duplicates(duplicates: pl.DataFrame, within_videos: pl.Series | None) -> dict[str, Any]:
    kinds = {f"{kind}_duplicates": pl.col("kind") == kind for kind in ("exact", "pixel", "near")}
    sums = duplicates.select(
        **{name: kind.sum() for name, kind in kinds.items()},
        duplicate_groups=pl.col("group").n_unique(),
        removable=(~pl.col("representative")).sum(),
    ).row(0, named=True)
    within = None if within_videos is None else int(within_videos.sum())
    return {**sums, "removable": sums["removable"] - (within or 0), "similar_frames": within}


def _videos(found: pl.DataFrame) -> dict[str, int]:
    """Pairs of videos by the most that they share."""
    pairs = found.unique(["video_from", "video_to"], keep="first", maintain_order=True)
    return {kind: pairs.filter(pl.col("kind") == kind).height for kind in KINDS}


def _components(components: pl.DataFrame) -> dict[str, Any]:
    return {
        "components": components["component"].n_unique(),
        "component_images": components.height,
        "largest_component": int(components["size"].max() or 0),  # type: ignore[arg-type]
    }


# ---- lines ---- #


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _share(number: int, counts: dict[str, Any]) -> str:
    return f"({number / counts['images']:.1%})"


def _line_of_outliers(counts: dict[str, Any]) -> Line:
    number, plain = counts["outliers"], counts["low_information_outliers"]
    if counts["valid"] < 2:
        return Line("No outliers found.")
    if number == 0:
        text = "No outliers: no image departs from the rest; the strangest 5 %"
        return Line(text, "audit.outliers(outlier_percentile=0.05)")
    shown = f", {plain:,} of them showing next to nothing" if plain else ""
    return Line(f"{_count(number, 'outlier')} {_share(number, counts)}{shown}", "audit.outliers()")


def _line_of_mislabels(counts: dict[str, Any]) -> Line:
    number, conflicts = counts["mislabels"], counts["conflicts"]
    if number == 0:
        return Line("No suspected wrong labels found.")
    text = f"{_count(number, 'suspected wrong label')} {_share(number, counts)}"
    if conflicts:
        text += f", {conflicts:,} of them on duplicates that are labelled otherwise"
    return Line(text, "audit.mislabels()")


def _lines_of_flags(counts: dict[str, Any]) -> Iterator[Line]:
    for name, text in FLAG_TEXTS.items():
        if number := counts[name]:
            images = _count(number, "image").replace(" ", f" {text} ")
            yield Line(f"{images} {_share(number, counts)}", f'audit.flags("{name}")')
    if not any(counts[name] for name in FLAG_TEXTS):
        yield Line("No dark, bright, blurry, empty or odd images found.")


def _line_of_placeholders(counts: dict[str, Any]) -> Iterator[Line]:
    if number := counts["placeholders"]:
        clusters = _count(counts["placeholder_clusters"], "cluster")
        text = f"{_count(number, 'image')} {_share(number, counts)} in {clusters} of placeholders"
        yield Line(text, "audit.placeholders()")


def _line_of_images(counts: dict[str, Any]) -> Line:
    if counts["images"] == 0:
        return Line("No images.")
    valid = f"{counts['valid']:,} valid {_share(counts['valid'], counts)}"
    return Line(f"{_count(counts['images'], 'image')}, {valid}", "audit.annotations()")


def _line_of_nothing(images: pl.DataFrame) -> Line:
    """What most of the images say of themselves, where none could be looked at."""
    said = images.select(pl.coalesce("detail", "error_code")).to_series()
    most = said.value_counts(sort=True, name="n").sort("n", said.name, descending=[True, False])
    return Line(f"No picture could be looked at; most of them say: {most[said.name][0]}")


def _line_of_left_out(left_out: Mapping[str, int]) -> Iterator[Line]:
    parts = [f"{text}: {left_out[key]:,}" for key, text in LEFT_OUT.items() if left_out.get(key)]
    if parts:
        yield Line(f"Files left out: {'; '.join(parts)}.")


def _line_of_boxes(counts: dict[str, Any]) -> Iterator[Line]:
    columns = counts.get("box_columns")
    noun = "columns" if columns and "," in columns else "column"
    parts = [f"from the {noun} {columns}"] if columns else []
    parts += [f"{text}: {counts[key]:,}" for key, text in ODD_BOXES.items() if counts.get(key)]
    if parts:
        number = counts.get("boxes", 0)
        yield Line(f"{_boxes(number) if number else 'Annotations'}; {'; '.join(parts)}.")


def _boxes(number: int) -> str:
    return f"{number:,} box{'' if number == 1 else 'es'}"


def _line_of_unmatched(counts: dict[str, Any]) -> Iterator[Line]:
    found = counts["unmatched"]
    parts = [f"{UNMATCHED.get(reason, reason)}: {number:,}" for reason, number in found.items()]
    if parts:
        text = "; ".join(parts)
        yield Line(text[0].upper() + text[1:], "audit.unmatched()")


def _line_of_invalid(counts: dict[str, Any]) -> Iterator[Line]:
    small = counts.get("small_boxes", 0)
    number = counts["images"] - counts["valid"] - small
    if number:
        found = {row["error_code"]: row["images"] for row in counts["invalid"]}
        found["too_small"] = found.get("too_small", 0) - small
        codes = ", ".join(f"{many:,} {code}" for code, many in found.items() if many)
        text = f"{_count(number, 'broken image')} {_share(number, counts)}: {codes}"
        yield Line(text, "audit.invalid_instances()")
    if small:
        text = f"{_boxes(small)} {_share(small, counts)} too small to be looked at"
        yield Line(text, "audit.invalid_instances()")
    for row in counts["unread"]:
        text = f"{row['images']:,} of them can be read after pip install '{row['package']}'."
        yield Line(text)


def _line_of_duplicates(counts: dict[str, Any]) -> Line:
    if counts["duplicate_groups"] == 0:
        return Line("No duplicates found.")
    found = [(kind, counts[f"{kind}_duplicates"]) for kind in ("exact", "pixel", "near")]
    kinds = [f"{number:,} {kind}" for kind, number in found if number]
    listed = " and ".join([", ".join(kinds[:-1]), kinds[-1]] if len(kinds) > 1 else kinds)
    groups, removable = _count(counts["duplicate_groups"], "group"), counts["removable"]
    could_go = f"{_count(removable, 'image')} {_share(removable, counts)} could go"
    text = f"{listed} duplicates in {groups}; {could_go}"
    if number := counts["similar_frames"]:
        frames = f"{_count(number, 'frame')} {_share(number, counts)}"
        text += f", {frames} {'is' if number == 1 else 'are'} like others of the same video"
    return Line(text, "audit.duplicates()")


def _line_of_videos(counts: dict[str, Any]) -> Iterator[Line]:
    kinds = counts["duplicate_videos"]
    if kinds is None:
        return
    if not any(kinds.values()):
        yield Line("No duplicate videos found.")
        return
    shown = ", ".join(f"{number:,} {VIDEO_TEXTS[kind]}" for kind, number in kinds.items() if number)
    pairs = f"{_count(sum(kinds.values()), 'pair')} of videos"
    yield Line(f"{pairs} with matching frames: {shown}", "audit.duplicate_videos()")


def _line_of_components(counts: dict[str, Any]) -> Line:
    if counts["components"] == 0:
        return Line("No clusters of look-alikes found.")
    inside = f"{_count(counts['component_images'], 'image')}"
    share = _share(counts["component_images"], counts)
    clusters, largest = _count(counts["components"], "cluster"), counts["largest_component"]
    text = f"{inside} {share} in {clusters} of look-alikes; the largest has {largest:,}"
    return Line(text, "audit.connected_components()")


def _lines_of_leaks(counts: dict[str, Any]) -> Iterator[Line]:
    if not counts["leaks"]:
        yield Line("No leaks found.")
    kinds_of: dict[tuple[str, str], dict[str, int]] = {}
    for row in counts["leaks"]:
        kinds_of.setdefault((row["split_from"], row["split_to"]), {})[row["kind"]] = row["images"]
    for (start, end), kinds in list(kinds_of.items())[:MOST_LEAK_LINES]:
        number = sum(kinds.values())
        listed = ", ".join(f"{kinds[k]:,} {k}" for k in ("exact", "pixel", "near") if k in kinds)
        verb = "is" if number == 1 else "are"
        text = f"{_count(number, 'image')} of {end} {verb} also in {start}: {listed}"
        yield Line(text, "audit.leaks()")
    more = len(kinds_of) - MOST_LEAK_LINES
    if more > 0:
        yield Line(f"Leaks between {_count(more, 'more pair')} of splits", "audit.leak_counts()")
