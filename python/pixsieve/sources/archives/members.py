"""Which members of an archive are pictures, and the table of them."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable

import numpy as np
import polars as pl

from pixsieve.sources.archives.magic import is_picture
from pixsieve.sources.archives.webdataset import Sidecars
from pixsieve.sources.places import LISTED

#: Names of archives that are read.
ARCHIVES = (
    *(".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz"),
    *(".tar.zst", ".tzst", ".zip"),
)
VIDEOS = frozenset(
    ("mp4", "avi", "mov", "mkv", "webm", "m4v", "mpg", "mpeg", "flv", "wmv", "3gp", "dav")
)
#: Not looked into, whatever they hold.
OTHERS = frozenset(
    (
        *("txt", "json", "jsonl", "cls", "csv", "tsv", "xml", "yaml", "yml", "toml", "md", "html"),
        *("npy", "npz", "pt", "pth", "pkl", "pickle", "parquet", "arrow", "h5", "mat", "bin"),
        *("py", "ipynb", "sh", "c", "h", "cpp", "js", "css", "log", "pdf", "wav", "mp3", "flac"),
        *("db", "ini", "exe", "dll", "so", "svg"),
    )
)
PACKED = frozenset(("gz", "bz2", "xz", "zst"))
NESTED = frozenset(("tar", "tgz", "tbz2", "tbz", "txz", "tzst", "zip", "rar", "7z"))

#: Kind, offset, stored, size and check of a row without a picture.
NONE = ("nothing", 0, 0, 0, None)

Progress = Callable[[int, int], object] | None


def is_archive(name: str) -> bool:
    """Whether a file of this name is read as an archive."""
    return name.lower().endswith(ARCHIVES)


def clean(name: str) -> str:
    r"""The name as it can be shown, and joined to a path without leading out of it.

    What is not printable, and what would lead elsewhere, is written as `\xNN`.
    """
    if not name.isprintable():
        name = "".join(map(_escaped, name))
    if "//" not in name and "/." not in name and name[:1] not in ("", ".", "/"):
        return name if name[1:2] != ":" else f"{name[0]}\\x3a{name[2:]}"
    begin = "\\x2f" if name.startswith("/") else ""
    parts = (part for part in name.split("/") if part not in ("", "."))
    return begin + "/".join("\\x2e\\x2e" if part == ".." else part for part in parts)


def _escaped(letter: str) -> str:
    # Letters of all scripts may stay, and blanks that are more than a blank.
    if letter.isprintable() or ord(letter) > 0xFF:
        return letter
    return f"\\x{ord(letter):02x}"


def is_hidden(name: str) -> bool:
    """Whether a part of the name begins with a dot, or it is what macOS adds to zips."""
    if name[:1] != "." and "/." not in name and "__MACOSX" not in name:
        return False
    parts = name.split("/")
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


class Members:
    """Collects the rows of one archive, and counts what is left out."""

    def __init__(
        self, *, extensions: Collection[str], hidden: bool, progress: Progress = None
    ) -> None:
        self.notes: Counter[str] = Counter()
        self.sidecars = Sidecars()
        self._hidden = hidden
        self._progress = progress
        self._kinds = dict.fromkeys((name.lower() for name in extensions), "picture")
        self._kinds |= dict.fromkeys(OTHERS - self._kinds.keys(), "other")
        self._kinds |= dict.fromkeys(VIDEOS, "video") | dict.fromkeys(NESTED, "archive")
        self._kinds |= dict.fromkeys(PACKED, "packed")
        self._rows: list[tuple[object, ...]] = []
        self._links: list[tuple[int, str]] = []
        self._seen = 0

    def __len__(self) -> int:
        return len(self._rows)

    def wanted(self, name: str, head: Callable[[], bytes]) -> bool:
        """Whether the member is a picture; if not, that is noted.

        Args:
            name: As `clean` gives it.
            head: Gives its first bytes, which tell where the name does not.
        """
        self._seen += 1
        if self._progress is not None and not self._seen % 1024:
            self._progress(len(self._rows), 0)
        if not self._hidden and is_hidden(name):
            self.notes["hidden"] += 1
            return False
        kind = self._kinds.get(name.rpartition(".")[2].lower(), "unknown")
        if kind == "picture" or (kind == "unknown" and is_picture(head())):
            return True
        if kind == "video":
            self.nothing(name, "unknown_format", "a video inside an archive is not read: unpack it")
        elif kind == "archive" or (kind == "packed" and is_archive(name)):
            self.nothing(name, "unknown_format", "an archive inside an archive is not read")
        else:
            self.notes["not_pictures"] += 1
        return False

    def add(
        self, name: str, kind: str, offset: int, stored: int, size: int, check: int | None = None
    ) -> None:
        """A picture."""
        if not size:
            self.nothing(name, "empty_file", "the file has no bytes")
            return
        self._rows.append((name, kind, offset, stored, size, check, None, None))

    def nothing(self, name: str, code: str, detail: str) -> None:
        """A member that is none, though it should be one."""
        self._rows.append((name, *NONE, code, detail))

    def gap(self, offset: int, code: str, detail: str) -> None:
        """A part of the archive that cannot be read."""
        self._rows.append((None, "nothing", offset, 0, 0, None, code, detail))

    def whole(self, code: str, detail: str) -> None:
        """The archive itself cannot be read, or not to its end."""
        self._rows.append((None, "nothing", None, 0, 0, None, code, detail))

    def link(self, name: str, target: str) -> None:
        """A second name of another member."""
        self._links.append((len(self._rows), target))
        self.nothing(name, "missing_file", f"a link to {target}, which is no picture in here")

    def cut(self, end: int) -> None:
        """The archive ends there: what reaches beyond is shorter than it says."""
        for row in range(len(self._rows) - 1, -1, -1):
            name, kind, offset, _, size, *_ = self._rows[row]
            if kind == "nothing":
                continue
            left = end - int(offset)  # type: ignore[call-overload]
            if left >= int(size):  # type: ignore[call-overload]
                break
            if left > 0:
                stored = left if kind == "member" else 0
                self._rows[row] = (name, kind, offset, stored, left, None, None, None)
            else:
                detail = "the archive ends before this member"
                self._rows[row] = (name, *NONE, "truncated", detail)

    def refuse_overlaps(self, is_header: Callable[[int], bool]) -> None:
        """Members of a zip that reach into the next one, as in bombs, are none.

        `is_header` says whether a member begins there: if not, it is the offset that is wrong.
        """
        zipped = [number for number, row in enumerate(self._rows) if row[1] == "zipped"]
        starts = np.array([self._rows[number][2] for number in zipped], dtype=np.uint64)
        stored = np.array([self._rows[number][3] for number in zipped], dtype=np.uint64)
        order = np.argsort(starts, kind="stable")
        starts, stored = starts[order], stored[order]
        room = np.diff(starts)
        for place in np.flatnonzero((room <= 30) | (stored[:-1] > room - np.uint64(30))):
            liar = place if is_header(int(starts[place + 1])) else place + 1
            name = self._rows[zipped[order[liar]]][0]
            detail = "it overlaps another member: damage, or a zip bomb"
            self._rows[zipped[order[liar]]] = (name, *NONE, "corrupt", detail)

    def frame(self, *, shown: str, relative: str, location: str, modified: int) -> pl.DataFrame:
        """Columns of `LISTED`, and what sidecars say; rows as they lie in the archive."""
        self._follow_links()
        fields = ("name", "kind", "offset", "stored", "size", "check", "error_code", "detail")
        schema = {"name": pl.String(), **{name: LISTED[name] for name in fields[1:]}}
        rows = pl.DataFrame(self._rows, schema=schema, orient="row")
        sidecars = self.sidecars.columns(rows["name"].to_list())
        self.notes += self.sidecars.notes
        # Of the whole archive there is no offset.
        gap = pl.format("#byte={}", pl.col("offset")).fill_null("")
        rows = rows.with_columns(
            suffix=pl.when(pl.col("name").is_null()).then(gap).otherwise("/" + pl.col("name"))
        )
        rows = rows.with_columns(
            pl.Series("suffix", _distinct(rows["suffix"])),
            offset=pl.when(pl.col("kind") == "nothing").then(0).otherwise("offset"),
        )
        return (
            rows.select(
                (pl.lit(shown) + pl.col("suffix")).alias("path"),
                (pl.lit(relative) + pl.col("suffix")).alias("relative"),
                pl.lit(os.fsencode(location)).alias("location"),
                pl.col("kind", "offset", "stored", "size", "check").name.keep(),
                pl.lit(modified, pl.Int64).alias("modified"),
                pl.col("error_code", "detail"),
            )
            .cast(LISTED)
            .hstack(sidecars)
        )

    def _follow_links(self) -> None:
        if not self._links:
            return
        targets = dict(self._links)
        found: dict[object, tuple[object, ...]] = {}
        for number, row in enumerate(self._rows):
            meant = found.get(targets.get(number))
            if meant is not None:
                self._rows[number] = (row[0], *meant[1:])
            found[row[0]] = self._rows[number]


def _distinct(names: pl.Series) -> Iterable[str]:
    """The names, with #2 and so on behind those that come again."""
    again = ~names.is_first_distinct()
    listed = names.to_list()
    if not again.any():
        return listed
    taken = set(listed)
    counts: Counter[str] = Counter()
    for row in again.arg_true():
        name = listed[row]
        counts[name] += 1
        while (other := f"{name}#{counts[name] + 1}") in taken:
            counts[name] += 1
        taken.add(other)
        listed[row] = other
    return listed
