"""The page of a gallery: template and pictures put together, written, and shown in a notebook."""

import base64
import dataclasses
import html
import os
import re
import sys
import warnings
from pathlib import Path

import polars as pl

from pixsieve.audit import Audit
from pixsieve.gallery.data import Content
from pixsieve.gallery.look import MANY, Look
from pixsieve.pages import (
    Cards,
    Thumbnail,
    environment,
    load_thumbnails,
    style,
    target_of,
)
from pixsieve.pages.pictures import picture_key
from pixsieve.pages.write import check_replaceable, script
from pixsieve.progress import notebook, running_cell
from pixsieve.store import WorkDir, is_page
from pixsieve.store.atomic import replacing, write_text

if sys.platform == "win32":
    from pathlib import WindowsPath as _Path
else:
    from pathlib import PosixPath as _Path

#: Pixels of the longer side of pictures that are compared, and of those that are only shown.
LARGE, SMALL = 512, 256
IMAGES = "images"
_URI = "data:image/jpeg;base64,"
_PICTURE = re.compile(r"[0-9a-f]{64}-\d+\.jpg(?:\..+\.tmp)?")
_BESIDE = re.compile(rf'(src|href)="{IMAGES}/([0-9a-f]{{64}}-\d+\.jpg)"')


class Gallery(_Path):
    """The path of a page, which a notebook shows as the page itself."""

    #: The number of the cell that has displayed it: as its value it is not shown a second time.
    displayed: int | None = None

    def _repr_html_(self) -> str | None:
        """The page in a frame of its own; None where there is none any more."""
        if (self.displayed is not None and self.displayed == running_cell()) or not is_page(self):
            return None
        page = _BESIDE.sub(self._embedded, self.read_text(encoding="utf-8"))
        return (
            f'<iframe srcdoc="{html.escape(page)}" sandbox="allow-scripts" '
            'style="width:100%;height:640px;border:1px solid #8884;border-radius:8px"></iframe>'
        )

    def _embedded(self, found: re.Match[str]) -> str:
        """A picture beside the page, put into it: a frame cannot reach it."""
        try:
            data = (self.parent / IMAGES / found[2]).read_bytes()
        except OSError:
            return found[0]
        return f'{found[1]}="{_URI}{base64.b64encode(data).decode()}"'


def publish(
    audit: Audit,
    name: str,
    content: Content,
    frame: pl.DataFrame,
    save_path: str | os.PathLike[str] | None,
    look: Look,
    *,
    whole: bool = False,
) -> Gallery:
    """Writes the page and what goes with it; the pictures are `whole` ones where boxes are drawn.

    Raises:
        FileExistsError: If a file that is no page of Pixsieve stands there.
        OSError: If something cannot be written.
    """
    info = audit.info
    content = dataclasses.replace(
        content,
        input=str(info.get("input", "")),
        version=str(info.get("version", "")),
        root=Cards(audit.images).root,
    )
    target = _target(audit, save_path, f"{name}.html")
    check_replaceable(target)
    _check_beside(target, look)
    compared = any(item.shape == "pair" for item in content.items)
    side = look.side(LARGE if compared else SMALL)
    images = dict.fromkeys(figure.card.image for figure in content.figures())
    thumbnails = load_thumbnails(audit, images, side=side, whole=whole)
    if look.lazy_load:
        names = {image: picture_key(audit, image, whole=whole) for image in images}
        thumbnails = _beside(names, thumbnails, target.parent / IMAGES)
    write_text(target, render(content, thumbnails, look))
    if look.save_artifacts:
        with replacing(target.with_suffix(".csv")) as file:
            _flat(frame).write_csv(file)
    gallery = Gallery(target)
    if look.show:
        _display(gallery)
    return gallery


def _target(audit: Audit, save_path: str | os.PathLike[str] | None, name: str) -> Path:
    """As in fastdup: what does not end in `.html` is a folder."""
    if save_path is None or Path(save_path).suffix.lower() in (".html", ".htm"):
        return target_of(save_path, WorkDir(audit.work_dir).galleries, name)
    if Path(save_path).is_file():
        raise FileExistsError(
            f"save_path {os.fspath(save_path)} is a file: give a folder, or a path that ends in "
            ".html"
        )
    return Path(save_path).absolute() / name


def _check_beside(target: Path, look: Look) -> None:
    """What goes beside the page shall not replace, or mix with, what is not of a page."""
    rows, images = target.with_suffix(".csv"), target.parent / IMAGES
    if look.save_artifacts and os.path.lexists(rows) and not is_page(target):
        raise FileExistsError(f"{rows} exists: give another save_path, or remove it first")
    if look.lazy_load and os.path.lexists(images):
        strangers = not images.is_dir() or [
            entry.name for entry in images.iterdir() if not _PICTURE.fullmatch(entry.name)
        ]
        if strangers:
            raise FileExistsError(
                f"{images}, where the pictures of this page would go, holds other files: give "
                "another save_path"
            )


def _beside(
    names: dict[int, str | None], thumbnails: dict[int, Thumbnail], folder: Path
) -> dict[int, Thumbnail]:
    """The pictures as files beside the page."""
    found = {}
    for image, thumbnail in thumbnails.items():
        if thumbnail.uri is None:
            found[image] = thumbnail
            continue
        data = base64.b64decode(thumbnail.uri.removeprefix(_URI))
        # Pictures of several sizes may come to stand in one folder.
        name = f"{names[image]}-{len(data)}.jpg"
        if not (folder / name).is_file():
            with replacing(folder / name, synced=False) as file:
                file.write(data)
        found[image] = Thumbnail(uri=f"{IMAGES}/{name}")
    return found


def render(content: Content, thumbnails: dict[int, Thumbnail], look: Look) -> str:
    """The page as text.

    Args:
        content: What it says.
        thumbnails: Of the images that are shown; an image without one gets a placeholder.
        look: How wide pictures are.
    """
    shown = sum(thumbnail.uri is not None for thumbnail in thumbnails.values())
    if shown > MANY and not look.lazy_load:
        warnings.warn(
            f"{shown:,} pictures on one page make a large file: pass lazy_load=True to keep them "
            "beside it",
            stacklevel=4,
        )
    nothing = Thumbnail(reason="none was made")
    return (
        environment("pixsieve.gallery")
        .get_template("gallery.html.j2")
        .render(
            content=content,
            thumbnail=lambda image: thumbnails.get(image, nothing),
            css=style(("pixsieve.pages", "compare.css"), ("pixsieve.gallery", "gallery.css")),
            script=script(("pixsieve.pages", "compare.js"), ("pixsieve.gallery", "pairs.js")),
            max_width=look.max_width,
            lazy=look.lazy_load,
        )
    )


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists as text, which CSV can hold."""
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    structs = [name for name in lists if isinstance(frame.schema[name].inner, pl.Struct)]  # type: ignore[attr-defined]
    return frame.drop(structs).with_columns(
        pl.col(name).cast(pl.List(pl.String)).list.join("|")
        for name in lists
        if name not in structs
    )


def _display(gallery: Gallery) -> None:
    """In a notebook, shows the page where the cell stands."""
    display = notebook()
    if display is not None:
        display.display(gallery)
        gallery.displayed = running_cell()
