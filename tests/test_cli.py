"""The command line as a script would use it."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from pixsieve import Config
from pixsieve.cli.options import flag, settings

ROOT = Path(__file__).parents[1]


def cli(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pixsieve", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "pets"
    target.mkdir()
    for number in range(4):
        gradient = Image.linear_gradient("L").rotate(90 * number).convert("RGB")
        gradient.resize((60 + number, 50)).save(target / f"{number}.png")
    (target / "copy.png").write_bytes((target / "0.png").read_bytes())
    return target


def test_run_prints_the_summary_and_where_the_report_is(folder: Path) -> None:
    done = cli("run", "pets", cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("5 images, 5 valid (100.0%)")
    assert "2 exact" in done.stdout
    assert done.stdout.endswith(
        "Report: pixsieve-out/pets/reports/report.html\n"
        "Look through it: pixsieve explore pixsieve-out/pets\n"
    )
    assert (folder.parent / "pixsieve-out/pets/reports/report.html").stat().st_size > 1000


def test_json_is_one_object_and_quiet_is_silent(folder: Path) -> None:
    done = cli("run", folder, "--json", "--out", "a", cwd=folder.parent)
    assert json.loads(done.stdout)["images"] == 5
    assert not done.stderr
    quiet = cli("run", folder, "-q", "--out", "b", "--no-report", cwd=folder.parent)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    assert not (folder.parent / "b" / "reports").exists()
    again = cli("summary", "a", "--json", cwd=folder.parent)
    assert json.loads(again.stdout) == json.loads(done.stdout)
    page = cli("report", "a", "-o", "page.html", cwd=folder.parent)
    assert page.stdout == f"Report: {folder.parent / 'page.html'}\n"


def test_a_second_run_asks_before_it_replaces_the_first(folder: Path) -> None:
    assert cli("run", folder, "-q", cwd=folder.parent).returncode == 0
    second = cli("run", folder, "-q", cwd=folder.parent)
    assert second.returncode == 1
    assert "holds a finished run" in second.stderr
    assert "--overwrite" in second.stderr
    assert cli("run", folder, "-q", "--overwrite", cwd=folder.parent).returncode == 0


def test_a_run_that_could_read_nothing_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_text("no picture")
    done = cli("run", "in", "-o", "out", "--no-report", cwd=tmp_path)
    assert done.returncode == 1
    assert "No picture could be looked at" in done.stdout
    assert "No duplicates" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "nowhere"], 1, "pixsieve: error: nowhere: there is no such folder\n"),
        (["summary", "nowhere"], 1, "there is no such folder"),
        (["run"], 2, "Missing argument"),
        (["run", ""], 2, "the path is empty"),
        (["run", "pets", "--out", ""], 2, "the path is empty"),
        (["run", "pets", "--nnf-mode", "best"], 2, "nnf_mode must be one of"),
        (["run", "pets", "--num-threads", "0"], 2, "num_threads must be"),
        (["run", "pets", "--find-regex", "("], 2, "is no regular expression"),
        (["run", "pets", "--prefer-formats", "png,jpg"], 2, "must be names of jpeg, png, gif"),
        (["run", "pets", "--frobnicate"], 2, "No such option"),
        (["run", "pets", "--device", "cuda"], 1, 'device="cuda"'),
    ],
)
def test_exit_codes(folder: Path, arguments: list[str], code: int, message: str) -> None:
    done = cli(*arguments, cwd=folder.parent)
    assert done.returncode == code
    assert message in " ".join(done.stderr.split()) + "\n"
    assert "Traceback" not in done.stderr


def test_every_setting_is_an_option_with_its_default() -> None:
    shown = cli("run", "--help", cwd=ROOT).stdout
    words = " ".join(shown.replace("│", " ").split())
    for field in settings():
        assert flag(field.name)[:20] in shown
        assert " ".join(field.metadata["help"].split())[:20] in words
    assert {field.name for field in dataclasses.fields(Config)} - {f.name for f in settings()} == {
        "subset",
        "model_card",
    }


def test_lists_are_given_with_commas(folder: Path) -> None:
    done = cli(
        "run", folder, "-q", "--out", "a", "--prefer-formats", "jpeg, png", cwd=folder.parent
    )
    assert done.returncode == 0, done.stderr
    stored = json.loads((folder.parent / "a" / "run.json").read_text())["settings"]
    assert stored["prefer_formats"] == ["jpeg", "png"]


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A line for the shell, in which `pixsieve` is the command."""
    script = f'pixsieve() {{ "{sys.executable}" -m pixsieve "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, cwd=cwd, check=False
    )


@pytest.mark.parametrize(
    "arguments", ["--version", "--help", "run --help", "version", "summary out", "demo drawn"]
)
def test_output_that_cannot_be_written_is_no_success(folder: Path, arguments: str) -> None:
    if "out" in arguments:
        assert cli("run", folder, "-q", "-o", "out", cwd=folder.parent).returncode == 0
    full = shell(f"pixsieve {arguments} > /dev/full", folder.parent)
    assert full.returncode == 1
    assert "Traceback" not in full.stderr
    assert full.stderr.endswith("No space left on device\n")


def test_a_closed_output_is_no_success_either(folder: Path) -> None:
    assert cli("run", folder, "-q", "-o", "out", cwd=folder.parent).returncode == 0
    closed = shell("pixsieve summary out >&-", folder.parent)
    assert closed.returncode == 1
    assert closed.stderr == ("pixsieve: error: standard output is closed; -q asks for no output\n")
    assert shell("pixsieve summary out -q >&-", folder.parent).returncode == 0


def test_a_log_that_cannot_be_written_stops_nothing(folder: Path) -> None:
    assert shell("pixsieve run pets -o a 2> /dev/full", folder.parent).returncode == 0
    assert shell("pixsieve run pets -o b 2>&-", folder.parent).returncode == 0
    assert shell("pixsieve run nowhere 2> /dev/full", folder.parent).returncode == 1
    assert shell("pixsieve run pets --bogus 2> /dev/full", folder.parent).returncode == 2


FAILING_REPORT = """
import sys
from pixsieve import report
from pixsieve.cli import main

def fail(*_):
    raise {error}

report.write_report = fail
sys.argv[0] = "pixsieve"
main()
"""


@pytest.mark.parametrize(
    ("error", "code", "start"),
    [
        ('OSError(28, "No space left on device", "a.html")', 1, "error: a.html: No space left"),
        ("KeyboardInterrupt", 130, "interrupted; "),
    ],
)
def test_where_only_the_report_fails_the_findings_are_there(
    folder: Path, error: str, code: int, start: str
) -> None:
    script = FAILING_REPORT.replace("{error}", error)
    done = subprocess.run(
        [sys.executable, "-c", script, "run", "pets", "-o", "out"],
        capture_output=True,
        text=True,
        cwd=folder.parent,
        check=False,
    )
    assert done.returncode == code
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"pixsieve: {start}")
    assert said.endswith("the findings are there, and `pixsieve report out` writes the report")
    assert cli("summary", "out", cwd=folder.parent).stdout.startswith("5 images")
