"""The client against a server that answers badly, over a real socket."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scaler.adapters import kubernetes as client_file
from scaler.adapters.kubernetes import KubernetesClient
from scaler.adapters.kubernetes_api import ApiProblem, Resource
from scaler.workload import Reference

PODS = Resource.pods("llm")
Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class Server:
    """Answers each request as it is told."""

    def __init__(self) -> None:
        self.answer: Answer = lambda _: None
        self.paths: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.paths.append(self.path)
                outer.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                del format, args

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        self.address = f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def client(server: Server, tmp_path: Path) -> Iterator[KubernetesClient]:
    path = tmp_path / "kubeconfig"
    named = {"name": "x", "context": {"cluster": "x", "user": "x"}}
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1", "kind": "Config", "current-context": "x", "contexts": [named],
                "clusters": [{"name": "x", "cluster": {"server": server.address}}],
                "users": [{"name": "x", "user": {}}],
            }
        )
    )  # fmt: skip
    found = KubernetesClient.connect(kubeconfig=str(path))
    yield found
    found.close()


def body(status: int, text: str) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text.encode())

    return answer


def stream(*lines: str, then: Callable[[], None] = lambda: None, is_ended: bool = True) -> Answer:
    """Chunks of a watch; one that isn't ended breaks off."""

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for line in lines:
            handler.wfile.write(f"{len(line):x}\r\n{line}\r\n".encode())
        handler.wfile.flush()
        then()
        if is_ended:
            handler.wfile.write(b"0\r\n\r\n")
        else:
            handler.close_connection = True

    return answer


@pytest.mark.parametrize(
    ("answer", "status", "reason", "words"),
    [
        (body(200, "<html>a portal</html>"), 0, "bad-answer", ""),
        (body(500, "boom"), 500, "refused", "boom"),
        (body(401, '{"message": "Unauthorized"}'), 401, "forbidden", "Unauthorized"),
        (body(403, '{"message": "pods is forbidden: ..."}'), 403, "forbidden", "is forbidden"),
        (body(410, '{"message": "too old", "code": 410}'), 410, "refused", "too old"),
        (body(302, ""), 302, "refused", ""),
    ],
)
def test_an_answer_that_is_none_is_a_problem_with_a_reason(  # noqa: PLR0917 - a table's columns
    server: Server, client: KubernetesClient, answer: Answer, status: int, reason: str, words: str
) -> None:
    server.answer = answer
    with pytest.raises(ApiProblem) as caught:
        client.list_page(PODS, selector="app=x", token="")
    trouble = caught.value.trouble
    assert (caught.value.status, trouble.reason) == (status, reason)
    assert (trouble.verb, trouble.resource, trouble.namespace) == ("list", "pods", "llm")
    assert words in trouble.message
    assert len(server.paths) == 1, "no retries of its own"


def watch(client: KubernetesClient) -> list[str]:
    with client.watch(PODS, selector="", version="7", seconds=60) as watching:
        return [str(event["type"]) for event in watching]


def test_events_are_read_whole_however_they_arrive(
    server: Server, client: KubernetesClient
) -> None:
    server.answer = stream('{"type": "ADD', 'ED"}\n{"type": "MODIFIED"}\n\n{"type"', ': "X"}\n')
    assert watch(client) == ["ADDED", "MODIFIED", "X"]
    [path] = server.paths
    assert "watch=True" in path or "watch=true" in path
    assert "allowWatchBookmarks=" in path
    assert "resourceVersion=7" in path


def test_a_watch_that_breaks_off_is_a_problem_and_not_an_end(
    server: Server, client: KubernetesClient
) -> None:
    server.answer = stream('{"type": "ADDED"}\n', is_ended=False)
    with pytest.raises(ApiProblem) as caught:
        watch(client)
    assert (caught.value.status, caught.value.trouble.reason) == (0, "unreachable")


def test_an_event_without_end_is_refused(
    server: Server, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_file, "MAX_LINE_BYTES", 1_000)
    server.answer = stream(*["x" * 600] * 3)
    with pytest.raises(ApiProblem) as caught:
        watch(client)
    assert caught.value.trouble.reason == "bad-answer"


def test_a_connection_that_has_died_is_noticed(
    server: Server, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_file, "SILENCE_SECONDS", 0.3)
    let_go = threading.Event()
    server.answer = stream('{"type": "ADDED"}\n', then=lambda: let_go.wait(20) and None)
    with pytest.raises(ApiProblem) as caught:
        watch(client)
    let_go.set()
    assert caught.value.trouble.reason == "unreachable"


def test_a_watch_can_be_ended_from_another_thread(server: Server, client: KubernetesClient) -> None:
    let_go = threading.Event()
    server.answer = stream('{"type": "ADDED"}\n', then=lambda: let_go.wait(20) and None)
    ended = threading.Event()

    def read() -> None:
        try:
            with client.watch(PODS, selector="", version="7", seconds=60) as watching:
                for _ in watching:
                    threading.Thread(target=watching.stop).start()
        except ApiProblem:
            pass
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    assert ended.wait(15)
    let_go.set()


def test_names_that_a_user_chose_can_not_leave_their_place_in_the_path(
    server: Server, client: KubernetesClient
) -> None:
    server.answer = body(404, "{}")
    for name in ("../../secrets/x", "a/b?watch=1", "a#b"):
        with pytest.raises(ApiProblem):
            client.read_scale(Reference("llm", "apps", "v1", "deployments", name))
    for path in server.paths:
        assert path.startswith("/apis/apps/v1/namespaces/llm/deployments/")
        assert path.endswith("/scale")
        assert path.count("/") == 8
