"""Ctrl-C, errors of the progress callback, and killed processes: nothing finished is lost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import pixsieve
from conftest import Pictures, Run
from pixsieve import engine
from pixsieve.audit import job
from pixsieve.cli import interrupts
from pixsieve.progress import Silent

#: Enough for some seconds of work on the fastest machine.
IMAGES = 6000
SHARD = 300

SCRIPT = f"""
import sys
import pixsieve
from pixsieve.audit import job

job.Job.shard_size = {SHARD}

class Announce:
    def stage(self, name, unit):
        self.name = name

    def update(self, done, total):
        if self.name == "extract" and done > {SHARD} * 2:
            print("busy", flush=True)

source, work = sys.argv[1:]
pixsieve.run(source, work_dir=work, progress=Announce(), device="cpu", num_threads=2)
print("finished", flush=True)
"""


def python(*arguments: str) -> subprocess.Popen[str]:
    """A process whose output can be read."""
    return subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def many(tmp_path: Path, pictures: Pictures) -> Path:
    """A few thousand pictures, as links to a few: each is read, decoded and embedded."""
    folder = tmp_path / "in"
    originals = pictures(folder, *[f"{number}.png" for number in range(20)])
    for number in range(20, IMAGES):
        (folder / f"{number}.png").hardlink_to(originals[number % 20])
    return folder


@pytest.fixture
def busy(many: Path, tmp_path: Path) -> subprocess.Popen[str]:
    """A process in the midst of extract, with at least two shards finished."""
    process = python("-c", SCRIPT, str(many), str(tmp_path / "work"))
    assert process.stdout
    assert process.stdout.readline() == "busy\n"
    return process


def finished_shards(work: Path) -> dict[str, int]:
    """When each was written, by number."""
    return {path.stem: path.stat().st_mtime_ns for path in (work / "shards").glob("*.json")}


def check_goes_on(many: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run takes what is finished and reads only the rest."""
    before = finished_shards(work)
    assert 2 <= len(before) < IMAGES / SHARD
    message = f"work_dir {work}: the run was not finished; run it again"
    with pytest.raises(ValueError, match=message):
        pixsieve.load(work)
    calls: list[int] = []
    original = job.engine.extract

    def counted(images: job.engine.Images, **arguments: Any) -> Any:
        calls.append(len(images))
        return original(images, **arguments)

    monkeypatch.setattr(job.Job, "shard_size", SHARD)
    monkeypatch.setattr(job.engine, "extract", counted)
    audit = pixsieve.run(many, work_dir=work, progress=False, device="cpu", num_threads=2)
    assert audit.annotations()["error_code"].null_count() == IMAGES
    assert sum(calls) == IMAGES - len(before) * SHARD
    after = finished_shards(work)
    assert {number: after[number] for number in before} == before
    assert not list(work.rglob("*.tmp"))


