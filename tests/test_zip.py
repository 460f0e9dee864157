"""Zips of all makes, whole and damaged, against Python's own reader."""

import io
import random
import stat
import struct
import zipfile
import zlib

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_case import JPEG, listed, names, places, streamed_zip_of, troubles, zip_of
from pixsieve.sources.archives.zipped import unzip_member
from pixsieve.sources.places import LISTED, Failure

FILES = {
    "a.jpg": JPEG,
    "folder/b.png": JPEG * 20,
    "größe/日本.jpg": JPEG[:5],
    "n" * 300 + ".jpg": JPEG * 2,
}


def content(data: bytes, frame: pl.DataFrame) -> dict[str, bytes | Failure]:
    """What each member unpacks to."""
    return {
        row["path"].removeprefix("in/a.zip/"): unzip_member(
            data[row["offset"] :], stored=row["stored"], size=row["size"], check=row["check"]
        )
        for row in frame.filter(pl.col("kind") == "zipped").rows(named=True)
    }


def zipped(data: bytes, **options) -> tuple[pl.DataFrame, dict[str, int]]:
    return listed(data, "a.zip", **options)


def oracle(data: bytes) -> dict[str, tuple[int, int, int, int]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {
            f"in/a.zip/{one.filename}": (
                one.header_offset,
                one.compress_size,
                one.file_size,
                one.CRC,
            )
            for one in archive.infolist()
        }


def rows(frame: pl.DataFrame) -> dict[str, tuple[int, int, int, int]]:
    pictures = frame.filter(pl.col("kind") == "zipped")
    found = pictures.select("path", "offset", "stored", "size", "check").rows()
    return {path: tuple(rest) for path, *rest in found}


class TestAgainstPython:
    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    @pytest.mark.parametrize("make", [zip_of, streamed_zip_of])
    @pytest.mark.parametrize("prefix", [b"", b"#!/bin/sh\nexit\n" * 99, b"\xff\xd8\xff" * 50])
    def test_members(self, make, method: int, prefix: bytes):
        data = prefix + make(FILES, method)
        frame, notes = zipped(data)
        assert rows(frame) == oracle(data)
        assert content(data, frame) == FILES
        assert not notes
        assert frame.schema == LISTED

    @pytest.mark.parametrize("comment", [b"hello", b"PK\5\6" + bytes(18), b"x" * 65_535])
    def test_comments(self, comment: bytes):
        data = zip_of(FILES, comment=comment)
        assert rows(zipped(data)[0]) == oracle(data)

    def test_zip64(self, monkeypatch):
        monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
        monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
        data = zip_of(FILES)
        assert b"PK\6\6" in data
        for prefix in (b"", b"stub" * 100):
            frame, _ = zipped(prefix + data)
            assert rows(frame) == oracle(prefix + data)
            assert content(prefix + data, frame) == FILES

    def test_an_empty_zip(self):
        frame, notes = zipped(zip_of({}))
        assert frame.is_empty()
        assert not notes

    def test_names_in_the_letters_of_the_ibm_pc(self):
        data = zip_of({"a_b.jpg": JPEG}).replace(b"a_b.jpg", b"a\x81b.jpg")
        assert names(zipped(data)[0]) == ["aüb.jpg"]
        data = zip_of({"a__b.jpg": JPEG}).replace(b"a__b.jpg", "aüb.jpg".encode())
        assert names(zipped(data)[0]) == ["aüb.jpg"]

    def test_folders_of_windows(self):
        data = zip_of({"cats_a.jpg": JPEG}).replace(b"cats_a.jpg", b"cats\\a.jpg")
        assert names(zipped(data)[0]) == ["cats/a.jpg"]


class TestKinds:
    def test_what_is_not_listed(self):
        files = {
            "notes.txt": b"hello",
            "__MACOSX/._a.jpg": JPEG,
            ".DS_Store": JPEG,
            "without": JPEG * 9,
            "text.dat": b"some text",
            "folder/": b"",
            "empty.jpg": b"",
            "film.mov": b"...",
            "inner.tgz": b"\x1f\x8b",
        }
        frame, notes = zipped(zip_of(files))
        assert names(frame) == ["without"]
        assert troubles(frame) == [
            ("a.zip/empty.jpg", "empty_file"),
            ("a.zip/film.mov", "unknown_format"),
            ("a.zip/inner.tgz", "unknown_format"),
        ]
        assert notes == {"hidden": 2, "not_pictures": 2}

    def test_links(self):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            link = zipfile.ZipInfo("link.jpg")
            link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, "/etc/passwd")
        frame, notes = zipped(target.getvalue())
        assert frame.is_empty()
        assert notes == {"links": 1}

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_other_methods(self, method: int):
        frame, _ = zipped(zip_of({"a.jpg": JPEG, "b": JPEG}, method))
        (row,) = frame.rows(named=True)
        assert row["error_code"] == "unknown_format"
        name = "bzip2" if method == zipfile.ZIP_BZIP2 else "LZMA"
        assert row["detail"] == f"compressed with {name}, which is not read: repack it"

    def test_encrypted_members(self):
        data = bytearray(zip_of({"a.jpg": JPEG, "b.jpg": JPEG}))
        entry = data.index(b"PK\1\2")
        data[entry + 8] |= 1
        frame, _ = zipped(bytes(data))
        assert names(frame) == ["b.jpg"]
        (row,) = frame.filter(pl.col("kind") == "nothing").rows(named=True)
        assert row["path"] == "in/a.zip/a.jpg"
        assert (row["error_code"], row["detail"]) == (
            "permission_denied",
            "the member is encrypted",
        )

    def test_a_part_of_several(self):
        """The last of two: its directory names a member of the first."""
        whole = zip_of({"a.jpg": JPEG, "b.jpg": JPEG})
        cut = whole.index(b"PK\3\4", 4)
        data = bytearray(whole[cut:])
        second, end = data.index(b"PK\1\2", data.index(b"PK\1\2") + 4), data.index(b"PK\5\6")
        struct.pack_into("<H", data, second + 34, 1)
        struct.pack_into("<L", data, second + 42, 0)
        struct.pack_into("<2H", data, end + 4, 1, 1)
        struct.pack_into("<L", data, end + 16, data.index(b"PK\1\2"))
        frame, _ = zipped(bytes(data))
        assert content(bytes(data), frame) == {"b.jpg": JPEG}
        # The first one begins where a member begins here, too, but its name is another.
        assert len(troubles(frame)) == 1

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_several_of_one_name(self):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("a.jpg", JPEG)
            archive.writestr("a.jpg", JPEG * 2)
        frame, _ = zipped(target.getvalue())
        assert names(frame) == ["a.jpg", "a.jpg#2"]
        assert list(content(target.getvalue(), frame).values()) == [JPEG, JPEG * 2]

    @pytest.mark.parametrize("name", ["../../x.jpg", "/etc/x.jpg", "..\\..\\x.jpg", "C:\\x.jpg"])
    def test_hostile_names(self, name: str):
        stand_in = "_" * len(name)
        data = zip_of({stand_in: JPEG}).replace(stand_in.encode(), name.encode())
        (path,) = zipped(data, hidden=True)[0]["path"]
        assert ".." not in path
        assert ":" not in path
        assert "//" not in path


