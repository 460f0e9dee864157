"""Times every question to a finished run, each in a process of its own, from load to answer.

    python benches/questions.py WORK_DIR

`benches/synthetic.py` makes large ones.
"""

import argparse
import sys
from pathlib import Path

from table import Contender, machine, measure, print_table

QUESTIONS = {
    "load": "audit",
    "images": "audit.images",
    **{
        name: f"audit.{name}()"
        for name in (
            "invalid_instances",
            "duplicates",
            "leaks",
            "outliers",
            "mislabels",
            "connected_components",
            "similarity",
            "flags",
            "placeholders",
            "summarize",
        )
    },
}
#: Prints seconds and rows; the process's own peak is measured from outside.
ASK = """
import sys, time
import pixsieve
started = time.perf_counter()
audit = pixsieve.load(sys.argv[1])
answer = eval(sys.argv[2])
seconds = time.perf_counter() - started
print(seconds, len(answer) if hasattr(answer, "columns") else "", sep=";")
"""


def ask(folder: Path, names: list[str]) -> None:
    """Prints a table, seconds and peak memory of each question."""
    rows = []
    for name in names:
        question = QUESTIONS[name]
        contender = Contender([sys.executable, "-c", ASK, str(folder), question], {})
        result = measure({name: contender}, runs=1)[name]
        seconds, count = result.output.strip().splitlines()[-1].split(";")
        answered = f"{int(count):,}" if count else ""
        rows.append([name, answered, f"{float(seconds):.2f}", f"{result.peak_mb:,.0f}"])
    print_table(["question", "rows", "seconds", "peak MB"], rows)
    print(f"\nEach in a process of its own, with what it needs; {machine()}")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="WORK_DIR")
    parser.add_argument("--only", action="append", choices=QUESTIONS)
    options = parser.parse_args()
    ask(options.folder, options.only or list(QUESTIONS))


if __name__ == "__main__":
    main()
