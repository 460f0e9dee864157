"""The commands. Exit codes: 0 done, 1 the job failed, 2 wrong usage, 130 interrupted."""

import io
import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from pixsieve import Config, __version__
from pixsieve.cli import interrupts
from pixsieve.cli.models import group
from pixsieve.cli.options import parse, with_settings
from pixsieve.config import default_work_dir
from pixsieve.progress import Bar, Lines, Progress, Silent, is_watched

if TYPE_CHECKING:
    from pixsieve import Audit

FAILED = 1
INTERRUPTED = 130


class Place(click.Path):
    """A path; an empty one, as of a variable that is not set, is not the current folder."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """As click does, but for an empty path."""
        if value == "":
            self.fail("the path is empty", param, ctx)
        return super().convert(value, param, ctx)


_path = Place(path_type=Path)
_input = Place(path_type=str)
_quiet = click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
_as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print the numbers as JSON, and nothing else."
)
_out = click.argument("out", type=_path)


def main() -> NoReturn:
    """Runs the command line and exits."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # An arrow that the terminal cannot show is no reason to fail.
            stream.reconfigure(errors="replace")
    interrupts.listen()
    _leave(_run())


def _run() -> int:
    """The exit code. What a user can cause becomes one line; a bug keeps its traceback."""
    try:
        return app(prog_name="pixsieve", standalone_mode=False) or 0
    except SystemExit as request:
        return FAILED if request.code else 0
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as stopped:
        _complain(str(stopped) or "interrupted")
        return INTERRUPTED
    except (OSError, ValueError, RuntimeError) as error:
        _complain(f"error: {_words(error)}")
        return FAILED
    except ImportError as error:
        # Python's own says what it was looking for: that is a bug.
        if error.name is not None:
            raise
        _complain(f"error: {error}")
        return FAILED


def _leave(code: int) -> NoReturn:
    """Ends the process at once: all is written; taking it apart would cost a tenth of a second."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        _complain(f"error: standard output: {_words(error)}")
        code = code or FAILED
    os._exit(code)


def _say(text: str) -> None:
    """Prints what was asked for, or raises OSError: a result that nobody gets is no success."""
    if sys.stdout is None:
        raise OSError("standard output is closed; -q asks for no output")
    try:
        click.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from None


def _complain(text: str) -> None:
    """A line on standard error; where that cannot be written, the exit code has to do."""
    with suppress(OSError):
        click.echo(f"pixsieve: {text}", err=True)


def _words(error: Exception) -> str:
    """Our own sentences as they are; the system's without its number."""
    if isinstance(error, OSError) and error.strerror is not None:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


