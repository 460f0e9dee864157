"""Whole runs on buckets and servers: the same as on the same files in a folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archive_case import parquet_of, tar_of, zip_of
from cloud_case import FakeServer, Fault
from conftest import Run, png, pngs
from pixsieve import Audit
from video_cases import write

STORES = ["s3://bkt", "gs://bkt", "az://bkt", "abfs://bkt@account", "minio://play/bkt"]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, and files of all kinds that hold some."""
    folder = tmp_path_factory.mktemp("everything") / "photos"
    (folder / "cats").mkdir(parents=True)
    for name, data in pngs(0, 5).items():
        (folder / "cats" / name).write_bytes(data)
    (folder / "cats" / "é b+c.png").write_bytes(png(3))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (folder / "empty.png").write_bytes(b"")
    (folder / "a.tar").write_bytes(tar_of(pngs(10, 4)))
    (folder / "b.tgz").write_bytes(tar_of(pngs(20, 4), "w:gz"))
    (folder / "c.zip").write_bytes(zip_of(pngs(30, 4)))
    (folder / "d.parquet").write_bytes(parquet_of(pngs(40, 4)))
    shard = {f"{key}.{ext}": data for key in ("x", "y") for ext, data in sample(key).items()}
    (folder / "shard-0000.tar").write_bytes(tar_of(shard))
    (folder / "cut.tar").write_bytes((folder / "a.tar").read_bytes()[:1300])
    write(folder / "film.mp4", frames=24, gop=8)
    return folder


def sample(key: str) -> dict[str, bytes]:
    """One of a WebDataset."""
    return {"png": png(50 + ord(key)), "cls": key.encode(), "json": b'{"taken": 2025}'}


def uploaded(server: FakeServer, folder: Path, bucket: str = "bkt") -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            key = path.relative_to(folder.parent).as_posix()
            server.objects[f"{bucket}/{key}"] = path.read_bytes()


def told(audit: Audit, root: str) -> pl.DataFrame:
    """What a run says, without where its input was."""
    frame = audit.annotations().with_columns(
        pl.col("path").str.strip_prefix(root).str.strip_prefix("/")
    )
    frame = frame.drop("image", "source", strict=False)
    return frame.hstack(audit.statistics.drop("image")).sort("path")


def vectors(audit: Audit) -> np.ndarray:
    frame = audit.embeddings().with_columns(pl.col("path").str.extract("photos/(.*)$")).sort("path")
    matrix = frame["embedding"].to_numpy()
    assert isinstance(matrix, np.ndarray)
    return matrix


