"""Compares an audit of the demo collection with the ground truth.

The rules are strict: what was planted counts as found only where the audit says so under the
right name, and everything else that it lists there is a false alarm unless it is truly so.
"""

from collections.abc import Mapping
from typing import Protocol

import polars as pl

from pixsieve.demo.plan import COPIES

SCORE_SCHEMA = pl.Schema(
    {"kind": pl.String, "planted": pl.UInt32, "found": pl.UInt32, "false_alarms": pl.UInt32}
)
BLANK_STDV = 2.0
"""A picture whose values deviate less than this from their mean shows nothing."""

STRANGEST = 0.05
"""The share of the images among which off-topic ones are looked for."""

Frames = Mapping[str, pl.DataFrame]
_EDITED = [kind for kind in COPIES if kind != "exact"]
_NO_LABEL = ["offtopic", "blank", "dark", "bright", "truncated"]  # may get any label
_ODD = ["offtopic", "blank", "dark", "bright", "blurred", "truncated"]  # may rightly be outliers
_FORMATS = {"jpg": "jpeg", "png": "png"}


class Audited(Protocol):
    """The part of an audit that is scored."""

    def duplicates(self) -> pl.DataFrame:
        """One row per image in a group."""
        ...

    def leaks(self) -> pl.DataFrame:
        """One row per pair."""
        ...

    def mislabels(self) -> pl.DataFrame:
        """One row per suspect."""
        ...

    def outliers(self, outlier_percentile: float | None = None) -> pl.DataFrame:
        """One row per outlier."""
        ...

    def invalid_instances(self) -> pl.DataFrame:
        """One row per broken file."""
        ...

    def img_stats(self) -> pl.DataFrame:
        """One row per image."""
        ...

    def annotations(self) -> pl.DataFrame:
        """One row per image, with its format."""
        ...


def frames_of(audit: Audited) -> dict[str, pl.DataFrame]:
    """The frames that `score` reads, by name."""
    return {
        "duplicates": audit.duplicates(),
        "leaks": audit.leaks(),
        "mislabels": audit.mislabels(),
        "outliers": audit.outliers(outlier_percentile=STRANGEST),
        "invalid_instances": audit.invalid_instances(),
        "img_stats": audit.img_stats(),
        "annotations": audit.annotations(),
    }


def score(
    truth: pl.DataFrame,
    frames: Frames,
    *,
    dark_threshold: float,
    bright_threshold: float,
    blur_threshold: float,
) -> pl.DataFrame:
    """Counts per kind of problem what was planted, what was found, and what was cried in vain.

    Args:
        truth: what `plant.build` returned.
        frames: what `frames_of` returned. Paths may be absolute.
        dark_threshold: a picture is dark below this mean.
        bright_threshold: a picture is bright above this mean.
        blur_threshold: a picture is blurred below this variance of the Laplacian.

    Returns:
        kind, planted, found, false_alarms, in the order of the rules below. `false_alarms` is
        null where an alarm cannot be told to belong to this kind: those of edited copies are
        counted once, in the row `near`, which sums these kinds.

    The rules:
        exact and edited copies: found if in one duplicate group with the original. A false
            alarm is a member that is no copy of its group's representative, counted under
            `exact` if reported as such, else under `near`. Blank pictures are alike: not counted.
        leak: pairs, found if listed in either order; false if the two are no copies.
        mislabel: found if the suggestion is the true label; a wrong suggestion for a wrong label
            is neither found nor false. False: another label is suggested for a right one.
            Pictures that have no right label are not counted.
        offtopic: found if among the strangest 5 % of the images; false if there and neither
            off-topic nor blank, dark, bright, blurred or truncated.
        blank: standard deviation below 2. dark, bright, blurred: beyond the threshold. False:
            others there, but a black picture may be dark, a white one bright, and blank, dark
            and bright ones blurred.
        truncated: listed as invalid with this code; corrupt: as `corrupt` or `unknown_format`.
            False: listed, though the file is neither.
        wrong_extension: the format by content is not the one of the extension.
    """
    truth = truth.with_columns(pl.col("path", "of").pipe(_below))
    short = {name: _shorten(frame) for name, frame in frames.items()}
    rows = [
        *_score_copies(truth, short["duplicates"]),
        _score_leaks(truth, short["leaks"]),
        _score_mislabels(truth, short["mislabels"]),
        _score_listed(truth, "offtopic", short["outliers"], _ODD),
        *_score_statistics(
            truth, short["img_stats"], dark_threshold, bright_threshold, blur_threshold
        ),
        *_score_invalid(truth, short["invalid_instances"]),
        _score_extensions(truth, short["annotations"]),
    ]
    return pl.DataFrame(rows, SCORE_SCHEMA, orient="row")


Row = tuple[str, int, int, int | None]


def _below(path: pl.Expr) -> pl.Expr:
    """The last three parts of a path, split/label/name, wherever the collection lies."""
    return path.str.replace_all("\\", "/", literal=True).str.extract(r"([^/]+/[^/]+/[^/]+)$")


