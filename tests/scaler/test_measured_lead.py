"""From pods to the forecast's horizon, through a whole scaler and a twin of the cluster."""

import re
from typing import Any

import pytest

from forecasting.default import default_forecaster
from rig import DAY_SECONDS, MONDAY_AT, Rig, started_rig
from scaler.adapters.memory import MemoryEventSink, MemoryStateStore
from scaler.adapters.memory_cluster import MemoryCluster
from scaler.board import Target
from scaler.params import AUTO_LEAD_TIME_SECONDS
from scaler.ports import Blob, ClusterTrouble
from scaler.starts.ramp import Pace, ScaleUp
from scaler.starts.record import Pod
from scaler.workload import Reference, Workload
from webclient import get

REFERENCE = Reference("prod", "apps", "v1", "deployments", "llm")
STEP_AND_TICK = 60.0 + 15.0
NOON_AT = MONDAY_AT + DAY_SECONDS / 2  # when a rig begins


def workload(**facts: Any) -> Workload:
    pace = Pace(scale_up=ScaleUp(is_set=True))
    bounds = {"reference": REFERENCE, "min_replicas": 1, "max_replicas": 20, "pace": pace}
    return Workload(**(bounds | facts))


def cluster_with(n_starts: int, *, seconds: float = 60.0, at: float = NOON_AT) -> MemoryCluster:
    """A cluster in which so many pods took so long, and five are ready now."""
    cluster = MemoryCluster(at)
    cluster.put("prod", "llm", workload())
    cluster.set_wanted(REFERENCE, 5)
    for number in range(n_starts):
        add_start(cluster, f"pod-{number}", seconds, is_kept=number >= n_starts - 5)
    return cluster


def add_start(
    cluster: MemoryCluster, uid: str, seconds: float, *, is_kept: bool = True, image: str = "m:1"
) -> None:
    at = cluster.at
    pod = {"uid": uid, "node": f"n-{uid}", "image": image, "accelerator": "H100"}
    cluster.see(REFERENCE, Pod(**pod, created_at=at, scheduled_at=at))
    cluster.see(REFERENCE, Pod(**pod, created_at=at, scheduled_at=at, ready_at=at + seconds))
    if not is_kept:
        cluster.gone(REFERENCE, uid)


async def test_after_a_restart_what_runs_is_held_until_demand_is_seen() -> None:
    cluster = cluster_with(5)
    cluster.set_wanted(REFERENCE, 9)
    async with started_rig(cluster=cluster) as rig:
        rig.source.hang()
        assert await rig.value(rig.ref()) == 9, "nobody has looked, and nine run"
        assert await rig.active(rig.ref())
        rig.source.recover()
        rig.source.fail()
        await rig.settle()
        await rig.tick()
        assert only(rig).snapshot.decision.moved[0].rule == "hold_fleet_unknown"
        assert await rig.value(rig.ref()) == 9, "Prometheus is down, and nothing is remembered"
        assert await rig.value(rig.ref(onStale="floor")) == 0
        rig.source.recover()
        await rig.tick(2)
        assert await rig.value(rig.ref()) == 5, "evidence, at last"


def only(rig: Rig) -> Target:
    [target] = rig.service.board
    return target


def horizon(rig: Rig) -> float:
    snapshot = only(rig).snapshot
    assert snapshot is not None
    forecast = snapshot.decision.seen.forecast
    assert forecast is not None
    return forecast.horizon_seconds - STEP_AND_TICK


def ahead(rig: Rig) -> float:
    snapshot = only(rig).snapshot
    assert snapshot is not None
    forecast = snapshot.decision.seen.forecast_ahead
    assert forecast is not None
    return forecast.horizon_seconds - STEP_AND_TICK


