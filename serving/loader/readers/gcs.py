"""Google Cloud Storage: its XML interface, with the credentials that google-auth finds."""

from urllib.parse import quote

import google.auth
import requests
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession

from serving.loader.errors import Refused
from serving.loader.readers.http_folder import HttpFolder
from serving.loader.readers.http_ranges import Patience, session_of
from serving.loader.readers.pace import Pace
from serving.loader.settings import Settings

ENDPOINT = "https://storage.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"


def folder_of(
    bucket: str,
    prefix: str,
    *,
    settings: Settings,
    connections: int,
    pace: Pace,
    patience: Patience,
) -> HttpFolder:
    """Return the objects below `prefix` of a bucket. Raises Refused without credentials."""
    endpoint = (settings.gcs_endpoint or ENDPOINT).rstrip("/")
    inside = f"{quote(prefix.rstrip('/'))}/" if prefix else ""
    session = requests.Session() if settings.gcs_anonymous else _authorized()
    return HttpFolder(
        f"gs://{bucket}/{prefix}".rstrip("/"),
        session_of(session, connections),
        lambda name: f"{endpoint}/{quote(bucket)}/{inside}{quote(name)}",
        pace,
        patience,
    )


def _authorized() -> requests.Session:
    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
    except GoogleAuthError as exc:
        raise Refused(
            f"Google Cloud Storage: {exc}. Next step: give the pod's account a role, or set "
            "gcs_anonymous for a public bucket"
        ) from exc
    session: requests.Session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    return session
