"""Which objects the cluster tells of, and what it told."""

import asyncio
from time import perf_counter

from scaler.board import Board, Target
from scaler.ports import Clock, Cluster
from scaler.settings import ControllerSettings
from scaler.work import Work

LOOK_AGAIN_SECONDS = 0.05


class Following:
    """Follows the objects of the targets in the cluster; without one it does nothing."""

    def __init__(self, cluster: Cluster | None, clock: Clock, settings: ControllerSettings) -> None:
        self._cluster = cluster
        self._clock = clock
        self._settings = settings
        self._followed: set[tuple[str, str]] = set()

    def follow(self, target: Target) -> None:
        """Let the cluster tell of the object. Its triggers share it."""
        name = (target.key.namespace, target.key.name)
        if self._cluster is not None and name not in self._followed:
            self._followed.add(name)
            self._cluster.follow(*name)

    def unfollow_forgotten(self, board: Board) -> None:
        """Stop following what is on the board no more."""
        if self._cluster is None:
            return
        on_board = {(target.key.namespace, target.key.name) for target in board}
        for name in self._followed - on_board:
            self._followed.discard(name)
            self._cluster.forget(*name)

    async def first_look(self, target: Target, within_seconds: float) -> None:
        """Wait for the cluster's first word of the object, for a moment.

        Reading demand takes less time than the first list of a namespace. Without the fleet, the
        first answer after a start would be demand's alone, and could be lower than what runs.
        """
        if self._cluster is None:
            return
        until = perf_counter() + within_seconds
        while perf_counter() < until:
            view = self._cluster.look(target.key.namespace, target.key.name)
            if view is not None and view.fleet is not None:
                return
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def look(self, target: Target, work: Work) -> None:
        """Take in what the cluster tells; it may have told nothing yet."""
        if self._cluster is not None:
            target.view = self._cluster.look(target.key.namespace, target.key.name)
            before = target.snapshot
            work.note_view(
                target.view,
                wanted=0 if before is None else before.decision.predicted_replicas,
                at=self._clock.now(),
                level=self._settings.lead_time_quantile,
            )
        target.lead_seconds = work.lead_seconds

    def glance(self, target: Target) -> None:
        """Take in what runs now, for an answer before the first tick has ended."""
        if target.snapshot is None and self._cluster is not None:
            target.view = self._cluster.look(target.key.namespace, target.key.name)
