"""How right the findings are, against others: `python benches/quality.py`.

All from `photos`, `scenes`, `splits` and `formats`, seeded, truth by construction, on the half of
the pictures that nothing was tuned on (`--half 0` takes the other). The contenders live in an
environment of their own, which is made on first use (`--peers` names another).
"""

import argparse
import tempfile
from pathlib import Path

from broken import broken
from find_copies import find_copies
from off_topic import off_topic
from peers import peers_python
from table import machine
from wrong_labels import wrong_labels

TASKS = {
    "copies": find_copies,
    "labels": wrong_labels,
    "off-topic": off_topic,
    "broken": broken,
}


def main() -> None:
    """Runs the tasks, each of which prints its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=TASKS, action="append", help="default: all")
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    parser.add_argument("--peers", type=Path, help="python of an environment with the contenders")
    parser.add_argument("--alone", action="store_true", help="without the contenders")
    options = parser.parse_args()
    print(machine())
    python = None if options.alone else peers_python(options.peers)
    for name in options.task or TASKS:
        with tempfile.TemporaryDirectory() as out:
            TASKS[name](python, Path(out), which=options.half)


if __name__ == "__main__":
    main()
