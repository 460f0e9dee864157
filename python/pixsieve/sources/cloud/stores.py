"""The stores of obstore, one for each bucket, made as the environment says."""

import os
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixsieve.sources.cloud import errors
from pixsieve.sources.cloud.logins import apart, shown
from pixsieve.sources.cloud.settings import (
    Access,
    azure_settings,
    minio_access,
    s3_access,
    switched_on,
)
from pixsieve.sources.cloud.urls import RemoteURL

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, HTTPStore, S3Store

    Store = S3Store | GCSStore | AzureStore | HTTPStore

#: Tries of one request, the first included, and the seconds after which no other is begun.
TRIES = 5
SECONDS = 60.0
#: The first and the longest pause between two tries, in seconds.
PAUSES = (0.2, 10.0)
#: Seconds without a byte after which a connection is given up.
SILENCE = 30.0
#: Where keys may come from that object_store asks for by itself.
OTHER_KEYS = (
    *("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
#: Whole URLs (signed ones, for example) are stores of their own; so many are kept.
KEPT = 1024


class Stores:
    """Makes each store once; may be used by several threads.

    Args:
        requests: To all stores of the process that may be under way at the same time.
        retries: How often a store repeats a request by itself.

    Raises:
        ImportError: If obstore is not installed.
    """

    def __init__(self, requests: int, retries: int = 0) -> None:
        errors.check_package()
        self.requests = requests
        self._retries = retries
        self._made: dict[RemoteURL, Store] = {}
        self._lock = threading.Lock()

    def store_of(self, url: RemoteURL) -> "Store":
        """The store that holds the object.

        Raises:
            ImportError: If obstore is not installed.
            ValueError: If the settings in the environment cannot be understood.
        """
        with self._lock:
            store = self._made.get(url.store)
            if store is None:
                if len(self._made) >= KEPT:
                    self._made.clear()
                store = self._made[url.store] = make_store(url, self._retries)
            return store


def make_store(url: RemoteURL, retries: int) -> "Store":
    """A store as object_store makes it from the environment, and what it does not read there.

    Raises:
        ImportError: If obstore is not installed.
        ValueError: If the settings in the environment cannot be understood.
    """
    try:
        import obstore.store  # noqa: F401, PLC0415 - needed only for remote inputs
        from obstore.exceptions import BaseError  # noqa: PLC0415
    except ImportError:
        errors.missing_package()
    makers = {"s3": _s3, "minio": _s3, "gs": _google, "az": _azure, "http": _http, "https": _http}
    try:
        return makers[url.scheme](url, retries)
    except BaseError as error:
        raise ValueError(
            f"{shown(url.root)}: {errors.first_line(error)}: {errors.CREDENTIALS[url.scheme]}"
        ) from None


def _s3(url: RemoteURL, retries: int) -> "Store":
    from obstore.store import S3Store  # noqa: PLC0415

    access = minio_access(url.host) if url.scheme == "minio" else s3_access()
    options: dict[str, Any] = {"region": access.region or "us-east-1"}
    if access.endpoint:
        # Both names: object_store would prefer what the environment says of the second.
        options |= {"endpoint": access.endpoint, "aws_endpoint_url_s3": access.endpoint}
    if url.scheme == "minio" or access.unsigned:
        options["skip_signature"] = access.unsigned
    if _without_instance(access):
        raise PermissionError(f"{url.root}: no credentials were found: {errors.CREDENTIALS['s3']}")
    return S3Store(
        url.bucket,
        client_options=_client(access.endpoint, certificate=True),
        retry_config=_retry(retries),
        credential_provider=_provider(access),
        **options,
    )


def _without_instance(access: Access) -> bool:
    """Whether there are no keys, and the machine shall not be asked for some."""
    known = access.key or access.unsigned or any(map(os.environ.get, OTHER_KEYS))
    return not known and switched_on("AWS_EC2_METADATA_DISABLED")


def _provider(access: Access) -> Any:
    if not access.key or access.unsigned:
        return None
    keys = {
        "access_key_id": access.key,
        "secret_access_key": access.secret or "",
        "token": access.token,
        "expires_at": None,
    }
    return lambda: keys


def _google(url: RemoteURL, retries: int) -> "Store":
    from obstore.store import GCSStore  # noqa: PLC0415

    options: dict[str, Any] = {}
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    if emulator:
        emulator = emulator if "://" in emulator else f"http://{emulator}"
        options = {"base_url": emulator.rstrip("/"), "skip_signature": True}
    return GCSStore(
        url.bucket,
        client_options=_client(emulator or os.environ.get("GOOGLE_BASE_URL")),
        retry_config=_retry(retries),
        **options,
    )


def _azure(url: RemoteURL, retries: int) -> "Store":
    from obstore.store import AzureStore  # noqa: PLC0415

    options: dict[str, Any] = azure_settings()
    if url.host:
        options["account_name"] = url.host
    endpoint = options.get("endpoint") or os.environ.get("AZURE_STORAGE_ENDPOINT")
    if switched_on("AZURE_STORAGE_USE_EMULATOR"):
        endpoint = "http://"
    return AzureStore(
        url.bucket,
        client_options=_client(endpoint),
        retry_config=_retry(retries),
        **options,
    )


def _http(url: RemoteURL, retries: int) -> "Store":
    from obstore.store import HTTPStore  # noqa: PLC0415

    address, login = apart(url.bucket)
    options = _client(address)
    if login is not None:
        # obstore would take it for a part of the host's name.
        options["default_headers"] = {"Authorization": login}
    return HTTPStore(address, client_options=options, retry_config=_retry(retries))


def _client(endpoint: str | None, *, certificate: bool = False) -> Any:
    options: dict[str, Any] = {
        "allow_http": bool(endpoint and endpoint.lower().startswith("http://")),
        "connect_timeout": timedelta(seconds=10),
        "read_timeout": timedelta(seconds=SILENCE),
        "timeout": timedelta(days=1),
    }
    bundle = os.environ.get("AWS_CA_BUNDLE") if certificate else None
    if bundle and not options["allow_http"]:
        options["root_certificate"] = Path(bundle).read_bytes()
    return options


def _retry(retries: int) -> Any:
    return {
        "max_retries": retries,
        "retry_timeout": timedelta(seconds=SECONDS),
        "backoff": {
            "init_backoff": timedelta(seconds=PAUSES[0]),
            "max_backoff": timedelta(seconds=PAUSES[1]),
            "base": 2,
        },
    }
