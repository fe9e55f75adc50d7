"""S3 and what speaks like it: addresses signed by botocore, bytes by our own ranges.

botocore knows the credentials' chain, regions, endpoints and addressing styles. Its own reading of
an object would hide none of the answer either, but takes twice the processor's time of a range.
"""

import threading
from typing import Any

import requests
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from serving.loader.errors import NotFound, Refused, StorageFailed
from serving.loader.readers.http_folder import HttpFolder
from serving.loader.readers.http_ranges import Patience, session_of
from serving.loader.readers.pace import Pace
from serving.loader.settings import Settings

SIGNED_SECONDS = 900


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
    signer = _Signer(bucket, prefix, settings)
    label = f"s3://{bucket}/{prefix}".rstrip("/")
    session = session_of(requests.Session(), connections)
    session.auth = _no_auth  # a signature is in the address; .netrc must add nothing to it
    return HttpFolder(label, session, signer.address_of, pace, patience)


class _Signer:
    """Gives each request its own signed address."""

    def __init__(self, bucket: str, prefix: str, settings: Settings) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.rstrip('/')}/" if prefix else ""
        self._client = _client(settings)
        self._lock = threading.Lock()
        self._seen: set[str] = set()

    def address_of(self, name: str) -> str:
        """Return the address of an object, good for a quarter of an hour."""
        asked = {"Bucket": self._bucket, "Key": self._prefix + name}
        with self._lock:  # the first question also finds out in which region the bucket is
            if not self._seen:
                self._require_there(asked)
            self._seen.add(name)
        signed: str = self._client.generate_presigned_url(
            "get_object", Params=asked, ExpiresIn=SIGNED_SECONDS
        )
        return signed

    def _require_there(self, asked: dict[str, str]) -> None:
        label = f"s3://{asked['Bucket']}/{asked['Key']}"
        try:
            self._client.head_object(**asked)
        except ClientError as exc:
            status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            code = exc.response.get("Error", {}).get("Code", "")
            if status == 404:  # noqa: PLR2004
                raise NotFound(f"{label}: there is no such object ({code})") from exc
            if status in (400, 401, 403):
                raise Refused(
                    f"{label}: S3 refuses ({status}, {code}). Next step: see that these "
                    "credentials may do s3:GetObject on it"
                ) from exc
            raise StorageFailed(f"{label}: S3 answers {status}, {code}") from exc
        except BotoCoreError as exc:
            if "credentials" in str(exc).lower():
                raise Refused(
                    f"{label}: {exc}. Next step: give the pod a role or AWS_* variables, or set "
                    "s3_anonymous for a public bucket"
                ) from exc
            raise StorageFailed(f"{label}: {exc}") from exc


def _client(settings: Settings) -> Any:
    config = Config(
        signature_version=UNSIGNED if settings.s3_anonymous else "s3v4",
        retries={"total_max_attempts": settings.retries + 1, "mode": "standard"},
    )
    try:
        return Session().create_client(
            "s3",
            region_name=settings.s3_region,
            endpoint_url=settings.s3_endpoint,
            config=config,
        )
    except BotoCoreError as exc:
        raise Refused(f"S3 can't be used: {exc}") from exc
    except ValueError as exc:
        raise StorageFailed(f"s3_endpoint {settings.s3_endpoint!r}: {exc}") from exc


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
