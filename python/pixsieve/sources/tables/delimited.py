"""Delimited text: CSV and TSV files, and JSON with one object a line, as tables."""

import codecs
import csv
import io
from collections.abc import Collection

import polars as pl

from pixsieve.sources.listing import shown
from pixsieve.sources.tables.columns import PATH_COLUMNS, path_column

SEPARATORS = (",", "\t", ";", "|")
#: Bytes that are not UTF-8, as characters that a table can hold: of the last private plane.
HELD = {0xDC00 + byte: 0x10FE00 + byte for byte in range(0x80, 0x100)}
RELEASED = {held: escape for escape, held in HELD.items()}
ANY_HELD = f"[{chr(0x10FE80)}-{chr(0x10FEFF)}]"
#: Begins the names of columns that have none, as those of row numbers; they are left out.
UNNAMED = "\0"
#: Columns that are text whatever is in them: the label `01` is not `1`.
TEXTS = (*PATH_COLUMNS, "label", "split")


def lines_of(
    data: bytes, described: str, expected: str = "a list has one path per line"
) -> list[str]:
    """The lines that are not blank; bytes that are not UTF-8 are surrogate escapes.

    Raises:
        ValueError: If there is none, or it is no text.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", "replace")
    else:
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    if "\0" in text:
        raise ValueError(f"{described} is no text file: {expected}")
    lines = text.split("\n") if "\n" in text else text.split("\r")
    lines = [line.removesuffix("\r") for line in lines if line.strip()]
    if not lines:
        raise ValueError(f"{described} is empty: {expected}")
    return lines


def fields_of(line: str, separator: str) -> list[str]:
    """The cells of a line."""
    return next(csv.reader([line], delimiter=separator), [])


def separator_of_header(line: str) -> str | None:
    """What separates the columns, if the line is a header with a column of paths."""
    for separator in SEPARATORS:
        names = [name.strip().lower() for name in fields_of(line, separator)]
        if path_column(names) is not None:
            return separator
    return None


def read_lines(
    lines: list[str],
    separator: str,
    described: str,
    *,
    header: bool,
    texts: Collection[str] = TEXTS,
) -> pl.DataFrame:
    """The lines as a table; bytes that are not UTF-8 are held by characters.

    Args:
        lines: All of them.
        separator: What stands between two cells.
        described: The beginning of error messages.
        header: Whether the first line names the columns; else they are column_1, column_2, ….
        texts: Columns that hold text, even where all of it looks like numbers.

    Raises:
        ValueError: If two columns have the same name, or a line has more cells than the first.
    """
    names = fields_of(lines[0], separator)
    if header:
        clean = [name.strip() for name in names]
        clean = [name.lower() if name.lower() in PATH_COLUMNS else name for name in clean]
        if len({name for name in clean if name}) < len([name for name in clean if name]):
            raise ValueError(f"{described}: two of its columns have the same name: {lines[0]!r}")
        names = [name or f"{UNNAMED}{number}" for number, name in enumerate(clean)]
        text = {name: pl.String for name in names if name in texts}
    else:
        names = [f"column_{number + 1}" for number in range(len(names))]
        text = {}
    source = "\n".join(lines[1:] if header else lines).translate(HELD).encode()
    try:
        frame = pl.read_csv(
            io.BytesIO(source),
            has_header=False,
            new_columns=names,
            separator=separator,
            infer_schema_length=None,
            schema_overrides=text or None,
        )
    except pl.exceptions.NoDataError:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String()))
    except pl.exceptions.PolarsError as error:
        first = fields_of(lines[header], separator)
        uneven = f"its header has {len(names)} cells, the line below {len(first)}"
        reason = uneven if len(first) != len(names) else _reason(error)
        raise ValueError(f"{described} cannot be read: {reason}") from None
    # By name: `pl.col` would take some names, such as *, for patterns.
    return frame.select(frame[name] for name in frame.columns if not name.startswith(UNNAMED))


def read_table(data: bytes, described: str, texts: Collection[str] = ()) -> pl.DataFrame:
    r"""A CSV or TSV file with a header as a table; bytes that are not UTF-8 are written `\xNN`.

    Separators may be commas, tabs, semicolons or bars; `texts` are columns of text besides those
    of paths, labels and splits.

    Raises:
        ValueError: If it is empty, no text, or no table.
    """
    expected = "a table has a line with the names of its columns, then one per row"
    lines = lines_of(data, f"{described} cannot be read: it", expected)
    separator = separator_of_header(lines[0]) or max(SEPARATORS, key=lines[0].count)
    frame = read_lines(lines, separator, described, header=True, texts={*TEXTS, *texts})
    return readable(frame)


def readable(frame: pl.DataFrame) -> pl.DataFrame:
    r"""The frame with the bytes that characters hold written as `\xNN`."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    odd = [name for name in texts if frame[name].str.contains(ANY_HELD).any()]
    return frame.with_columns(pl.Series(name, _written(frame[name])) for name in odd)


def _written(texts: pl.Series) -> list[str | None]:
    return [text and shown(text.translate(RELEASED)) for text in texts]


def _reason(error: pl.exceptions.PolarsError) -> str:
    # What follows the first line is advice for those who call Polars themselves.
    return str(error).partition("\n")[0]