class TestBombs:
    def test_overlapping_members(self):
        """Entries that share their data, as in the bombs of D. Fifield."""
        data = zip_of({"a.jpg": JPEG, "b.jpg": JPEG, "c.jpg": JPEG}, zipfile.ZIP_STORED)
        start = data.index(b"PK\1\2")
        end = data.index(b"PK\5\6")
        entry = bytearray(data[start : start + 46 + 5])
        entry[20:24] = entry[24:28] = struct.pack("<L", start - 35)
        broken = data[:start] + entry + data[start + 51 : end] + data[end:]
        frame, _ = zipped(broken)
        assert names(frame) == ["b.jpg", "c.jpg"]
        assert troubles(frame) == [("a.zip/a.jpg", "corrupt")]

    def test_the_same_data_many_times(self):
        data = zip_of({"a.jpg": JPEG})
        start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
        directory = data[start:end] * 50
        record = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 50, 50, len(directory), start, 0)
        frame, _ = zipped(data[:start] + directory + record)
        assert len(names(frame)) == 1
        assert len(troubles(frame)) == 49

    def test_a_declared_size_is_reported_and_never_exceeded(self):
        zeros = zip_of({"a.jpg": bytes(50_000_000)})
        frame, _ = zipped(zeros)
        assert frame["size"].to_list() == [50_000_000]
        raw = zeros[frame["offset"][0] :]
        found = unzip_member(raw, stored=frame["stored"][0], size=1000, check=None)
        assert found == Failure("corrupt", "the member is not what the zip says of it")


