"""What the cluster doesn't answer: named once in the log, and kept while it lasts."""

import logging
import threading

from scaler.adapters.kubernetes_api import ApiProblem
from scaler.ports import ClusterTrouble

logger = logging.getLogger(__name__)

# Whoever writes ScaledObjects chooses what is asked for, and so what may fail.
MAX_TROUBLES = 200

Key = tuple[str, str, str, str]


class Troubles:
    """All troubles of now. Fit for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: dict[Key, ClusterTrouble] = {}

    def note(self, problem: ApiProblem) -> None:
        """Keep a trouble; log it when it is new, or has another reason."""
        trouble = problem.trouble
        key = _key(trouble)
        with self._lock:
            before = self._now.get(key)
            if before is None and len(self._now) >= MAX_TROUBLES:
                return
            self._now[key] = trouble
        if before is None or before.reason != trouble.reason:
            logger.warning("cluster doesn't answer; the rest goes on", extra=_fields(trouble))

    def clear(self, *, group: str, resource: str, namespace: str) -> None:
        """Forget what was wrong with a resource: it has just answered."""
        if not self._now:  # the usual case, without a lock: each event of a watch passes here
            return
        with self._lock:
            over = [key for key in self._now if key[1:] == (group, resource, namespace)]
            for key in over:
                del self._now[key]
        if over:
            logger.info(
                "cluster answers again",
                extra={"resource": resource, "group": group, "in_namespace": namespace},
            )

    def all(self) -> tuple[ClusterTrouble, ...]:
        """Return them."""
        with self._lock:
            return tuple(self._now.values())


def _key(trouble: ClusterTrouble) -> Key:
    return trouble.verb, trouble.group, trouble.resource, trouble.namespace


def _fields(trouble: ClusterTrouble) -> dict[str, str]:
    fields = {
        "verb": trouble.verb,
        "resource": trouble.resource,
        "group": trouble.group,
        "in_namespace": trouble.namespace,
        "reason": trouble.reason,
        "why": trouble.message,
    }
    if trouble.reason == "forbidden":
        fields["missing_rule"] = rule_of(trouble)
    return fields


def rule_of(trouble: ClusterTrouble) -> str:
    """Return the RBAC rule that would permit the call, as YAML."""
    return (
        f'{{apiGroups: ["{trouble.group}"], resources: ["{trouble.resource}"], '
        f'verbs: ["{trouble.verb}"]}}'
    )
