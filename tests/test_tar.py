"""Tars of all makes, whole and damaged, against Python's own reader."""

import io
import random
import tarfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_case import (
    JPEG,
    listed,
    member,
    names,
    places,
    tar_of,
    tar_with,
    troubles,
)
from pixsieve.sources.places import LISTED

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
BLOCK = 512


def oracle(data: bytes) -> dict[str, tuple[int, int]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {
            f"in/a.tar/{one.name}": (one.offset_data, one.size)
            for one in archive.getmembers()
            if one.isfile()
        }


def checked(header: bytearray) -> bytes:
    """The header with the sum it needs."""
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


NAMES = ["a.jpg", "folder/b.png", "d" * 90 + "/" + "e" * 60 + ".jpg", "x.jpeg"]
LONG = ["a/" + "n" * 300 + ".jpg", "größe/日本.png"]


class TestAgainstPython:
    @pytest.mark.parametrize("form", FORMATS)
    def test_offsets_and_sizes(self, form: str):
        extra = [] if form == "ustar" else LONG
        files = {name: JPEG[: 4 + 100 * n] for n, name in enumerate(NAMES + extra)}
        data = tar_of(files, format=FORMATS[form])
        frame, notes = listed(data)
        assert places(frame) == oracle(data)
        assert frame.height == len(files)
        assert not notes
        assert frame.schema == LISTED
        assert set(frame["kind"]) == {"member"}
        assert frame["stored"].equals(frame["size"], null_equal=True)
        for path, (at, size) in places(frame).items():
            assert data[at : at + size] == files[path.removeprefix("in/a.tar/")]

    @pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
    def test_compressed(self, mode: str):
        files = dict.fromkeys(NAMES, JPEG * 50)
        frame, _ = listed(tar_of(files, mode))
        assert places(frame) == oracle(tar_of(files))
        assert set(frame["kind"]) == {"streamed"}
        assert set(frame["stored"]) == {0}

    def test_before_posix(self):
        header = bytearray(BLOCK)
        header[:5], header[124:135] = b"a.jpg", b"%011o" % len(JPEG)
        data = checked(header) + JPEG.ljust(1024, b"\0") + bytes(1024)
        assert places(listed(data)[0]) == {"in/a.tar/a.jpg": (512, len(JPEG))}

    def test_sums_of_signed_bytes(self):
        header = bytearray(tar_of({"a.jpg": JPEG})[:BLOCK])
        header[:7] = "ü.jpg".encode() + b"\0"
        header[148:156] = b" " * 8
        total = sum(byte - 256 if byte > 127 else byte for byte in header)
        header[148:156] = b"%06o\0 " % total
        data = bytes(header) + JPEG.ljust(1024, b"\0") + bytes(1024)
        assert names(listed(data)[0]) == ["ü.jpg"]

    def test_binary_sizes_and_more_than_8_gib(self, tmp_path: Path):
        """Of a sparse file of 10 GB only the headers are read."""
        path = tmp_path / "large.tar"
        ends = {"a.jpg": 9 << 30, "b.jpg": 1 << 30, "c.jpg": 1000}
        for form in ("gnu", "pax"):
            at, expected = 0, {}
            with path.open("wb") as file:
                for name, size in ends.items():
                    made = tarfile.TarInfo(name)
                    made.size = size
                    head = made.tobuf(FORMATS[form])
                    file.seek(at)
                    file.write(head)
                    expected[f"in/a.tar/{name}"] = (at + len(head), size)
                    at += len(head) + -(-size // BLOCK) * BLOCK
                file.truncate(at + 1024)
            with Counted(path) as counted:
                frame, _ = listed(b"", size=at + 1024, file=counted)
            assert places(frame) == expected
            assert not troubles(frame)
            assert counted.taken < 100_000
            assert counted.requests < 12


class Counted(io.FileIO):
    """A file that counts what is read of it."""

    taken = requests = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(-1 if size is None else size)
        self.taken += len(data)
        self.requests += 1
        return data


class TestKinds:
    def test_links(self):
        made = [
            (member("a.jpg"), JPEG),
            (member("hard.jpg", tarfile.LNKTYPE, "./a.jpg"), b""),
            (member("again.jpg", tarfile.LNKTYPE, "hard.jpg"), b""),
            (member("lost.jpg", tarfile.LNKTYPE, "none.jpg"), b""),
            (member("soft.jpg", tarfile.SYMTYPE, "/etc/passwd"), b""),
            (member("fifo.jpg", tarfile.FIFOTYPE), b""),
            (member("folder.jpg", tarfile.DIRTYPE), b""),
            (member("b.jpg"), JPEG),
        ]
        frame, notes = listed(tar_with(made))
        found = places(frame)
        assert names(frame) == ["a.jpg", "hard.jpg", "again.jpg", "b.jpg"]
        assert found["in/a.tar/hard.jpg"] == found["in/a.tar/a.jpg"] == found["in/a.tar/again.jpg"]
        assert troubles(frame) == [("a.tar/lost.jpg", "missing_file")]
        assert notes == {"links": 1, "special": 1}

    def test_what_is_not_listed(self):
        files = {
            "notes.txt": b"hello",
            "table.csv": b"a,b",
            ".hidden.jpg": JPEG,
            ".git/a.jpg": JPEG,
            "__MACOSX/._a.jpg": JPEG,
            "without": JPEG,
            "wrong.dat": JPEG,
            "text.dat": b"P is a letter",
            "empty.jpg": b"",
            "film.mp4": b"...",
            "inner.tar.gz": b"\x1f\x8b",
            "inner.zip": b"PK\3\4",
        }
        frame, notes = listed(tar_of(files))
        assert names(frame) == ["without", "wrong.dat"]
        assert troubles(frame) == [
            ("a.tar/empty.jpg", "empty_file"),
            ("a.tar/film.mp4", "unknown_format"),
            ("a.tar/inner.tar.gz", "unknown_format"),
            ("a.tar/inner.zip", "unknown_format"),
        ]
        assert notes == {"hidden": 3, "not_pictures": 3}
        frame, notes = listed(tar_of(files), hidden=True)
        assert ".hidden.jpg" in names(frame)
        assert "hidden" not in notes

    def test_tars_inside_tars(self):
        inner = tar_of({"a.jpg": JPEG})
        frame, _ = listed(tar_of({"first.jpg": JPEG, "inner.tar": inner, "last.jpg": JPEG}))
        assert names(frame) == ["first.jpg", "last.jpg"]
        (row,) = frame.filter(pl.col("kind") == "nothing").rows(named=True)
        assert row["path"] == "in/a.tar/inner.tar"
        assert row["detail"] == "an archive inside an archive is not read"

    def test_sparse_files(self):
        old = bytearray(member("s.jpg", tarfile.GNUTYPE_SPARSE).tobuf(tarfile.GNU_FORMAT))
        old[482], old[124:136] = 1, b"%011o\0" % 600
        more = bytes([*bytes(504), 1, *bytes(7)]) + bytes(BLOCK)
        data = checked(old) + more + bytes(1024) + tar_of({"next.jpg": JPEG})
        frame, _ = listed(data)
        assert names(frame) == ["next.jpg"]
        assert troubles(frame) == [("a.tar/s.jpg", "unknown_format")]
        made = member("GNUSparseFile.0/s.jpg")
        made.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.name": "s.jpg"}
        frame, _ = listed(tar_with([(made, JPEG)], format=tarfile.PAX_FORMAT))
        assert troubles(frame) == [("a.tar/s.jpg", "unknown_format")]

    def test_several_of_one_name(self):
        made = [(member(name), JPEG) for name in ("a.jpg", "a.jpg", "a.jpg#2", "./a.jpg")]
        frame, _ = listed(tar_with(made), extensions=("jpg", "jpg#2"))
        assert names(frame) == ["a.jpg", "a.jpg#3", "a.jpg#2", "a.jpg#4"]
        assert frame["offset"].n_unique() == 4


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../x.jpg", r"\x2e\x2e/\x2e\x2e/x.jpg"),
        ("a/../b.jpg", r"a/\x2e\x2e/b.jpg"),
        ("/etc/x.jpg", r"\x2fetc/x.jpg"),
        ("C:/x.jpg", r"C\x3a/x.jpg"),
        ("./a//b/./c.jpg", "a/b/c.jpg"),
        ("back\\slash.jpg", "back\\slash.jpg"),
        ("new\nline.jpg", r"new\x0aline.jpg"),
        ("<script>.jpg", "<script>.jpg"),
        ("\u202eright.jpg", "\u202eright.jpg"),
    ],
)
def test_hostile_names(name: str, shown: str):
    frame, _ = listed(tar_of({name: JPEG}), hidden=True)
    assert frame["path"].to_list() == [f"in/a.tar/{shown}"]