class TestDamage:
    def files(self) -> dict[str, bytes]:
        chance = random.Random(5)
        return {f"{n}.jpg": b"\xff\xd8\xff" + chance.randbytes(300 * n) for n in range(6)}

    @pytest.mark.parametrize("make", [zip_of, streamed_zip_of])
    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_cut_anywhere(self, make, method: int):
        files = self.files()
        data = make(files, method)
        whole = oracle(data)
        for stop in [*range(0, len(data), 97), len(data) - 1, len(data) - 23]:
            frame, _ = zipped(data[:stop])
            found = content(data[:stop], frame)
            for name, expected in files.items():
                offset, stored, _, _ = whole[f"in/a.zip/{name}"]
                if offset + 30 + len(name) + stored + 16 <= stop:
                    assert found[name] == expected
                elif isinstance(part := found.get(name, b""), bytes):
                    assert expected.startswith(part)
            assert troubles(frame)

    @pytest.mark.parametrize("place", [4, 8, 10, 12, 16])
    def test_a_damaged_end_record(self, place: int):
        files = self.files()
        data = bytearray(zip_of(files))
        data[data.index(b"PK\5\6") + place] ^= 0x40
        frame, _ = zipped(bytes(data))
        assert content(bytes(data), frame) == files

    @given(st.data())
    @settings(max_examples=150, deadline=None)
    def test_flipped_bits(self, data: st.DataObject):
        """No exception; what is given as a picture is one of the members, unless cut short."""
        files = self.files()
        make = data.draw(st.sampled_from([zip_of, streamed_zip_of]))
        original = make(files)
        broken = bytearray(original)
        flips = data.draw(
            st.lists(st.integers(0, len(original) * 8 - 1), min_size=1, max_size=3, unique=True)
        )
        for bit in flips:
            broken[bit // 8] ^= 1 << bit % 8
        frame, _ = zipped(bytes(broken), hidden=True)
        found = content(bytes(broken), frame)
        if all(bit // 8 < original.index(b"PK\1\2") for bit in flips):
            touched = sum(isinstance(one, Failure) for one in found.values())
            assert len(found) == len(files)
            assert touched <= len(flips)

    def test_flipped_bits_in_the_directory(self):
        """Each costs one member at most, whose row is still there or is told of."""
        files = self.files()
        original = zip_of(files)
        start, end = original.index(b"PK\1\2"), original.index(b"PK\5\6")
        for bit in range(start * 8, end * 8, 5):
            broken = bytearray(original)
            broken[bit // 8] ^= 1 << bit % 8
            frame, _ = zipped(bytes(broken), hidden=True)
            good = [one for one in content(bytes(broken), frame).values() if isinstance(one, bytes)]
            assert len(set(good) & set(files.values())) >= len(files) - 1

    def test_without_any_sign(self):
        frame, _ = zipped(b"hello, this is no zip" * 100)
        assert troubles(frame) == [("a.zip#byte=0", "corrupt")]

    def test_a_tar_by_another_name(self):
        from archive_case import tar_of

        assert names(zipped(tar_of({"a.jpg": JPEG}))[0]) == ["a.jpg"]

    def test_a_zip_by_another_name(self):
        data = zip_of({"a.jpg": JPEG})
        assert places(listed(data, "a.tar")[0]).keys() == {"in/a.tar/a.jpg"}

    def test_reads_little_of_a_large_zip(self):
        class Counted(io.BytesIO):
            taken = requests = 0

            def read(self, size: int | None = -1) -> bytes:
                data = super().read(size)
                self.taken += len(data)
                self.requests += 1
                return data

        data = zip_of({f"{n}.jpg": bytes(400_000) for n in range(50)}, zipfile.ZIP_STORED)
        file = Counted(data)
        frame, _ = zipped(data, file=file)
        assert frame.height == 50
        assert file.taken < 200_000
        assert file.requests < 5


def test_checks():
    data = zip_of({"a.jpg": JPEG})
    (row,) = zipped(data)[0].rows(named=True)
    assert row["check"] == zlib.crc32(JPEG)
    broken = data.replace(zlib.crc32(JPEG).to_bytes(4, "little"), b"\1\2\3\4")
    (found,) = content(broken, zipped(broken)[0]).values()
    assert isinstance(found, Failure)
    assert found.code == "corrupt"