def test_ctrl_c_ends_within_a_second_and_the_run_goes_on(
    busy: subprocess.Popen[str], many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    started = time.perf_counter()
    busy.send_signal(signal.SIGINT)
    output, errors = busy.communicate(timeout=10)
    assert time.perf_counter() - started < 1
    assert "finished" not in output
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert busy.returncode == -signal.SIGINT
    check_goes_on(many, tmp_path / "work", monkeypatch)


def test_a_killed_run_goes_on(
    busy: subprocess.Popen[str], many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    busy.kill()
    busy.communicate(timeout=10)
    # As if it had been killed while it wrote.
    half = tmp_path / "work" / "shards" / f"00019.rows.npy.{busy.pid}.0123abcd.tmp"
    half.write_bytes(b"half")
    check_goes_on(many, tmp_path / "work", monkeypatch)


class Failing:
    """Raises in a stage."""

    def __init__(self, stage: str, error: BaseException) -> None:
        self.wanted, self.error, self.name = stage, error, ""

    def stage(self, name: str, _unit: str) -> None:
        self.name = name

    def update(self, _done: int, _total: int) -> None:
        if self.name == self.wanted:
            raise self.error


@pytest.mark.parametrize("stage", ["list", "extract", "graph", "pixels"])
@pytest.mark.parametrize("error", [RuntimeError("enough"), KeyboardInterrupt(), SystemExit(3)])
def test_an_error_of_the_callback_is_raised_unchanged(
    run: Run, pictures: Pictures, tmp_path: Path, stage: str, error: BaseException
):
    folder, work = tmp_path / "in", tmp_path / "work"
    pictures(folder, *[f"{number}.png" for number in range(40)])
    with pytest.raises(type(error)) as caught:
        run(folder, work_dir=work, progress=Failing(stage, error))
    assert caught.value is error
    assert work.exists() == (stage != "list")
    # And the next one does not notice.
    assert run(folder, work_dir=work).embeddings().height == 40


def test_a_handler_of_the_user_is_obeyed(run: Run, many: Path):
    """What the signal handler raises is what the caller sees, within a second."""

    class EnoughError(Exception):
        pass

    def handler(*_: object) -> None:
        raise EnoughError

    times: list[float] = []

    class Alarm:
        def stage(self, name: str, _unit: str) -> None:
            if name == "extract":
                signal.setitimer(signal.ITIMER_REAL, 0.3)
                times.append(time.perf_counter())

        def update(self, _done: int, _total: int) -> None:
            pass

    before = signal.signal(signal.SIGALRM, handler)
    try:
        with pytest.raises(EnoughError):
            run(many, progress=Alarm())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.perf_counter() - times[0] < 1.3


@pytest.mark.parametrize("threads", [1, 3])
def test_ctrl_c_does_not_wait_for_bytes_to_be_freed(
    run: Run, tmp_path: Path, threads: int, pictures: Pictures
):
    """Files whose bytes fill the budget of the readers: nobody may wait for ever."""
    folder = tmp_path / "in"
    (small,) = pictures(folder, "0.png")
    for number in range(1, 12):
        path = folder / f"{number}.png"
        path.write_bytes(small.read_bytes())
        os.truncate(path, 60 << 20)
    with pytest.raises(RuntimeError, match="enough"):
        run(folder, num_threads=threads, progress=Failing("extract", RuntimeError("enough")))


def test_ctrl_c_does_not_wait_for_very_large_pictures(run: Run, tmp_path: Path):
    """They wait for each other's memory; once stopped, none of them begins."""
    folder = tmp_path / "in"
    folder.mkdir()
    first = folder / "0.jpg"
    Image.new("L", (10_000, 10_000), 77).save(first, progressive=True)
    for number in range(1, 24):
        (folder / f"{number}.jpg").hardlink_to(first)
    started = time.perf_counter()
    engine.decode(first.read_bytes())
    one = time.perf_counter() - started
    times: list[float] = []

    class Impatient(Failing):
        def update(self, done: int, total: int) -> None:
            if self.name == "extract":
                times.append(time.perf_counter())
            super().update(done, total)

    with pytest.raises(RuntimeError, match="enough"):
        run(folder, num_threads=16, progress=Impatient("extract", RuntimeError("enough")))
    # Those that had begun, on a machine that may be busy; not all the 24.
    assert time.perf_counter() - times[0] < 6 * one


#: Queries of Polars one after the other; what follows the interruption calls functions too.
QUERIES = """
import polars as pl
from pixsieve.cli import interrupts

interrupts.listen()
frame = pl.DataFrame({"a": range(50)})
print("busy", flush=True)
try:
    while True:
        frame.lazy().filter(pl.col("a") > 3).collect()
except KeyboardInterrupt:
    print(*("tidied", "up"))
"""


@pytest.mark.parametrize("moment", range(8))
def test_a_signal_that_meets_a_query_interrupts_once(moment: int) -> None:
    with python("-c", QUERIES) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "busy\n"
        time.sleep(0.01 + 0.003 * moment)
        process.send_signal(signal.SIGINT)
        assert (process.stdout.read(), process.stderr.read()) == ("tidied up\n", "")


@pytest.fixture
def _restored() -> Iterator[None]:
    """SIGINT means afterwards what it meant before."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize("ignored", [False, True])
def test_a_command_in_the_background_is_left_alone(tmp_path: Path, *, ignored: bool) -> None:
    if ignored:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    with python("-m", "pixsieve", "demo", str(tmp_path / "demo")) as process:
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    if ignored:
        assert process.returncode == 0
    else:
        assert (process.returncode, said.splitlines()[-1]) == (130, "pixsieve: interrupted")


def test_a_command_is_interrupted_once_however_often_it_is_asked(tmp_path: Path) -> None:
    with python("-m", "pixsieve", "demo", str(tmp_path / "demo")) as process:
        time.sleep(0.8)
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.004)
        _, said = process.communicate()
    assert (process.returncode, said.splitlines()[-1]) == (130, "pixsieve: interrupted")
    assert "Traceback" not in said


#: The command line, with small shards.
COMMAND = f"""
import sys
from pixsieve.audit import job
from pixsieve.cli import main

job.Job.shard_size = {SHARD}
sys.argv[0] = "pixsieve"
main()
"""


def test_a_command_says_that_finished_shards_stay(many: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    command = [sys.executable, "-c", COMMAND, "run", str(many), "-o", str(work)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while len(finished_shards(work)) < 2:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130
    assert said.endswith("interrupted; finished shards stay: run it again and it goes on\n")
    # Another input would have them read again, and lost.
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "1.png").write_bytes((many / "1.png").read_bytes())
    with pytest.raises(FileExistsError, match=rf"holds an unfinished run of '{many}': give that"):
        pixsieve.run(tmp_path / "other", work_dir=work)
    assert len(finished_shards(work)) >= 2
    assert pixsieve.run(tmp_path / "other", work_dir=work, overwrite=True).images.height == 1


def test_an_interruption_that_was_swallowed_is_raised_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interrupts._State, "asked", False)
    watching = interrupts.Watching(Silent())
    watching.stage("extract", "images")
    watching.update(1, 2)
    interrupts.listen()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        watching.update(2, 2)
    with pytest.raises(KeyboardInterrupt):
        watching.stage("graph", "tiles")
