"""What was decided in reviews: kept, taken back, and found again."""

import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import pixsieve
from conftest import Pictures, Run, draw
from pixsieve import schema

if sys.platform != "win32":
    import resource

Row = tuple[int, str, str | None, str | None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of seven with labels and columns of its own, and its work directory."""
    root = tmp_path_factory.mktemp("decisions")
    (root / "in").mkdir()
    names = [f"{number}.png" for number in range(7)]
    for number, name in enumerate(names):
        draw(number).save(root / "in" / name)
    columns = {"path": names, "label": list("aabbccd"), "time": ["x"] * 7, "who": list("ABCDEFG")}
    pixsieve.run(
        root / "in", work_dir=root / "out", annotations=columns, device="cpu", progress=False
    )
    return root


@pytest.fixture
def log(folder: Path) -> Iterator[Path]:
    path = folder / "out" / "decisions.jsonl"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def audit(folder: Path, log: Path) -> pixsieve.Audit:
    return pixsieve.load(folder / "out")


def held(audit: pixsieve.Audit) -> list[Row]:
    """What holds, whatever the log has beside it."""
    with warnings.catch_warnings(category=RuntimeWarning, action="ignore"):
        frame = audit.decisions()
    return frame.select("image", "decision", "finding", "new_label").rows()


class TestDecide:
    def test_the_last_one_holds(self, audit: pixsieve.Audit):
        audit.decide([2, 0], "drop", finding="duplicates")
        audit.decide(0, "keep")
        audit.decide(2, "relabel", new_label="x")
        assert held(audit) == [(0, "keep", None, None), (2, "relabel", None, "x")]

    def test_not_an_issue_stands_beside_of_each_finding(self, audit: pixsieve.Audit):
        audit.decide(1, "not_an_issue", finding="flags")
        audit.decide(1, "drop")
        audit.decide(1, "not_an_issue", finding="leaks")
        audit.decide(1, "not_an_issue", finding="flags")
        assert held(audit) == [
            (1, "drop", None, None),
            (1, "not_an_issue", "flags", None),
            (1, "not_an_issue", "leaks", None),
        ]

    @pytest.mark.parametrize(
        "images",
        [
            *(3, np.int64(3), np.array([3]), np.array([3], np.uint32), pl.Series([3]), (3, 3)),
            *(range(3, 4), iter([3]), [np.uint8(3)], pl.Series([3], dtype=pl.UInt32)),
        ],
    )
    def test_numbers_of_every_kind(self, audit: pixsieve.Audit, images: object):
        audit.decide(images, "drop")
        assert held(audit) == [(3, "drop", None, None)]

    @pytest.mark.parametrize(
        "images",
        [
            *(-1, 7, [0, 7], 10**30, [], True, [True] + [False] * 6, 1.0, [1.0], "12", ["1"]),
            *(None, [None], np.array([True] * 7), np.array([0.5]), np.array([]), [[0]]),
        ],
    )
    def test_what_is_no_number(self, audit: pixsieve.Audit, log: Path, images: object):
        with pytest.raises(ValueError, match=r"^decide: "):
            audit.decide(images, "drop")
        assert not log.exists()

    @pytest.mark.parametrize(
        "said",
        [
            {"decision": "dropped"},
            {"decision": None},
            {"decision": ["drop"]},
            {"decision": "drop", "finding": "images"},
            {"decision": "drop", "finding": ["flags"]},
            {"decision": "drop", "new_label": "x"},
            {"decision": "not_an_issue"},
            {"decision": "relabel"},
            *({"decision": "relabel", "new_label": one} for one in ("", " \n", 5, ["a"], b"a")),
            *(
                {"decision": "relabel", "new_label": one}
                for one in ("x" * 10_001, "\ud800", "a\udfff")
            ),
        ],
    )
    def test_what_is_no_decision(self, audit: pixsieve.Audit, log: Path, said: dict[str, object]):
        with pytest.raises(ValueError, match=r"decision|finding|label"):
            audit.decide(0, **said)
        assert not log.exists()

    @pytest.mark.parametrize(
        "label",
        [
            "x" * 10_000,
            "<script>alert(1)</script>",
            "\u202e",
            "a\x00b",
            "a\nb\r\u2028c",
            "🦔",
            '"\\',
        ],
    )
    def test_labels_come_back_as_they_were(self, folder: Path, audit: pixsieve.Audit, label: str):
        audit.decide([0, 1], "relabel", new_label=label)
        assert pixsieve.load(folder / "out").decisions()["new_label"].to_list() == [label] * 2

    def test_the_frame(self, audit: pixsieve.Audit):
        assert audit.decisions().is_empty()
        empty = audit.decisions().schema
        audit.decide(4, "drop")
        frame = audit.decisions()
        assert frame.schema == empty
        names = list(schema.DECISIONS)
        assert frame.columns == [*names, "time_user", "who"]
        assert dict(list(frame.schema.items())[: len(names)]) == dict(schema.DECISIONS)
        assert frame.select("label", "time_user", "who").rows() == [("c", "x", "E")]


class TestUndo:
    def test_takes_back_one_call_at_a_time(self, audit: pixsieve.Audit):
        audit.decide([0, 1], "drop")
        audit.decide([1, 2], "keep")
        assert audit.undo()
        assert held(audit) == [(0, "drop", None, None), (1, "drop", None, None)]
        audit.decide(5, "keep")
        assert audit.undo()
        assert audit.undo()
        assert not audit.undo()
        assert held(audit) == []

    def test_what_others_decided(self, folder: Path, audit: pixsieve.Audit):
        other = pixsieve.load(folder / "out")
        audit.decide(0, "drop")
        other.decide(1, "drop")
        assert audit.undo()
        assert held(audit) == held(other) == [(0, "drop", None, None)]
        assert other.undo()
        assert held(audit) == []
        assert not audit.undo()


def entry(audit: pixsieve.Audit, image: int = 0, **changes: object) -> dict:
    row = audit.images.row(image, named=True)
    choice = {"decision": "drop", "finding": None, "new_label": None}
    choice["images"] = [[image, row["path"], row["digest"]]]
    whole = {"key": f"k{image}", "time": "2024-05-06T07:08:09+00:00", "choices": [choice]}
    return {**whole, **changes}


class TestLog:
    def test_is_only_ever_added_to(self, audit: pixsieve.Audit, log: Path):
        before = b""
        steps = (
            lambda: audit.decide([0, 1], "drop"),
            audit.undo,
            lambda: audit.decide(1, "relabel", new_label="🦔\n"),
            audit.undo,
            audit.undo,
            lambda: audit.decide(2, "keep"),
        )
        for step in steps:
            step()
            after = log.read_bytes()
            assert after.startswith(before)
            before = after
        assert before.count(b"\n") == 5
        assert before.isascii()

    def test_a_last_line_that_a_crash_cut(self, audit: pixsieve.Audit, log: Path, folder: Path):
        audit.decide(0, "drop")
        audit.decide(1, "drop")
        whole = log.read_bytes()
        for cut in range(1, len(whole.splitlines()[1]) + 1):
            log.write_bytes(whole[:-cut])
            fresh = pixsieve.load(folder / "out")
            assert held(fresh) == [(0, "drop", None, None)]
        fresh.decide(2, "keep")
        assert held(fresh) == held(audit) == [(0, "drop", None, None), (2, "keep", None, None)]

    def test_lines_that_are_junk(self, audit: pixsieve.Audit, log: Path):
        audit.decide(0, "drop")
        junk = b'\xff\xfe\n\n{}\n[]\n"x"\n{"undo": null}\n{"undo": ["k"]}\n' + b"[" * 99_999 + b"\n"
        with log.open("ab") as file:
            file.write(junk)
        audit.decide(1, "drop")
        assert [image for image, *_ in held(audit)] == [0, 1]
        with pytest.warns(RuntimeWarning, match=r"[0-9] lines of decisions\.jsonl in .* cannot be"):
            audit.decisions()
        assert audit.undo()
        assert [image for image, *_ in held(audit)] == [0]

    @pytest.mark.parametrize(
        "place",
        [
            *([name] for name in ("key", "time", "choices")),
            *(["choices", 0, name] for name in ("decision", "finding", "new_label", "images")),
            *(["choices", 0, "images", 0, number] for number in range(3)),
            ["choices", 0],
            ["choices", 0, "images", 0],
        ],
    )
    def test_edited_by_hand(self, folder: Path, audit: pixsieve.Audit, log: Path, place: list):
        values = (
            *(
                None,
                True,
                1,
                -1,
                1.5,
                10**30,
                float("nan"),
                "",
                "abc",
                "\ud800",
                [],
                [[]],
                {},
                {"a": 1},
            ),
            *([1, 2, 3], ["abc"], [["abc"]], "2024-01-01", "0001-01-01T00:00:00+14:00"),
            *("9999-12-31T23:59:59-14:00", "x" * 20_000, [True, "a", None], [0, "a", 5]),
        )
        sound = json.dumps(entry(audit, 6))
        lines = []
        for value in values:
            broken = entry(audit)
            target: dict = broken
            for step in place[:-1]:
                target = target[step]
            target[place[-1]] = value
            lines.append(json.dumps(broken))
        for number, line in enumerate(lines):
            log.write_text(f"{line}\n{sound}\n")
            found = held(pixsieve.load(folder / "out"))
            assert (6, "drop", None, None) in found
            assert {image for image, *_ in found} <= {0, 6}, values[number]

    def test_gone_or_put_back_while_it_is_read(self, audit: pixsieve.Audit, log: Path):
        audit.decide(0, "drop")
        audit.decide(1, "drop")
        whole = log.read_bytes()
        assert len(held(audit)) == 2
        log.write_bytes(whole.splitlines(keepends=True)[0])
        assert [image for image, *_ in held(audit)] == [0]
        log.unlink()
        assert held(audit) == []
        log.write_bytes(whole)
        assert len(held(audit)) == 2

    def test_that_is_no_file(self, audit: pixsieve.Audit, log: Path, tmp_path: Path):
        """A link, a pipe, a folder: nothing elsewhere is touched, and nobody waits."""
        (tmp_path / "victim.txt").write_text("mine")
        for make in (lambda: log.symlink_to(tmp_path / "victim.txt"), lambda: os.mkfifo(log)):
            make()
            with pytest.raises(OSError, match=r"."):
                audit.decide(1, "drop")
            with pytest.raises(OSError, match=r"."):
                audit.decisions()
            log.unlink()
        assert (tmp_path / "victim.txt").read_text() == "mine"
        log.mkdir()
        with pytest.raises(OSError, match=r"."):
            audit.decisions()
        log.rmdir()

    def test_times_at_the_ends_of_time(self, audit: pixsieve.Audit, log: Path):
        for time in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
            with log.open("a") as file:
                file.write(json.dumps(entry(audit, time=time)) + "\n")
        assert held(audit) == []

    def test_two_processes_at_once_lose_nothing(self, folder: Path, audit: pixsieve.Audit):
        code = (
            "import sys, pixsieve\n"
            "audit = pixsieve.load(sys.argv[1])\n"
            "for number in range(200):\n"
            "    audit.decide([int(sys.argv[2]), 6], 'relabel', new_label=f'{number} {9**99}')\n"
        )
        command = [sys.executable, "-c", code, str(folder / "out")]
        both = [subprocess.Popen([*command, image]) for image in "01"]
        seen = 0
        while any(process.poll() is None for process in both):
            # Whoever reads meanwhile sees whole lines only.
            count = audit.decisions().height
            assert count >= min(seen, 1)
            seen = count
        assert [process.returncode for process in both] == [0, 0]
        lines = (folder / "out" / "decisions.jsonl").read_text().splitlines()
        events = [json.loads(line)["choices"][0] for line in lines]
        for image in (0, 1):
            own = [one["new_label"] for one in events if one["images"][0][0] == image]
            assert [int(label.split()[0]) for label in own] == list(range(200))
        assert [image for image, *_ in held(audit)] == [0, 1, 6]
        assert audit._decided.damaged == 0

    @pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")
    def test_a_disk_that_is_full(self, audit: pixsieve.Audit, log: Path):
        audit.decide(0, "drop")
        whole = log.read_bytes()
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 20, limits[1]))
        try:
            with pytest.raises(OSError, match=r"too large|space"):
                audit.decide(1, "drop")
            with pytest.raises(OSError, match=r"too large|space"):
                audit.undo()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert log.read_bytes() == whole
        assert held(audit) == [(0, "drop", None, None)]
        audit.decide(1, "drop")
        assert len(held(audit)) == 2

    def test_a_write_that_never_reaches_the_disk(
        self, audit: pixsieve.Audit, log: Path, monkeypatch: pytest.MonkeyPatch
    ):
        audit.decide(0, "drop")
        whole = log.read_bytes()

        def fail(_descriptor: int) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="Input"):
            audit.decide(1, "drop")
        assert log.read_bytes() == whole

    @pytest.mark.usefixtures("ordinary_user")
    def test_that_may_not_be_written(self, audit: pixsieve.Audit, log: Path):
        audit.decide(0, "drop")
        whole = log.read_bytes()
        log.chmod(0o400)
        with pytest.raises(PermissionError):
            audit.decide(1, "drop")
        with pytest.raises(PermissionError):
            audit.undo()
        assert log.read_bytes() == whole
        assert held(audit) == [(0, "drop", None, None)]


class TestAnotherRun:
    def test_decisions_follow_their_images(self, run: Run, pictures: Pictures, tmp_path: Path):
        source, work = tmp_path / "in", tmp_path / "out"
        pictures(source, "m.png", "n.png", "o.png", "p.png")
        first = run(source, work_dir=work)
        first.decide([0, 1], "drop", finding="duplicates")
        first.decide([2, 3], "relabel", new_label="x")
        pictures(source, "a.png", "b.png", seed=50)
        # o.png is another picture now, and p.png has another name.
        pictures(source, "o.png", seed=60)
        (source / "p.png").rename(source / "q.png")
        again = run(source, work_dir=work, overwrite=True)
        names = [Path(path).name for path in again.decisions()["path"]]
        assert names == ["m.png", "n.png"]
        assert held(again) == [(2, "drop", "duplicates", None), (3, "drop", "duplicates", None)]
        assert again._decided.stale == 2
        shutil.copy(source / "q.png", source / "p.png")
        whole = run(source, work_dir=work, overwrite=True)
        assert whole.decisions()["new_label"].to_list() == [None, None, "x"]
        assert whole._decided.stale == 1