def _shorten(frame: pl.DataFrame) -> pl.DataFrame:
    columns = [name for name in ("path", "path_from", "path_to") if name in frame.columns]
    return frame.with_columns(pl.col(columns).pipe(_below)) if columns else frame


def _paths(truth: pl.DataFrame, kinds: list[str]) -> pl.Series:
    return truth.filter(pl.col("kind").is_in(kinds)).get_column("path")


def _root(truth: pl.DataFrame, column: str) -> pl.Expr:
    """The original of the picture in a column: itself unless it is a copy; one for all blanks."""
    copies = truth.filter(pl.col("kind").is_in(list(COPIES)))
    originals = dict(copies.select("path", "of").iter_rows())
    blanks = dict.fromkeys(_paths(truth, ["blank"]), "blank")
    return pl.col(column).replace(originals | blanks)


def _score_copies(truth: pl.DataFrame, duplicates: pl.DataFrame) -> list[Row]:
    members = duplicates.select("path", "group")
    copies = truth.filter(pl.col("kind").is_in(list(COPIES)))
    found = (
        copies.join(members, on="path")
        .join(members.rename({"path": "of"}), on=["of", "group"])
        .unique("path")
        .get_column("kind")
    )
    heads = duplicates.filter("representative").select("group", head="path")
    strangers = (
        duplicates.filter(~pl.col("representative"))
        .join(heads, on="group")
        .filter(_root(truth, "path") != _root(truth, "head"))
    )
    exact = strangers.filter(kind="exact", transform="none").height
    rows: list[Row] = [
        (kind, int((copies["kind"] == kind).sum()), int((found == kind).sum()), None)
        for kind in COPIES
    ]
    edited = [row for row in rows if row[0] in _EDITED]
    near = (
        "near",
        sum(row[1] for row in edited),
        sum(row[2] for row in edited),
        strangers.height - exact,
    )
    return [(*rows[0][:3], exact), *rows[1:], near]


def _pairs(frame: pl.DataFrame, first: str, second: str) -> pl.DataFrame:
    """Unordered pairs, each once."""
    low, high = pl.min_horizontal(first, second), pl.max_horizontal(first, second)
    return frame.select(low.alias("low"), high.alias("high")).unique()


def _score_leaks(truth: pl.DataFrame, leaks: pl.DataFrame) -> Row:
    planted = _pairs(truth.filter(kind="leak"), "path", "of")
    listed = _pairs(leaks, "path_from", "path_to")
    false = listed.filter(_root(truth, "low") != _root(truth, "high")).height
    return "leak", planted.height, planted.join(listed, on=["low", "high"]).height, false


def _score_mislabels(truth: pl.DataFrame, mislabels: pl.DataFrame) -> Row:
    planted = truth.filter(kind="mislabel").select("path", "detail")
    suspects = mislabels.filter(pl.col("suggested_label") != pl.col("label"))
    found = suspects.join(planted, on="path").filter(pl.col("suggested_label") == pl.col("detail"))
    excused = _paths(truth, ["mislabel", *_NO_LABEL])
    return "mislabel", planted.height, found.height, _count_others(suspects, excused)


def _count_others(listed: pl.DataFrame, excused: pl.Series) -> int:
    return listed.filter(~pl.col("path").is_in(excused.implode())).height


def _score_listed(truth: pl.DataFrame, kind: str, listed: pl.DataFrame, excused: list[str]) -> Row:
    planted = _paths(truth, [kind])
    found = int(planted.is_in(listed.get_column("path").implode()).sum())
    return kind, len(planted), found, _count_others(listed, _paths(truth, [kind, *excused]))


def _score_statistics(
    truth: pl.DataFrame, stats: pl.DataFrame, dark: float, bright: float, blur: float
) -> list[Row]:
    return [
        _score_listed(truth, "blank", stats.filter(pl.col("stdv") < BLANK_STDV), []),
        _score_listed(truth, "dark", stats.filter(pl.col("mean") < dark), ["blank"]),
        _score_listed(truth, "bright", stats.filter(pl.col("mean") > bright), ["blank"]),
        _score_listed(
            truth, "blurred", stats.filter(pl.col("blur") < blur), ["blank", "dark", "bright"]
        ),
    ]


def _score_invalid(truth: pl.DataFrame, invalid: pl.DataFrame) -> list[Row]:
    cut = pl.col("error_code") == "truncated"
    broken = invalid.filter(pl.col("error_code").is_in(["corrupt", "unknown_format"]))
    _, planted, found, _ = _score_listed(truth, "corrupt", broken, [])
    excused = _paths(truth, ["corrupt", "truncated"])
    return [
        _score_listed(truth, "truncated", invalid.filter(cut), ["corrupt"]),
        ("corrupt", planted, found, _count_others(invalid.filter(~cut), excused)),
    ]


def _score_extensions(truth: pl.DataFrame, annotations: pl.DataFrame) -> Row:
    suffix = pl.col("path").str.extract(r"\.(\w+)$").replace(_FORMATS)
    return _score_listed(
        truth, "wrong_extension", annotations.filter(suffix != pl.col("format")), []
    )
