"""The commands. Exit codes: 0 done, 1 the job failed, 2 wrong usage, 130 interrupted."""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from pixsieve.cli.options import parse, with_settings
from pixsieve.progress import Bar, Lines, Progress, Silent, is_watched

app = typer.Typer(
    help="Finds what is wrong with image collections.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the numbers as one JSON object.")]

FAILED = 1
INTERRUPTED = 130


def main() -> None:
    """Runs the command line and exits."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # An arrow that the terminal cannot show is no reason to fail.
            stream.reconfigure(errors="replace")
    app()


@contextmanager
def _failing_well() -> Iterator[None]:
    """What a user can cause becomes one line; a bug keeps its traceback."""
    try:
        yield
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        text = "interrupted; finished shards stay: run it again and it goes on"
        typer.echo(f"pixsieve: {text}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except (OSError, ValueError, RuntimeError) as error:
        typer.echo(f"pixsieve: error: {_words(error)}", err=True)
        raise typer.Exit(FAILED) from None


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


@app.command("run")
@with_settings
def run_command(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The folder that holds the images.")],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Work directory; default: pixsieve-out/NAME OF FOLDER."),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option("-a", "--annotations", help="CSV or Parquet with path, label, split, …"),
    ] = None,
    report: Annotated[bool, typer.Option(help="Write the HTML report.")] = True,
    quiet: Quiet = False,
    as_json: AsJson = False,
    **settings: Any,
) -> None:
    """Audits a folder: duplicates, leaks, outliers, wrong labels, broken and poor pictures."""
    import pixsieve  # noqa: PLC0415 - `--help` need not wait for it

    try:
        chosen = parse(settings)
        pixsieve.Config(**chosen)
    except ValueError as error:
        raise typer.BadParameter(str(error), ctx=ctx) from None
    work_dir = out or Path("pixsieve-out") / (folder.resolve().name or "root")
    with _failing_well():
        with _progress(quiet or as_json) as progress:
            audit = pixsieve.run(
                folder, work_dir=work_dir, annotations=annotations, progress=progress, **chosen
            )
            if report:
                progress.stage("report", "pages")
                audit.report()
        _show(audit, quiet=quiet, as_json=as_json)
        if report and not quiet and not as_json:
            typer.echo(f"\nReport: {work_dir / 'reports' / 'report.html'}")


@app.command("summary")
def summary_command(
    out: Annotated[Path, typer.Argument(help="Work directory of an earlier run.")],
    as_json: AsJson = False,
) -> None:
    """Prints what an earlier run found."""
    import pixsieve  # noqa: PLC0415

    with _failing_well():
        _show(pixsieve.load(out), quiet=False, as_json=as_json)


@app.command("report")
def report_command(
    out: Annotated[Path, typer.Argument(help="Work directory of an earlier run.")],
    page: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The page; default: in the work directory."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Writes the HTML report of an earlier run."""
    import pixsieve  # noqa: PLC0415

    with _failing_well():
        written = pixsieve.load(out).report(page)
        if not quiet:
            typer.echo(f"Report: {written}")


@app.command("demo")
def demo_command(
    out: Annotated[Path, typer.Argument(help="Folder for the pictures and the audit.")] = Path(
        "pixsieve-demo"
    ),
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Draws a collection with known problems, audits it, and says what was found."""
    from pixsieve.cli.demo import run_demo  # noqa: PLC0415

    with _failing_well(), _progress(quiet or as_json) as progress:
        result = run_demo(out, progress)
    if as_json:
        typer.echo(json.dumps(result.counts, indent=2))
    elif not quiet:
        result.show()


def _print_version(wanted: bool) -> None:
    if wanted:
        version_command()
        raise typer.Exit


@app.callback()
def _common(
    _: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Finds what is wrong with image collections."""


@app.command("version")
def version_command() -> None:
    """Prints the version."""
    from pixsieve import __version__  # noqa: PLC0415

    typer.echo(__version__)


def _show(audit: Any, *, quiet: bool, as_json: bool) -> None:
    summary = audit.summarize()
    if as_json:
        typer.echo(json.dumps({"work_dir": str(audit.work_dir), **summary.counts}, indent=2))
    elif not quiet:
        typer.echo("\n".join(str(line) for line in summary.lines))