async def metrics(rig: Rig, name: str) -> dict[str, float]:
    page = (await get(f"http://127.0.0.1:{rig.service.http_port}/metrics")).text
    found = re.findall(rf"^{name}{{(.*)}} (\S+)$", page, re.MULTILINE)
    return {
        re.sub(r'(,?)(namespace|name|trigger)="[^"]*",?', "", labels): float(value)
        for labels, value in found
    }


async def test_without_a_cluster_auto_is_the_fixed_prior() -> None:
    async with started_rig() as rig:
        await rig.observe(rig.ref())
        assert horizon(rig) == AUTO_LEAD_TIME_SECONDS
        assert await metrics(rig, "prewarm_lead_time_seconds") == {'source="prior"': 330.0}
        snapshot = only(rig).snapshot
        assert snapshot is not None
        seen = snapshot.decision.seen
        assert (seen.fleet, seen.lead_time) == (None, None)


async def test_a_lead_time_that_the_trigger_gives_holds_for_every_rule() -> None:
    """What the cluster shows beside it is shorter, and would have a floor come too late."""
    async with started_rig(cluster=cluster_with(30)) as rig:
        floors = "9 for 1h from 10 12 * * *"  # ten minutes after the rig begins
        ref = rig.ref(leadTimeSeconds="720", scheduledFloors=floors)
        assert await rig.observe(ref) == 9
        snapshot = only(rig).snapshot
        assert snapshot is not None
        seen = snapshot.decision.seen
        assert seen.lead_seconds == 720.0
        assert seen.lead_time is not None
        assert seen.lead_time.seconds < 100.0


async def test_auto_is_what_was_measured_and_the_way_there_in_a_step_of_ten_percent() -> None:
    async with started_rig(cluster=cluster_with(30)) as rig:
        await rig.observe(rig.ref())
        measured = 60.0 + 15.0  # a sync; five replicas are there, and five are wanted
        assert measured <= horizon(rig) <= measured * 1.1
        [(source, seconds)] = (await metrics(rig, "prewarm_lead_time_seconds")).items()
        assert (source, seconds) == ('source="measured"', pytest.approx(horizon(rig)))
        parts = await metrics(rig, "prewarm_lead_time_part_seconds")
        assert parts == {'part="start"': pytest.approx(60), 'part="scaling"': 15}
        fleet = await metrics(rig, "prewarm_fleet_replicas")
        assert fleet == {
            'state="wanted"': 5, 'state="ready"': 5, 'state="starting"': 0,
            'state="unschedulable"': 0,
        }  # fmt: skip
        assert await metrics(rig, "prewarm_start_class") == {'class="fresh-node"': 1}


async def test_where_only_the_object_can_be_read_the_prior_has_its_pace() -> None:
    cluster = cluster_with(30)
    cluster.is_silent = True
    async with started_rig(cluster=cluster) as rig:
        await rig.observe(rig.ref())
        prior = AUTO_LEAD_TIME_SECONDS - 30 + 15
        assert prior <= horizon(rig) <= prior * 1.1
        assert list(await metrics(rig, "prewarm_lead_time_seconds")) == ['source="prior"']
        cluster.is_silent = False
        await rig.tick(2)
        assert horizon(rig) <= 75 * 1.1


async def test_a_lead_time_that_is_given_is_kept_and_the_measured_one_shown_beside_it() -> None:
    async with started_rig(cluster=cluster_with(30)) as rig:
        await rig.observe(rig.ref(leadTimeSeconds="240"))
        assert horizon(rig) == 240
        assert await metrics(rig, "prewarm_lead_time_seconds") == {'source="given"': 240}
        assert (await metrics(rig, "prewarm_lead_time_part_seconds"))['part="scaling"'] == 15


