"""URLs, settings, and what lies in buckets."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from cloud_case import MODIFIED, FakeServer, Fault, quick
from pixsieve.config import Config
from pixsieve.sources.cloud import list_remote
from pixsieve.sources.cloud.logins import shown
from pixsieve.sources.cloud.settings import minio_access, s3_access
from pixsieve.sources.cloud.stores import Stores
from pixsieve.sources.cloud.urls import parse
from pixsieve.sources.listing import is_url
from pixsieve.sources.places import LISTED

CONFIG = Config()
EXTENSIONS = frozenset({"jpg", "png", "tar", "tar.gz", "zip"})


def listing(url: str, **settings: Any) -> tuple[pl.DataFrame, dict[str, int]]:
    frame, notes = list_remote(url, config=Config(**settings), extensions=EXTENSIONS, progress=None)
    assert frame.schema == LISTED
    assert frame["path"].is_sorted()
    return frame, notes


def paths(url: str) -> list[str]:
    return listing(url)[0]["path"].to_list()


def stored(server: FakeServer, *keys: str) -> None:
    server.objects |= {f"bkt/{key}": key.encode() for key in keys}


@pytest.mark.parametrize(
    ("text", "root", "key"),
    [
        ("s3://bkt/a/b.jpg", "s3://bkt/", "a/b.jpg"),
        ("S3://bkt", "s3://bkt/", ""),
        ("s3a://bkt/a b%20.jpg", "s3://bkt/", "a b%20.jpg"),
        ("gcs://bkt/a#b?c", "gs://bkt/", "a#b?c"),
        ("az://box/a", "az://box/", "a"),
        ("abfss://box@acc.dfs.core.windows.net/a", "abfs://box@acc/", "a"),
        ("minio://play/bkt/a/b", "minio://play/bkt/", "a/b"),
        ("http://host:80/a%20b/c.jpg", "http://host:80/", "a b/c.jpg"),
        ("https://host/a.jpg?x=1", "https://host/a.jpg?x=1", ""),
        ("https://host/a//b.jpg", "https://host/a//b.jpg", ""),
    ],
)
def test_urls_are_understood(text: str, root: str, key: str) -> None:
    url = parse(text)
    assert (url.root, url.key) == (root, key)
    assert is_url(text)
    again = parse(url.root + url.key)
    assert (again.store, again.key) == (url.store, url.key) or url.is_http


@pytest.mark.parametrize(
    "text", ["s3://", "s3:///a", "minio://play", "minio://", "http://", "x://y"]
)
def test_urls_without_a_bucket_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"names no|is no URL"):
        parse(text)


@pytest.mark.parametrize("text", ["/a/b", "C:\\a", "C:/a", "a://b", "s3:/a", "", "file://a"])
def test_paths_are_no_urls(text: object) -> None:
    assert not is_url(text)


def test_passwords_and_signatures_are_not_shown() -> None:
    assert shown("https://me:secret@host/a.jpg") == "https://host/a.jpg"
    assert shown("https://host/a.jpg?X-Amz-Signature=5&b=1") == "https://host/a.jpg?b=1"
    assert shown("https://host/a.jpg?id=7") == "https://host/a.jpg?id=7"


def test_a_prefix_is_a_folder(server: FakeServer) -> None:
    stored(server, "pre/a.jpg", "pre/b/c.PNG", "prefix2/d.jpg", "pre.jpg", "pre/e.txt", "x.tar.gz")
    expected = ["s3://bkt/pre/a.jpg", "s3://bkt/pre/b/c.PNG"]
    assert paths("s3://bkt/pre") == paths("s3://bkt/pre/") == expected
    frame, notes = listing("s3://bkt/pre")
    assert frame["relative"].to_list() == ["a.jpg", "b/c.PNG"]
    assert frame["location"].to_list() == [path.encode() for path in expected]
    assert frame["size"].to_list() == [9, 11]
    assert frame["modified"].to_list() == [MODIFIED, MODIFIED]
    assert notes == {"not_pictures": 1, "hidden": 0, "unreadable_names": 0}
    assert len(paths("s3://bkt")) == 5


@pytest.mark.parametrize(
    "scheme", ["s3://bkt", "s3a://bkt", "gs://bkt", "az://bkt", "minio://play/bkt"]
)
def test_every_scheme_lists(server: FakeServer, scheme: str) -> None:
    names = ["a b.jpg", "a%20b.jpg", "q?z#.jpg", "x+y&<z>.jpg", "ü/ö\u202e😀.jpg", 'it\'s "1".jpg']
    stored(server, *names)
    assert paths(scheme) == sorted(f"{scheme}/{name}" for name in names)
    assert set(server.methods) == {"GET"}


def test_hidden_objects_are_listed_only_if_asked_for(server: FakeServer) -> None:
    stored(server, ".thumbs/a.jpg", "b/.c.jpg", "d.jpg", ".base/e.jpg")
    frame, notes = listing("s3://bkt")
    assert frame["relative"].to_list() == ["d.jpg"]
    assert notes["hidden"] == 3
    assert listing("s3://bkt", hidden=True)[0].height == 4
    assert paths("s3://bkt/.base") == ["s3://bkt/.base/e.jpg"]


@pytest.mark.parametrize("key", ["b/a.jpg", "a.tar", "noext", "odd.name"])
def test_an_object_given_exactly_is_listed(server: FakeServer, key: str) -> None:
    stored(server, key, f"{key}2/x.jpg")
    frame, _ = listing(f"s3://bkt/{key}")
    assert frame["path"].to_list() == [f"s3://bkt/{key}"]
    assert frame["relative"].to_list() == [key.rpartition("/")[2]]


def test_a_folder_may_be_called_like_a_picture(server: FakeServer) -> None:
    stored(server, "a.jpg/b.jpg")
    assert paths("s3://bkt/a.jpg") == ["s3://bkt/a.jpg/b.jpg"]


@pytest.mark.parametrize(
    "url", ["s3://empty", "s3://bkt/none/", "s3://bkt/none", "s3://bkt/no.jpg"]
)
def test_nothing_there_is_an_empty_frame(server: FakeServer, url: str) -> None:
    stored(server, "a.txt")
    assert listing(url)[0].height == 0


def test_pages_are_put_together(server: FakeServer) -> None:
    server.page = 7
    stored(server, *[f"{number}.jpg" for number in range(100)])
    seen: list[int] = []
    frame, _ = list_remote(
        "s3://bkt",
        config=CONFIG,
        extensions=EXTENSIONS,
        progress=lambda done, _: seen.append(done),
    )
    assert frame["relative"].to_list() == sorted(f"{number}.jpg" for number in range(100))
    assert seen[-1] == 100


@pytest.mark.parametrize("page", [2, 3, 1000])
@pytest.mark.parametrize("broken", ["b//x.jpg", "b/../x.jpg", "../x.jpg", "b/c/./x.jpg", "b//y//z"])
def test_names_that_cannot_be_said_cost_no_others(
    server: FakeServer, page: int, broken: str
) -> None:
    server.page = page
    good = ["a/1.jpg", "b/a.jpg", "b/c/d.jpg", "b/z.jpg", "c.jpg", "z/9.jpg"]
    stored(server, *good, broken)
    frame, notes = listing("s3://bkt")
    assert frame["relative"].to_list() == good
    assert notes["unreadable_names"] >= 1


def test_what_must_not_be_read_says_what_to_set(server: FakeServer) -> None:
    server.faults["bkt"] = Fault("status", status=403)
    for url, what in [("s3", "AWS_ACCESS_KEY_ID"), ("gs", "GOOGLE_APPL"), ("az", "AZURE_STORAGE")]:
        with pytest.raises(PermissionError, match=what):
            listing(f"{url}://bkt")
    with pytest.raises(PermissionError, match="MC_HOST_"):
        listing("minio://play/bkt")


@pytest.mark.parametrize(
    "url", ["s3://nobkt", "gs://nobkt/a.jpg", "az://nobkt", "minio://play/nobkt"]
)
def test_a_bucket_that_is_not_there(server: FakeServer, url: str) -> None:
    stored(server, "a.jpg")
    with pytest.raises(FileNotFoundError, match=r"nobkt: there is no such (bucket|container)"):
        listing(url)


def test_listing_survives_errors_that_heal(server: FakeServer) -> None:
    stored(server, "a.jpg")
    server.faults["bkt"] = Fault("status", times=3, status=503)
    assert paths("s3://bkt") == ["s3://bkt/a.jpg"]
    server.faults["bkt"] = Fault("status", status=500)
    with pytest.raises(OSError, match="HTTP 500"):
        listing("s3://bkt")


def test_a_server_that_is_not_there(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTDUP_S3_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ConnectionError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        listing("s3://bkt")


def test_no_credentials_at_all(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(server, "a.jpg")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ValueError, match="Missing AccessKeyId: set AWS_ACCESS_KEY_ID"):
        listing("s3://bkt")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(PermissionError, match="no credentials were found"):
        listing("s3://bkt")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(PermissionError, match="no credentials were found"):
        listing("s3://bkt")
    monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "YES")
    assert paths("s3://bkt") == ["s3://bkt/a.jpg"]


@pytest.mark.parametrize("fault", ["no_head", "chunked", None])
def test_a_url_is_one_object(server: FakeServer, fault: str | None) -> None:
    stored(server, "a b.jpg", "c.jpg")
    if fault:
        server.faults["bkt/a b.jpg"] = Fault(fault, status=405)
    for query in ("", "?id=1"):
        url = f"{server.url}/bkt/a%20b.jpg{query}"
        frame, _ = listing(url)
        assert frame["location"].to_list() == [f"{server.url}/bkt/a b.jpg".encode()] or query
        assert frame["size"].to_list() == [7]
    with pytest.raises(FileNotFoundError, match="there is no such file on the server"):
        listing(f"{server.url}/bkt/none.jpg")


def test_keys_come_from_the_environment_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch, "http://there")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = one\naws_secret_access_key = s%1\n"
        "[other]\naws_access_key_id = two\naws_secret_access_key = s2\naws_session_token = t\n"
    )
    (tmp_path / ".aws" / "config").write_text(
        "[profile other]\nregion = eu-west-3\nendpoint_url = http://other\n[profile sso]\nsso = x\n"
    )
    assert s3_access().key == "key"
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert (s3_access().key, s3_access().secret) == ("one", "s%1")
    monkeypatch.setenv("AWS_PROFILE", "other")
    access = s3_access()
    assert (access.key, access.token, access.region) == ("two", "t", "eu-west-3")
    assert access.endpoint == "http://there"
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert s3_access().endpoint == "http://other"
    monkeypatch.setenv("AWS_PROFILE", "sso")
    with pytest.raises(ValueError, match="export-credentials --profile sso"):
        s3_access()
    monkeypatch.setenv("AWS_PROFILE", "missing")
    with pytest.raises(ValueError, match="'missing', but neither"):
        s3_access()
    (tmp_path / ".aws" / "credentials").write_text("no section\n")
    with pytest.raises(ValueError, match="is no AWS configuration file"):
        s3_access()


def test_the_endpoint_of_fastdup_counts_first(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch, "http://third")
    assert s3_access().endpoint == "http://third"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://second")
    assert s3_access().endpoint == "http://second"
    monkeypatch.setenv("FASTDUP_S3_ENDPOINT_URL", "http://first")
    assert s3_access().endpoint == "http://first"
    config: Any = Stores(1).store_of(parse("s3://bkt/a")).config
    assert "http://first" in str(config)
    assert "http://second" not in str(config)


def test_aliases_of_minio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch, "http://wrong")
    monkeypatch.setenv("MC_CONFIG_DIR", str(tmp_path))
    with pytest.raises(ValueError, match="MC_HOST_lab=https://ACCESS:SECRET@HOST"):
        minio_access("lab")
    entry = {"url": "http://127.0.0.1:9000/", "accessKey": "a", "secretKey": "b", "api": "s3v4"}
    (tmp_path / "config.json").write_text(json.dumps({"aliases": {"lab": entry}}))
    access = minio_access("lab")
    assert (access.endpoint, access.key, access.secret) == ("http://127.0.0.1:9000", "a", "b")
    monkeypatch.setenv("MC_HOST_lab", "https://k:s%2Fe:token@host:1")
    access = minio_access("lab")
    assert (access.endpoint, access.secret, access.token) == ("https://host:1", "s/e", "token")
    monkeypatch.setenv("MC_HOST_lab", "https://host")
    assert minio_access("lab").unsigned
    monkeypatch.setenv("MC_HOST_lab", "host:1")
    with pytest.raises(ValueError, match="must look like"):
        minio_access("lab")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json is no configuration"):
        minio_access("other")


def test_an_alias_is_not_led_astray_by_other_settings(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(server, "a.jpg")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "other")
    assert paths("minio://play/bkt") == ["minio://play/bkt/a.jpg"]
