"""The only file that imports the Kubernetes client: our six calls, in its words.

Answers stay as JSON. The client's own models cost 20 ms for a pod of a large list, and hold what we
never look at.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from kubernetes import config
from kubernetes.client import ApiClient, Configuration, CoreV1Api, CustomObjectsApi, VersionApi
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from scaler.adapters.kubernetes_api import ApiProblem, Document, Resource, reason_of
from scaler.errors import NoCluster
from scaler.ports import ClusterTrouble
from scaler.workload import Reference

PAGE = 500  # as client-go's
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
# The API server sends a bookmark about once a minute: two missed ones are a dead connection.
SILENCE_SECONDS = 150.0
MAX_LINE_BYTES = 16 * 1024 * 1024  # etcd holds no object above 1.5 MB
CHUNK_BYTES = 64 * 1024
CONNECTIONS = 64


class KubernetesClient:
    """`KubernetesApi` by the official client. Fit for several threads."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        # The client's types ask for models and exclude raw answers.
        self._core: Any = CoreV1Api(client)
        self._custom: Any = CustomObjectsApi(client)

    @classmethod
    def connect(
        cls, *, kubeconfig: str | None = None, context: str | None = None
    ) -> "KubernetesClient":
        """Return a client of the cluster that we run in, or of the one that a kubeconfig names.

        Raises `NoCluster`.
        """
        settings = Configuration()
        load: Any = config  # it has no types
        try:
            if kubeconfig is None and context is None:
                load.load_incluster_config(client_configuration=settings)
            else:
                load.load_kube_config(kubeconfig, context, client_configuration=settings)
        except (config.ConfigException, OSError, ValueError) as exc:
            raise NoCluster(f"{kubeconfig or 'in-cluster configuration'}: {exc}") from exc
        settings.retries = False  # ours back off, and know when to list anew
        settings.connection_pool_maxsize = CONNECTIONS
        client = ApiClient(settings)
        client.user_agent = "prewarm"
        return cls(client)

    @property
    def host(self) -> str:
        """The API server's address."""
        return str(self._client.configuration.host)

    def check(self) -> None:
        """Ask for the server's version, which anyone may. Raises `NoCluster`."""
        version: Any = VersionApi(self._client)
        try:
            version.get_code(_request_timeout=(CONNECT_SECONDS, CONNECT_SECONDS))
        except (ApiException, HTTPError, OSError) as exc:
            raise NoCluster(f"{self.host}: {_told(exc)[1]}") from exc

    def list_page(self, resource: Resource, *, selector: str, token: str) -> Document:
        """Return a page of a list."""
        with _translated("list", resource.group, resource.plural, resource.namespace):
            return self._json(
                self._lister(resource)(
                    **_given(label_selector=selector, _continue=token),
                    limit=PAGE,
                    _request_timeout=(CONNECT_SECONDS, READ_SECONDS),
                    _preload_content=False,
                )
            )

    @contextmanager
    def watch(
        self, resource: Resource, *, selector: str, version: str, seconds: int
    ) -> Iterator["_Stream"]:
        """Return the changes since `version`."""
        with _translated("watch", resource.group, resource.plural, resource.namespace):
            answer = self._lister(resource)(
                **_given(label_selector=selector),
                resource_version=version,
                watch=True,
                allow_watch_bookmarks=True,
                timeout_seconds=seconds,
                _request_timeout=(CONNECT_SECONDS, SILENCE_SECONDS),
                _preload_content=False,
            )
            _raise_for_status(answer)
            stream = _Stream(answer)
            try:
                yield stream
            finally:
                answer.close()

    def read_scale(self, reference: Reference) -> Document:
        """Return a workload's scale subresource."""
        ref = reference
        with _translated("get", ref.group, f"{ref.plural}/scale", ref.namespace):
            return self._json(
                self._custom.get_namespaced_custom_object_scale(
                    ref.group,
                    ref.version,
                    ref.namespace,
                    ref.plural,
                    ref.name,
                    _request_timeout=(CONNECT_SECONDS, READ_SECONDS),
                    _preload_content=False,
                )
            )

    def read_node(self, name: str) -> Document:
        """Return a node."""
        with _translated("get", "", "nodes", ""):
            return self._json(
                self._core.read_node(
                    name,
                    _request_timeout=(CONNECT_SECONDS, READ_SECONDS),
                    _preload_content=False,
                )
            )

    def close(self) -> None:
        """Let connections go."""
        self._client.rest_client.pool_manager.clear()

    def _lister(self, resource: Resource) -> Any:
        if resource.group:
            return lambda **more: self._custom.list_namespaced_custom_object(
                resource.group, resource.version, resource.namespace, resource.plural, **more
            )
        return lambda **more: self._core.list_namespaced_pod(resource.namespace, **more)

    def _json(self, answer: Any) -> Document:
        try:
            _raise_for_status(answer)
            found: Document = json.loads(answer.read())
        finally:
            answer.release_conn()
        return found


class _Stream:
    """The lines of a watch, each a JSON document."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[Document]:
        rest = b""
        for chunk in self._answer.stream(CHUNK_BYTES, decode_content=True):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line:
                    yield json.loads(line)
            if len(rest) > MAX_LINE_BYTES:
                raise ValueError(f"an event of more than {MAX_LINE_BYTES} bytes")

    def stop(self) -> None:
        """End it, also while another thread waits for the next event."""
        # It has ended by itself, or urllib3 is older than 2.3: then it ends with the next event.
        with suppress(ValueError, OSError, AttributeError):
            self._answer.shutdown()


def _given(**named: str) -> Mapping[str, str]:
    return {name: value for name, value in named.items() if value}


def _raise_for_status(answer: Any) -> None:
    if answer.status >= 300:  # noqa: PLR2004 - HTTP's own line
        body = answer.read(65_536).decode(errors="replace")
        raise ApiException(status=answer.status, reason=_message(body) or answer.reason)


def _message(body: str) -> str:
    """Return the message of a Status object, or the start of whatever else it is."""
    try:
        status = json.loads(body)
    except ValueError:
        return body[:200]
    return str(status.get("message", ""))[:500] if isinstance(status, dict) else ""


@contextmanager
def _translated(verb: str, group: str, resource: str, namespace: str) -> Iterator[None]:
    try:
        yield
    except (ApiException, HTTPError, OSError, ValueError) as exc:
        status, message = _told(exc)
        reason = "bad-answer" if isinstance(exc, ValueError) else reason_of(status)
        trouble = ClusterTrouble(
            verb=verb,
            group=group,
            resource=resource,
            namespace=namespace,
            reason=reason,
            message=message,
        )
        raise ApiProblem(status, trouble) from exc


def _told(exc: Exception) -> tuple[int, str]:
    if isinstance(exc, ApiException):
        found: Any = exc.body  # text, or bytes in older clients
        body = found.decode(errors="replace") if isinstance(found, bytes) else found or ""
        return int(exc.status or 0), _message(body) or str(exc.reason)
    return 0, f"{type(exc).__name__}: {exc}"[:500]
