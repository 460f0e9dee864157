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


@dataclass(frozen=True)
class Measured:
    """Medians over several runs of a process."""

    seconds: float
    peak_mb: float
    output: str


def measure(command: Sequence[str], *, runs: int, environment: Mapping[str, str]) -> Measured:
    """Runs a command several times: wall clock and peak resident memory, medians.

    Raises:
        RuntimeError: If it fails; with the end of what it printed.
    """
    seconds, peaks, output = [], [], ""
    for _ in range(runs):
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
        assert process.stdout is not None
        output = process.stdout.read().decode(errors="replace")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds.append(time.perf_counter() - started)
        peaks.append(usage.ru_maxrss / 1024)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command[:3])} … failed:\n{output[-2000:]}")
    return Measured(statistics.median(seconds), statistics.median(peaks), output)


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
    cores = len(os.sched_getaffinity(0))
    today = datetime.datetime.now(tz=datetime.UTC).date()
    return (
        f"{model}, {cores} cores, {platform.system()}, Python {platform.python_version()}, {today}"
    )
