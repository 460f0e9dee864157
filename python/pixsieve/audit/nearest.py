"""The nearest image of another split, for every image."""

import polars as pl

from pixsieve import engine, findings
from pixsieve.audit.tables import Tables

SCHEMA = {"image_from": pl.UInt32, "image_to": pl.UInt32, "similarity": pl.Float32}


def across_splits(audit: Tables) -> pl.DataFrame:
    """For each image of a later split the nearest one of each earlier: `image_from`, `image_to`.

    By exact search; of equally similar images the smallest.
    """
    known = audit.embeddings()
    known = known.with_columns(split=audit.images["split"].gather(known["image"]))
    splits = findings.ordered_splits(audit.images)
    parts = [pl.DataFrame(schema=SCHEMA)]
    for place, later in enumerate(splits):
        queries = known.filter(pl.col("split") == later)
        for earlier in splits[:place]:
            others = known.filter(pl.col("split") == earlier)
            if queries.is_empty() or others.is_empty():
                continue
            rows, similarities = engine.nearest(
                queries["embedding"].to_numpy(), others["embedding"].to_numpy(), config=audit.config
            )
            found = {
                "image_from": others["image"].gather(rows),
                "image_to": queries["image"],
                "similarity": similarities,
            }
            parts.append(pl.DataFrame(found, schema=SCHEMA))
    return pl.concat(parts)
