"""URLs of buckets and objects, as users write them."""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from pixsieve.sources.cloud.logins import complete, shown

#: What users may write, and what is meant.
_NAMES = {
    "s3": ("s3", "s3a", "s3n"),
    "gs": ("gs", "gcs"),
    "az": ("az", "azure", "abfs", "abfss", "adl"),
    "http": ("http",),
    "https": ("https",),
    "minio": ("minio",),
}
SCHEMES = {written: scheme for scheme, names in _NAMES.items() for written in names}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
#: Characters of a path that need no escape, and are not escaped on the way.
_PLAIN = "/~!$&'()*+,;=:@-._"


@dataclass(frozen=True)
class RemoteURL:
    """An object, or a folder of objects."""

    scheme: str
    """One of the values of `SCHEMES`."""
    host: str
    """The alias (minio), the account or nothing (az), the server (http); else nothing."""
    bucket: str
    """The bucket or container; of http, what goes before and behind the key, joined by a NUL."""
    key: str
    """Of the object, or the prefix; without a slash in front."""
    typed: str
    """What the user wrote before the key."""

    @property
    def store(self) -> Self:
        """What two URLs of one store have in common."""
        return type(self)(self.scheme, self.host, self.bucket, "", "")

    @property
    def is_http(self) -> bool:
        """Whether it is an object of a plain server, which cannot list."""
        return self.scheme in {"http", "https"}

    @property
    def base(self) -> str:
        """What paths begin with, as users see them."""
        return self.typed

    @property
    def root(self) -> str:
        """What locations begin with: it can be parsed again, whatever the user wrote."""
        if self.is_http:
            return self.typed
        if self.scheme == "az" and self.host:
            return f"abfs://{self.bucket}@{self.host}/"
        return f"{self.scheme}://{self.host + '/' if self.host else ''}{self.bucket}/"


def parse(text: str) -> RemoteURL:
    """The parts of a URL.

    Raises:
        ValueError: If it names no bucket or host, or its scheme is not known.
    """
    found = _URL.match(text)
    if found is None or found[1].lower() not in SCHEMES:
        raise ValueError(
            f"{shown(text)!r} is no URL that can be read: those begin with "
            f"{', '.join(f'{scheme}://' for scheme in sorted(set(SCHEMES.values())))}"
        )
    written, scheme = found[1].lower(), SCHEMES[found[1].lower()]
    if "\0" in text:
        raise ValueError(f"{text!r} holds a NUL character")
    if scheme in {"http", "https"}:
        return _http(complete(text), scheme)
    authority, _, key = text[found.end() :].partition("/")
    if "@" in authority and written not in {"abfs", "abfss"}:
        raise ValueError(
            f"{written}://…@{authority.rpartition('@')[2]}: keys do not belong into the URL: set "
            "them in the environment or the configuration file of the store"
        )
    host, bucket, front = "", authority, f"{text[: found.end()]}{authority}/"
    if scheme == "minio":
        host = authority
        bucket, _, key = key.partition("/")
        front += f"{bucket}/"
    elif written in {"abfs", "abfss"} and "@" in authority:
        bucket, _, account = authority.partition("@")
        host = account.partition(".")[0]
    if not bucket or (scheme == "minio" and not host):
        example = "minio://alias/bucket/folder" if scheme == "minio" else f"{written}://bucket/key"
        raise ValueError(f"{text!r} names no bucket: write {example}")
    return RemoteURL(scheme, host, bucket, key.lstrip("/"), front)


def one_spelling(text: str) -> str:
    """The same for all ways to write a URL of a bucket, as `s3a://` and `s3://` are one."""
    try:
        url = parse(text)
    except ValueError:
        # What cannot be read will say so where it is read.
        return text
    return text if url.is_http else url.root + url.key


def _http(text: str, scheme: str) -> RemoteURL:
    try:
        parts = urlsplit(text)
        host = parts.hostname and parts.port != 0
    except ValueError as error:
        raise ValueError(f"{shown(text)!r} is no URL that can be read: {error}") from None
    if not host:
        raise ValueError(f"{shown(text)!r} names no host")
    server = parts.netloc.rpartition("@")[2]
    origin = f"{scheme}://{parts.netloc}/"
    path = parts.path.removeprefix("/")
    key = unquote(path)
    simple = not parts.query and quote(key, safe=_PLAIN) == quote(path, safe=_PLAIN + "%")
    if simple and all(part not in {"", ".", ".."} for part in key.split("/")):
        return RemoteURL(scheme, server, origin, key, origin)
    # What stands there is sent as it is.
    whole = text.partition("#")[0]
    return RemoteURL(scheme, server, whole, "", whole)
