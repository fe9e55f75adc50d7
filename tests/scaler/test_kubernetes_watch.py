"""List and watch against a server that answers what a test says, in the order that it says it."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from scaler.adapters import kubernetes_watch
from scaler.adapters.kubernetes_api import ApiProblem, Document, Resource
from scaler.adapters.kubernetes_nodes import Nodes
from scaler.adapters.kubernetes_troubles import Troubles
from scaler.adapters.kubernetes_watch import Reflector
from scaler.ports import ClusterTrouble
from scaler.workload import Reference

PODS = Resource.pods("llm")


def problem(status: int, verb: str = "list") -> ApiProblem:
    trouble = ClusterTrouble(
        verb=verb, group="", resource="pods", namespace="llm",
        reason="forbidden" if status == 403 else "refused", message=f"told to answer {status}",
    )  # fmt: skip
    return ApiProblem(status, trouble)


def page(version: str, *names: str, more: str = "") -> Document:
    items = [{"metadata": {"name": name}} for name in names]
    return {"metadata": {"resourceVersion": version, "continue": more}, "items": items}


def event(kind: str, version: str, name: str = "") -> Document:
    return {"type": kind, "object": {"metadata": {"name": name, "resourceVersion": version}}}


class Script:
    """A `KubernetesApi` and the sink behind it, with all that happened in one list."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)
        self.calls: list[tuple[str, ...]] = []
        self.names: set[str] = set()
        self.n_contacts = 0
        self.pauses: list[float] = []
        self.done = threading.Event()

    def _next(self, *call: str) -> Any:
        self.calls.append(call)
        if not self._answers:
            self.done.set()
            raise problem(0)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def list_page(self, resource: Resource, *, selector: str, token: str) -> Document:
        found: Document = self._next("list", resource.plural, selector, token)
        return found

    @contextmanager
    def watch(
        self, resource: Resource, *, selector: str, version: str, seconds: int
    ) -> Iterator[Any]:
        assert seconds >= kubernetes_watch.WATCH_SECONDS
        events = self._next("watch", resource.plural, selector, version)

        class Events:
            def __iter__(self) -> Iterator[Document]:
                for each in events:
                    if isinstance(each, Exception):
                        raise each
                    yield each

            def stop(self) -> None: ...

        yield Events()

    def read_scale(self, reference: Reference) -> Document:
        raise AssertionError(reference)

    def read_node(self, name: str) -> Document:
        found: Document = self._next("node", name)
        return found

    def close(self) -> None: ...

    def replace(self, documents: Iterable[Document]) -> None:
        self.names = {document["metadata"]["name"] for document in documents}

    def change(self, document: Document, *, is_deleted: bool) -> None:
        name = document["metadata"]["name"]
        if name == "poison":
            raise KeyError(name)
        (self.names.discard if is_deleted else self.names.add)(name)

    def contact(self) -> None:
        self.n_contacts += 1

    def trouble(self, found: ApiProblem) -> None:
        self.calls.append(("trouble", str(found.status)))


def played(script: Script) -> Script:
    """Let a reflector run until the script is at its end."""

    def pause(longest: float) -> float:
        if longest != kubernetes_watch.WATCH_SECONDS / 3:
            script.pauses.append(longest)
        return 0.0

    reflector = Reflector(script, PODS, script, script, selector="app=x", pause=pause)
    reflector.start()
    assert script.done.wait(20)
    reflector.stop()
    reflector.join(20)
    return script


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_watch, "LEAST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(kubernetes_watch, "LONGEST_PAUSE_SECONDS", 0.01)


def test_a_list_is_read_page_by_page_and_watched_from_its_first_version() -> None:
    script = played(Script(page("7", "a", more="next"), page("9", "b"), []))
    assert script.calls[:3] == [
        ("list", "pods", "app=x", ""), ("list", "pods", "app=x", "next"),
        ("watch", "pods", "app=x", "7"),
    ]  # fmt: skip
    assert script.names == {"a", "b"}


def test_a_watch_goes_on_where_the_last_one_ended_bookmarks_included() -> None:
    script = played(
        Script(
            page("7", "a"),
            [event("ADDED", "8", "b"), event("DELETED", "9", "a"), event("BOOKMARK", "50")],
            [event("MODIFIED", "51", "c"), problem(0, "watch")],
            [],
        )
    )
    watches = [call[3] for call in script.calls if call[0] == "watch"]
    assert watches[:3] == ["7", "50", "51"], "also after one that broke"
    assert script.names == {"b", "c"}
    assert script.calls.count(("list", "pods", "app=x", "")) == 1