async def test_the_horizon_follows_what_pods_do_and_not_each_second_of_it() -> None:
    cluster = cluster_with(30)
    async with started_rig(cluster=cluster) as rig:
        await rig.observe(rig.ref())
        before = horizon(rig)
        for number in range(3):
            add_start(cluster, f"same-{number}", 61.0)
        await rig.tick(2)
        assert horizon(rig) == before
        for number in range(30):
            add_start(cluster, f"slow-{number}", 180.0)
        await rig.tick(2)
        assert 180 + 15 <= horizon(rig) <= (180 + 15) * 1.1
        cluster.at += 20
        for number in range(10):
            cluster.gone(REFERENCE, f"slow-{number}")
            add_start(cluster, f"new-image-{number}", 300.0, image="m:2")
        await rig.tick(2)
        assert 300 + 15 <= horizon(rig) <= (300 + 15) * 1.1


async def n_fits(rig: Rig) -> float:
    page = (await get(f"http://127.0.0.1:{rig.service.http_port}/metrics")).text
    [line] = re.findall(r"^prewarm_fit_duration_seconds_count (\S+)$", page, re.MULTILINE)
    return float(line)


async def test_a_lead_time_that_moves_a_little_asks_for_no_refit() -> None:
    """Both windows follow it at once, from the models that are there; a doubled one is fitted."""
    cluster = cluster_with(30, seconds=170.0)
    async with started_rig(cluster=cluster, forecaster=default_forecaster()) as rig:
        await rig.observe(rig.ref())
        await rig.tick(2)
        before, fitted = horizon(rig), await n_fits(rig)
        for image, seconds in (("m:1", 190.0), ("m:2", 150.0)):
            cluster.at += 20
            for number in range(30):
                uid = f"{image}-{number}"
                add_start(cluster, uid, seconds, is_kept=number >= 25, image=image)
            await rig.tick(2)
            assert seconds + 15 <= horizon(rig) <= (seconds + 15) * 1.1
            assert horizon(rig) != before
            before = horizon(rig)
            assert ahead(rig) == pytest.approx(2 * before)
            assert await n_fits(rig) == fitted
        for number in range(30):
            add_start(cluster, f"slow-{number}", 400.0, is_kept=number >= 25, image="m:2")
        await rig.tick(2)
        assert 415.0 <= horizon(rig) <= 415.0 * 1.1
        assert ahead(rig) == pytest.approx(2 * horizon(rig))
        assert await n_fits(rig) == fitted + 2, "one for each window"


async def test_a_steep_rise_needs_the_time_of_the_hpas_ramp_too() -> None:
    cluster = cluster_with(30)
    cluster.set_wanted(REFERENCE, 1)
    async with started_rig(cluster=cluster) as rig:
        await rig.observe(rig.ref(threshold="2.2"))  # 42 needs 20
        await rig.tick(2)
        snapshot = only(rig).snapshot
        assert snapshot is not None
        lead = snapshot.decision.seen.lead_time
        assert lead is not None
        assert lead.scaling_seconds == 15 + 30  # 1 -> 5 -> 10 -> 20


async def test_a_cluster_that_falls_silent_leaves_the_lead_time_and_takes_the_fleet() -> None:
    cluster = cluster_with(30)
    async with started_rig(cluster=cluster) as rig:
        await rig.observe(rig.ref())
        before = horizon(rig)
        cluster.is_silent = True
        cluster.have_troubles(
            ClusterTrouble(
                verb="watch", group="", resource="pods", namespace="prod", reason="unreachable"
            )
        )
        await rig.tick(2)
        snapshot = only(rig).snapshot
        assert snapshot is not None
        assert (snapshot.decision.seen.fleet, horizon(rig)) == (None, before)
        assert await metrics(rig, "prewarm_fleet_replicas") == {}
        page = (await get(f"http://127.0.0.1:{rig.service.http_port}/metrics")).text
        assert (
            'prewarm_cluster_troubles{group="",in_namespace="prod",reason="unreachable",'
            'resource="pods",verb="watch"} 1.0'
        ) in page


