"""Endpoints and keys, from the places where people keep them."""

import configparser
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: Where the endpoint of S3 is looked up; the first that is set counts.
ENDPOINTS = (
    *("FASTDUP_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
)
#: Set to true, they ask for requests without signature.
UNSIGNED = ("AWS_SKIP_SIGNATURE", "AWS_NO_SIGN_REQUEST")
_MC_HOST = re.compile(r"(https?)://(?:([^:@/]+):([^@/]+?)(?::([^:@/]+))?@)?([^@/]+)/?")


@dataclass(frozen=True)
class Access:
    """How to reach a server that speaks S3."""

    endpoint: str | None = None
    key: str | None = None
    secret: str | None = None
    token: str | None = None
    region: str | None = None
    unsigned: bool = False


def switched_on(name: str) -> bool:
    """Whether a variable of the environment says yes."""
    return os.environ.get(name, "").strip().lower() in {"1", "true", "yes", "on"}


def s3_access() -> Access:
    """From the environment, then the profile of the AWS configuration files.

    Where neither has keys, those of the machine (container, instance) are left to object_store.

    Raises:
        ValueError: If AWS_PROFILE names a profile that is not there, or that has no keys.
    """
    environment = os.environ
    profile = _profile()
    endpoint = next((environment[name] for name in ENDPOINTS if environment.get(name)), None)
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    unsigned = any(map(switched_on, UNSIGNED))
    key, secret, token = _environment_keys()
    if key is None:
        key = profile.get("aws_access_key_id")
        secret = profile.get("aws_secret_access_key")
        token = profile.get("aws_session_token")
        _check_profile(key, unsigned=unsigned, profile=profile)
    return Access(
        endpoint=endpoint or profile.get("endpoint_url"),
        key=key,
        secret=secret,
        token=token,
        region=region or profile.get("region"),
        unsigned=unsigned,
    )


def _environment_keys() -> tuple[str | None, str | None, str | None]:
    key = os.environ.get("AWS_ACCESS_KEY_ID")
    if not key:
        return None, None, None
    secret = os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not secret:
        raise ValueError("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not: set both")
    return key, secret, os.environ.get("AWS_SESSION_TOKEN") or None


def _check_profile(key: str | None, *, unsigned: bool, profile: dict[str, str]) -> None:
    name = os.environ.get("AWS_PROFILE")
    if not name or unsigned or key is not None:
        return
    if not profile:
        raise ValueError(
            f"AWS_PROFILE is {name!r}, but neither ~/.aws/credentials nor ~/.aws/config has it"
        )
    raise ValueError(
        f"the AWS profile {name!r} holds no keys (sign-on and roles are not followed): run "
        f"`aws configure export-credentials --profile {name} --format env`, and set what it prints"
    )


def _profile() -> dict[str, str]:
    """The settings of the profile in force, those of the credentials file first."""
    name = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"
    home = Path.home() / ".aws"
    config = Path(os.environ.get("AWS_CONFIG_FILE") or home / "config").expanduser()
    keys = Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials").expanduser()
    section = name if name == "default" else f"profile {name}"
    return _section(config, section) | _section(keys, name)


def _section(path: Path, name: str) -> dict[str, str]:
    if not path.is_file():
        return {}
    # No default section: [default] is a profile like the others.
    parser = configparser.RawConfigParser(default_section="", strict=False)
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file)
    except (configparser.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no AWS configuration file: {error}") from None
    return dict(parser.items(name)) if parser.has_section(name) else {}


def minio_access(alias: str) -> Access:
    """What an alias of mc, MinIO's client, stands for.

    From MC_HOST_<alias>, which is `https://ACCESS:SECRET@HOST`, else from mc's config.json.

    Raises:
        ValueError: If there is no such alias, or what it says cannot be understood.
    """
    written = os.environ.get(f"MC_HOST_{alias}")
    if written:
        return _mc_host(alias, written)
    folder = Path(os.environ.get("MC_CONFIG_DIR") or Path.home() / ".mc").expanduser()
    path = folder / "config.json"
    entry = _mc_entry(path, alias) if path.is_file() else None
    if entry is None:
        raise ValueError(
            f"minio://{alias}/...: the alias {alias!r} is not known: set "
            f"MC_HOST_{alias}=https://ACCESS:SECRET@HOST, or run `mc alias set {alias} ...`"
        )
    parts = urlsplit(str(entry.get("url", "")))
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError(f"{path}: the alias {alias!r} has no URL that begins with https://")
    return Access(
        endpoint=f"{parts.scheme}://{parts.netloc}",
        key=str(entry.get("accessKey") or "") or None,
        secret=str(entry.get("secretKey") or "") or None,
        token=str(entry.get("sessionToken") or "") or None,
        region=os.environ.get("MINIO_REGION"),
        unsigned=not entry.get("accessKey"),
    )


def _mc_host(alias: str, written: str) -> Access:
    found = _MC_HOST.fullmatch(written.strip())
    if found is None:
        raise ValueError(f"MC_HOST_{alias} must look like https://ACCESS:SECRET@HOST")
    scheme, key, secret, token, host = found.groups()
    return Access(
        endpoint=f"{scheme}://{host}",
        key=unquote(key) if key else None,
        secret=unquote(secret) if secret else None,
        token=unquote(token) if token else None,
        region=os.environ.get("MINIO_REGION"),
        unsigned=not key,
    )


def _mc_entry(path: Path, alias: str) -> dict[str, object] | None:
    try:
        parsed = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no configuration file of mc: {error}") from None
    for name in ("aliases", "hosts"):  # mc of before 2020 wrote hosts
        entries = parsed.get(name) if isinstance(parsed, dict) else None
        if isinstance(entries, dict) and isinstance(entries.get(alias), dict):
            return dict(entries[alias])
    return None


def azure_settings() -> dict[str, str]:
    """What AZURE_STORAGE_CONNECTION_STRING says, in the names of object_store."""
    written = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    pairs = dict(part.split("=", 1) for part in written.split(";") if "=" in part)
    names = {
        "AccountName": "account_name",
        "AccountKey": "account_key",
        "SharedAccessSignature": "sas_key",
        "BlobEndpoint": "endpoint",
    }
    return {own: pairs[name] for name, own in names.items() if pairs.get(name)}
