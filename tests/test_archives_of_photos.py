"""Archives of real pictures: what is brought of them are the very bytes of the files."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from archive_case import listed
from pixsieve.sources.archives.fetching import MemberFetcher, StreamedFetcher


def photos(shared: Path) -> list[Path]:
    return sorted((shared / "coco" / "val2017").glob("*.jpg"))[:20]


def packed(paths: list[Path], name: str) -> bytes:
    target = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in paths:
                archive.write(path, path.name)
    else:
        mode = {"tar": "w", "tgz": "w:gz", "bz2": "w:bz2", "xz": "w:xz"}[name.rpartition(".")[2]]
        with tarfile.open(fileobj=target, mode=mode) as tar:  # type: ignore[call-overload]
            for path in paths:
                tar.add(path, path.name)
    return target.getvalue()


@pytest.mark.parametrize("name", ["a.tar", "a.tgz", "a.tar.bz2", "a.tar.xz", "a.zip"])
def test_the_bytes_of_the_files(shared: Path, name: str):
    paths = photos(shared)
    data = packed(paths, name)
    frame, notes = listed(data, name)
    assert not notes
    assert frame["path"].to_list() == [f"in/{name}/{path.name}" for path in paths]
    kinds = set(frame["kind"])
    fetcher = StreamedFetcher if kinds == {"streamed"} else MemberFetcher
    rows = frame.with_row_index("row")
    brought = dict(fetcher(lambda _: io.BytesIO(data), most_bytes=10**8).fetch(rows))
    assert [brought[row] for row in range(len(paths))] == [path.read_bytes() for path in paths]
