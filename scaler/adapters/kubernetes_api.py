"""What the adapter asks of the Kubernetes API: six calls, and what they may answer instead.

Free of any client, so that list and watch can be tested without one.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from scaler.ports import ClusterTrouble
from scaler.workload import Reference

Document: TypeAlias = Mapping[str, Any]

FORBIDDEN, NOT_FOUND, GONE = 403, 404, 410
UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Resource:
    """A collection in one namespace."""

    group: str
    version: str
    plural: str
    namespace: str

    @classmethod
    def pods(cls, namespace: str) -> "Resource":
        """Return the pods of a namespace."""
        return cls("", "v1", "pods", namespace)

    @classmethod
    def scaled_objects(cls, namespace: str) -> "Resource":
        """Return the ScaledObjects of a namespace."""
        return cls("keda.sh", "v1alpha1", "scaledobjects", namespace)


class ApiProblem(Exception):  # noqa: N818 - named after what it is
    """An answer that is none. `status` is HTTP's, 0 where there was no answer at all."""

    def __init__(self, status: int, trouble: ClusterTrouble) -> None:
        super().__init__(trouble.message)
        self.status = status
        self.trouble = trouble


class Watching(Protocol):
    """Events of a watch, until the server ends it; `stop` ends it from another thread."""

    def __iter__(self) -> Iterator[Document]: ...

    def stop(self) -> None:
        """End it; whoever reads gets no more."""
        ...


class KubernetesApi(Protocol):
    """Reads only. Every method raises `ApiProblem` and nothing else."""

    def list_page(self, resource: Resource, *, selector: str, token: str) -> Document:
        """Return a page of a list; `token` is the `continue` of the page before, or empty."""
        ...

    def watch(
        self, resource: Resource, *, selector: str, version: str, seconds: int
    ) -> AbstractContextManager[Watching]:
        """Return the changes since `version`, bookmarks among them, for about so long."""
        ...

    def read_scale(self, reference: Reference) -> Document:
        """Return a workload's scale subresource."""
        ...

    def read_node(self, name: str) -> Document:
        """Return a node."""
        ...

    def close(self) -> None:
        """Let connections go."""
        ...


def reason_of(status: int) -> str:
    """Return the word for a metric label."""
    if status in {UNAUTHORIZED, FORBIDDEN}:
        return "forbidden"
    return "unreachable" if status == 0 else "refused"
