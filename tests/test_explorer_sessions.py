"""The explorer over time: decisions, findings that are kept or fail, runs and files that change."""

import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

import pixsieve
from conftest import Pictures, Run
from explorer_case import OURS, Client, exploring
from gallery_case import hostile
from pixsieve.audit.decisions import Choice
from pixsieve.explorer import child, views
from pixsieve.explorer.advice import undecided

KINDS = tuple(views.KINDS)
DONE = tuple(views.FINDINGS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that no test writes to."""
    return hostile(tmp_path_factory.mktemp("sessions")).work_dir


@pytest.fixture
def audit(made: Path, tmp_path: Path) -> pixsieve.Audit:
    return pixsieve.load(shutil.copytree(made, tmp_path / "copy"))


@pytest.fixture
def client(audit: pixsieve.Audit) -> Iterator[Client]:
    with exploring(audit) as one:
        yield one


def answers(client: Client) -> dict[str, Any]:
    """All lists, whole but for what depends on when one asks."""
    return {kind: client.get(f"/api/list/{kind}?limit=200") for kind in KINDS}


def keys(client: Client, kind: str = "images", **asked: object) -> list[int]:
    if "filters" in asked:
        asked["filters"] = json.dumps(asked["filters"])
    return [one["key"] for one in client.get(f"/api/list/{kind}?{urlencode(asked)}")["items"]]


def decided(client: Client, value: str, kind: str = "images", **asked: object) -> list[int]:
    return keys(client, kind, filters=[["decision", "=", value]], **{"limit": 200, **asked})


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The findings that this process has worked out."""
    names: list[str] = []

    def counted(name: str, find: Callable[..., Any]) -> Callable[..., Any]:
        return lambda audit: names.append(name) or find(audit)

    for name, find in views.FINDINGS.items():
        monkeypatch.setitem(views.FINDINGS, name, counted(name, find))
    return names


class TestDecisions:
    def test_lists_by_decision(self, client: Client, audit: pixsieve.Audit):
        everything = list(range(audit.images.height))
        assert decided(client, "none") == everything
        client.post("/api/decide", {"images": [3, 5], "decision": "drop"})
        client.post("/api/decide", {"images": [5], "decision": "relabel", "new_label": "x"})
        said = {"images": [7], "decision": "not_an_issue", "finding": "duplicates"}
        client.post("/api/decide", said)
        assert decided(client, "drop") == [3]
        assert decided(client, "relabel") == [5]
        assert decided(client, "not_an_issue") == [7]
        assert decided(client, "none") == [one for one in everything if one not in (3, 5, 7)]
        groups = audit.duplicates().group_by("group", maintain_order=True).agg("image")["image"]
        with_seven = [number for number, images in enumerate(groups) if 7 in images.to_list()]
        assert with_seven
        assert decided(client, "not_an_issue", "duplicates") == with_seven
        # Of one finding, it says nothing of another.
        assert decided(client, "not_an_issue", "leaks") == []
        assert client.post("/api/undo")["decided"] == {"7": []}
        assert decided(client, "not_an_issue") == []
        assert client.get("/api/overview")["counts"] == {"drop": 1, "relabel": 1}

    def test_what_is_advised(self, client: Client, audit: pixsieve.Audit):
        client.get("/api/list/duplicates")
        client.post("/api/decide", {"advised": True, "finding": "duplicates", "key": 0})
        group = audit.duplicates().filter(group=0)
        expected = dict(zip(group["image"], group["keep"], strict=True))
        held = dict(audit.decisions().select("image", "decision").rows())
        assert held == {image: "keep" if keep else "drop" for image, keep in expected.items()}
        assert audit.undo()
        assert audit.decisions().is_empty()

    def test_a_list_keeps_its_place_while_one_decides(self, client: Client):
        first = client.get(
            "/api/list/images?" + urlencode({"filters": '[["decision", "=", "none"]]', "limit": 10})
        )
        client.post("/api/decide", {"images": list(range(10)), "decision": "keep"})
        asked = {"limit": 10, "version": first["version"]}
        assert decided(client, "none", start=10, **asked) == list(range(10, 20))
        assert decided(client, "none", start=0, limit=10) == list(range(10, 20))

    def test_a_version_that_is_yet_to_come(self, client: Client):
        latest = client.get("/api/list/images")["version"]
        early = decided(client, "keep", version=latest + 1)
        client.post("/api/decide", {"images": [4], "decision": "keep"})
        assert (early, decided(client, "keep", version=latest + 1)) == ([], [4])

    def test_decisions_of_others_are_seen(self, client: Client, audit: pixsieve.Audit):
        pixsieve.load(audit.work_dir).decide(2, "drop")
        assert decided(client, "drop") == [2]
        assert client.get("/api/image/2")["cards"]["2"]["decided"][0]["decision"] == "drop"
        (audit.work_dir / "decisions.jsonl").unlink()
        assert decided(client, "drop") == []

    def test_more_than_a_page_of_them(self, client: Client, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("pixsieve.explorer.api.MOST", 3)
        client.post("/api/decide", {"images": [8, 2, 6, 4], "decision": "keep"})
        found = client.get("/api/decisions")
        assert (found["total"], len(found["items"])) == (4, 3)


class TestAdvice:
    """Never overrides what was decided, and never loses the last copy."""

    KEPT, REST = Choice((1,), "keep", "duplicates"), Choice((2, 3), "drop", "duplicates")

    @pytest.mark.parametrize(
        ("decided", "left"),
        [
            ({}, [(1, "keep"), (2, "drop"), (3, "drop")]),
            ({2: "keep"}, [(1, "keep"), (3, "drop")]),
            ({1: "drop"}, [(2, "keep"), (3, "drop")]),
            ({1: "drop", 2: "drop"}, [(3, "keep")]),
            ({1: "drop", 3: "keep"}, [(2, "drop")]),
            ({1: "relabel", 2: "drop", 3: "drop"}, []),
        ],
    )
    def test_of_a_group(self, decided: dict[int, str], left: list[tuple[int, str]]):
        found = undecided([self.KEPT, self.REST], decided)
        assert [(image, one.decision) for one in found for image in one.images] == left

    def test_of_a_leak_that_was_kept(self):
        assert undecided([Choice((1,), "drop", "leaks")], {1: "keep"}) == []

    def test_that_says_nothing_new(self, client: Client):
        client.get("/api/list/duplicates")
        body = {"finding": "duplicates", "key": 0, "advised": True}
        assert client.post("/api/decide", body)["decided"]
        assert client.post("/api/decide", body)["decided"] == {}
        client.post("/api/undo")


class TestFindings:
    def test_are_kept_for_the_next_server(self, audit: pixsieve.Audit, worked_out: list[str]):
        with exploring(audit) as client:
            first = answers(client)
            wait(lambda: len(list(audit.work_dir.glob("derived/findings-*"))) == len(DONE))
        assert sorted(worked_out) == sorted(DONE)
        worked_out.clear()
        with exploring(pixsieve.load(audit.work_dir)) as client:
            assert answers(client) == first
        assert worked_out == []

    def test_of_other_settings_or_damaged_are_made_anew(
        self, audit: pixsieve.Audit, worked_out: list[str]
    ):
        with exploring(audit) as client:
            first = answers(client)
            wait(lambda: len(list(audit.work_dir.glob("derived/findings-*"))) == len(DONE))
        worked_out.clear()
        (audit.work_dir / "derived" / "findings-leaks.parquet").write_bytes(b"PAR1")
        with exploring(pixsieve.load(audit.work_dir)) as client:
            assert answers(client) == first
        assert worked_out == ["leaks"]
        other = pixsieve.load(audit.work_dir)
        other.config = other.config.replace(outlier_percentile=0.5)
        with exploring(other) as client:
            assert client.get("/api/list/outliers")["total"] == other.outliers().height
        assert other.outliers().height > first["outliers"]["total"]

    def test_one_that_fails_is_told_and_the_others_work(
        self, audit: pixsieve.Audit, monkeypatch: pytest.MonkeyPatch
    ):
        def fail(_: pixsieve.Audit) -> None:
            raise ZeroDivisionError("no <b>luck</b>")

        monkeypatch.setitem(views.FINDINGS, "leaks", fail)
        with exploring(audit) as client:
            for kind in KINDS:
                if kind != "leaks":
                    client.get(f"/api/list/{kind}")
            failed = client.ask("GET", "/api/list/leaks")
            assert failed.status == 500
            assert failed.json()["error"] == "ZeroDivisionError: no <b>luck</b>"
            lists = {one["name"]: one for one in client.get("/api/overview")["lists"]}
            assert lists["leaks"]["error"] == "no <b>luck</b>"
            assert "error" not in lists["duplicates"]
            assert "leaks" not in client.get("/api/columns")["lists"]
            image = audit.leaks()["image_to"][0]
            found = {one["finding"] for one in client.get(f"/api/image/{image}")["found"]}
            assert "duplicates" in found
            assert "leaks" not in found

    def test_a_process_of_its_own_gives_the_same(
        self, audit: pixsieve.Audit, worked_out: list[str], monkeypatch: pytest.MonkeyPatch
    ):
        with exploring(audit) as client:
            expected = answers(client)
        worked_out.clear()
        shutil.rmtree(audit.work_dir / "derived")
        # Modules that lie about are not ours.
        trap = audit.work_dir / "trap"
        trap.mkdir()
        (trap / "polars.py").write_text("raise SystemExit('imported')")
        monkeypatch.chdir(trap)
        monkeypatch.setattr(child, "LARGE", 1)
        with exploring(pixsieve.load(audit.work_dir)) as client:
            assert answers(client) == expected
        assert worked_out == []

    @pytest.mark.parametrize("command", ["/nowhere/python", "/bin/false"])
    def test_a_process_that_cannot_be_had(
        self,
        audit: pixsieve.Audit,
        worked_out: list[str],
        monkeypatch: pytest.MonkeyPatch,
        command: str,
    ):
        monkeypatch.setattr(child, "LARGE", 1)
        monkeypatch.setattr("sys.executable", command)
        with exploring(audit) as client:
            assert answers(client)["duplicates"]["total"] > 0
        assert sorted(worked_out) == sorted(DONE)

    @pytest.mark.usefixtures("ordinary_user")
    @pytest.mark.parametrize("large", [10**9, 1])
    def test_a_folder_that_may_only_be_read(
        self, audit: pixsieve.Audit, monkeypatch: pytest.MonkeyPatch, large: int
    ):
        monkeypatch.setattr(child, "LARGE", large)
        folders = [audit.work_dir, *(one for one in audit.work_dir.rglob("*") if one.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        try:
            with exploring(audit) as client:
                found = answers(client)
                assert found["duplicates"]["total"] > 0
                assert client.get("/api/image/0")["found"]
                shown = client.ask("GET", "/picture/0")
                assert shown.headers["content-type"] == "image/jpeg"
                body = json.dumps({"images": [0], "decision": "drop"})
                refused = client.ask("POST", "/api/decide", body, OURS)
                assert refused.status == 500
                assert "Permission denied" in refused.json()["error"]
                assert "Traceback" not in refused.body.decode()
        finally:
            for folder in folders:
                folder.chmod(0o755)
        # A program that root starts may write again.
        assert large == 1 or not list(audit.work_dir.glob("derived/findings-*"))


def wait(for_what: Callable[[], bool]) -> None:
    for _ in itertools.takewhile(lambda tries: tries < 500, itertools.count()):
        if for_what():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


class TestCollections:
    def test_one_image(self, run: Run, pictures: Pictures, tmp_path: Path):
        pictures(tmp_path / "in", "only.png")
        with exploring(run(tmp_path / "in")) as client:
            found = answers(client)
            assert [found[kind]["total"] for kind in KINDS] == [1] + [0] * len(DONE)
            assert client.get("/api/similar/0")["items"] == []
            assert client.get("/api/image/0")["neighbors"] == []
            assert client.ask("GET", "/thumb/0").headers["content-type"] == "image/jpeg"
            assert client.get("/api/overview")["images"] == 1
            assert client.get("/api/decisions") == {"items": [], "images": {}, "total": 0}

    def test_nothing_found_and_no_labels(self, run: Run, seven: Path):
        with exploring(run(seven, threshold=1.0)) as client:
            for kind in KINDS[1:]:
                for asked in (
                    {},
                    {"sort": "path"},
                    {"q": "png"},
                    {"of": "images:0"},
                    {"desc": "1"},
                ):
                    found = client.get(f"/api/list/{kind}?{urlencode(asked)}")
                    assert (found["items"], found["images"]) == ([], {}), (kind, asked)
            overview = client.get("/api/overview")
            assert (overview["labels"], overview["classes"], overview["splits"]) == (0, [], [])
            lists = {one["name"]: one for one in overview["lists"]}
            assert "no labels" in lists["mislabels"]["nothing"]
            assert "not split" in lists["leaks"]["nothing"]
            assert keys(client, filters=[["label", "is_null"]]) == list(range(7))
            assert keys(client, filters=[["label", "=", "x"]]) == []

    def test_pictures_that_went_or_changed(self, run: Run, seven: Path):
        audit = run(seven)
        (seven / "1.png").unlink()
        (seven / "2.png").write_bytes((seven / "2.png").read_bytes() + b"more")
        with exploring(audit) as client:
            for image, why in {1: "the file has gone", 2: "the file has changed since"}.items():
                answer = client.ask("GET", f"/picture/{image}")
                assert answer.headers["content-type"] == "image/svg+xml"
                assert answer.headers["cache-control"] == "no-store"
                assert why in answer.body.decode()
                assert client.get(f"/api/image/{image}")["image"] == image
                assert client.get(f"/api/similar/{image}")["total"] == 6
            assert client.ask("GET", "/picture/0").headers["content-type"] == "image/jpeg"


class TestAnotherRun:
    def test_is_told_of_and_loaded_when_asked_for(
        self, run: Run, seven: Path, work: Path, pictures: Pictures
    ):
        with exploring(run(seven, work_dir=work)) as client:
            before = answers(client)
            client.post("/api/decide", {"images": [6], "decision": "drop"})
            assert client.get("/api/overview")["current"] is True
            pictures(seven, "0a.png", seed=40)
            shutil.copy(seven / "3.png", seven / "3a.png")
            run(seven, work_dir=work, overwrite=True)
            overview = client.get("/api/overview")
            assert (overview["current"], overview["images"]) == (False, 7)
            # What was loaded stays as it was; what was not, says that it is no longer there.
            for path in (
                "/api/columns",
                "/api/image/3",
                "/api/similar/3",
                "/thumb/3",
                "/picture/3",
            ):
                answer = client.ask("GET", path)
                assert answer.status in (200, 400), (path, answer.body)
                assert b"Traceback" not in answer.body
            now = answers(client)
            assert {kind: one["total"] for kind, one in now.items()} == {
                kind: one["total"] for kind, one in before.items()
            }
            client.post("/api/reload")
            overview = client.get("/api/overview")
            assert (overview["current"], overview["images"]) == (True, 9)
            assert client.get("/api/list/duplicates")["total"] == 1
            # The decision follows its image.
            assert decided(client, "drop") == [8]
            assert client.post("/api/undo")["decided"] == {"8": []}

    def test_one_that_never_ended(self, run: Run, seven: Path, work: Path):
        with exploring(run(seven, work_dir=work)) as client:
            before = client.get("/api/list/images")
            info = json.loads((work / "run.json").read_text())
            (work / "run.json").write_text(json.dumps({**info, "state": "running"}))
            assert client.get("/api/overview")["current"] is False
            answer = client.ask("POST", "/api/reload", b"{}", OURS)
            assert answer.status == 400
            assert "run" in answer.json()["error"]
            assert client.get("/api/list/images") == before
            (work / "run.json").unlink()
            assert client.get("/api/overview")["current"] is False
            assert client.ask("POST", "/api/reload", b"{}", OURS).status in (400, 500)
            assert client.get("/api/list/images") == before

    def test_by_the_very_object_that_is_explored(self, seven: Path, run: Run, work: Path):
        audit = run(seven, work_dir=work)
        with exploring(audit) as client:
            (seven / "3.png").unlink()
            audit.run(overwrite=True, progress=False)
            overview = client.get("/api/overview")
            assert (overview["current"], overview["images"]) == (False, 7)
            assert client.get("/api/list/images")["total"] == 7

    def test_that_was_made_before_exploring_began(self, seven: Path, run: Run, work: Path):
        audit = run(seven, work_dir=work)
        run(seven, work_dir=work, overwrite=True, nearest_neighbors_k=3)
        with exploring(audit) as client:
            assert client.get("/api/overview")["current"] is False
