"""Whole runs on another's server that speaks S3."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from archive_case import parquet_of, tar_of, zip_of
from cloud_case import quick
from conftest import Run, pngs


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket `photos`, which boto3 fills."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    quick(monkeypatch, f"http://{host}:{port}")
    yield boto3.resource("s3", region_name="us-east-1").create_bucket(Bucket="photos")
    server.stop()


def test_a_bucket_of_everything(bucket: Any, run: Run) -> None:
    held = {
        "a.tar": tar_of(pngs(10, 4)),
        "b.tgz": tar_of(pngs(20, 4), "w:gz"),
        "c.zip": zip_of(pngs(30, 4)),
        "d.parquet": parquet_of(pngs(40, 4)),
        **pngs(0, 4),
    }
    for name, data in held.items():
        bucket.upload_fileobj(io.BytesIO(data), f"2025/{name}")
    streamed = run("s3://photos/2025")
    assert streamed.images["error_code"].null_count() == streamed.images.height == 20
    copied = run("s3://photos/2025", sync_s3_to_local=True, delete_tar=True, delete_img=True)
    assert copied.images["digest"].equals(streamed.images["digest"])
    assert copied.images["path"].equals(streamed.images["path"])
    assert copied.report().exists()
    with pytest.raises(FileNotFoundError, match="there is no such bucket"):
        run("s3://nophotos")
