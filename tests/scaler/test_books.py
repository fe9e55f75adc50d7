"""Memory, modes and notices through a real scaler: what a restart keeps, and what it must not."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from forecasting.series import Series
from rig import DAY_SECONDS, MONDAY_AT, Rig, StartRig, steady
from scaler.adapters.memory import (
    ManualClock,
    MemoryEventSink,
    MemoryHistorySource,
    MemoryStateStore,
)
from scaler.adapters.state_sqlite import SqliteStateStore
from scaler.board import Board, Target
from scaler.books.books import Books, Record
from scaler.books.memory import Judgement, Kept, Memory
from scaler.books.records import DAYS, DECISION, LEDGER, blobs_of, memory_of
from scaler.books.telemetry import BooksTelemetry
from scaler.ledger.ledger import Ledger, Tick
from scaler.ledger.view import LedgerView
from scaler.metadata import Trigger
from scaler.params import Mode
from scaler.ports import Blob, StateStore
from scaler.settings import ControllerSettings
from scaler.types import Decision, Evidence, PolicyState
from webclient import get

NOON = MONDAY_AT + DAY_SECONDS / 2

NextStore = Callable[[], Awaitable[StateStore]]


@pytest.fixture(params=["memory", "sqlite"])
def next_store(request: pytest.FixtureRequest, tmp_path: Path) -> NextStore:
    """Open the same memory for the next scaler; each closes what it was given."""
    memory = MemoryStateStore()

    async def again() -> StateStore:
        if request.param == "memory":
            memory.reopen()
            return memory
        return await SqliteStateStore.opened(tmp_path / "state")

    return again


def target_of(rig: Rig, name: str = "llm") -> Target:
    return [target for target in rig.service.board if target.key.name == name][-1]


def ledger_of(rig: Rig) -> LedgerView:
    ledger = target_of(rig).ledger
    assert ledger is not None
    return ledger


def metrics_of(rig: Rig) -> str:
    return f"http://127.0.0.1:{rig.service.http_port}/metrics"


def decision_of(rig: Rig) -> Decision:
    snapshot = target_of(rig).snapshot
    assert snapshot is not None
    return snapshot.answer(rig.clock.monotonic())


def down() -> MemoryHistorySource:
    source = MemoryHistorySource({"demand": steady(42.0, end_at=NOON)})
    source.fail()
    return source


@pytest.mark.parametrize(("on_stale", "want"), [("hold", 5), ("floor", 1)], ids=["hold", "floor"])
async def test_with_prometheus_down_at_the_start_memory_answers_as_on_stale_says(
    start_rig: StartRig, next_store: NextStore, on_stale: str, want: int
) -> None:
    keys = {"onStale": on_stale, "warmFloor": "1"}
    async with start_rig(store=await next_store()) as rig:
        assert await rig.observe(rig.ref(**keys)) == 5
    events = MemoryEventSink()
    async with start_rig(
        source=down(), start_at=NOON + 120, store=await next_store(), events=events
    ) as rig:
        assert await rig.value(rig.ref(**keys)) == want
        assert await rig.observe(rig.ref(**keys)) == want
        seen = decision_of(rig).seen
        assert seen.evidence is Evidence.STALE, "a good answer, two minutes old, is never fresh"
        assert (seen.observed_demand, seen.forecast) == (42.0, None)
        assert NOON - 60 <= seen.observed_at <= NOON + 15
        assert [n.reason for _, n in events.notices] == ["AnsweringFromMemory"]


async def test_on_stale_error_says_so_from_memory_too(
    start_rig: StartRig, next_store: NextStore
) -> None:
    async with start_rig(store=await next_store()) as rig:
        await rig.observe(rig.ref(onStale="error"))
    async with start_rig(source=down(), start_at=NOON + 60, store=await next_store()) as rig:
        await rig.service.controller.idle()
        with pytest.raises(Exception, match="UNAVAILABLE"):
            await rig.observe(rig.ref(onStale="error"))


async def test_while_the_source_hangs_the_first_answer_is_memory_s_and_not_the_floor(
    start_rig: StartRig, next_store: NextStore
) -> None:
    async with start_rig(store=await next_store()) as rig:
        assert await rig.observe(rig.ref(warmFloor="1")) == 5
    async with start_rig(start_at=NOON + 60, store=await next_store()) as rig:
        rig.source.hang()
        assert await rig.value(rig.ref(warmFloor="1")) == 5
        assert await rig.active(rig.ref(warmFloor="1")) is True


async def test_fresh_evidence_counts_at_once_whatever_memory_says(
    start_rig: StartRig, next_store: NextStore
) -> None:
    async with start_rig(store=await next_store()) as rig:
        assert await rig.observe(rig.ref(mode="observe")) == 5
    quiet = MemoryHistorySource({"demand": steady(0.0, end_at=NOON + 7_200)})
    async with start_rig(source=quiet, start_at=NOON + 60, store=await next_store()) as rig:
        assert await rig.value(rig.ref(mode="observe")) == 0, "not held from before the restart"
        assert decision_of(rig).seen.evidence is Evidence.FRESH


async def test_what_was_observed_too_long_ago_is_unknown_again(
    start_rig: StartRig, next_store: NextStore
) -> None:
    async with start_rig(store=await next_store()) as rig:
        await rig.observe(rig.ref(historyDays="2"))
    async with start_rig(
        source=down(), start_at=NOON + 3 * DAY_SECONDS, store=await next_store()
    ) as rig:
        await rig.observe(rig.ref(historyDays="2"))
        assert decision_of(rig).seen.evidence is Evidence.UNKNOWN


async def test_a_restart_costs_the_ledger_only_the_time_without_a_scaler(
    start_rig: StartRig, next_store: NextStore
) -> None:
    async with start_rig(store=await next_store()) as rig:
        await rig.observe(rig.ref())
        await rig.tick(19)
        whole = ledger_of(rig)
    assert whole.total.known_seconds == 20 * 15
    async with start_rig(store=await next_store(), start_at=NOON + 20 * 15 + 900) as rig:
        await rig.observe(rig.ref())
        resumed = ledger_of(rig)
        assert resumed.since_at == whole.since_at
        gap = resumed.at - whole.at
        total = resumed.total
        assert total.known_seconds + total.unknown_seconds == whole.total.known_seconds + gap
        # What was seen last counted as fresh for five minutes; then nobody looked.
        assert 900 - 300 - 15 <= total.unknown_seconds <= 900 - 300 + 60


async def test_stopped_and_started_again_between_two_ticks_the_ledger_is_as_if_never_stopped(
    start_rig: StartRig, next_store: NextStore
) -> None:
    source = MemoryHistorySource({"demand": steady(42.0, end_at=NOON + 3_600)})
    async with start_rig(source=source) as rig:
        await rig.observe(rig.ref())
        await rig.tick(20)
        never = ledger_of(rig)
    async with start_rig(source=source, store=await next_store()) as rig:
        await rig.observe(rig.ref())
        await rig.tick(9)
        stopped_at = rig.clock.now()
    async with start_rig(source=source, store=await next_store(), start_at=stopped_at) as rig:
        await rig.value(rig.ref())
        await rig.settle()
        await rig.tick(11)
        again = ledger_of(rig)
    assert (again.total, again.days, again.at) == (never.total, never.days, never.at)


async def test_a_change_of_mode_keeps_the_ledger_and_a_change_of_the_query_does_not(
    start_rig: StartRig,
) -> None:
    async with start_rig() as rig:
        rig.source.put("other", steady(42.0, end_at=NOON + 7_200))
        await rig.observe(rig.ref(mode="observe"))
        await rig.tick(10)
        since_at = ledger_of(rig).since_at
        await rig.observe(rig.ref(mode="predict"))
        assert ledger_of(rig).since_at == since_at
        assert ledger_of(rig).mode_in_force is Mode.PREDICT
        await rig.observe(rig.ref(query="other"))
        assert ledger_of(rig).since_at > since_at


async def test_a_full_disk_is_counted_and_logged_once_and_scaling_goes_on(
    start_rig: StartRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    store = MemoryStateStore()
    async with start_rig(store=store) as rig:
        await rig.observe(rig.ref())
        store.fail("full", "database or disk is full")
        rig.source.put("demand", steady(70.0, end_at=rig.clock.now() + 7_200))
        await rig.tick(20)
        assert await rig.value(rig.ref()) == 7
        page = (await get(metrics_of(rig))).text
        assert 'prewarm_state_errors_total{reason="full"} 5.0' in page
        store.recover()
        await rig.tick(8)
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("memory can")]
    assert lines == [
        "memory can't be used; scaling goes on without it",
        "memory can be used again",
    ]


async def test_a_store_that_hangs_keeps_no_target_from_its_answer(
    start_rig: StartRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging(MemoryStateStore):
        async def load(self, owner: str) -> dict[str, Blob]:
            del owner
            await asyncio.Event().wait()
            return {}

    monkeypatch.setattr("scaler.books.keeper.RECALL_SECONDS", 0.05)
    async with start_rig(store=Hanging()) as rig:
        assert await rig.value(rig.ref()) == 5


def daily_spike(days: int, *, without: tuple[int, ...] = ()) -> Series:
    """From the day before MONDAY on: 10 all day, and 95 from noon to half past, on most days."""
    step = 300.0
    times = np.arange(MONDAY_AT - DAY_SECONDS, MONDAY_AT + days * DAY_SECONDS, step)
    numbers = np.floor((times - MONDAY_AT) / DAY_SECONDS)
    is_spike = (np.abs(times % DAY_SECONDS - DAY_SECONDS / 2 - 900) < 900) & ~np.isin(
        numbers, without
    )
    return Series(start_at=times[0], step_seconds=step, values=np.where(is_spike, 95.0, 10.0))


SLOW = ControllerSettings(tick_seconds=300.0, forget_after_seconds=1e9)
PROVING = {
    "stepSeconds": "300", "staleAfterSeconds": "900", "leadTimeSeconds": "600", "proveDays": "1",
    "historyDays": "2", "proveMinShortageSavedPercent": "50", "proveMaxExtraPercent": "20",
}  # fmt: skip


async def until(rig: Rig, at: float) -> None:
    while rig.clock.now() < at:
        await rig.tick()


async def test_prove_predicts_once_it_has_won_survives_a_restart_and_steps_back_by_itself(
    start_rig: StartRig, next_store: NextStore
) -> None:
    """The spike comes on days 0 and 1 and fails to come on day 2."""
    source = MemoryHistorySource({"demand": daily_spike(5, without=(2, 3, 4))})
    events = MemoryEventSink()
    arguments = {"source": source, "controller_settings": SLOW, "events": events}
    start_at = MONDAY_AT - 3_600.0
    spike_on = [MONDAY_AT + number * DAY_SECONDS + DAY_SECONDS / 2 for number in range(4)]
    async with start_rig(start_at=start_at, store=await next_store(), **arguments) as rig:
        ref = rig.ref(mode="prove", **PROVING)
        await rig.observe(ref)
        await until(rig, spike_on[0] - 300)
        assert await rig.value(ref) == 1, "not shown yet, so it waits for the demand"
        await until(rig, MONDAY_AT + DAY_SECONDS + 600)
        [(_, promoted)] = events.notices
        assert promoted.reason == "PredictionPromoted"
        assert "prediction saves 100% of the shortage" in promoted.message
        stopped_at = rig.clock.now()
    async with start_rig(start_at=stopped_at, store=await next_store(), **arguments) as rig:
        await rig.observe(ref)
        assert ledger_of(rig).mode_in_force is Mode.PREDICT, "shown once, not from the start again"
        await until(rig, spike_on[1] - 300)
        assert await rig.value(ref) == 10, "ahead of the spike"
        await until(rig, spike_on[2] - 300)
        assert await rig.value(ref) == 10, "in vain, as it turns out"
        await until(rig, MONDAY_AT + 3 * DAY_SECONDS + 600)
        assert [n.reason for _, n in events.notices][1:] == ["PredictionSteppedBack"]
        assert events.notices[-1][1].is_warning
        assert ledger_of(rig).mode_in_force is Mode.OBSERVE
        page = (await get(metrics_of(rig))).text
        rows = [row for row in page.splitlines() if row.startswith("prewarm_mode_in_force{")]
        assert sorted(("observe" in row, row[-3:]) for row in rows) == [
            (False, "0.0"),
            (True, "1.0"),
        ]


async def test_advise_waits_for_a_person_and_obeys_until_the_approval_is_taken_back(
    start_rig: StartRig,
) -> None:
    approval: dict[str, bool | None] = {"llm": None}
    events = MemoryEventSink()
    async with start_rig(
        source=MemoryHistorySource({"demand": daily_spike(5)}),
        start_at=MONDAY_AT - 3_600.0, controller_settings=SLOW, events=events,
        approvals=lambda _namespace, name: approval[name],
    ) as rig:  # fmt: skip
        ref = rig.ref(mode="advise", **PROVING)
        await rig.observe(ref)
        await until(rig, MONDAY_AT + DAY_SECONDS + 600)
        [(_, advice)] = events.notices
        assert advice.reason == "PredictionAdvised"
        assert advice.message.endswith(
            "kubectl annotate scaledobject llm --namespace prod keda-prewarm/mode=predict"
        )
        assert ledger_of(rig).mode_in_force is Mode.OBSERVE
        assert "prewarm_prediction_advised{" in (await get(metrics_of(rig))).text
        approval["llm"] = True
        await rig.tick(2)
        assert ledger_of(rig).mode_in_force is Mode.PREDICT
        approval["llm"] = None  # the cluster can't be asked: what was approved stays so
        await until(rig, MONDAY_AT + DAY_SECONDS * 1.5 - 300)
        assert await rig.value(ref) == 10
        approval["llm"] = False
        await rig.tick(2)
        assert ledger_of(rig).mode_in_force is Mode.OBSERVE
        assert [n.reason for _, n in events.notices][1:] == [
            "PredictionApproved", "PredictionApprovalEnded",
        ]  # fmt: skip


async def test_without_a_cluster_the_trigger_approves(start_rig: StartRig) -> None:
    async with start_rig() as rig:
        await rig.observe(rig.ref(mode="advise", approved="true"))
        assert ledger_of(rig).mode_in_force is Mode.PREDICT


async def test_a_source_that_stays_down_and_a_ceiling_that_cuts_are_told(
    start_rig: StartRig,
) -> None:
    events = MemoryEventSink()
    async with start_rig(events=events) as rig:
        ref = rig.ref(maxReplicas="3")
        await rig.observe(ref)
        rig.source.fail("refused", "connection refused")
        await rig.tick(10)
        rig.source.recover()
        await rig.tick(2)
    told = [(n.reason, n.message) for _, n in events.notices]
    assert told == [
        ("CapacityShortfall", "2 replicas too few from now on: the ceiling is reached"),
        ("DemandSourceFailed", "demand can't be read (refused): connection refused"),
        ("DemandSourceRecovered", "demand can be read again"),
    ]


async def test_the_ledger_is_exported(start_rig: StartRig) -> None:
    async with start_rig() as rig:
        await rig.observe(rig.ref())
        await rig.tick(3)
        page = (await get(metrics_of(rig))).text
    for name in ("shortage_demand_seconds", "short_seconds", "replica_seconds"):
        for policy in ("reactive", "predictive"):
            [line] = [
                row for row in page.splitlines()
                if row.startswith(f"prewarm_ledger_{name}_total{{") and f'policy="{policy}"' in row
            ]  # fmt: skip
            assert float(line.rpartition(" ")[2]) == (5 * 60 if name == "replica_seconds" else 0)
    assert 'policy="actual"' not in page, "no real fleet was seen"


# --- what others have remembered ---


def books_on(store: StateStore, clock: ManualClock) -> Books:
    return Books(store, MemoryEventSink(), clock, BooksTelemetry(CollectorRegistry()))


def new_target(**keys: str) -> tuple[Target, Trigger]:
    board = Board(max_targets=9, max_targets_per_namespace=9)
    target = board.find("prod", "llm", {"query": "demand", "threshold": "10", **keys}, 0.0)
    assert isinstance(target.trigger, Trigger)
    return target, target.trigger


async def test_what_another_part_remembers_comes_back_in_its_own_format_alone(
    next_store: NextStore,
) -> None:
    clock = ManualClock(NOON)
    books = books_on(await next_store(), clock)
    written: list[bytes | None] = [b'{"starts": 3}', None]
    books.remember_also(
        Record(owner="cluster", kind="starts", format="starts/1", write=lambda: written.pop(0))
    )
    await books.save()
    await books.close()  # saves again, and there is nothing new
    books = books_on(await next_store(), clock)
    assert await books.recall_of("cluster", "starts", form="starts/1") == b'{"starts": 3}'
    assert await books.recall_of("cluster", "starts", form="starts/2") is None
    assert await books.recall_of("cluster", "other", form="starts/1") is None
    await books.close()


async def test_a_model_s_state_comes_back_and_is_saved_once_after_each_fit(
    next_store: NextStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    store = await next_store()
    save = store.save

    async def counting(blobs: Mapping[tuple[str, str], Blob]) -> None:
        saved.append(sum(kind == "model" for _, kind in blobs))
        await save(blobs)

    monkeypatch.setattr(store, "save", counting)
    clock = ManualClock(NOON)
    books = books_on(store, clock)
    target, trigger = new_target()
    await books.recall(target, trigger)
    books.keep_model(target, form="mixture/1", payload=b"\x00\xff")
    await books.save()
    await books.close()
    assert saved == [1, 0]
    books = books_on(await next_store(), clock)
    again, trigger = new_target(mode="observe")
    model = (await books.recall(again, trigger)).model
    assert model == Blob(format="mixture/1", payload=b"\x00\xff", saved_at=NOON)
    await books.close()


async def test_a_model_s_bytes_are_let_go_once_they_are_saved_or_handed_out(
    next_store: NextStore,
) -> None:
    """0.3 MB a target, for as long as the process lives."""
    clock = ManualClock(NOON)
    books = books_on(await next_store(), clock)
    target, trigger = new_target()
    await books.recall(target, trigger)
    books.keep_model(target, form="mixture/1", payload=b"first")
    twin, _ = new_target(mode="observe")
    model = (await books.recall(twin, trigger)).model
    assert model is not None
    assert model.payload == b"first", "not saved yet, and the twin has it"
    await books.save()
    assert [page.model for page in books._current_pages().values()] == [None]
    third, _ = new_target(mode="prove")
    model = (await books.recall(third, trigger)).model
    assert model is not None
    assert model.payload == b"first", "from the store"
    await books.close()
    books = books_on(await next_store(), clock)
    again, trigger = new_target()
    assert (await books.recall(again, trigger)).model is not None
    assert books._pages[again].model is None
    await books.close()


async def test_of_two_rows_with_one_memory_the_one_that_is_asked_for_is_saved() -> None:
    clock, store = ManualClock(NOON), MemoryStateStore()
    books = books_on(store, clock)
    board = Board(max_targets=9, max_targets_per_namespace=9)
    metadata = {"query": "demand", "threshold": "10"}
    saved = []
    for number, mode in enumerate(("observe", "predict", "observe")):
        target = board.find("prod", "llm", {**metadata, "mode": mode}, float(number))
        assert isinstance(target.trigger, Trigger)
        if number < 2:
            await books.recall(target, target.trigger)
            books._pages[target].kept = Kept(observed_demand=float(number))
        await books.save()
        [owner] = store._blobs
        saved.append(memory_of(await store.load(owner)).kept.observed_demand)
    assert saved == [0.0, 1.0, 0.0]


# --- records ---


def memory() -> Memory:
    ledger = Ledger()
    for number in range(5):
        ledger = ledger.advanced(
            Tick(at=number * DAY_SECONDS + 0.1, known_until=number * DAY_SECONDS + 1e5,
                 demand=31.7 / 3, threshold=3.3, reactive_replicas=3 + number,
                 predictive_replicas=4 + number, lead_time_seconds=300.0)
        )  # fmt: skip
    return Memory(
        kept=Kept(
            state=PolicyState(last_good_replicas=7), observed_demand=1 / 3, observed_at=1e9 + 0.1
        ),
        judgement=Judgement(ledger=ledger, is_approved=True),
        model=Blob(format="mixture/1", payload=b"\x00\xff", saved_at=3.0),
    )


def test_a_memory_is_the_same_after_a_round_trip_bit_for_bit() -> None:
    blobs = blobs_of(memory(), at=1.0, with_days=True)
    assert memory_of(blobs) == memory()
    nothing = memory_of(blobs_of(Memory(), at=1.0, with_days=True))
    assert nothing.judgement == Judgement()


@pytest.mark.parametrize("kind", [DECISION, LEDGER, DAYS])
@pytest.mark.parametrize("damage", ["format", "payload", "missing"])
def test_a_record_that_can_not_be_read_is_begun_anew_and_the_others_stay(
    kind: str, damage: str
) -> None:
    blobs = blobs_of(memory(), at=1.0, with_days=True)
    if damage == "missing":
        del blobs[kind]
    elif damage == "format":
        blobs[kind] = Blob(format=f"{kind}/99", payload=blobs[kind].payload, saved_at=1.0)
    else:
        blobs[kind] = Blob(format=blobs[kind].format, payload=b'{"state": 3}', saved_at=1.0)
    read, whole = memory_of(blobs), memory()
    assert read.model == whole.model
    assert (read.kept == whole.kept) is (kind != DECISION)
    assert (read.judgement == whole.judgement) is (kind == DECISION)
    if kind == DAYS:
        assert read.judgement.ledger.total == whole.judgement.ledger.total
        assert read.judgement.ledger.days == whole.judgement.ledger.days[-1:]
