"""Every value that an object's field has had, as the API server's own watch tells them.

A look now and then misses what lies between two looks; a watch gives each version that was written.
"""

import threading
from collections.abc import Callable
from itertools import pairwise
from types import TracebackType
from typing import Any, Self

from kubernetes.watch import Watch

TURN_SECONDS = 2  # a watch ends after so long and goes on from where it was


class Trajectory:
    """Follows the objects that `listing` lists, all of one namespace, until it is left."""

    def __init__(
        self, listing: Callable[..., Any], namespace: str, value: Callable[[Any], int | None]
    ) -> None:
        self._listing = listing
        self._namespace = namespace
        self._value = value
        self._values: list[int] = []
        self._failed: Exception | None = None
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.set()
        self._thread.join()

    @property
    def values(self) -> tuple[int, ...]:
        """The values in order, each once in a row. Raises what ended the watch."""
        if self._failed is not None:
            raise self._failed
        return tuple(self._values)

    def forget(self) -> None:
        """Begin anew with the newest value."""
        del self._values[:-1]

    def _follow(self) -> None:
        try:
            version = self._listing(self._namespace).metadata.resource_version
            while not self._left.is_set():
                watch = Watch()
                for event in watch.stream(
                    self._listing,
                    self._namespace,
                    resource_version=version,
                    timeout_seconds=TURN_SECONDS,
                ):
                    self._note(self._value(event["object"]))
                version = watch.resource_version or version
        except Exception as error:  # noqa: BLE001 - told by the thread that asks for the values
            self._failed = error

    def _note(self, value: int | None) -> None:
        if value is not None and (not self._values or self._values[-1] != value):
            self._values.append(value)


def falls(values: tuple[int, ...]) -> list[tuple[int, int]]:
    """Each step down: the value before it and the value after."""
    return [(a, b) for a, b in pairwise(values) if b < a]
