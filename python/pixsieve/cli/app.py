"""The commands. Exit codes: 0 done, 1 the job failed, 2 wrong usage, 130 interrupted."""

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from pixsieve import Config, __version__
from pixsieve.cli.options import parse, with_settings
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
_quiet = click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
_out = click.argument("out", type=_path)


def main() -> NoReturn:
    """Runs the command line and exits."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # An arrow that the terminal cannot show is no reason to fail.
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="pixsieve")
    except SystemExit as request:
        _leave(request.code)
    raise AssertionError("click always exits")


def _leave(code: object) -> NoReturn:
    """Ends the process at once: all is written, and taking it apart would take a tenth of a second.

    Where something cannot be flushed, Python ends it and says so.
    """
    if isinstance(code, int | None):
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                try:
                    stream.flush()
                except OSError:
                    sys.exit(code or FAILED)
        os._exit(code or 0)
    sys.exit(code)  # type: ignore[arg-type]


@contextmanager
def _failing_well() -> Iterator[None]:
    """What a user can cause becomes one line; a bug keeps its traceback."""
    try:
        yield
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        text = "interrupted; finished shards stay: run it again and it goes on"
        click.echo(f"pixsieve: {text}", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    except (OSError, ValueError, RuntimeError) as error:
        click.echo(f"pixsieve: error: {_words(error)}", err=True)
        raise click.exceptions.Exit(FAILED) from None


def _words(error: Exception) -> str:
    """Our own sentences as they are; the system's without its number."""
    if isinstance(error, OSError) and error.strerror is not None:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    if quiet:
        yield Silent()
    elif is_watched():
        bar = Bar()
        try:
            yield bar
        finally:
            bar.stop()
    elif sys.stderr is None:
        yield Silent()
    else:
        yield Lines(sys.stderr)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(version)s")
def app() -> None:
    """Finds what is wrong with image collections."""


@app.command("run", short_help="Audits a folder of images.")
@click.argument("folder", type=_path)
@click.option(
    "-o",
    "--out",
    type=_path,
    help="Work directory; default: pixsieve-out/NAME OF FOLDER.",
)
@click.option(
    "-a",
    "--annotations",
    type=_path,
    help="CSV or Parquet with path, label, split, …",
)
@click.option("--report/--no-report", default=True, help="Write the HTML report.")
@_quiet
@_as_json
@with_settings
@click.pass_context
def run_command(
    ctx: click.Context,
    /,
    folder: Path,
    out: Path | None,
    annotations: Path | None,
    report: bool,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Audits FOLDER: duplicates, leaks, outliers, wrong labels, broken and poor pictures."""
    try:
        chosen = parse(settings)
        Config(**chosen)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx=ctx) from None
    work_dir = out or Path("pixsieve-out") / (folder.resolve().name or "root")
    with _failing_well():
        import pixsieve  # noqa: PLC0415 - what needs Polars is loaded when it is needed

        with _progress(quiet or as_json) as progress:
            audit = pixsieve.run(
                folder, work_dir=work_dir, annotations=annotations, progress=progress, **chosen
            )
            if report:
                progress.stage("report", "pages")
                audit.report()
        _show(audit, quiet=quiet, as_json=as_json)
        if report and not quiet and not as_json:
            click.echo(f"\nReport: {work_dir / 'reports' / 'report.html'}")


@app.command("summary", short_help="Prints what an earlier run found.")
@_out
@_as_json
def summary_command(out: Path, as_json: bool) -> None:
    """Prints what an earlier run found, from its work directory OUT."""
    with _failing_well():
        import pixsieve  # noqa: PLC0415

        _show(pixsieve.load(out), quiet=False, as_json=as_json)


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
    with _failing_well():
        import pixsieve  # noqa: PLC0415

        written = pixsieve.load(out).report(page)
        if not quiet:
            click.echo(f"Report: {written}")


@app.command("demo", short_help="Audits a drawn collection with known problems.")
@click.argument("out", type=_path, default=Path("pixsieve-demo"))
@_quiet
@_as_json
def demo_command(out: Path, quiet: bool, as_json: bool) -> None:
    """Draws a collection with known problems into OUT, audits it, and says what was found."""
    with _failing_well(), _progress(quiet or as_json) as progress:
        from pixsieve.cli.demo import run_demo  # noqa: PLC0415 - the other commands draw nothing

        result = run_demo(out, progress)
    if as_json:
        click.echo(json.dumps(result.counts, indent=2))
    elif not quiet:
        result.show()


@app.command("version")
def version_command() -> None:
    """Prints the version."""
    click.echo(__version__)


def _show(audit: "Audit", *, quiet: bool, as_json: bool) -> None:
    summary = audit.summarize()
    if as_json:
        click.echo(json.dumps({"work_dir": str(audit.work_dir), **summary.counts}, indent=2))
    elif not quiet:
        click.echo("\n".join(str(line) for line in summary.lines))
