"""From an address to the folder behind it."""

from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import requests

from serving.loader.errors import StorageFailed
from serving.loader.readers.http_folder import HttpFolder, label_of, plain_addresses
from serving.loader.readers.http_ranges import Patience, session_of
from serving.loader.readers.local import LocalFolder
from serving.loader.readers.pace import Pace
from serving.loader.readers.source import Folder
from serving.loader.settings import Settings

SCHEMES = ("a path", "file://", "http://", "https://", "s3://", "gs://")
REMOTE_THREADS = 16
LOCAL_THREADS = 4
_FILES = (".safetensors", ".json")


def pace_of(settings: Settings) -> Pace:
    """Return what the readers of one load share."""
    return Pace(settings.bandwidth_bytes_per_second, settings.deadline_seconds)


def read_threads(folder: Folder, settings: Settings) -> int:
    """Return how many reads to have under way."""
    return settings.read_threads or (REMOTE_THREADS if folder.is_remote else LOCAL_THREADS)


def folder_at(address: str, settings: Settings, pace: Pace) -> tuple[Folder, str | None]:
    """Return the folder at `address`; and the name of the file where it names one.

    Raises StorageFailed for an address of an unknown kind.
    """
    scheme = urlsplit(address).scheme.lower() if "://" in address else ""
    if scheme in ("", "file"):
        return _local(address.removeprefix("file://"), settings, pace)
    folder, name = _split(address)
    patience = Patience(settings.retries, settings.stall_seconds, settings.range_seconds)
    connections = settings.read_threads or REMOTE_THREADS
    if scheme in ("http", "https"):
        session = session_of(requests.Session(), connections)
        made = HttpFolder(label_of(folder), session, plain_addresses(folder), pace, patience)
        return made, name
    if scheme in ("s3", "gs"):
        return _bucket(
            scheme,
            folder,
            settings=settings,
            connections=connections,
            pace=pace,
            patience=patience,
        ), name
    raise StorageFailed(f"{address!r}: can't be read; weights are at {', '.join(SCHEMES)}")


def _bucket(
    scheme: str,
    folder: str,
    *,
    settings: Settings,
    connections: int,
    pace: Pace,
    patience: Patience,
) -> Folder:
    bucket, prefix = urlsplit(folder).netloc, urlsplit(folder).path.strip("/")
    if not bucket:
        raise StorageFailed(f"{folder!r} names no bucket; it must be {scheme}://BUCKET/PREFIX")
    module = f"serving.loader.readers.{'s3' if scheme == 's3' else 'gcs'}"
    try:  # their clients are an extra, and take a second to import
        opener = import_module(module)
    except ModuleNotFoundError as exc:
        raise StorageFailed(
            f"{scheme}:// needs the module {exc.name!r}, which is not installed. "
            "Next step: pip install 'keda-prewarm[weights]'"
        ) from exc
    made: Folder = opener.folder_of(
        bucket,
        prefix,
        settings=settings,
        connections=connections,
        pace=pace,
        patience=patience,
    )
    return made


def _local(text: str, settings: Settings, pace: Pace) -> tuple[Folder, str | None]:
    path = Path(text)
    if path.suffix in _FILES and not path.is_dir():
        return LocalFolder(path.parent, pace, settings.direct_io), path.name
    return LocalFolder(path, pace, settings.direct_io), None


def _split(address: str) -> tuple[str, str | None]:
    parts = urlsplit(address)
    path, _, name = parts.path.rstrip("/").rpartition("/")
    if not name.endswith(_FILES):
        return address, None
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, "")), name
