"""Broken files: those of `formats`, and good ones that were cut off."""

import io
import random
import sys
from pathlib import Path

import polars as pl
from PIL import Image

import pixsieve
from copies import DATA, half
from peers import run_peer
from table import print_table

#: What the tests know of each file of `formats`.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
FILES = 100
SHARES = (0.1, 0.25, 0.5, 0.75, 0.95)
KINDS = ("JPEG", "JPEG", "JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")

FASTDUP = """
import sys, fastdup
audit = fastdup.create(work_dir=sys.argv[2], input_dir=sys.argv[1])
audit.run(overwrite=True, print_summary=False)
audit.invalid_instances()[["filename"]].to_csv(sys.argv[3], index=False, header=False)
"""


def truncations(folder: Path, which: int) -> list[str]:
    """Good files of several formats, each cut off at some share of its bytes."""
    paths = [path for path in sorted((DATA / "scenes").rglob("*.jpg")) if half(path) == which]
    chance = random.Random(0)
    folder.mkdir(parents=True)
    names = []
    for number, path in enumerate(chance.sample(paths, FILES)):
        kind = KINDS[number % len(KINDS)]
        data = path.read_bytes()
        if kind != "JPEG":
            buffer = io.BytesIO()
            with Image.open(path) as picture:
                picture.save(buffer, kind)
            data = buffer.getvalue()
        for share in SHARES:
            name = f"{number:03}-{round(100 * share):02}.{kind.lower()}"
            (folder / name).write_bytes(data[: int(share * len(data))])
            names.append(name)
    return names


def broken(python: Path | None, out: Path, *, which: int) -> None:
    """Prints how many files got the right code, and how many fastdup calls invalid."""
    from test_formats import FILES as FORMATS  # noqa: PLC0415 - of the tests
    from test_formats import REFUSED, TRUNCATED  # noqa: PLC0415

    root = DATA / "formats"
    audit = pixsieve.run(
        [root / name for name in FORMATS],
        work_dir=out / "formats",
        min_width=1,
        min_height=1,
        progress=False,
    )
    codes = {
        str(Path(path).relative_to(root)): code
        for path, code in audit.annotations().select("path", "error_code").iter_rows()
    }
    expected = {name: code for name, (code, _) in REFUSED.items()} | dict.fromkeys(
        TRUNCATED, "truncated"
    )
    right = sum(codes[name] == expected.get(name) for name in FORMATS)
    names = truncations(out / "cut", which)
    cut = pixsieve.run(out / "cut", work_dir=out / "cut-audit", progress=False)
    found = {
        Path(path).name: code
        for path, code in cut.annotations().select("path", "error_code").iter_rows()
    }
    flagged = sum(found[name] in ("truncated", "corrupt") for name in names)
    rows = [
        ["Pixsieve", "files of formats", f"{right} of {len(FORMATS)}"],
        ["Pixsieve", "truncations", f"{flagged} of {len(names)}"],
    ]
    if python is not None:
        table = out / "invalid.csv"
        run_peer(python, FASTDUP, out / "cut", out / "fastdup-cut", table)
        listed = pl.read_csv(table, has_header=False, new_columns=["path"])["path"]
        theirs = len(set(listed.str.split("/").list.last()) & set(names))
        rows.append(["fastdup", "truncations", f"{theirs} of {len(names)}"])
    print("\nBroken files\n")
    print_table(["contender", "files", "right code"], rows)
