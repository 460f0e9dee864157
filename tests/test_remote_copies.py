"""Copies of remote files in the work directory: made once, used, and deleted when asked for."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

import pixsieve
from archive_case import tar_of
from cloud_case import FakeServer, Fault, until
from conftest import Run, pngs
from pixsieve.explorer.pictures import picture

SCRIPT = """
import sys, pixsieve
pixsieve.run("s3://bkt", work_dir=sys.argv[1], progress=False, sync_s3_to_local=True, device="cpu")
"""


@pytest.fixture
def server(server: FakeServer) -> FakeServer:
    server.objects |= {f"bkt/{name}": data for name, data in pngs(0, 6).items()}
    server.objects["bkt/z.tar"] = tar_of(pngs(10, 4))
    return server


def copies(work: Path) -> list[str]:
    root = work / "synced" / "s3" / "bkt"
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


def whole(work: Path) -> int:
    return sum(not name.endswith(".part") for name in copies(work))


@pytest.mark.parametrize("tars", [False, True])
@pytest.mark.parametrize("pictures", [False, True])
def test_copies_go_when_they_have_been_read(
    server: FakeServer, run: Run, work: Path, tars: bool, pictures: bool
) -> None:
    settings = {"sync_s3_to_local": True, "delete_tar": tars, "delete_img": pictures}
    audit = run("s3://bkt", work_dir=work, **settings)
    names = [name.removeprefix("bkt/") for name in sorted(server.objects)]
    left = [name for name in names if not (tars if name == "z.tar" else pictures)]
    assert copies(work) == left
    # What is shown later is read from where it still is.
    for image, gone in ((0, pictures), (9, tars)):
        here = str(work / "synced")
        assert audit.location(image).startswith("s3://bkt/" if gone else here)
        requests = server.requests.total()
        assert pixsieve.load(work).search(image).height
        assert picture(pixsieve.load(work), image, 64)[1] == "image/jpeg"
        assert (server.requests.total() > requests) == gone
    assert audit.images["error_code"].null_count() == 10


def test_only_copies_are_deleted(server: FakeServer, run: Run, work: Path, tmp_path: Path) -> None:
    own = tmp_path / "own" / "mine.png"
    own.parent.mkdir()
    own.write_bytes(server.objects["bkt/001.png"])
    kept = work / "synced" / "s3" / "bkt" / "notes.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    settings = {"sync_s3_to_local": True, "delete_tar": True, "delete_img": True}
    audit = run([own.parent, "s3://bkt"], work_dir=work, **settings)
    assert audit.images.height == 11
    assert own.exists()
    assert copies(work) == ["notes.txt"]
    assert kept.read_text() == "mine"


def test_a_killed_run_does_not_fetch_again(server: FakeServer, work: Path, run: Run) -> None:
    server.faults["bkt/003.png"] = Fault("stall")
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(work)])
    parts = (6, 1)  # All but the one that stalls, of which there is a part.
    assert until(lambda: (whole(work), len(copies(work)) - whole(work)) == parts, 60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [name for name in copies(work) if name.endswith(".part")]
    server.faults.clear()
    before = server.requests.copy()
    audit = run("s3://bkt", work_dir=work, sync_s3_to_local=True)
    assert audit.images["error_code"].null_count() == 10
    asked = server.requests - before
    assert asked == {"bkt": 1, "bkt/003.png": 1}
    assert copies(work) == [name.removeprefix("bkt/") for name in sorted(server.objects)]


def test_a_changed_object_is_copied_and_read_again(
    server: FakeServer, run: Run, work: Path
) -> None:
    settings = {"work_dir": work, "sync_s3_to_local": True, "overwrite": True}
    first = run("s3://bkt", **settings)
    server.objects["bkt/001.png"] = server.objects["bkt/002.png"]
    server.objects["bkt/001.png"] += b"longer"
    second = run("s3://bkt", **settings)
    changed = first.images["digest"] != second.images["digest"]
    assert second.images["path"].filter(changed).to_list() == ["s3://bkt/001.png"]


def test_nothing_is_copied_into_a_folder_that_is_taken(
    server: FakeServer, run: Run, work: Path
) -> None:
    run("s3://bkt", work_dir=work)
    before = server.requests.total()
    with pytest.raises(FileExistsError, match="finished run"):
        run("s3://bkt", work_dir=work, sync_s3_to_local=True)
    assert server.requests.total() == before
    assert not (work / "synced").exists()
    foreign = work.parent / "foreign"
    foreign.mkdir()
    (foreign / "letter.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds no Pixsieve run"):
        run("s3://bkt", work_dir=foreign, sync_s3_to_local=True)
    assert [path.name for path in foreign.iterdir()] == ["letter.txt"]


def test_copies_that_cannot_be_had_are_rows(server: FakeServer, run: Run) -> None:
    server.faults["bkt/001.png"] = Fault("status", status=404)
    server.faults["bkt/z.tar"] = Fault("truncate")
    found = run("s3://bkt", sync_s3_to_local=True, delete_tar=True).invalid_instances()
    assert found["path"].to_list() == ["s3://bkt/001.png", "s3://bkt/z.tar"]
    assert found["error_code"].to_list() == ["missing_file", "missing_file"]


@pytest.mark.parametrize("copied", [False, True])
def test_a_silent_server_does_not_hold_ctrl_c_back(
    server: FakeServer, tmp_path: Path, copied: bool
) -> None:
    server.faults |= {name: Fault("stall") for name in server.objects}
    command = [sys.executable, "-m", "pixsieve", "run", "s3://bkt", "--no-report"]
    command += ["--sync-s3-to-local"] if copied else []
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert until(lambda: any(server.requests[name] for name in server.objects), 60)
    time.sleep(0.5)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    # Nobody waits for the server, which would take a minute.
    assert time.monotonic() - started < 6
    assert process.returncode == 130
    assert errors.splitlines()[-1].startswith("pixsieve: interrupted")


def test_shards_of_lists_without_dates(server: FakeServer, run: Run, work: Path) -> None:
    """Of a list nothing is known but URLs: what was read before may have changed."""
    urls = pl.DataFrame({"path": [f"s3://{name}" for name in server.objects if "png" in name]})
    first = run(urls, work_dir=work)
    server.objects["bkt/001.png"] = server.objects["bkt/002.png"]
    second = run(urls, work_dir=work, overwrite=True)
    assert second.images["digest"][1] == second.images["digest"][2] != first.images["digest"][1]


def test_a_list_is_not_copied_twice(server: FakeServer, run: Run, work: Path) -> None:
    names = [name for name in server.objects if "png" in name]
    urls = pl.DataFrame({"path": [*(f"s3://{name}" for name in names), "s3://bkt/gone.png"]})
    settings = {"work_dir": work, "sync_s3_to_local": True, "overwrite": True}
    first = run(urls, **settings)
    assert first.images["error_code"].drop_nulls().to_list() == ["missing_file"]
    fetched = server.methods["GET"]
    again = run(urls, **settings)
    assert server.methods["GET"] == fetched, "only asked whether they have changed"
    assert again.images["digest"].equals(first.images["digest"])
