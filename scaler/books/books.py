"""The books of all targets. The controller calls them at four points and knows no more of them.

1. `recall` before a target's first look: its memory, and the answer to give until that look.
2. `params_of` before each decision: the trigger's, with the mode in force.
3. `note` after each decision: ledger, verdict, notices.
4. `save` once in a while and at the end.

Nothing here may stop a tick: a store that fails is counted, logged when its reason changes, and
tried again; an event that can't be sent is lost.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self
from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry

from scaler.adapters.memory import MemoryEventSink, MemoryStateStore
from scaler.board import Target
from scaler.books.keeper import Keeper
from scaler.books.memory import Memory
from scaler.books.notices import WARNINGS, Said
from scaler.books.page import Page, Sight, from_memory
from scaler.books.records import MODEL, blobs_of, memory_of
from scaler.books.telemetry import BooksTelemetry
from scaler.books.throttle import Throttle
from scaler.ledger.ledger import SECONDS_PER_DAY
from scaler.metadata import Trigger
from scaler.params import TargetParams
from scaler.ports import Blob, Clock, EventSink, Notice, StateStore
from scaler.types import Decision, Evidence, PolicyState, Seen

logger = logging.getLogger(__name__)

SAVE_EVERY_SECONDS = 60.0
SAVE_NEW_AFTER_SECONDS = 5.0  # a target that is new here is remembered soon
PAGES_AT_ONCE = 50  # what is written down before calls get a turn

# (namespace, name) -> whether a person has approved of prediction; None where nobody can tell.
Approvals = Callable[[str, str], bool | None]


def nobody_tells(_namespace: str, _name: str) -> None:
    """Tell nothing: without access to a cluster the trigger's `approved` counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What another part wants remembered: bytes on request, None for nothing new."""

    owner: str
    kind: str
    format: str
    write: Callable[[], bytes | None]


