"""The page: template and pictures put together, and written."""

import os
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pixsieve.audit import Audit
from pixsieve.progress import Progress
from pixsieve.report import text
from pixsieve.report.build import Limits, build_report
from pixsieve.report.data import Report
from pixsieve.report.pictures import Thumbnail, load_thumbnails, within
from pixsieve.store.atomic import write_text

NAME = "report.html"
#: Both stand in the first lines of every report, and tell it from other files.
MARKS = (b"<!doctype html>", b'<meta name="generator" content="Pixsieve ')

_FILTERS = (
    *("visible", "shorten", "breakable"),
    *("number", "count", "similarity", "measure", "share", "seconds"),
)


def write_report(
    audit: Audit,
    path: str | os.PathLike[str] | None = None,
    *,
    limits: Limits | None = None,
    progress: bool | Progress | None = None,
) -> Path:
    """Writes the report of a finished run; an earlier report is replaced.

    Args:
        audit: The run.
        path: A file, or a folder that gets `report.html`; default: `reports/report.html` in
            the work directory. Folders are made as needed.
        limits: How much of each kind is shown.
        progress: Whether to show a bar while thumbnails are made; None shows one where a person
            is watching.

    Returns:
        The absolute path of the page.

    Raises:
        FileExistsError: If a file that is no report stands at `path`.
        RuntimeError: If nothing has been run yet.
        OSError: If the page cannot be written.
    """
    limits = limits or Limits()
    target = _target(audit, path)
    if path is not None:
        _check_replaceable(target)
    report = build_report(audit, limits=limits)
    shown = list(report.shown())
    thumbnails = load_thumbnails(audit, shown, progress=progress)
    fitting = within(thumbnails, shown, characters=limits.characters)
    write_text(target, render(report, fitting))
    return target


def _target(audit: Audit, path: str | os.PathLike[str] | None) -> Path:
    if path is None:
        return audit.work_dir / "reports" / NAME
    target = Path(path).absolute()
    is_folder = target.is_dir() or os.fspath(path).endswith(os.sep)
    return target / NAME if is_folder else target


def _check_replaceable(target: Path) -> None:
    """An input picture, say, given by mistake, must not be lost."""
    if not os.path.lexists(target):
        return
    if target.is_file():
        with target.open("rb") as file:
            head = file.read(4096)
        empty_page = not head and target.suffix.lower() in (".html", ".htm")
        if empty_page or (head.startswith(MARKS[0]) and MARKS[1] in head):
            return
    raise FileExistsError(
        f"{target} exists and is not a report of Pixsieve: give another path, or remove it first"
    )


def render(report: Report, thumbnails: Mapping[int, Thumbnail]) -> str:
    """The page as text.

    Args:
        report: What it says.
        thumbnails: Of the images that are shown; an image without one gets a placeholder.
    """
    page = _environment().get_template("report.html.j2")
    nothing = Thumbnail(reason="none was made")
    return page.render(
        report=report, thumbnail=lambda image: thumbnails.get(image, nothing), css=_css()
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pixsieve.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update({name: getattr(text, name) for name in _FILTERS}, bytes=text.size)
    return environment


def _css() -> Markup:
    # Ours, not a name from the collection: the only text that is not escaped.
    path = Path(__file__).parent / "templates" / "report.css"
    return Markup(path.read_text(encoding="utf-8"))  # noqa: S704
