"""A page: the templates it is made with, and where it goes."""

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pixsieve.pages import text
from pixsieve.store import is_page

_FILTERS = (
    *("visible", "shorten", "breakable"),
    *("number", "count", "similarity", "measure", "share", "seconds"),
)


def environment(package: str) -> Environment:
    """Templates of the package, such as `pixsieve.report`, and those that all pages share."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("pixsieve.pages")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update({name: getattr(text, name) for name in _FILTERS}, bytes=text.size)
    return made


def asset(package: str, name: str) -> Markup:
    """A style sheet or script of ours, to be put into a page as it is."""
    loader = PackageLoader(package)
    # Ours, not a name from the collection: the only texts that are not escaped.
    return Markup(loader.get_source(Environment(autoescape=True), name)[0])  # noqa: S704


@dataclass(frozen=True)
class Script:
    """A script of ours, and what a page's Content-Security-Policy calls it by."""

    text: Markup
    digest: str


def script(*packages_and_names: tuple[str, str]) -> Script:
    """Scripts of ours, one after the other: the only one that its page runs."""
    text = Markup("").join(asset(*file) for file in packages_and_names)
    return Script(text, base64.b64encode(hashlib.sha256(text.encode()).digest()).decode())


def style(*packages_and_names: tuple[str, str]) -> Markup:
    """The style sheet of all pages, and further ones."""
    sheets = (("pixsieve.pages", "page.css"), *packages_and_names)
    return Markup("").join(asset(*sheet) for sheet in sheets)


def target_of(path: str | os.PathLike[str] | None, default: Path, name: str) -> Path:
    """Where a page goes: the file, or the folder that gets `name`, or by default."""
    if path is None:
        return default / name
    target = Path(path).absolute()
    is_folder = target.is_dir() or os.fspath(path).endswith(os.sep)
    return target / name if is_folder else target


def check_replaceable(target: Path) -> None:
    """An input picture, say, given by mistake, must not be lost.

    Raises:
        FileExistsError: If a file that is no page of Pixsieve stands there.
    """
    if not os.path.lexists(target) or is_page(target):
        return
    empty = target.is_file() and target.stat().st_size == 0
    if empty and target.suffix.lower() in (".html", ".htm"):
        return
    raise FileExistsError(
        f"{target} exists and is not a page of Pixsieve: give another path, or remove it first"
    )
