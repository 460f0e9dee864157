"""The page: template and pictures put together, and written."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pixsieve.audit import Audit
from pixsieve.pages import Thumbnail, environment, load_thumbnails, style, target_of
from pixsieve.pages.pictures import characters_of, within
from pixsieve.pages.write import check_replaceable, script
from pixsieve.progress import Progress
from pixsieve.report.build import Limits, build_report
from pixsieve.report.data import Report
from pixsieve.store import WorkDir
from pixsieve.store.atomic import write_text

NAME = "report.html"
#: Pixels of the longer side of pictures that only the map shows.
SIDE = 96


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
        FileExistsError: If a file that is no page of Pixsieve stands at `path`.
        RuntimeError: If nothing has been run yet.
        OSError: If the page cannot be written.
    """
    limits = limits or Limits()
    target = target_of(path, WorkDir(audit.work_dir).reports, NAME)
    if path is not None:
        check_replaceable(target)
    report = build_report(audit, limits=limits)
    shown = list(report.shown())
    thumbnails = load_thumbnails(audit, shown, progress=progress)
    fitting = within(thumbnails, shown, characters=limits.characters)
    room = limits.characters - characters_of(fitting, shown)
    smaller = _smaller(audit, report, fitting, room, progress)
    write_text(target, render(report, fitting, smaller))
    return target


def _smaller(
    audit: Audit,
    report: Report,
    shown: Mapping[int, Thumbnail],
    room: int,
    progress: bool | Progress | None,
) -> dict[int, Thumbnail]:
    """Smaller pictures, as far as there is room, of the points of the map that have no other."""
    pictured = report.plane.pictured if report.plane else ()
    needed = [image for image in pictured if image not in shown or shown[image].uri is None]
    return within(
        load_thumbnails(audit, needed, side=SIDE, progress=progress), needed, characters=room
    )


def render(
    report: Report,
    thumbnails: Mapping[int, Thumbnail],
    smaller: Mapping[int, Thumbnail] = MappingProxyType({}),
) -> str:
    """The page as text.

    Args:
        report: What it says.
        thumbnails: Of the images that are shown; an image without one gets a placeholder.
        smaller: Of images that only the map shows.
    """
    page = environment("pixsieve.report").get_template("report.html.j2")
    nothing = Thumbnail(reason="none was made")
    return page.render(
        report=report,
        thumbnail=lambda image: thumbnails.get(image, nothing),
        smaller=[(image, small.uri) for image, small in smaller.items() if small.uri],
        css=style(("pixsieve.pages", "palette.css"), ("pixsieve.report", "map.css")),
        script=script(("pixsieve.report", "map.js")) if report.plane else None,
    )
