"""List, then watch, for ever: what there is, and each change, without ever missing one.

Theory of operation (Kubernetes API concepts, "Efficient detection of changes")
- A list gives a resourceVersion; a watch from it gives every change since, and bookmarks, which
  are newer versions without a change.
- A watch that ends, or breaks, goes on from the newest version that was seen.
- 410 says that this version is forgotten (compaction, a restart): list anew.
- Whatever else goes wrong is told, and tried again after a pause that doubles up to half a minute,
  at random within it, so that a thousand scalers don't come back in one moment. A right that is
  missing is tried again once a minute: somebody may grant it.
"""

import logging
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from scaler.adapters.kubernetes_api import (
    FORBIDDEN,
    GONE,
    UNAUTHORIZED,
    ApiProblem,
    Document,
    KubernetesApi,
    Resource,
    Watching,
    reason_of,
)
from scaler.ports import ClusterTrouble

logger = logging.getLogger(__name__)

WATCH_SECONDS = 290  # and up to a third more, at random
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
FORBIDDEN_PAUSE_SECONDS = 60.0
# A watch that ends at once was no watch: without a pause it would be a busy loop.
LEAST_PAUSE_SECONDS = 0.05


class Sink(Protocol):
    """What becomes of the objects. Called by the reflector's thread alone."""

    def replace(self, documents: Iterable[Document]) -> None:
        """Take all that there is."""
        ...

    def change(self, document: Document, *, is_deleted: bool) -> None:
        """Take one that is new, has changed, or is gone."""
        ...


class Reports(Protocol):
    """Where a reflector tells how it goes."""

    def contact(self) -> None:
        """Note that the server has answered: what the sink holds is current."""
        ...

    def trouble(self, problem: ApiProblem) -> None:
        """Note a call that failed."""
        ...


class Reflector:
    """Keeps a sink up to date with one collection, in a thread of its own, until it is stopped."""

    def __init__(
        self,
        api: KubernetesApi,
        resource: Resource,
        sink: Sink,
        reports: Reports,
        *,
        selector: str = "",
        pause: Callable[[float], float] = lambda longest: random.uniform(0, longest),  # noqa: S311 - jitter
    ) -> None:
        self.resource = resource
        self.selector = selector
        self.n_lists = 0
        self._api = api
        self._sink = sink
        self._reports = reports
        self._pause = pause
        self._stopping = threading.Event()
        self._watching: Watching | None = None
        self._failures = 0
        self._version = ""
        self._thread = threading.Thread(
            target=self._run, name=f"watch {resource.plural} {resource.namespace}", daemon=True
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End soon; returns at once."""
        self._stopping.set()
        watching = self._watching
        if watching is not None:
            watching.stop()

    def join(self, seconds: float) -> None:
        """Wait for its end, so long at most."""
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._version:
                    self._watch()
                else:
                    self._list()
            except ApiProblem as problem:
                self._recover(problem)
            except Exception:  # a document that nobody thought of must not end the thread
                logger.exception("watch failed", extra={"resource": self.resource.plural})
                self._version = ""
                self._wait(LONGEST_PAUSE_SECONDS)

    def _recover(self, problem: ApiProblem) -> None:
        if self._stopping.is_set():
            return
        if problem.status == GONE:
            self._version = ""
            self._wait(LEAST_PAUSE_SECONDS)
            return
        self._reports.trouble(problem)
        self._back_off(problem)

    def _list(self) -> None:
        """Hand all objects over, page by page, and go on from the list's version."""
        self.n_lists += 1
        versions: list[str] = []
        self._sink.replace(self._documents(versions))
        self._version = versions[0]
        if not self._version:
            raise self._problem({"message": "a list without a resourceVersion"})
        self._note_contact()

    def _documents(self, versions: list[str]) -> Iterator[Document]:
        token = ""
        while True:
            page = self._api.list_page(self.resource, selector=self.selector, token=token)
            metadata = page.get("metadata") or {}
            versions.append(str(metadata.get("resourceVersion", "")))
            yield from page.get("items") or ()
            token = str(metadata.get("continue") or "")
            if not token:
                return

    def _watch(self) -> None:
        """Hand changes over until the watch ends."""
        seconds = WATCH_SECONDS + int(self._pause(WATCH_SECONDS / 3))
        with self._api.watch(
            self.resource, selector=self.selector, version=self._version, seconds=seconds
        ) as watching:
            self._watching = watching
            if self._stopping.is_set():
                return
            self._note_contact()
            for event in watching:
                if self._stopping.is_set():
                    return
                self._version = self._take(event) or self._version
                self._note_contact()
        self._wait(LEAST_PAUSE_SECONDS)

    def _take(self, event: Document) -> str:
        """Hand one event over and return its version."""
        kind, document = event.get("type"), event.get("object") or {}
        if kind == "ERROR":
            raise self._problem(document)
        if kind != "BOOKMARK":
            self._sink.change(document, is_deleted=kind == "DELETED")
        return str((document.get("metadata") or {}).get("resourceVersion", ""))

    def _problem(self, status: Document) -> ApiProblem:
        code = int(status.get("code") or 0)
        trouble = ClusterTrouble(
            verb="watch",
            group=self.resource.group,
            resource=self.resource.plural,
            namespace=self.resource.namespace,
            reason=reason_of(code),
            message=str(status.get("message", ""))[:500],
        )
        return ApiProblem(code, trouble)

    def _note_contact(self) -> None:
        self._failures = 0
        self._reports.contact()

    def _back_off(self, problem: ApiProblem) -> None:
        if problem.status in {FORBIDDEN, UNAUTHORIZED}:
            longest = FORBIDDEN_PAUSE_SECONDS
        else:
            doubled = FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures, 10)
            longest = min(LONGEST_PAUSE_SECONDS, doubled)
        self._failures += 1
        self._wait(max(LEAST_PAUSE_SECONDS, self._pause(longest)))

    def _wait(self, seconds: float) -> None:
        self._stopping.wait(seconds)