@contextmanager
def _resumable(work_dir: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        text = "interrupted"
        if any((work_dir / "shards").glob("*.json")):
            text += "; finished shards stay: run it again and it goes on"
        raise click.Abort(text) from None


@contextmanager
def _reporting(work_dir: Path) -> Iterator[None]:
    """Where only the report fails, it need not be run again."""
    hint = f"the findings are there, and `pixsieve report {work_dir}` writes the report"
    try:
        yield
    except KeyboardInterrupt:
        raise click.Abort(f"interrupted; {hint}") from None
    except OSError as error:
        raise RuntimeError(f"{_words(error)}; {hint}") from None


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    if quiet or sys.stderr is None:
        yield interrupts.Watching(Silent())
    elif is_watched():
        bar = Bar()
        try:
            yield interrupts.Watching(bar)
        finally:
            bar.stop()
    else:
        yield interrupts.Watching(Lines(sys.stderr))


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(version)s")
def app() -> None:
    """Finds what is wrong with image collections."""


@app.command("run", short_help="Audits a collection of images.")
@click.argument("inputs", metavar="INPUT...", type=_input, nargs=-1, required=True)
@click.option(
    "-o",
    "--out",
    "--work-dir",
    "out",
    type=_path,
    help="Work directory; default: pixsieve-out/NAME OF FOLDER.",
)
@click.option(
    "-a",
    "--annotations",
    type=_input,
    help="CSV, Parquet, COCO, YOLO, Pascal VOC or Label Studio: labels, splits, boxes, …",
)
@click.option("--report/--no-report", default=True, help="Write the HTML report.")
@_quiet
@_as_json
@with_settings
@click.pass_context
def run_command(
    ctx: click.Context,
    /,
    inputs: tuple[str, ...],
    out: Path | None,
    annotations: str | None,
    report: bool,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Audits INPUTs: duplicates, leaks, outliers, wrong labels, broken and poor pictures.

    An INPUT is a folder; a picture, archive, video or Parquet file; a text or CSV file of paths;
    the data.yaml of a YOLO data set or the JSON of a COCO one; a pattern such as 'photos/**/*.jpg';
    or a URL (s3, gs, az, https).
    """
    try:
        chosen = parse(settings)
        Config(**chosen)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx=ctx) from None
    _check_there(inputs)
    source = inputs[0] if len(inputs) == 1 else list(inputs)
    work_dir = default_work_dir(source) if out is None else out
    with _progress(quiet or as_json) as progress:
        with _resumable(work_dir):
            import pixsieve  # noqa: PLC0415 - what needs Polars is loaded when it is needed

            audit = pixsieve.run(
                source, work_dir=work_dir, annotations=annotations, progress=progress, **chosen
            )
        if report:
            with _reporting(work_dir):
                progress.stage("report", "pages")
                audit.report()
    _show(audit, quiet=quiet, as_json=as_json)
    if not quiet and not as_json:
        page = f"Report: {work_dir / 'reports' / 'report.html'}\n" if report else ""
        _say(f"\n{page}Look through it: pixsieve explore {shlex.quote(str(work_dir))}")
    if audit.images.height and not audit.info["counts"]["embedded"]:
        raise SystemExit(FAILED)


def _check_there(inputs: tuple[str, ...]) -> None:
    """Refuses what is not there before anything else is read."""
    from pixsieve.sources import is_glob, is_url, shown  # noqa: PLC0415 - needs Polars

    for one in inputs if len(inputs) > 1 else ():
        if not (is_url(one) or one.startswith("file:") or is_glob(one) or os.path.lexists(one)):
            raise FileNotFoundError(f"{shown(one)}: there is no such file or folder")


@app.command("summary", short_help="Prints what an earlier run found.")
@_out
@_quiet
@_as_json
def summary_command(out: Path, quiet: bool, as_json: bool) -> None:
    """Prints what an earlier run found, from its work directory OUT."""
    import pixsieve  # noqa: PLC0415

    _show(pixsieve.load(out), quiet=quiet, as_json=as_json)


@app.command("report", short_help="Writes the HTML report of an earlier run.")
@_out
@click.option(
    "-o",
    "--output",
    "page",
    type=_path,
    help="The page; default: in the work directory.",
)
@_quiet
def report_command(out: Path, page: Path | None, quiet: bool) -> None:
    """Writes the HTML report of an earlier run, from its work directory OUT."""
    import pixsieve  # noqa: PLC0415

    written = pixsieve.load(out).report(page)
    if not quiet:
        _say(f"Report: {written}")


@app.command("explore", short_help="Opens the explorer of an earlier run.")
@_out
@click.option("--host", default="127.0.0.1", show_default=True, help="What to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: one that is free.")
@click.option("--browser/--no-browser", default=True, help="Open it in a browser.")
def explore_command(out: Path, host: str, port: int, browser: bool) -> None:
    """Serves the explorer of an earlier run, from its work directory OUT, until Ctrl-C."""
    import pixsieve  # noqa: PLC0415

    # Whoever manages services ends them so.
    interrupts.listen_to_end()
    pixsieve.load(out).explore(host=host, port=port, open_browser=browser, block=True)


@app.command("demo", short_help="Audits a drawn collection with known problems.")
@click.argument("out", type=_path, default=Path("pixsieve-demo"))
@_quiet
@_as_json
def demo_command(out: Path, quiet: bool, as_json: bool) -> None:
    """Draws a collection with known problems into OUT, audits it, and says what was found."""
    with _resumable(out / "audit"), _progress(quiet or as_json) as progress:
        from pixsieve.cli.demo import run_demo  # noqa: PLC0415 - the other commands draw nothing

        result = run_demo(out, progress)
    if as_json:
        _say(json.dumps(result.counts, indent=2))
    elif not quiet:
        _say(result.text())


app.add_command(group(_progress, _say))


@app.command("version")
def version_command() -> None:
    """Prints the version."""
    _say(__version__)


def _show(audit: "Audit", *, quiet: bool, as_json: bool) -> None:
    summary = audit.summarize()
    if as_json:
        _say(json.dumps({"work_dir": str(audit.work_dir), **summary.counts}, indent=2))
    elif not quiet:
        _say("\n".join(str(line) for line in summary.lines))
