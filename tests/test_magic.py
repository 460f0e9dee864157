"""Pictures and archives are told by their first bytes."""

import io

import pytest
from PIL import Image

from archive_case import tar_of, zip_of
from pixsieve.sources.archives.magic import HEAD, archive_format, is_picture
from pixsieve.sources.archives.members import is_archive


@pytest.mark.parametrize(
    "form", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "ICO", "JPEG2000", "AVIF", "QOI"]
)
def test_what_pillow_writes(form: str):
    target = io.BytesIO()
    try:
        Image.new("RGB", (64, 64), "red").save(target, form)
    except (KeyError, OSError):
        pytest.skip(f"this Pillow cannot write {form}")
    assert is_picture(target.getvalue()[:HEAD])
    assert not is_picture(target.getvalue()[:1])


@pytest.mark.parametrize(
    "head",
    [
        *(b"", b"P", b"P5", b"P is a letter", b"P9 \n", b"BM", b"BMW is no bitmap at all", b"RIFF"),
        *(
            b"RIFF\0\0\0\0AVI LIST",
            b"\0\0\0\x18ftypisom",
            b"%PDF-1.7",
            b"<svg>",
            b"PK\3\4",
            b"hello",
        ),
        *(bytes(200), b'{"a": 1}', b"GIF is pronounced GIF"),
    ],
)
def test_what_is_no_picture(head: bytes):
    assert not is_picture(head)


def test_dicom():
    assert is_picture(bytes(128) + b"DICM")
    assert not is_picture(bytes(127) + b"DICM")


def test_archives():
    made = {mode: tar_of({"a": b"x"}, f"w:{mode}") for mode in ("gz", "bz2", "xz")}
    assert {mode: archive_format(data) for mode, data in made.items()} == {
        "gz": "gzip",
        "bz2": "bzip2",
        "xz": "xz",
    }
    assert archive_format(zip_of({})) == archive_format(zip_of({"a": b""})) == "zip"
    assert archive_format(tar_of({"a": b"x"})) is None


def test_names_of_archives():
    assert all(map(is_archive, ("a.tar", "b/A.TAR.GZ", "a.tgz", "a.zip", "a.tar.xz", "a.tar.bz2")))
    assert not any(map(is_archive, ("a.gz", "tar", "zip", "a.zip.jpg", "a.targz", "a.7z")))
