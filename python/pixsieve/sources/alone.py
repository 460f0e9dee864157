"""A file that is given by itself: what can be done with it."""

from pathlib import Path

from pixsieve.sources.archives.magic import HEAD, archive_format, is_picture
from pixsieve.sources.expand import HOLDING
from pixsieve.sources.files import PICTURE_EXTENSIONS, extension_of
from pixsieve.sources.listing import shown

KNOWN = frozenset((*HOLDING, *PICTURE_EXTENSIONS))
#: What people take for a collection of pictures.
OTHERS = {b"%PDF": "PDF", b"<svg": "SVG", b"<?xml": "XML", b"Rar!": "RAR", b"7z\xbc\xaf": "7-Zip"}
READ = (
    "give a folder, a picture, an archive (tar, zip), a video, a Parquet file, a list of paths "
    "(txt, csv, jsonl), a data.yaml, a COCO file or a URL"
)


def check_readable(path: str) -> None:
    """Nothing.

    Raises:
        PermissionError: If it may not be read.
        ValueError: If neither its name nor its content says that pictures are in it.
    """
    if extension_of(path) in KNOWN:
        return
    with Path(path).open("rb") as file:
        head = file.read(HEAD)
    if is_picture(head):
        return
    packing = archive_format(head)
    if packing is not None:
        raise ValueError(
            f"{shown(path)}: this file is packed ({packing}); if it is an archive of pictures, let "
            "its name end in .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz; else unpack it"
        )
    named = next((name for mark, name in OTHERS.items() if head.lstrip().startswith(mark)), None)
    what = "no pictures can be read from this file" if named is None else f"{named} is not read"
    raise ValueError(f"{shown(path)}: {what}; {READ}")
