"""The turns of one server, shared fairly among those who ask (a query's `owner`, a namespace).

Owners are served in rotation, the reads of one owner in their order. An owner gets another turn
only while it holds fewer than are free, the rule by which switches share a buffer (Choudhury &
Hahne 1998): of 8 turns the first owner gets 4, a second one 2, a third one 1, and as turns come
back all of them get equally many. So a hundred heavy queries of one namespace leave turns free for
a neighbour that comes later, instead of letting it wait until one of them times out. The price is
that an owner that is alone uses half.
"""

import asyncio
from collections import Counter, OrderedDict, deque

from scaler.destinations import shown
from scaler.errors import HistoryUnavailable

MAX_NAMED_OWNERS = 3


class Turns:
    """Used from one event loop. `take` is followed by `give_back`."""

    def __init__(self, name: str, *, n_turns: int, wait_seconds: float) -> None:
        self._name = name
        self._n_turns = n_turns
        self._wait_seconds = wait_seconds
        self._held: Counter[str] = Counter()
        # The owner that was served longest ago stands first.
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def take(self, owner: str) -> None:
        """Wait for a turn. Raises HistoryUnavailable("busy") when none came in time."""
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(place)
        self._serve()
        try:
            await asyncio.wait((place,), timeout=self._wait_seconds)
        except asyncio.CancelledError:
            self._withdraw(owner, place)
            raise
        if not place.done():
            busy = self._busy()
            self._withdraw(owner, place)
            raise busy

    def give_back(self, owner: str) -> None:
        """Let the next one have the turn."""
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        self._serve()

    def _serve(self) -> None:
        while (owner := self._next_owner()) is not None:
            places = self._waiting.pop(owner)
            places.popleft().set_result(None)
            self._held[owner] += 1
            if places:
                self._waiting[owner] = places  # behind the others

    def _next_owner(self) -> str | None:
        free = self._n_turns - self._held.total()
        return next((owner for owner in self._waiting if self._held[owner] < free), None)

    def _withdraw(self, owner: str, place: "asyncio.Future[None]") -> None:
        if place.done():  # it was cancelled in the moment in which it was served
            self.give_back(owner)
            return
        places = self._waiting[owner]
        places.remove(place)
        if not places:
            del self._waiting[owner]

    def _busy(self) -> HistoryUnavailable:
        waiting = Counter({owner: len(places) for owner, places in self._waiting.items()})
        named = waiting.most_common(MAX_NAMED_OWNERS)
        whose = [f"{n} of {shown(owner) or 'no namespace'}" for owner, n in named]
        others = waiting.total() - sum(n for _, n in named)
        whose += [f"{others} of others"] if others else []
        message = (
            f"{self._name}: no turn within {self._wait_seconds:g} s; {waiting.total()} reads wait "
            f"({', '.join(whose)}) while {self._held.total()} run (requests_at_once is "
            f"{self._n_turns})"
        )
        return HistoryUnavailable("busy", message)
