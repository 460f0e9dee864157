"""Pixsieve against fastdup: whole processes, same pictures, same cores.

    python benches/folder.py                    all cases, three runs each
    python benches/folder.py --case scenes --runs 5

fastdup lives in an environment of its own, which is made on first use (`--peers` names another).
"""

import argparse
import io
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from copies import DATA
from peers import ENVIRONMENT, peers_python
from table import Contender, machine, measure, print_table

#: Starts from nothing every time: without the earlier run's shards.
PIXSIEVE = """
import shutil, sys
from pixsieve.cli import main
shutil.rmtree(sys.argv.pop(1), ignore_errors=True)
main()
"""
FASTDUP = """
import sys, fastdup
audit = fastdup.create(work_dir=sys.argv[1], input_dir=sys.argv[2])
audit.run(overwrite=True, print_summary=False)
"""


def scenes(data: Path, folder: Path) -> None:
    """3,000 JPEGs of 150 x 150."""
    shutil.copytree(data / "scenes", folder, dirs_exist_ok=True)


def photos(data: Path, folder: Path) -> None:
    """Product photos of about 400 x 533, each at 8 qualities."""
    _reencode(sorted((data / "photos").rglob("*.jpg")), folder, range(60, 92, 4))


def photos_large(data: Path, folder: Path) -> None:
    """Camera JPEGs of 4 to 16 megapixels, each at 10 qualities."""
    _reencode(sorted((data / "photos_large").glob("*.jpg")), folder, range(72, 92, 2))


def memory(data: Path, folder: Path) -> None:
    """25,000 files: the scenes over and over, each made different by its last bytes."""
    sources = sorted((data / "scenes").rglob("*.jpg"))
    for number in range(25_000):
        source = sources[number % len(sources)]
        target = folder / source.parent.name / f"{number:05}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes() + number.to_bytes(4, "big"))


def _reencode(sources: list[Path], folder: Path, qualities: range) -> None:
    for source in sources:
        with Image.open(source) as picture:
            pixels = picture.convert("RGB")
        for quality in qualities:
            buffer = io.BytesIO()
            pixels.save(buffer, "JPEG", quality=quality)
            (folder / f"{source.parent.name}-{source.stem}-{quality}.jpg").write_bytes(
                buffer.getvalue()
            )


CASES: dict[str, Callable[[Path, Path], None]] = {
    "scenes": scenes,
    "photos": photos,
    "photos_large": photos_large,
    "memory": memory,
}


@contextmanager
def prepared(case: str, data: Path) -> Iterator[tuple[Path, Path]]:
    """The pictures of a case, and a folder for results."""
    with tempfile.TemporaryDirectory() as temporary:
        pictures = Path(temporary) / "pictures"
        pictures.mkdir()
        CASES[case](data, pictures)
        yield pictures, Path(temporary)


def pixsieve(pictures: Path, out: Path) -> Contender:
    """One whole process, from the folder to the finished work directory."""
    work = out / "pixsieve"
    command = [sys.executable, "-c", PIXSIEVE, str(work), "run", str(pictures)]
    return Contender([*command, "--out", str(work), "--no-report", "--quiet"], {})


def fastdup(python: Path, pictures: Path, out: Path) -> Contender:
    """The same for fastdup."""
    command = [str(python), "-c", FASTDUP, str(out / "fastdup"), str(pictures)]
    return Contender(command, ENVIRONMENT)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--peers", type=Path, help="python of an environment with fastdup")
    parser.add_argument("--alone", action="store_true", help="without fastdup")
    parser.add_argument("--json", type=Path, help="also write the raw numbers here")
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.exit(f"no pictures at {options.data}: pass --data")
    peer = None if options.alone else peers_python(options.peers)
    rows = []
    for case in options.case or CASES:
        with prepared(case, options.data) as (pictures, out):
            count = sum(1 for path in pictures.rglob("*.jpg"))
            contenders = {"pixsieve": pixsieve(pictures, out)}
            if peer is not None and case != "memory":
                contenders["fastdup"] = fastdup(peer, pictures, out)
            results = measure(contenders, runs=options.runs)
        slowest = max(result.seconds for result in results.values())
        for name, result in results.items():
            figures = {
                "seconds": f"{result.seconds:.2f}",
                "images/s": f"{count / result.seconds:,.0f}",
                "times as fast": f"{slowest / result.seconds:.1f}",
                "peak MB": f"{result.peak_mb:.0f}",
            }
            rows.append({"case (images)": f"{case} ({count:,})", "contender": name, **figures})
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    print(f"\nMedian of {options.runs} runs, in turns; {machine()}")
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
