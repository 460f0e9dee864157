"""What all benchmarks share: measuring a process, and a table with the machine under it."""

import datetime
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixsieve import Config


@dataclass(frozen=True)
class Measured:
    """Medians over several runs of a process."""

    seconds: float
    peak_mb: float
    output: str


@dataclass(frozen=True)
class Contender:
    """A command and what it needs in its environment."""

    command: Sequence[str]
    environment: Mapping[str, str]


def measure(contenders: Mapping[str, Contender], *, runs: int) -> dict[str, Measured]:
    """Runs the commands in turns: wall clock and peak resident memory, medians.

    In turns, because a machine is not equally fast all the time.

    Raises:
        RuntimeError: If one fails; with the end of what it printed.
    """
    results: dict[str, list[Measured]] = {name: [] for name in contenders}
    for _ in range(runs):
        for name, contender in contenders.items():
            results[name].append(_run(contender))
    return {
        name: Measured(
            statistics.median(one.seconds for one in measured),
            statistics.median(one.peak_mb for one in measured),
            measured[-1].output,
        )
        for name, measured in results.items()
    }


def _run(contender: Contender) -> Measured:
    started = time.perf_counter()
    process = subprocess.Popen(
        contender.command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **contender.environment},
    )
    assert process.stdout is not None
    output = process.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(contender.command[:3])} … failed:\n{output[-2000:]}")
    return Measured(seconds, usage.ru_maxrss / 1024, output)


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A Markdown table, numbers right-aligned."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [
        max(len(line[column]) for line in [list(header), *cells]) for column in range(len(header))
    ]
    rule = [
        "-" * width if not column else "-" * (width - 1) + ":"
        for column, width in enumerate(widths)
    ]
    for line in [list(header), rule, *cells]:
        padded = [
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("| " + " | ".join(padded) + " |", flush=True)


def machine() -> str:
    """Processor, cores, system and date, in one line."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    cores = Config().threads
    today = datetime.datetime.now(tz=datetime.UTC).date()
    return (
        f"{model}, {cores} cores, {platform.system()}, Python {platform.python_version()}, {today}"
    )