@pytest.mark.parametrize(
    "expired",
    [
        [problem(410, "watch")],
        [[{"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}]],
    ],
)
def test_a_version_that_is_forgotten_means_a_new_list_and_no_trouble(expired: list[Any]) -> None:
    script = played(Script(page("7", "gone"), *expired, page("90", "new"), []))
    assert [call[0] for call in script.calls[:4]] == ["list", "watch", "list", "watch"]
    assert script.names == {"new"}
    assert ("trouble", "410") not in script.calls


def test_a_list_that_expires_between_pages_begins_anew_and_loses_nothing_meanwhile() -> None:
    script = Script(
        page("7", "a", "b"), problem(410), page("8", "x", more="more"), problem(410),
        page("9", "c"), [],
    )  # fmt: skip
    played(script)
    assert script.names == {"c"}
    assert [c[3] for c in script.calls if c[0] == "list"] == ["", "", "more", ""]


def test_a_list_that_breaks_half_way_changes_nothing() -> None:
    script = Script(page("7", "a"), problem(410, "watch"), page("8", "x", more="more"))
    played(script)  # the second page is never answered
    assert script.names == {"a"}


def test_a_list_without_a_version_is_trouble_and_no_busy_loop() -> None:
    script = played(Script(page("", "a"), page("", "a"), page("7", "b"), []))
    assert script.pauses[:2] == [0.01, 0.01], "bounded by this file's fixture"
    assert script.names == {"b"}


def test_pauses_double_up_to_a_bound_and_begin_anew_after_an_answer() -> None:
    script = Script(*[problem(500)] * 9, page("7"), problem(500, "watch"), problem(500, "watch"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kubernetes_watch, "LONGEST_PAUSE_SECONDS", 30.0)
        played(script)
    expected = [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 0.5, 1]
    assert script.pauses[: len(expected)] == expected


def test_a_missing_right_is_asked_for_again_after_a_minute_at_most() -> None:
    script = played(Script(problem(403), page("7", "a")))
    assert script.pauses[0] == kubernetes_watch.FORBIDDEN_PAUSE_SECONDS
    assert ("trouble", "403") in script.calls
    assert script.names == {"a"}


def test_a_document_that_nobody_thought_of_does_not_end_the_thread(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script = played(Script(page("7"), [event("ADDED", "8", "poison")], page("9", "a"), []))
    assert script.names == {"a"}
    assert "watch failed" in caplog.text


def test_every_word_of_the_server_counts_as_contact() -> None:
    script = played(Script(page("7"), [event("BOOKMARK", "8"), event("BOOKMARK", "9")]))
    assert script.n_contacts == 1 + 1 + 2  # the list, the watch, two bookmarks


def test_a_node_is_read_once_and_not_asked_for_in_vain() -> None:
    node = {"metadata": {"creationTimestamp": "2026-01-05T12:00:00Z", "labels": {}}}
    at = [0.0]
    script = Script(node, problem(404), problem(403), node)
    troubles = Troubles()
    nodes = Nodes(script, troubles, lambda: at[0])
    assert nodes.get("a") is not None
    assert nodes.get("a") is not None
    assert nodes.get("gone") is None
    assert troubles.all() == (), "a node that is gone is no trouble"
    assert [nodes.get("b"), nodes.get("b"), nodes.get("c")] == [None, None, None]
    assert len(script.calls) == 3
    assert [trouble.reason for trouble in troubles.all()] == ["forbidden"]
    at[0] = 301.0
    assert nodes.get("b") is not None
    assert len(script.calls) == 4


def test_threads_end_when_they_are_told() -> None:
    gate: queue.Queue[Document] = queue.Queue()

    class Waiting(Script):
        @contextmanager
        def watch(self, *_: Any, **__: Any) -> Iterator[Any]:
            class Events:
                def __iter__(self) -> Iterator[Document]:
                    yield gate.get(timeout=20)

                def stop(self) -> None:
                    gate.put(event("BOOKMARK", "8"))

            self.done.set()
            yield Events()

    script = Waiting(page("7"))
    reflector = Reflector(script, PODS, script, script)
    reflector.start()
    assert script.done.wait(20)
    stop: Callable[[], None] = reflector.stop
    stop()
    reflector.join(20)
    assert not reflector._thread.is_alive()
