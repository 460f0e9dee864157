"""What went wrong on the way to a bucket, in words that help."""

import re
from typing import NoReturn

from pixsieve.sources.cloud.logins import shown
from pixsieve.sources.cloud.urls import RemoteURL
from pixsieve.sources.places import Failure

_STATUS = re.compile(r"non-2xx status code: (\d{3})|HTTP Error (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_URL = re.compile(r"https?://[^\s,]+")
_BROKEN_NAME = re.compile(r'(?:Path|path:?) "([^"\n]*)"')
#: Statuses that may heal.
_PASSING = (408, 425, 429)
CREDENTIALS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE for keys of "
    "~/.aws/credentials, or AWS_SKIP_SIGNATURE=true for a public bucket",
    "minio": "check the keys of MC_HOST_<alias>, or of the alias in ~/.mc/config.json",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS to the JSON file of a service account, or "
    "GOOGLE_SKIP_SIGNATURE=true for a public bucket",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or "
    "AZURE_STORAGE_SAS_TOKEN), or AZURE_SKIP_SIGNATURE=true for a public container",
    "http": "the server wants a login: write https://user:password@host/..., or a signed URL",
}
CREDENTIALS["https"] = CREDENTIALS["http"]
#: What object_store says where it has found no key at all.
_NO_KEYS = (
    *("instance metadata", "/latest/api/token", "/latest/meta-data"),
    *("Missing AccessKeyId", "Missing SecretAccessKey", "MissingAccessKey"),
    *("token request", "metadata.google.internal", "No credentials", "missing credential"),
)


def check_package() -> None:
    """Raises ImportError, which says what to install, if obstore cannot be imported."""
    try:
        import obstore.store  # noqa: F401, PLC0415 - needed only for remote inputs
    except ImportError:
        missing_package()


def missing_package() -> NoReturn:
    """Raises ImportError, which says what to install."""
    raise ImportError("reading buckets and URLs needs obstore: pip install 'pixsieve[cloud]'")


def status_of(error: BaseException) -> int | None:
    """The HTTP status that the server gave, if it gave one."""
    found = _STATUS.search(str(error))
    return int(found[1] or found[2]) if found else None


def passes(error: BaseException) -> bool:
    """Whether another try may help: 429, 5xx, timeouts, broken connections, cut-off bodies."""
    if isinstance(error, FileNotFoundError | PermissionError | ValueError | NotImplementedError):
        return False
    if type(error).__name__ in {"PermissionDeniedError", "UnauthenticatedError"}:
        return False
    if type(error).__name__ in {"NotSupportedError", "InvalidPathError"} or no_keys(error):
        return False
    status = status_of(error)
    return status is None or status >= 500 or status in _PASSING


def no_keys(error: BaseException) -> bool:
    """Whether there were no credentials to sign with."""
    return any(sign in str(error) for sign in _NO_KEYS)


def broken_name(error: BaseException) -> str | None:
    """The key that object_store cannot name, such as `a//b` or `../c`, if that is the trouble."""
    if type(error).__name__ != "InvalidPathError":
        return None
    found = _BROKEN_NAME.search(str(error))
    return found[1] if found else ""


def first_line(error: BaseException) -> str:
    """What happened, without the request, the answer's body and the debug output."""
    text = " ".join(str(error).partition("Debug source")[0].partition("<?xml")[0].split())
    text = _URL.sub(lambda found: shown(found[0]), text.rpartition(" - ")[2])
    return text.rstrip(" :-")[:300] or type(error).__name__


def _server(error: BaseException) -> str:
    """The address that was tried, or nothing."""
    found = _URL.search(str(error))
    return f" {'/'.join(shown(found[0]).split('/')[:3])}" if found else ""


def failure_of(error: BaseException, url: str) -> Failure:
    """The row of an object that cannot be had."""
    status = status_of(error)
    where = shown(url)
    if denied(error):
        return Failure("permission_denied", f"{where}: the server denies access")
    if status in {404, 410} or (isinstance(error, FileNotFoundError) and not status):
        return Failure("missing_file", f"{where}: the object has been deleted since it was listed")
    if status is not None:
        return Failure("missing_file", f"{where}: cannot be read: HTTP {status}")
    return Failure("missing_file", f"{where}: cannot be read: {first_line(error)}")


def denied(error: BaseException) -> bool:
    """Whether the server, or the lack of keys, forbids it."""
    named = type(error).__name__ in {"PermissionDeniedError", "UnauthenticatedError"}
    return named or status_of(error) in {401, 403} or no_keys(error)


def explained(error: BaseException, url: RemoteURL, text: str) -> Exception:
    """The builtin exception for an input that cannot be read as a whole."""
    bucket, where = f"{url.root.rstrip('/')}", shown(text)
    code = _CODE.search(str(error))
    status = status_of(error)
    if denied(error):
        reason = "no credentials were found" if no_keys(error) else "the server denies access"
        detail = f" ({code[1]})" if code else ""
        return PermissionError(f"{where}: {reason}{detail}: {CREDENTIALS[url.scheme]}")
    if isinstance(error, FileNotFoundError) or status in {404, 410}:
        return FileNotFoundError(_missing(url, where, bucket))
    if "redirect" in str(error).lower() or status in {301, 307}:
        if url.is_http:
            return OSError(f"{where}: the server sends from address to address, and to no file")
        return OSError(
            f"{where}: the bucket lies in another region: set AWS_REGION to the right one"
        )
    if status is not None:
        return OSError(f"{where}: cannot be read: HTTP {status}; try again later")
    return ConnectionError(
        f"{where}: the server{_server(error)} cannot be reached: {first_line(error)}; "
        f"check the address{_ENDPOINTS.get(url.scheme, '')} and the network"
    )


_ENDPOINTS = {
    "s3": " (AWS_ENDPOINT_URL or FASTDUP_S3_ENDPOINT_URL, where one is set)",
    "minio": " of the alias",
}


def _missing(url: RemoteURL, where: str, bucket: str) -> str:
    if url.is_http:
        return f"{where}: there is no such file on the server"
    kind = "container" if url.scheme == "az" else "bucket"
    return f"{bucket}: there is no such {kind}; check its name, the endpoint and the account"