@pytest.fixture(scope="module")
def local(everything: Path, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    work = tmp_path_factory.mktemp("local") / "work"
    return Audit(work, everything).run(progress=False, num_threads=2, device="cpu")


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("copied", [False, True])
def test_a_bucket_says_what_the_folder_says(
    server: FakeServer, everything: Path, local: Audit, run: Run, store: str, copied: bool
) -> None:
    uploaded(server, everything)
    audit = run(f"{store}/photos", sync_s3_to_local=copied)
    expected, found = told(local, str(everything)), told(audit, f"{store}/photos")
    assert expected.height > 25
    same = [name for name in expected.columns if name != "detail"]
    assert found.select(same).equals(expected.select(same))
    np.testing.assert_array_equal(vectors(audit), vectors(local))
    assert audit.duplicates().height == local.duplicates().height > 1
    assert server.most <= 64
    if copied:
        objects = {name for name in server.objects if server.requests[name]}
        assert {server.requests[name] for name in objects} == {1}
        assert audit.location(0).startswith(str(audit.work_dir / "synced"))


def test_pictures_of_remote_images_are_shown(
    server: FakeServer, everything: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pixsieve.explorer.pictures import picture

    uploaded(server, everything)
    audit = run("s3://bkt/photos")
    valid = audit.images.filter(pl.col("error_code").is_null())["image"].to_list()
    for image in valid:
        assert picture(audit, image, 64)[1] == "image/jpeg", audit.images["path"][image]
    assert audit.report().read_text().count("data:image/jpeg;base64,") >= 2
    # A server that has gone is no reason to fail: what cannot be shown says why.
    server.objects.clear()
    data, kind = picture(audit, valid[0], 200)
    assert kind == "image/svg+xml"
    assert b"deleted" in data


@pytest.mark.parametrize(
    "name", ["cats/001.png", "a.tar", "b.tgz", "c.zip", "d.parquet", "film.mp4"]
)
def test_files_of_a_plain_server(server: FakeServer, everything: Path, run: Run, name: str) -> None:
    uploaded(server, everything)
    audit = run(f"{server.url}/bkt/photos/{name}")
    expected = run(everything / name)
    assert audit.images["digest"].to_list() == expected.images["digest"].to_list()
    assert audit.images["path"].str.starts_with(f"{server.url}/bkt/photos/{name}").all()
    assert audit.images["digest"].null_count() == 0


def test_lists_of_urls(server: FakeServer, everything: Path, run: Run, tmp_path: Path) -> None:
    uploaded(server, everything)
    names = [*(f"cats/00{n}.png" for n in range(5)), "a.tar", "gone.png"]
    urls = [f"s3://bkt/photos/{name}" for name in names]
    table = pl.DataFrame({"path": urls, "label": list("aabbccd"), "weight": range(7)})
    table.write_csv(tmp_path / "list.csv")
    (tmp_path / "list.txt").write_text("\n".join(urls))
    audits = [run(source) for source in (tmp_path / "list.csv", tmp_path / "list.txt", urls, table)]
    for audit in audits:
        frame = audit.annotations()
        assert frame["path"].to_list()[:4] == [f"{urls[5]}/01{n}.png" for n in range(4)]
        assert frame["error_code"].drop_nulls().to_list() == ["missing_file"]
        assert frame.filter(pl.col("error_code").is_not_null())["path"].to_list() == urls[6:]
    for audit in (audits[0], audits[3]):
        label = dict(audit.annotations().select("path", "label").iter_rows())
        assert [label[url] for url in urls[:5]] == list("aabbc")
        assert label[f"{urls[5]}/011.png"] == "c", "all pictures of an archive have its label"
        assert "weight" in audit.annotations().columns


@pytest.mark.parametrize("how", ["url", "key", "name"])
def test_annotations_of_remote_pictures(server: FakeServer, run: Run, how: str) -> None:
    server.objects |= {
        f"bkt/a/{number % 2}/{name}": data for number, (name, data) in enumerate(pngs(0, 6).items())
    }
    keys = [name.removeprefix("bkt/a/") for name in sorted(server.objects)]
    names = {
        "url": [f"s3://bkt/a/{key}" for key in keys],
        "key": keys,
        "name": [key.rpartition("/")[2] for key in keys],
    }
    known = {"filename": [*names[how], "lost.png"], "label": [*"abcdef", "g"]}
    audit = run("s3://bkt/a", annotations=known)
    frame = audit.annotations().filter(pl.col("error_code").is_null())
    assert frame["path"].to_list() == [f"s3://bkt/a/{key}" for key in keys]
    assert frame["label"].to_list() == list("abcdef")
    assert audit.unmatched()["path"].to_list() == ["lost.png"]


def test_patterns_of_objects(server: FakeServer, run: Run) -> None:
    keys = ["a/1.png", "a/2.png", "a/deep/3.png", "b/4.png", "b/st*r.png"]
    server.objects |= {
        f"bkt/{key}": data for key, data in zip(keys, pngs(0, 5).values(), strict=True)
    }
    for pattern, expected in {
        "a/*.png": keys[:2],
        "a/**/*.png": keys[:3],
        "*/*.png": [*keys[:2], *keys[3:]],
        "b/st*r.png": keys[4:],
        "a/d*": keys[2:3],
    }.items():
        found = run(f"s3://bkt/{pattern}").images["path"].to_list()
        assert found == [f"s3://bkt/{key}" for key in expected]
    both = run(["s3://bkt/a/*.png", "s3://bkt/a/2.png", "s3://bkt/b/*.png"])
    assert both.images.height == 4
    with pytest.raises(FileNotFoundError, match="none of the 3 pictures below s3://bkt/a fits"):
        run("s3://bkt/a/*.jpg")


def test_one_object_in_two_spellings_is_one_image(server: FakeServer, run: Run) -> None:
    server.objects |= {f"bkt/a/{name}": data for name, data in pngs(0, 2).items()}
    audit = run(["s3://bkt/a", "s3a://bkt/a/000.png", "s3n://bkt/a/001.png"])
    assert audit.images["path"].to_list() == ["s3://bkt/a/000.png", "s3://bkt/a/001.png"]
    assert audit.info["left_out"]["repeated"] == 2


def test_objects_and_folders_that_are_not_there(server: FakeServer, run: Run) -> None:
    server.objects |= {f"bkt/a/{name}": data for name, data in pngs(0, 2).items()}
    for url in ("s3://bkt/b/", "s3://bkt/b", "s3://bkt/a/gone.tar"):
        with pytest.raises(FileNotFoundError, match=f"{url}: there is no such object or folder"):
            run(url)
    with pytest.raises(FileNotFoundError, match="s3://bkt/b: there is no such object or folder"):
        run(["s3://bkt/a", "s3://bkt/b"])


def test_a_second_bucket_is_the_test_set(server: FakeServer, run: Run) -> None:
    server.objects |= {f"old/{name}": data for name, data in pngs(0, 6).items()}
    server.objects |= {f"new/x/{name}": data for name, data in pngs(4, 4).items()}
    audit = run("s3://old", test_dir="s3://new/x")
    assert audit.annotations()["split"].to_list() == ["test"] * 4 + ["train"] * 6
    assert audit.leaks()["kind"].to_list() == ["exact", "exact"]
    assert audit.info["input"] == "s3://old and s3://new/x"


def test_objects_that_go_and_errors_that_stay_are_rows(server: FakeServer, run: Run) -> None:
    server.objects |= {f"bkt/{name}": data for name, data in pngs(0, 6).items()}
    server.faults["bkt/001.png"] = Fault("status", times=3, status=500)
    server.faults["bkt/002.png"] = Fault("status", status=500)
    server.faults["bkt/003.png"] = Fault("status", status=404)
    server.faults["bkt/004.png"] = Fault("status", status=403)
    frame = run("s3://bkt").invalid_instances()
    assert frame["path"].str.slice(-7).to_list() == ["002.png", "003.png", "004.png"]
    assert frame["error_code"].to_list() == ["missing_file", "missing_file", "permission_denied"]
    for text, said in zip(frame["detail"], ["HTTP 500", "deleted", "denies"], strict=True):
        assert said in text


def test_no_more_requests_than_allowed(server: FakeServer, run: Run) -> None:
    server.objects |= {f"bkt/{name}": data for name, data in pngs(0, 150).items()}
    server.objects["bkt/z.tar"] = tar_of(pngs(200, 20))
    server.objects["bkt/z.tgz"] = tar_of(pngs(300, 20), "w:gz")
    server.latency = 0.05
    assert run("s3://bkt").images["error_code"].null_count() == 190
    assert 40 < server.most <= 64
    server.most = 0
    run("s3://bkt", num_requests=3)
    assert server.most <= 3


def cli(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pixsieve", *map(str, arguments)]
    environment = {**os.environ, "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, check=False, env=environment
    )


def test_the_command_line_names_its_folder_after_the_prefix(
    server: FakeServer, tmp_path: Path
) -> None:
    server.objects |= {f"bkt/photos/cats/{name}": data for name, data in pngs(0, 3).items()}
    done = cli("run", "s3://bkt/photos/cats/", "--no-report", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pixsieve-out" / "cats" / "run.json").exists()
    assert cli("run", "s3://bkt", "-q", "--no-report", cwd=tmp_path).returncode == 0
    assert (tmp_path / "pixsieve-out" / "bkt").is_dir()


@pytest.mark.parametrize("trouble", ["bucket", "denied", "keys", "endpoint", "file", "scheme"])
def test_what_is_wrong_with_an_input_is_one_line(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    server.objects["bkt/a.png"] = png(1)
    server.faults["shut"] = Fault("status", status=403)
    if trouble == "keys":
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    if trouble == "endpoint":
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    urls = {
        "bucket": ("s3://nobkt/a", "there is no such bucket"),
        "denied": ("s3://shut/a", "the server denies access"),
        "keys": ("s3://bkt", "no credentials were found"),
        "endpoint": ("s3://bkt/a", "http://127.0.0.1:9 cannot be reached"),
        "file": (f"{server.url}/bkt/gone.tar", "there is no such file on the server"),
        "scheme": ("ftp://host/a.png", "is no URL that can be read"),
    }
    url, said = urls[trouble]
    done = cli("run", url, cwd=tmp_path)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("pixsieve: ")]
    assert len(errors) == 1
    assert said in errors[0]
    assert "Traceback" not in done.stderr
    assert not done.stdout
    shutil.rmtree(tmp_path / "pixsieve-out", ignore_errors=True)
