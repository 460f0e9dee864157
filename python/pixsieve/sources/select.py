"""Which of the listed pictures become images of a run."""

import fnmatch
import re

import polars as pl

from pixsieve.config import Config

#: Longer values of settings are cut in sentences.
LONGEST = 80


def select(frame: pl.DataFrame, config: Config) -> pl.DataFrame:
    """The rows that the settings leave, in their order.

    `num_images`, `min_offset` and `max_offset` count for each input by itself; `_second` says
    which rows are of the second.

    Args:
        frame: `path`, `relative` (null where nothing was listed) and `_second`.
        config: The settings: `extensions`, `exclude`, `find_regex`, `subset` and those above.

    Raises:
        ValueError: If none is left.
    """
    names = frame.select(path=pl.col("path"), relative=pl.coalesce("relative", "path"))
    wanted = pl.Series([True]).new_from_index(0, frame.height)
    if config.extensions is not None:
        allowed = {extension.lower().lstrip(".") for extension in config.extensions}
        stem = names["path"].str.replace(r"#(t|row|xywh)=[^/]*$", "")
        wanted &= (
            stem.str.to_lowercase().str.extract(r"\.([^./\\]+)$").is_in(allowed).fill_null(False)
        )
    if config.exclude is not None:
        pattern = re.compile("|".join(_pattern(one) for one in config.exclude))
        wanted &= pl.Series(
            [not any(map(pattern.match, pair)) for pair in names.iter_rows()], dtype=pl.Boolean
        )
    if config.find_regex is not None:
        expression = re.compile(config.find_regex)
        wanted &= pl.Series(
            [expression.search(path) is not None for path in names["path"]], dtype=pl.Boolean
        )
    if config.subset is not None:
        given = pl.Series([str(one) for one in config.subset], dtype=pl.String).implode()
        wanted &= names["relative"].is_in(given) | names["path"].is_in(given)
    chosen = frame.filter(wanted)
    if chosen.is_empty():
        raise ValueError(
            f"no image is left after {_filters(config)}: none of the {frame.height:,} paths fits, "
            f"such as {names['path'][0]!r}"
        )
    end = config.max_offset or chosen.height
    if config.num_images:
        end = min(end, config.min_offset + config.num_images)
    number = pl.int_range(pl.len()).over("_second")
    part = chosen.filter((number >= config.min_offset) & (number < end))
    if part.is_empty():
        raise ValueError(
            f"no image is left: there are {chosen.height:,}, and min_offset is "
            f"{config.min_offset:,}"
            + (f", max_offset {config.max_offset:,}" if config.max_offset else "")
        )
    return part


def _pattern(glob: str) -> str:
    """Of the relative path, or of a folder or name in it."""
    return rf"(?:.*/)?{fnmatch.translate(glob.rstrip('/'))[:-2]}(?:/.*)?\Z"


def _filters(config: Config) -> str:
    names = ("extensions", "exclude", "find_regex", "subset")
    given = {name: getattr(config, name) for name in names if getattr(config, name) is not None}
    said = [f"{name}={value!r}" for name, value in given.items()]
    return " and ".join(one if len(one) < LONGEST else f"{one[:LONGEST]}…" for one in said)
