"""One address that the scaler reads from: its session, its credentials, its words."""

import time
from pathlib import Path

from scaler.adapters.credentials import SecretFile, basic_authorization
from scaler.adapters.prometheus_connection import Exchange
from scaler.adapters.prometheus_lane import SILENCE, Lane
from scaler.adapters.prometheus_session import GuardedSession
from scaler.adapters.prometheus_settings import Destination, PrometheusSettings
from scaler.destinations import Permission, refusal_of_ip
from scaler.errors import HistoryUnavailable
from scaler.ports import DemandQuery

FIRST_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "prewarm"}
# What is shorter is no secret, and would take half of a message's words with it.
SHORTEST_SECRET_CHARACTERS = 6
# The server gives a query up before we do, so that a timeout of ours means that nobody is there.
SERVER_SHARE_OF_DEADLINE = 0.8


class Endpoint:
    """A permitted address and the credentials that belong to it and go nowhere else.

    The lane is shared with every address of the same server, the session with none that has other
    credentials or other permissions.
    """

    def __init__(
        self,
        permission: Permission,
        destination: Destination,
        settings: PrometheusSettings,
        *,
        lane: Lane,
        session: GuardedSession,
    ) -> None:
        self.address = str(permission.address)
        self.lane = lane
        self.session = session
        self._is_exact = permission.is_exact
        self._settings = settings
        self._destination = destination
        self._token = _secret(self._destination.bearer_token_file)
        self._password = _secret(self._destination.basic_password_file)
        self._tls_seen = self._tls_files()

    @property
    def server_deadline_seconds(self) -> float:
        """How long the server may take for a query."""
        return SERVER_SHARE_OF_DEADLINE * self._settings.request_deadline_seconds

    def exchange(self) -> Exchange:
        """Return the bounds of one request that starts now."""
        return Exchange(
            deadline_at=time.monotonic() + self._settings.request_deadline_seconds,
            connect_seconds=self._settings.connect_seconds,
            max_bytes=self._settings.max_response_bytes,
            refusal_of_ip=lambda ip: refusal_of_ip(ip, is_exact=self._is_exact),
        )

    def prepare(self, exchange: Exchange, query: DemandQuery) -> None:
        """Put the headers together, from files that are read again when they change.

        What the operator set stands last, so that nothing replaces it.
        """
        if (seen := self._tls_files()) != self._tls_seen:
            self._tls_seen = seen
            self.session.close()  # connections with the old certificate end, new ones read the new
        headers = FIRST_HEADERS | dict(query.headers) | dict(self._destination.headers)
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.read()}"
        elif self._password is not None:
            username = self._destination.basic_username or ""
            headers["Authorization"] = basic_authorization(username, self._password.read())
        exchange.headers = headers

    def reported(
        self, failure: HistoryUnavailable, exchange: Exchange, query: DemandQuery
    ) -> HistoryUnavailable:
        """Return a failure with the address, and without any secret that a server sent back.

        A failure that opens the breaker names the server alone: other paths get to read it.
        """
        secrets = {value for _, value in (*query.headers, *query.parameters)}
        secrets |= set(exchange.headers.values()) - set(FIRST_HEADERS.values())
        secrets |= {value.partition(" ")[2] for value in secrets}  # without "Bearer"
        message = str(failure)
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= SHORTEST_SECRET_CHARACTERS:
                message = message.replace(secret, "***")
        where = self.lane.name if failure.reason in SILENCE else self.address
        return HistoryUnavailable(failure.reason, f"{where}: {message}")

    def _tls_files(self) -> tuple[tuple[int, int] | None, ...]:
        destination = self._destination
        names = (destination.ca_file, destination.cert_file, destination.key_file)
        return tuple(_stamp(name) for name in names if name is not None)


def _secret(path: str | None) -> SecretFile | None:
    return None if path is None else SecretFile(path)


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
