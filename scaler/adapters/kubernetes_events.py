"""An EventSink that makes Kubernetes Events on ScaledObjects: `kubectl describe` shows them.

A thread of its own sends them, so that nobody waits for the API server. What doesn't fit into the
queue, or isn't taken within `TIMEOUT_SECONDS`, is lost: an event is news, not a record.

Rights: create events (events.k8s.io), and get scaledobjects (keda.sh) for the uid that ties an
event to its object. Without the second, events are made without a uid, and `kubectl get events`
shows them while `kubectl describe` may not.
"""

import json
import logging
import queue
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import kubernetes.client
import kubernetes.config
import urllib3.exceptions
from kubernetes.client.exceptions import ApiException

from scaler.ports import Notice

logger = logging.getLogger(__name__)

MAX_WAITING = 500
TIMEOUT_SECONDS = 5.0
CLOSE_SECONDS = 3.0
MAX_NOTE = 1_024  # what the API takes
KEDA = ("keda.sh", "v1alpha1")
CONTROLLER = "keda-prewarm"
NOT_FOUND, FORBIDDEN = 404, 403


class NoCluster(Exception):  # noqa: N818 - named after what is missing
    """No way to reach a cluster is configured."""


class KubernetesEventSink:
    """Sends notices as events through the official client."""

    def __init__(
        self,
        api_client: Any,
        *,
        on_sent: Callable[[str], None] = lambda _outcome: None,
        instance: str | None = None,
    ) -> None:
        self._events = kubernetes.client.EventsV1Api(api_client)
        self._objects = kubernetes.client.CustomObjectsApi(api_client)
        self._instance = (instance or socket.gethostname())[:128]
        self._on_sent = on_sent
        self._waiting: queue.Queue[tuple[Notice, float] | None] = queue.Queue(MAX_WAITING)
        self._trouble = ""
        self._is_closing = False
        self._thread = threading.Thread(target=self._send_all, name="events", daemon=True)
        self._thread.start()

    def publish(self, notice: Notice, *, at: float) -> None:
        """Queue a notice."""
        try:
            self._waiting.put_nowait((notice, at))
        except queue.Full:
            self._on_sent("dropped")

    async def close(self) -> None:
        """Give what is waiting a few seconds to be sent."""
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            self._is_closing = True  # nothing is sent that fast: what waits is lost
        # A short wait at the very end of the process; a thread that hangs is a daemon.
        self._thread.join(CLOSE_SECONDS)

    def _send_all(self) -> None:
        while (entry := self._waiting.get()) is not None and not self._is_closing:
            outcome, trouble = self._outcome(*entry)
            self._on_sent(outcome)
            self._note_trouble(trouble)

    def _outcome(self, notice: Notice, at: float) -> tuple[str, str]:
        """Send one notice; return what became of it, and in words what went wrong."""
        try:
            self._send(notice, at)
        except ApiException as exc:
            return "refused", f"{exc.status} {_message_of(exc)}"
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            return "unreachable", str(exc)
        except Exception:  # an event must never end the thread
            logger.exception("event failed")
            return "failed", ""
        return "sent", ""

    def _send(self, notice: Notice, at: float) -> None:
        moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        regarding = {
            "apiVersion": "/".join(KEDA),
            "kind": "ScaledObject",
            "namespace": notice.namespace,
            "name": notice.name,
        }
        uid = self._uid(notice.namespace, notice.name)
        if uid:
            regarding["uid"] = uid
        body: Any = {  # the client takes dictionaries, and its types say otherwise
            "metadata": {
                "generateName": f"{notice.name[:200].rstrip('.-')}-",
                "namespace": notice.namespace,
            },
            "eventTime": moment,
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "action": "Scale",
            "reason": notice.reason,
            "note": notice.message[:MAX_NOTE],
            "type": "Warning" if notice.is_warning else "Normal",
            "regarding": regarding,
        }
        self._events.create_namespaced_event(
            notice.namespace, body, _request_timeout=TIMEOUT_SECONDS
        )

    def _uid(self, namespace: str, name: str) -> str:
        """Return the object's uid, empty where it can't be read."""
        try:
            found: Any = self._objects.get_namespaced_custom_object(
                *KEDA, namespace, "scaledobjects", name, _request_timeout=TIMEOUT_SECONDS
            )
        except ApiException as exc:
            if exc.status in {FORBIDDEN, NOT_FOUND}:
                return ""
            raise
        return str(found.get("metadata", {}).get("uid", ""))

    def _note_trouble(self, trouble: str) -> None:
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble:
            logger.warning("events can't be made", extra={"why": trouble})
        else:
            logger.info("events can be made again")


def _message_of(error: ApiException) -> str:
    """Return the API server's own words, which name the right that is missing."""
    try:
        return str(json.loads(error.body or "")["message"])[:500]
    except (ValueError, TypeError, KeyError):
        return str(error.reason)


def cluster_client() -> Any:
    """Return a client for the cluster that this process runs in, else for the current kubeconfig.

    Raises `NoCluster` where there is neither.
    """
    configuration = kubernetes.client.Configuration()
    try:
        kubernetes.config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
    except kubernetes.config.ConfigException:
        try:
            kubernetes.config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except kubernetes.config.ConfigException as exc:
            raise NoCluster(
                "no service account is mounted here and no kubeconfig was found; let the pod mount "
                "its service account token, or set KUBECONFIG"
            ) from exc
    configuration.retries = False
    return kubernetes.client.ApiClient(configuration)
