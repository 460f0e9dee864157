"""Who carries which label."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pixsieve.findings.graph import Rows, is_decoded, pixel_copies, stand_ins


@dataclass(frozen=True)
class Labelled:
    """The labels of a collection.

    A *point* is one picture: all images of equal bytes or pixels, by the smallest of them that
    stands in the graph. A label is a number: its place in `names`.
    """

    images: pl.DataFrame
    """One row per labelled image, by image: `image`, `point`, `stand_in`, `given` (a number, the
    same for the same labels), `case`."""
    cases: pl.DataFrame
    """One row per point and `given`, by one of its images: `image`, `point`, `given`. What is said
    of it holds for all of them: a picture that was copied a thousand times is judged once."""
    carried: pl.DataFrame
    """One row per case and label, by image and label: `image`, `point`, `vote`."""
    carriers: pl.DataFrame
    """One row per point and label: `carrier` (its row), `point`, `vote`, `first` and `second`
    (images that carry it), `part` (of the point's labelled images that do)."""
    points: Rows
    """The point of every image."""
    names: pl.Series
    """The labels by alphabet."""
    written: pl.Series
    """What `given` means: the labels of an image as text."""
    separator: str | None
    """What stands between several labels of an image; None: each has one."""


def labelled(
    images: pl.DataFrame,
    edges: pl.DataFrame,
    pixel_digests: pl.DataFrame,
    *,
    separator: str | None,
) -> Labelled:
    """The labels of the decoded images; `separator` stands between several of one image."""
    stand_in = stand_ins(images, edges)
    order = np.arange(images.height, dtype=np.uint32)
    points = pixel_copies(pixel_digests, stand_in, order)
    known = (
        images.select(
            "image",
            "error_code",
            label=_in_order(separator),
            point=pl.Series(points, dtype=pl.UInt32),
            stand_in=pl.Series(stand_in, dtype=pl.UInt32),
        )
        .filter(is_decoded(), pl.col("label").list.len() > 0)
        .with_columns(written=pl.col("label").list.join(separator or ""))
        .with_columns(
            given=(pl.col("written").rank("dense") - 1).cast(pl.UInt32),
            case=pl.col("image")
            .sort_by(pl.col("image") != pl.col("stand_in"), "image")
            .first()
            .over("point", "written"),
        )
    )
    single = known.select("image", "point", "stand_in", vote="label").explode(
        "vote", empty_as_null=False
    )
    names = single["vote"].unique().drop_nulls().sort()
    numbers = pl.DataFrame({"name": names}).with_row_index("number")
    carried = (
        single.join(numbers, left_on="vote", right_on="name")
        .drop("vote")
        .rename({"number": "vote"})
        .sort("image", "vote")
    )
    return Labelled(
        known.select("image", "point", "stand_in", "given", "case"),
        known.filter(pl.col("image") == pl.col("case")).select("image", "point", "given"),
        carried.join(known.select(image="case").unique(), on="image", how="semi")
        .select("image", "point", "vote")
        .sort("image", "vote"),
        _carriers(known, carried),
        points,
        names,
        known.select("given", "written").unique().sort("given")["written"],
        separator,
    )


def _in_order(separator: str | None) -> pl.Expr:
    """The labels of each image by alphabet, each once."""
    label = pl.col("label")
    if separator is None:
        return pl.when(label.is_not_null()).then(pl.concat_list("label"))
    parts = label.str.split(separator).list.eval(pl.element().str.strip_chars())
    return parts.list.eval(pl.element().filter(pl.element() != "")).list.unique().list.sort()


def _carriers(known: pl.DataFrame, carried: pl.DataFrame) -> pl.DataFrame:
    sizes = known.group_by("point").agg(size=pl.len())
    return (
        carried.sort(pl.col("image") != pl.col("stand_in"), "image")
        .group_by("point", "vote")
        .agg(
            first=pl.col("image").first(),
            second=pl.col("image").get(1, null_on_oob=True),
            count=pl.len(),
        )
        .join(sizes, on="point")
        .sort("point", "vote")
        .with_row_index("carrier")
        .select(
            "carrier", "point", "vote", "first", "second", part=pl.col("count") / pl.col("size")
        )
    )
