"""Nodes, each read once: when it came, and which accelerator it has. Optional by right."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from scaler.adapters.kubernetes_api import NOT_FOUND, ApiProblem, KubernetesApi
from scaler.adapters.kubernetes_objects import node_of
from scaler.adapters.kubernetes_troubles import Troubles

Node = tuple[float | None, str]

MAX_NODES = 5_000
# Without the right, or an answer, nobody is asked again for so long: a pod must not wait each time.
PAUSE_SECONDS = 300.0


class Nodes:
    """A bounded table of nodes. Fit for several threads; a node that isn't known is waited for."""

    def __init__(self, api: KubernetesApi, troubles: Troubles, now: Callable[[], float]) -> None:
        self._api = api
        self._troubles = troubles
        self._now = now
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Node] = OrderedDict()
        self._pause_until = float("-inf")

    def get(self, name: str) -> Node | None:
        """Return the node; None where it can't be read."""
        with self._lock:
            found = self._known.get(name)
            if found is not None:
                self._known.move_to_end(name)
                return found
            if self._now() < self._pause_until:
                return None
        return self._read(name)

    def _read(self, name: str) -> Node | None:
        try:
            node = node_of(self._api.read_node(name))
        except ApiProblem as problem:
            if problem.status != NOT_FOUND:
                self._pause_until = self._now() + PAUSE_SECONDS
                self._troubles.note(problem)
            return None
        self._troubles.clear(group="", resource="nodes", namespace="")
        with self._lock:
            self._known[name] = node
            while len(self._known) > MAX_NODES:
                self._known.popitem(last=False)
        return node
