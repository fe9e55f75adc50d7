"""Which server a query goes to, if the operator permits it; and those that are open.

A server is a scheme, a host and a port. Whatever paths below it are read, its threads, its turns
and its breaker are the same ones: a path costs nothing, so nobody multiplies `requests_at_once` by
naming many of them.
"""

from collections import Counter, OrderedDict
from dataclasses import replace

from scaler.adapters.prometheus_endpoint import Endpoint
from scaler.adapters.prometheus_headers import trigger_problems
from scaler.adapters.prometheus_lane import Lane
from scaler.adapters.prometheus_session import GuardedSession
from scaler.adapters.prometheus_settings import Destination, PrometheusSettings
from scaler.destinations import Address, Permission
from scaler.errors import HistoryUnavailable
from scaler.ports import DemandQuery

CONFIGURE = {
    "bearer": "bearer_token_file",
    "basic": "basic_username and basic_password_file",
    "tls": "cert_file and key_file",
    "custom": "headers",
}


class Server:
    """What the addresses of one scheme, host and port share."""

    def __init__(self, place: Address, settings: PrometheusSettings, *, owner: str) -> None:
        self.owner = owner  # who had it opened
        self.lane = Lane(
            str(place),
            requests_at_once=settings.requests_at_once,
            wait_seconds=settings.turn_wait_seconds,
        )
        self._settings = settings
        self._configured: dict[Address, Endpoint] = {}
        # By `is_exact`: a connection that a wildcard doesn't permit must not serve one.
        self._sessions: dict[bool, GuardedSession] = {}

    def endpoint(self, permission: Permission, destination: Destination | None) -> Endpoint:
        """Return an address of this server, with its own session if it has credentials."""
        address = permission.address
        if destination is None:
            if permission.is_exact not in self._sessions:
                self._sessions[permission.is_exact] = self._session()
            session = self._sessions[permission.is_exact]
            return self._endpoint(permission, Destination(address=str(address)), session)
        if address not in self._configured:
            session = self._session()
            session.verify = destination.ca_file or not destination.insecure_skip_verify
            if destination.cert_file is not None and destination.key_file is not None:
                session.cert = (destination.cert_file, destination.key_file)
            self._configured[address] = self._endpoint(permission, destination, session)
        return self._configured[address]

    def close(self) -> None:
        """End requests under way and close connections."""
        self.lane.close()
        for session in (*self._sessions.values(), *(e.session for e in self._configured.values())):
            session.close()

    def _session(self) -> GuardedSession:
        return GuardedSession(
            connections=self._settings.requests_at_once, retries=self._settings.retries
        )

    def _endpoint(
        self, permission: Permission, destination: Destination, session: GuardedSession
    ) -> Endpoint:
        return Endpoint(permission, destination, self._settings, lane=self.lane, session=session)


class Endpoints:
    """Opens a server when it is first read. Used from one event loop."""

    def __init__(self, settings: PrometheusSettings) -> None:
        self._settings = settings
        self._configured = settings.configured
        self._rules = settings.rules
        self._kept = {_place(address) for address in self._configured}
        self._open: OrderedDict[Address, Server] = OrderedDict()  # the one read last stands last

    def endpoint_of(self, query: DemandQuery) -> Endpoint:
        """Return the address of `query`.

        Raises HistoryUnavailable: "not-permitted", or "busy" when too many servers are being read.
        """
        permission = self._permission(query)
        destination = self._configured.get(permission.address)
        lines = _problems(query, permission.address, destination)
        if lines:
            raise HistoryUnavailable("not-permitted", "; ".join(lines))
        place = _place(permission.address)
        if place not in self._open:
            if place not in self._kept:
                self._make_room(query.owner)
            self._open[place] = Server(place, self._settings, owner=query.owner)
        self._open.move_to_end(place)
        return self._open[place].endpoint(permission, destination)

    def close(self) -> None:
        """Close every server."""
        for server in self._open.values():
            server.close()

    def _permission(self, query: DemandQuery) -> Permission:
        if query.server_address is not None:
            return self._rules.permit(query.server_address)
        if self._settings.default is None:
            message = "no serverAddress, and no default Prometheus (--prometheus-address)"
            raise HistoryUnavailable("not-permitted", message)
        return Permission(self._settings.default.place, is_exact=True)

    def _make_room(self, owner: str) -> None:
        """Close a server unless there is room for one more: metadata must not add threads for ever.

        As with turns, an owner has one more while it has fewer than are free. Else it closes what
        was read longest ago, of the owner that has most: of its own, or of one that has more.
        """
        others = {place: server for place, server in self._open.items() if place not in self._kept}
        opened = Counter(server.owner for server in others.values())
        if opened[owner] < self._settings.max_other_servers - len(others):
            return
        idle = {place: server.owner for place, server in others.items() if server.lane.is_idle}
        closable = [p for p, of in idle.items() if of == owner or opened[of] > opened[owner]]
        given_up = max(closable, key=lambda place: opened[idle[place]], default=None)
        if given_up is None:
            message = (
                f"{len(others)} other servers are open, {opened[owner]} of them for the same "
                f"namespace, and none can be closed (max_other_servers is "
                f"{self._settings.max_other_servers})"
            )
            raise HistoryUnavailable("busy", message)
        self._open.pop(given_up).close()


def _place(address: Address) -> Address:
    """Return the server of an address: its scheme, host and port."""
    return replace(address, path="")


def _problems(
    query: DemandQuery, address: Address, destination: Destination | None
) -> tuple[str, ...]:
    """Return one line for each thing of `query` that the operator doesn't permit there."""
    modes = destination.auth_modes if destination else frozenset[str]()
    lines = tuple(
        f"authModes: {mode} needs {CONFIGURE.get(mode, 'credentials')} of {address} to be "
        "configured (--prometheus-config)"
        for mode in query.auth_modes
        if mode not in modes
    )
    operator_headers = destination.headers if destination else {}
    return lines + trigger_problems(query.headers, query.parameters, operator_headers)