async def test_failures_are_counted_and_change_no_lead_time() -> None:
    cluster = cluster_with(30)
    async with started_rig(cluster=cluster) as rig:
        await rig.observe(rig.ref())
        before = horizon(rig)
        for number in range(20):
            facts = {"uid": f"bad-{number}", "node": "n", "image": "m:1", "accelerator": "H100"}
            cluster.see(REFERENCE, Pod(**facts, created_at=cluster.at))
            cluster.see(REFERENCE, Pod(**facts, created_at=cluster.at, trouble="CrashLoopBackOff"))
        cluster.at += 3_600
        await rig.tick(2)
        assert horizon(rig) == before
        failed = await metrics(rig, "prewarm_starts_failed_total")
        assert failed == {'reason="CrashLoopBackOff"': 20}


async def test_an_object_is_followed_with_its_first_trigger_and_forgotten_with_its_last() -> None:
    cluster = cluster_with(0)
    async with started_rig(cluster=cluster) as rig:
        await rig.observe(rig.ref())
        await rig.observe(rig.ref(threshold="20"))
        assert cluster.followed == {("prod", "llm")}
        rig.clock.advance(4_000)
        await rig.value(rig.ref(threshold="20"))
        await rig.tick(2)
        assert len(rig.service.board) == 1
        assert cluster.followed == {("prod", "llm")}
        rig.clock.advance(4_000)
        await rig.tick(2)
        assert cluster.followed == set()
    assert cluster.is_closed


async def test_the_ledger_rests_on_what_the_cluster_shows_and_a_lead_time_is_told_once() -> None:
    cluster, events = cluster_with(12, seconds=120.0), MemoryEventSink()
    async with started_rig(cluster=cluster, events=events) as rig:
        await rig.observe(rig.ref(leadTimeSeconds="600"))
        await rig.tick(20)
        ledger = only(rig).ledger
        assert ledger is not None
        assert ledger.total.actual_seconds > 0, "the real fleet counts too"
        told = [n.message for _, n in events.notices if n.reason == "LeadTimeMeasured"]
        assert len(told) == 1
        assert "of 12 starts: 2 min for its start" in told[0]


async def test_a_prior_is_no_measured_lead_time() -> None:
    events = MemoryEventSink()
    async with started_rig(cluster=cluster_with(0), events=events) as rig:
        await rig.observe(rig.ref())
        await rig.tick(3)
    assert not [n for _, n in events.notices if n.reason == "LeadTimeMeasured"]


async def test_the_annotation_approves_and_what_was_read_last_stays() -> None:
    cluster = cluster_with(5)
    async with started_rig(cluster=cluster) as rig:
        await rig.observe(rig.ref(mode="advise"))
        modes = []
        for approved in (False, True, None, False):
            if approved is None:
                cluster.remove("prod", "llm")
            else:
                cluster.put("prod", "llm", workload(is_approved=approved))
            await rig.tick(2)
            ledger = only(rig).ledger
            assert ledger is not None
            modes.append(str(ledger.mode_in_force))
        assert modes == ["observe", "predict", "predict", "observe"]


async def test_starts_outlive_a_restart() -> None:
    store = MemoryStateStore()
    async with started_rig(cluster=cluster_with(12, seconds=120.0), store=store) as rig:
        await rig.observe(rig.ref(leadTimeSeconds="auto"))
        before = only(rig).lead_seconds
    store.reopen()
    cluster, events = cluster_with(0), MemoryEventSink()
    async with started_rig(cluster=cluster, store=store, events=events) as rig:
        await rig.observe(rig.ref(leadTimeSeconds="auto"))
        assert only(rig).lead_seconds == before, "measured in the first run"
        assert not events.notices, "no news"


async def test_starts_that_nobody_can_read_are_measured_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = MemoryStateStore()
    bad = Blob(format="starts/1", payload=b'{"workloads": [1]}', saved_at=NOON_AT)
    await store.save({("cluster", "starts"): bad})
    async with started_rig(cluster=cluster_with(5), store=store) as rig:
        assert await rig.observe(rig.ref()) == 5
    assert "starts not remembered" in caplog.messages