class Books:
    """Keeps a page for each target for as long as that lives."""

    def __init__(
        self,
        store: StateStore,
        events: EventSink,
        clock: Clock,
        telemetry: BooksTelemetry,
        *,
        approvals: Approvals = nobody_tells,
        save_every_seconds: float = SAVE_EVERY_SECONDS,
    ) -> None:
        self._keeper = Keeper(store, clock, telemetry)
        self._events = events
        self._clock = clock
        self._telemetry = telemetry
        self._approvals = approvals
        self._save_every_seconds = save_every_seconds
        self._throttle = Throttle()
        self._pages: WeakKeyDictionary[Target, Page] = WeakKeyDictionary()
        self._records: list[Record] = []
        self._save_due_at = clock.monotonic() + save_every_seconds
        self._saving = asyncio.Lock()

    @classmethod
    def in_memory(cls, clock: Clock) -> Self:
        """Return books that end with their process and are read by nobody: for a single look."""
        telemetry = BooksTelemetry(CollectorRegistry())
        return cls(MemoryStateStore(), MemoryEventSink(), clock, telemetry)

    def remember_also(self, record: Record) -> None:
        """Save `record` with everything else from now on."""
        self._records.append(record)

    async def recall_of(self, owner: str, kind: str, *, form: str) -> bytes | None:
        """Return what a `Record` has saved in an earlier run, None when there is nothing."""
        blob = (await self._keeper.load(owner)).get(kind)
        return blob.payload if blob is not None and blob.format == form else None

    async def recall(self, target: Target, trigger: Trigger) -> Memory:
        """Return what is remembered of a target that is new here. Once for each target."""
        remembered = memory_of(await self._keeper.load(_owner(target)))
        twin = self._newest_of(_owner(target))
        if twin is None:
            memory = remembered
        else:
            # Its mode was changed, or it was: the ledger goes on, the answers stay.
            memory = self._pages[twin].memory()
            memory = replace(memory, model=memory.model or remembered.model)
        page = self._pages[target] = Page.of(trigger.params, memory)
        page.model = None if twin is None else self._pages[twin].model
        soon_at = self._clock.monotonic() + SAVE_NEW_AFTER_SECONDS
        self._save_due_at = min(self._save_due_at, soon_at)
        if memory.kept.state.last_good_replicas is not None:
            logger.info("remembered", extra=_names(target))
        return memory

    def params_of(self, target: Target, trigger: Trigger) -> TargetParams:
        """Return the trigger's params with the mode in force."""
        page = self._pages.get(target)
        if page is None:  # nothing was recalled: as a new one
            page = self._pages[target] = Page.of(trigger.params, Memory())
        return page.in_force

    def evidence(self, target: Target, trigger: Trigger, seen: Seen) -> Seen:
        """Return `seen`, or where nothing was, what memory says: stale, with its age."""
        page = self._pages.get(target)
        if page is None or seen.evidence is not Evidence.UNKNOWN:
            return seen
        within_seconds = trigger.params.history_days * SECONDS_PER_DAY
        return page.kept.as_stale(seen.as_of, within_seconds=within_seconds) or seen

    def note(self, target: Target, state: PolicyState, decision: Decision) -> None:
        """Take in what was decided."""
        page = self._pages[target]
        was_in_force = page.in_force.mode
        key = target.key
        sight = Sight(
            namespace=key.namespace,
            name=key.name,
            problem=target.problem,
            why=target.why,
            is_approved=self._approvals(key.namespace, key.name),
        )
        is_remembered = (
            target.ledger is None
            and decision.seen.evidence is Evidence.STALE
            and page.kept.state.last_good_replicas is not None
        )
        said = page.note(state, decision, sight)
        target.ledger = page.view()
        if is_remembered:
            said = (*said, from_memory(page))
        for each in said:
            self._tell(target, each, decision.seen.as_of)
        if page.in_force.mode is not was_in_force:
            logger.warning(
                "mode in force changed",
                extra={
                    **_names(target),
                    "before": str(was_in_force),
                    "after": str(page.in_force.mode),
                    "why": page.judgement.proof.why,
                },
            )

    def keep_model(self, target: Target, *, form: str, payload: bytes) -> None:
        """Remember a fitted forecaster's state with the next save; it is opaque here."""
        page = self._pages.get(target)
        if page is not None:
            page.model = Blob(format=form, payload=payload, saved_at=self._clock.now())

    def is_save_due(self) -> bool:
        """Whether it is time to save, and nothing is being saved."""
        return not self._saving.locked() and self._clock.monotonic() >= self._save_due_at

    async def save(self) -> None:
        """Write down every page that has changed; the store's troubles end here."""
        async with self._saving:
            self._save_due_at = self._clock.monotonic() + self._save_every_seconds
            blobs, written = await self._written()
            if await self._keeper.save(blobs):
                for page, newest_whole, model in written:
                    page.days_saved_until = newest_whole
                    if model is page.model:  # else a newer one has come meanwhile
                        page.model = None

    async def close(self) -> None:
        """Save what there is, and let go of the store and of the events."""
        await self.save()
        await self._keeper.close()
        await self._events.close()

    async def _written(
        self,
    ) -> tuple[dict[tuple[str, str], Blob], list[tuple[Page, int | None, Blob | None]]]:
        """Return all that is to be saved, and with what each page will then be up to date."""
        at = self._clock.now()
        blobs: dict[tuple[str, str], Blob] = {}
        written: list[tuple[Page, int | None, Blob | None]] = []
        for number, (owner, page) in enumerate(self._current_pages().items()):
            days = page.judgement.ledger.days
            newest_whole = days[-2].number if len(days) > 1 else None
            found = blobs_of(
                page.memory(),
                at=at,
                with_days=newest_whole is not None and newest_whole != page.days_saved_until,
            )
            blobs.update({(owner, kind): blob for kind, blob in found.items()})
            written.append((page, newest_whole, found.get(MODEL)))
            if number % PAGES_AT_ONCE == PAGES_AT_ONCE - 1:
                await asyncio.sleep(0)
        for record in self._records:
            payload = record.write()
            if payload is not None:
                blob = Blob(format=record.format, payload=payload, saved_at=at)
                blobs[record.owner, record.kind] = blob
        return blobs, written

    def _current_pages(self) -> dict[str, Page]:
        """Return one page for each owner: of two rows that share one, the one asked for last."""
        newest: dict[str, Target] = {}
        for target in list(self._pages):
            other = newest.get(_owner(target))
            if other is None or target.asked_at >= other.asked_at:
                newest[_owner(target)] = target
        return {owner: self._pages[target] for owner, target in newest.items()}

    def _newest_of(self, owner: str) -> Target | None:
        twins = [target for target in self._pages if _owner(target) == owner]
        return max(twins, key=lambda target: target.asked_at, default=None)

    def _tell(self, target: Target, said: Said, at: float) -> None:
        key = target.key
        notice = Notice(
            namespace=key.namespace,
            name=key.name,
            reason=said.reason,
            message=said.message,
            is_warning=said.reason in WARNINGS,
        )
        passes = self._throttle.admits(notice, at=at)
        self._telemetry.notices.labels(said.reason, "passed" if passes else "held-back").inc()
        if passes:
            logger.info("notice", extra={**_names(target), "reason": str(said.reason),
                                         "why": said.message})  # fmt: skip
            self._events.publish(notice, at=at)


def _owner(target: Target) -> str:
    key = target.key
    return f"target/{key.namespace}/{key.name}/{target.memory_digest}"


def _names(target: Target) -> dict[str, str]:
    return {
        "scaled_object": f"{target.key.namespace}/{target.key.name}",
        "trigger": target.key.digest,
    }
