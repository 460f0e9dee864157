"""Compressed tars, and bringing members of archives that are not read in place by Rust."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import tracemalloc
from collections.abc import Callable
from typing import BinaryIO

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_case import JPEG, listed, names, tar_of, troubles, zip_of
from pixsieve.sources.archives.fetching import MemberFetcher, StreamedFetcher
from pixsieve.sources.archives.unpacked import Unpacked
from pixsieve.sources.places import Content, Failure

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda data: gzip.compress(data, 6, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
}
MOST = 10**7


def files(count: int = 12, size: int = 40_000) -> dict[str, bytes]:
    chance = random.Random(4)
    return {f"{n}.jpg": b"\xff\xd8\xff" + chance.randbytes(size) for n in range(count)}


def opener(**archives: bytes) -> Callable[[str], BinaryIO]:
    def open_at(location: str) -> BinaryIO:
        name = location.removeprefix("/in/").replace(".", "_")
        if name not in archives:
            raise FileNotFoundError(2, "No such file or directory", location)
        return io.BytesIO(archives[name])

    return open_at


def fetched(
    data: bytes, frame: pl.DataFrame, fetcher: type = StreamedFetcher
) -> dict[str, Content]:
    """What is brought for each picture, by its name in the archive."""
    rows = frame.filter(pl.col("kind") != "nothing").with_row_index("row")
    brought = dict(fetcher(opener(a_tar=data), most_bytes=MOST).fetch(rows))
    assert sorted(brought) == list(range(rows.height))
    paths = [path.removeprefix("in/a.tar/") for path in rows["path"]]
    return {path: brought[row] for row, path in enumerate(paths)}


@pytest.mark.parametrize("packing", PACK)
def test_all_members_are_brought(packing: str):
    data = PACK[packing](tar_of(files()))
    frame, _ = listed(data)
    assert not troubles(frame)
    assert fetched(data, frame) == files()
    assert fetched(data, frame.reverse()) == files()
    assert fetched(data, frame[3:5]) == dict(list(files().items())[3:5])


def test_no_more_is_unpacked_than_is_wanted():
    data = PACK["gz"](tar_of(files(40)))
    frame, _ = listed(data)
    file = io.BytesIO(data)
    fetcher = StreamedFetcher(lambda _: file, most_bytes=MOST)
    rows = frame[:2].with_row_index("row")
    for _ in fetcher.fetch(rows):
        read = file.tell()
    assert read < len(data) // 4
    assert file.closed


def test_the_file_is_closed_when_the_rest_is_not_wanted():
    data = PACK["gz"](tar_of(files()))
    frame, _ = listed(data)
    file = io.BytesIO(data)
    answers = StreamedFetcher(lambda _: file, most_bytes=MOST).fetch(frame.with_row_index("row"))
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert file.closed


def test_several_archives_one_of_which_is_gone():
    first, second = PACK["gz"](tar_of(files(3))), PACK["xz"](tar_of(files(2)))
    rows = pl.concat(
        [
            listed(first, "a.tgz", location="/in/a.tgz")[0],
            listed(first, "gone.tgz", location="/in/gone.tgz")[0],
            listed(second, "b.txz", location="/in/b.txz")[0],
        ]
    ).with_row_index("row")
    brought = dict(StreamedFetcher(opener(a_tgz=first, b_txz=second), most_bytes=MOST).fetch(rows))
    contents = list(files(3).values())
    assert [brought[row] for row in (0, 1, 2, 6, 7)] == [*contents, *contents[:2]]
    assert {brought[row].code for row in (3, 4, 5)} == {"missing_file"}


def test_what_is_too_large():
    data = PACK["gz"](tar_of(files(2)))
    rows = listed(data)[0].with_row_index("row")
    for row, content in StreamedFetcher(opener(a_tar=data), most_bytes=9000).fetch(rows):
        assert content == Failure(
            "too_large", "the file has 40,003 bytes: more than 9,000 are not read"
        )
        assert row in (0, 1)


@pytest.mark.parametrize("packing", PACK)
def test_streams_one_behind_the_other(packing: str):
    tar = tar_of(files(3))
    pack = PACK[packing]
    data = b"".join(pack(tar[at : at + 10_000]) for at in range(0, len(tar), 10_000))
    for padding in (b"", bytes(512)):
        frame, _ = listed(data + padding)
        assert not troubles(frame)
        assert fetched(data + padding, frame) == files(3)
    frame, _ = listed(data + b"no stream")
    assert [code for _, code in troubles(frame)] == ["corrupt"]
    assert names(frame) == list(files(3))


@pytest.mark.parametrize("packing", PACK)
def test_cut_off(packing: str):
    whole = files()
    data = PACK[packing](tar_of(whole))
    for stop in [*range(20, len(data), len(data) // 23), len(data) - 4]:
        frame, _ = listed(data[:stop])
        found = fetched(data[:stop], frame)
        assert troubles(frame)[-1][1] == "truncated"
        assert len(troubles(frame)) == 1
        for name, content in found.items():
            assert isinstance(content, bytes)
            assert whole[name].startswith(content)
        assert list(found) == list(whole)[: len(found)]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_flipped_bits(data: st.DataObject):
    """Never an exception, and what came before the damage is as it was."""
    packing = data.draw(st.sampled_from(list(PACK)))
    whole = files(6, 3000)
    packed = bytearray(PACK[packing](tar_of(whole)))
    bit = data.draw(st.integers(0, len(packed) * 8 - 1))
    packed[bit // 8] ^= 1 << bit % 8
    frame, _ = listed(bytes(packed))
    found = fetched(bytes(packed), frame)
    if any(found.get(name) != content for name, content in whole.items()):
        assert troubles(frame)


def test_a_wrong_sum_at_the_end_is_told():
    """No member is lost by it."""
    data = bytearray(PACK["gz"](tar_of(files(3))))
    data[-6] ^= 1
    assert fetched(bytes(data), listed(bytes(data))[0]) == files(3)
    frame, _ = listed(bytes(data))
    assert names(frame) == list(files(3))
    (row,) = frame.filter(pl.col("kind") == "nothing").rows(named=True)
    assert row["detail"].startswith("the gzip data are damaged: ")


@pytest.mark.parametrize("packing", PACK)
def test_bombs(packing: str):
    made = tarfile.TarInfo("a.jpg")
    made.size = 60_000_000
    whole = PACK[packing](made.tobuf() + bytes(made.size) + bytes(1024))
    tracemalloc.start()
    frame, _ = listed(whole, large=10_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    (row,) = frame.filter(pl.col("kind") == "nothing").rows(named=True)
    assert row["error_code"] == "too_large"
    assert row["detail"].endswith("this is taken for a bomb, and read no further")
    assert peak < 12_000_000


def test_zeros_alone():
    data = PACK["bz2"](bytes(30_000_000))
    frame, _ = listed(data, large=10_000_000)
    assert [code for _, code in troubles(frame)] == ["too_large"]


def test_archives_inside():
    frame, _ = listed(PACK["gz"](PACK["gz"](tar_of(files(1)))))
    assert frame["detail"].to_list() == ["an archive inside an archive is not read"]
    frame, _ = listed(PACK["gz"](zip_of({"a.jpg": JPEG})))
    assert frame["detail"].to_list() == ["an archive inside an archive is not read"]
    frame, _ = listed(PACK["gz"](b"hello"))
    assert troubles(frame)


def test_a_packing_that_this_python_has_not():
    frame, _ = listed(b"\x28\xb5\x2f\xfd" + bytes(100), "a.tar.zst")
    (row,) = frame.rows(named=True)
    assert row["path"] == "in/a.tar.zst"
    assert row["error_code"] in ("unknown_format", "corrupt")


def test_going_back():
    data = bytes(range(256)) * 5000
    unpacked = Unpacked(io.BytesIO(PACK["gz"](data)), "gzip")
    assert unpacked.read(1_000_000, 10) == data[1_000_000:1_000_010]
    assert unpacked.read(1_000_000, 100) == data[1_000_000:1_000_100]
    with pytest.raises(ValueError, match="has been passed"):
        unpacked.read(0, 1)
    assert unpacked.end is None
    assert unpacked.read(len(data), 1) == b""
    assert unpacked.end == len(data)
    assert unpacked.damage is None


class TestMembers:
    @pytest.mark.parametrize("make", [tar_of, zip_of])
    def test_are_brought(self, make):
        data = make(files())
        frame, _ = listed(data)
        assert fetched(data, frame, MemberFetcher) == files()

    def test_that_are_cut_off(self):
        data = tar_of(files())
        frame, _ = listed(data)
        found = fetched(data[:200_000], frame, MemberFetcher)
        assert [isinstance(one, bytes) for one in found.values()] == [True] * 4 + [False] * 8
        data = zip_of(files())
        frame, _ = listed(data)
        found = fetched(data[:200_000], frame, MemberFetcher)
        assert len(found["4.jpg"]) < 40_003
        assert found["5.jpg"] == Failure("truncated", "the archive ends before the member")

    def test_of_a_disk_that_fails(self):
        class Failing(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                if self.tell() > 200_000:
                    raise OSError(5, "Input/output error")
                return super().read(size)

        data = tar_of(files())
        rows = listed(data)[0].with_row_index("row")
        fetcher = MemberFetcher(lambda _: Failing(data), most_bytes=MOST)
        codes = [getattr(content, "code", "") for _, content in fetcher.fetch(rows)]
        assert codes == [""] * 5 + ["corrupt"] * 7
