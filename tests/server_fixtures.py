"""Servers on the loopback: of clouds, and of models."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_case import FakeServer, quick
from download_case import Script, entry_of, serving
from pixsieve.models import Entry


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """Stands for S3, Google, Azure and the MinIO called `play`; all keys are those of it."""
    with FakeServer() as started:
        quick(monkeypatch, started.url)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", started.url)
        monkeypatch.setenv("MC_HOST_play", started.url.replace("//", "//key:secret@"))
        monkeypatch.setenv(
            "AZURE_STORAGE_CONNECTION_STRING",
            f"AccountName=account;AccountKey=c2VjcmV0;BlobEndpoint={started.url}",
        )
        yield started


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """Answers to downloads of `entry` as it is told."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as script:
        yield script


@pytest.fixture
def entry(publisher: Script) -> Entry:
    """A model of the publisher's."""
    return entry_of(publisher)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A folder for models that is not there yet."""
    return tmp_path / "cache"
