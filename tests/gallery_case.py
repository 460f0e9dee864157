"""Collections to make galleries of, and galleries read again."""

import html
import re
from pathlib import Path

import pixsieve
from pixsieve.pages.text import visible
from report_case import collect, draw


def hostile(folder: Path) -> pixsieve.Audit:
    """Copies under hostile names and labels, leaks, broken files."""
    return pixsieve.run(
        collect(folder / "pictures"),
        work_dir=folder / "out",
        labels="folder",
        device="cpu",
        progress=False,
        outlier_percentile=0.2,
    )


def three_alike(folder: Path) -> pixsieve.Audit:
    """Four labelled pictures, three of them alike."""
    for name, seed in {"cat/a.png": 1, "dog/b.png": 1, "dog/c.png": 2}.items():
        (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        draw(seed).save(folder / "in" / name)
    draw(1).save(folder / "in" / "dog" / "d.jpg", quality=70)
    return pixsieve.run(
        folder / "in", work_dir=folder / "out", labels="folder", device="cpu", progress=False
    )


def show(audit: pixsieve.Audit, kind: str, folder: Path, **options: object) -> str:
    """The page, as text."""
    return getattr(audit.vis, f"{kind}_gallery")(folder, **options).read_text(encoding="utf-8")


def titles(text: str) -> list[str]:
    return re.findall(r"<h2><bdi>(.*?)</bdi>", text)


def names(text: str) -> list[str]:
    """Below the pictures, in the order of the page."""
    found = re.findall(r'<span class="path"><bdi dir="auto" title="[^"]*">(.*?)</bdi>', text)
    return [html.unescape(name.replace("<wbr>", "")) for name in found]


def called(path: str, name: str) -> bool:
    """Whether this is what a page calls that path."""
    return visible(path).endswith(name.split("…")[-1])