def test_names_that_are_not_utf8():
    data = bytearray(tar_of({"a?b.jpg": JPEG}))
    data[1] = 0xFF
    frame, _ = listed(checked(data[:BLOCK]) + data[BLOCK:])
    assert names(frame) == [r"a\xffb.jpg"]


class TestDamage:
    def files(self, count: int = 8) -> dict[str, bytes]:
        chance = random.Random(3)
        return {f"{n}.jpg": b"\xff\xd8\xff" + chance.randbytes(700 * n) for n in range(count)}

    def test_a_bad_header_costs_one_member(self):
        files = self.files()
        data = bytearray(tar_of(files))
        whole = oracle(bytes(data))
        at, _ = whole["in/a.tar/3.jpg"]
        data[at - BLOCK + 100] ^= 1
        frame, _ = listed(bytes(data))
        lost = whole.pop("in/a.tar/3.jpg")
        assert places(frame) == whole
        (row,) = frame.filter(pl.col("kind") == "nothing").rows(named=True)
        begin, end = lost[0] - BLOCK, whole["in/a.tar/4.jpg"][0] - BLOCK
        assert row["path"] == f"in/a.tar#byte={begin}"
        assert row["error_code"] == "corrupt"
        assert f"from byte {begin:,} to {end:,}" in row["detail"]

    @given(st.data())
    @settings(max_examples=150, deadline=None)
    def test_flipped_bits(self, data: st.DataObject):
        form = data.draw(st.sampled_from(list(FORMATS)))
        original = tar_of(self.files(), format=FORMATS[form])
        broken = bytearray(original)
        flips = data.draw(
            st.lists(st.integers(0, len(original) * 8 - 1), min_size=1, max_size=4, unique=True)
        )
        for bit in flips:
            broken[bit // 8] ^= 1 << bit % 8
        whole = oracle(original)
        touched = {
            path
            for path, (at, size) in whole.items()
            if any(at - BLOCK <= bit // 8 < at + max(size, 1) for bit in flips)
        }
        found = places(listed(bytes(broken))[0])
        untouched = {path: place for path, place in whole.items() if path not in touched}
        assert untouched.items() <= found.items()

    def test_cut_at_every_block(self):
        files = self.files()
        data = tar_of(files)
        whole = oracle(data)
        # One block of zeros is an end mark, too, of some programs.
        end = max(at + -(-size // BLOCK) * BLOCK for at, size in whole.values()) + BLOCK
        for stop in range(0, len(data), BLOCK):
            frame, _ = listed(data[:stop])
            found = places(frame)
            for path, (at, size) in whole.items():
                left = min(size, stop - at)
                assert found.get(path) == ((at, left) if left > 0 else None)
            assert (stop >= end) == (troubles(frame) == [])

    @pytest.mark.parametrize("stop", [1, 511, 513, 700, 1025])
    def test_cut_anywhere(self, stop: int):
        frame, _ = listed(tar_of({"a.jpg": JPEG, "b.jpg": JPEG})[:stop])
        assert troubles(frame)[-1][1] in ("truncated", "corrupt")

    def test_an_empty_file_and_an_empty_tar(self):
        assert troubles(listed(b"")[0]) == [("a.tar", "empty_file")]
        frame, _ = listed(tar_of({}))
        assert frame.is_empty()
        assert frame.schema == LISTED

    def test_what_is_no_tar(self):
        assert troubles(listed(b"hello" * 1000)[0]) == [("a.tar#byte=0", "corrupt")]

    def test_tars_one_behind_the_other(self):
        frame, _ = listed(tar_of({"a.jpg": JPEG}) + tar_of({"b.jpg": JPEG}))
        assert names(frame) == ["a.jpg", "b.jpg"]
        assert not troubles(frame)

    @pytest.mark.parametrize("more", [1, 100, 511, 513, 1 << 18, (1 << 18) + 1])
    def test_zeros_behind_the_end(self, more: int):
        data = tar_of({"a.jpg": JPEG})
        for end in (data, data[: 3 * BLOCK]):
            assert names(listed(end + bytes(more))[0]) == ["a.jpg"]

    def test_a_hole_of_zeros(self):
        data = bytearray(tar_of(self.files()))
        (at, _), (after, _) = (oracle(bytes(data))[f"in/a.tar/{n}.jpg"] for n in (3, 4))
        data[at - BLOCK : at + 600] = bytes(BLOCK + 600)
        frame, _ = listed(bytes(data))
        assert names(frame) == [f"{n}.jpg" for n in (0, 1, 2, 4, 5, 6, 7)]
        assert [code for _, code in troubles(frame)] == ["corrupt"]
        assert after in frame["offset"]

    def test_sizes_beyond_all_bounds(self):
        made = member("a.jpg")
        header = bytearray(made.tobuf(tarfile.GNU_FORMAT))
        for field in (b"\x80" + b"\xff" * 11, b"\xff" * 12, b"-0000000001\0", b"99999999999\0"):
            header[124:136] = field
            frame, _ = listed(checked(header) + JPEG)
            assert frame["size"].max() <= len(JPEG)
            assert troubles(frame)

    @pytest.mark.parametrize(
        "records",
        [b"", b"9", b"99 path=x\n", b"0 a=b\n", b"10 path=x", b"\xff" * 30, b"6 a=b\n" * 9],
    )
    def test_malformed_pax_records(self, records: bytes):
        made = member("x", tarfile.XHDTYPE)
        frame, _ = listed(tar_with([(made, records), (member("a.jpg"), JPEG)]))
        assert names(frame) == ["a.jpg"]


def test_progress_is_reported():
    seen: list[tuple[int, int]] = []
    files = {f"{n}.jpg": b"\xff\xd8\xff" for n in range(3000)}
    listed(tar_of(files), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1023, 0), (2047, 0)]


def test_a_disk_that_fails(tmp_path: Path):
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 20_000:
                raise OSError(5, "Input/output error")
            return super().read(size)

    files = {f"{n}.jpg": bytes(30_000) for n in range(5)}
    data = tar_of(files)
    frame, _ = listed(data, file=Failing(data))
    assert names(frame) == ["0.jpg"]
    assert troubles(frame) == [("a.tar", "corrupt")]
