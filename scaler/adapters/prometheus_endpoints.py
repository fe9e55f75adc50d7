"""Which server a query goes to, if the operator permits it; and those that are open."""

from collections import OrderedDict

from scaler.adapters.prometheus_endpoint import Endpoint
from scaler.adapters.prometheus_headers import trigger_problems
from scaler.adapters.prometheus_settings import PrometheusSettings
from scaler.destinations import Address, Permission
from scaler.errors import HistoryUnavailable
from scaler.ports import DemandQuery

CONFIGURE = {
    "bearer": "bearer_token_file",
    "basic": "basic_username and basic_password_file",
    "tls": "cert_file and key_file",
    "custom": "headers",
}


class Endpoints:
    """Opens a server when it is first read. Used from one event loop."""

    def __init__(self, settings: PrometheusSettings) -> None:
        self._settings = settings
        self._configured = settings.configured
        self._rules = settings.rules
        self._open: OrderedDict[Address, Endpoint] = OrderedDict()

    def problems(self, query: DemandQuery) -> tuple[str, ...]:
        """Return one line for each thing of `query` that the operator doesn't permit."""
        try:
            address = self._permission(query).address
        except HistoryUnavailable as refused:
            return (str(refused),)
        destination = self._configured.get(address)
        modes = destination.auth_modes if destination else frozenset[str]()
        lines = tuple(
            f"authModes: {mode} needs {CONFIGURE.get(mode, 'credentials')} of {address} to be "
            "configured (--prometheus-config)"
            for mode in query.auth_modes
            if mode not in modes
        )
        operator_headers = destination.headers if destination else {}
        return lines + trigger_problems(query.headers, query.parameters, operator_headers)

    def endpoint_of(self, query: DemandQuery) -> Endpoint:
        """Return the server of `query`. Raises HistoryUnavailable("not-permitted")."""
        lines = self.problems(query)
        if lines:
            raise HistoryUnavailable("not-permitted", "; ".join(lines))
        permission = self._permission(query)
        address = permission.address
        if address not in self._open:
            destination = self._configured.get(address)
            if destination is None:
                self._make_room()
            self._open[address] = Endpoint(permission, destination, self._settings)
        self._open.move_to_end(address)
        return self._open[address]

    def close(self) -> None:
        """Close every server."""
        for endpoint in self._open.values():
            endpoint.close()

    def _permission(self, query: DemandQuery) -> Permission:
        if query.server_address is not None:
            return self._rules.permit(query.server_address)
        if self._settings.default is None:
            message = "no serverAddress, and no default Prometheus (--prometheus-address)"
            raise HistoryUnavailable("not-permitted", message)
        return Permission(self._settings.default.place, is_exact=True)

    def _make_room(self) -> None:
        """Close the server that was read longest ago: metadata must not add threads for ever."""
        others = [each for each in self._open if each not in self._configured]
        if len(others) < self._settings.max_other_servers:
            return
        idle = next((each for each in others if self._open[each].lane.is_idle), None)
        if idle is None:
            message = f"{len(others)} other servers are being read (max_other_servers)"
            raise HistoryUnavailable("refused", message)
        self._open.pop(idle).close()
