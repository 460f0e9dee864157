"""Copies of remote files: which of them go when a run has read them."""

from pathlib import Path

import polars as pl

from pixsieve.config import Config
from pixsieve.sources import SYNCED, Listing

#: Copies and the URLs that they are of, by location.
Copies = dict[bytes, bytes]


def fleeting_copies(listing: Listing, work_dir: Path, config: Config) -> Copies:
    """The copies of this run that are deleted at its end, as `delete_tar` and `delete_img` say.

    `delete_img` means pictures that are files, `delete_tar` the files that hold pictures.
    """
    if not (config.sync_s3_to_local and (config.delete_tar or config.delete_img)):
        return {}
    from pixsieve.sources.cloud import origins_of  # noqa: PLC0415 - for remote inputs

    origins = origins_of(work_dir / SYNCED)
    single = pl.col("kind") == "file"
    wanted = (single & config.delete_img) | (~single & config.delete_tar)
    places = listing.frame.filter(wanted)["location"].unique(maintain_order=True)
    return {place: origins[place] for place in places if place in origins}


def with_origins(images: pl.DataFrame, copies: Copies) -> pl.DataFrame:
    """The images, with the URLs of the copies that go: what is read later is read from there."""
    if not copies:
        return images
    table = pl.DataFrame(
        {"_location": list(copies), "_origin": list(copies.values())},
        schema={"_location": pl.Binary, "_origin": pl.Binary},
    )
    return (
        images.join(table, on="_location", how="left", maintain_order="left")
        .with_columns(_location=pl.coalesce("_origin", "_location"))
        .drop("_origin")
    )


def delete_copies(copies: Copies, work_dir: Path) -> None:
    """Deletes them: files that were written by this or an earlier run, and not changed since."""
    if copies:
        from pixsieve.sources.cloud import delete_synced  # noqa: PLC0415 - for remote inputs

        delete_synced(work_dir / SYNCED, copies)
