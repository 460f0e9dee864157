"""The order of images: by path, but parts of one file as they follow each other in it."""

import polars as pl

#: What the parts of a file are called by: frames of a video by time, rows of a table by number.
NUMBER = r"#(?:t|row|byte)=(\d+(?:\.\d+)?)(?:&frame=(\d+))?$"
#: Kinds of pictures with names of their own, in which such an ending means nothing.
NAMED = ("file", "member", "zipped", "streamed")


def in_order(frame: pl.DataFrame, *then: str, kind: str) -> pl.DataFrame:
    """The rows sorted by path; frames of one video by time, rows of one table by number.

    A file itself comes before its parts.

    Args:
        frame: `path`, and the other columns that are named.
        then: By what those of the same path are sorted, nulls last; else they stay as they were.
        kind: The column of kinds, as in `LISTED`; null is that of a picture nobody listed.
    """
    path = pl.col("path")
    named = pl.col(kind).cast(pl.String).is_in(NAMED).fill_null(value=False)
    numbered = ~named & path.str.contains(NUMBER)
    by: list[pl.Expr] = [path]
    if frame.select(numbered.any()).item():
        part = pl.when(numbered).then(path)
        numbers = [
            part.str.extract(NUMBER, group).cast(pl.Float64).fill_null(-1.0) for group in (1, 2)
        ]
        by = [pl.coalesce(part.str.replace(NUMBER, ""), path), *numbers, path]
    keys = [*by, *map(pl.col, then)]
    return frame.sort(keys, nulls_last=True, maintain_order=True)
