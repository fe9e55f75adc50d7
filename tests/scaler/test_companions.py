"""Leading queries, holidays and events through a whole scaler: KEDA's call in, replicas out."""

import asyncio
import logging
from datetime import date
from typing import Any

import numpy as np
import pytest

from forecasting.arrays import FloatVector
from forecasting.default import default_forecaster
from forecasting.series import Series
from rig import MONDAY_AT, Rig, StartRig, steady
from scaler.adapters.memory import MemoryHistorySource
from scaler.board import Target
from scaler.errors import HistoryUnavailable
from scaler.ports import DemandQuery
from scaler.settings import ControllerSettings
from scaler.types import Decision
from stand_ins import Recording

DAY = 86_400.0
NOON = MONDAY_AT + DAY / 2
LEADING = "portal: portal"


def target_of(rig: Rig) -> Target:
    [target] = list(rig.service.board)
    return target


def decision_of(rig: Rig) -> Decision:
    snapshot = target_of(rig).snapshot
    assert snapshot is not None
    return snapshot.decision


def bound_of(rig: Rig) -> float:
    forecast = decision_of(rig).seen.forecast
    assert forecast is not None
    return forecast.value


class Split(MemoryHistorySource):
    """A source of which only the leading queries fail, or hang."""

    def __init__(self, series: dict[str, Series], *, main: str = "demand") -> None:
        super().__init__(series)
        self.main = main
        self.failing = ""
        self.is_hanging = False

    async def _answer(self, kind: str, query: DemandQuery, start_at: float, end_at: float) -> None:
        if query.query != self.main and self.is_hanging:
            await asyncio.Event().wait()
        if query.query != self.main and self.failing:
            raise HistoryUnavailable(self.failing, "told to fail")
        await super()._answer(kind, query, start_at, end_at)


def series_of(values: FloatVector, *, end_at: float) -> Series:
    start_at = end_at - 60.0 * (values.size - 1)
    return Series(start_at=start_at, step_seconds=60.0, values=values)


def bursts(end_at: float, *, days: float = 6.0, lead_minutes: int = 10) -> dict[str, Series]:
    """A portal, and demand that follows it after ten minutes; the last burst hits the portal now.

    At `end_at` the portal has been busy for six minutes, and demand knows nothing of it yet.
    """
    generator = np.random.default_rng(1)
    n = round(days * 1440)
    portal = np.full(n, 20.0)
    for begin in np.flatnonzero(generator.random(n - 60) < 1 / 180):
        portal[begin : begin + 30] += 180.0
    portal[-60:] = 20.0
    portal[-6:] = 200.0
    portal *= generator.gamma(400, 1 / 400, n)
    demand = np.concatenate((np.full(lead_minutes, 10.0), 0.5 * portal[:-lead_minutes]))
    return {"portal": series_of(portal, end_at=end_at), "demand": series_of(demand, end_at=end_at)}


async def test_a_leading_query_raises_replicas_before_demand_does(
    start_rig: StartRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    keys = {"leadTimeSeconds": "300", "historyDays": "5"}
    answers = {}
    for text in (None, LEADING):
        source = MemoryHistorySource(bursts(NOON))
        async with start_rig(
            source=source, start_at=NOON - 14.0, forecaster=default_forecaster()
        ) as rig:
            ref = rig.ref(**keys, **({"leadingQueries": text} if text else {}))
            await rig.observe(ref)
            answers[text] = await rig.value(ref)
            assert decision_of(rig).seen.observed_demand < 15
            if text:
                [gain] = target_of(rig).gains
                assert (gain.name, gain.is_kept) == ("portal", True)
    assert answers[LEADING] >= 9, "half of 200 at ten a replica"
    assert answers[None] <= answers[LEADING] / 2
    [said] = [r for r in caplog.records if r.getMessage() == "leading query is kept"]
    assert said.query == "portal"  # type: ignore[attr-defined]


@pytest.mark.parametrize("trouble", ["failing", "hanging"])
async def test_a_leading_query_in_trouble_costs_neither_tick_nor_answer(
    start_rig: StartRig, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = ControllerSettings(leading_wait_seconds=0.01, tick_deadline_seconds=0.2)
    answers = []
    for broken in (False, True):
        source = Split({"demand": steady(42.0, end_at=NOON + 3600)})
        source.failing = "timeout" if broken and trouble == "failing" else ""
        source.is_hanging = broken and trouble == "hanging"
        async with start_rig(
            source=source, controller_settings=settings, forecaster=default_forecaster()
        ) as rig:
            ref = rig.ref(warmFloor="1", **({"leadingQueries": LEADING} if broken else {}))
            await rig.observe(ref)
            await rig.tick(3)
            answers.append((await rig.value(ref), bound_of(rig)))
            if broken:
                assert target_of(rig).problem == "", "the target's own reads are well"
                assert target_of(rig).problems["leading-timeout"] >= 3
    assert answers[0][0] == answers[1][0] == 5
    assert answers[1][1] == pytest.approx(answers[0][1], rel=1e-9)
    said = [r for r in caplog.records if r.getMessage().startswith("leading query failed")]
    assert len(said) == 1, "once, not every tick"


async def test_a_tick_publishes_while_its_leading_query_still_hangs(start_rig: StartRig) -> None:
    source = Split({"demand": steady(42.0, end_at=NOON + 3600)})
    source.is_hanging = True
    settings = ControllerSettings(leading_wait_seconds=0.01, tick_deadline_seconds=60.0)
    async with start_rig(source=source, controller_settings=settings) as rig:
        ref = rig.ref(leadingQueries=LEADING)
        assert await rig.value(ref) == 5
        before = decision_of(rig).seen.as_of
        await rig.clock.wait_for_sleepers()
        rig.clock.advance(rig.settings.tick_seconds)
        async with asyncio.timeout(10.0):
            while decision_of(rig).seen.as_of <= before:
                await asyncio.sleep(0.005)
        assert await rig.value(ref) == 5


async def test_a_leading_query_that_comes_back_is_said_and_read_again(
    start_rig: StartRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    demand = steady(42.0, end_at=NOON + 3600)
    source = Split({"demand": demand, "portal": steady(7.0, end_at=NOON + 3600)})
    source.failing = "refused"
    recording = Recording()
    async with start_rig(source=source, forecaster=recording) as rig:
        ref = rig.ref(leadingQueries=LEADING, historyDays="1")
        await rig.observe(ref)
        await rig.tick(1)
        assert recording.histories[-1].leading == ()
        source.failing = ""
        await rig.tick(2)
        assert recording.histories[-1].leading_names == ("portal",), "fitted anew once it is whole"
        assert np.nanmin(recording.histories[-1].leading[0][1]) == 7.0
    assert "leading query answers again" in [r.getMessage() for r in caplog.records]


async def test_leading_queries_ask_the_same_source_as_the_main_one(rig: Rig) -> None:
    await rig.observe(
        rig.ref(leadingQueries=LEADING, namespace="tenant", queryParameters="dedup=true")
    )
    asked = {read.query.query: read.query for read in rig.source.reads}
    assert set(asked) == {"demand", "portal"}
    assert asked["portal"].parameters == (("dedup", "true"),)
    assert asked["portal"].owner == asked["demand"].owner == "tenant"


def office(end_at: float) -> Series:
    """Three weeks: 100 from nine to six on working days, else 10; New Year's Day is one."""
    times = end_at - 60.0 * np.arange(21 * 1440)[::-1]
    hour = times % DAY / 3600.0
    weekday = (np.floor(times / DAY) + 3) % 7
    busy = (hour >= 9) & (hour < 18) & (weekday < 5)
    noise = np.random.default_rng(0).gamma(400, 1 / 400, times.size)
    return series_of(np.where(busy, 100.0, 10.0) * noise, end_at=end_at)


async def replicas(start_rig: StartRig, series: Series, at: float, **keys: Any) -> int:
    source = MemoryHistorySource({"demand": series})
    async with start_rig(source=source, start_at=at + 1.0, forecaster=default_forecaster()) as rig:
        return await rig.observe(rig.ref(leadTimeSeconds="600", historyDays="20", **keys))


async def test_a_holiday_and_an_event_reach_the_answer(start_rig: StartRig) -> None:
    # Epiphany, Tuesday 2026-01-06: a holiday in Bavaria, not in Berlin. At 08:51 UTC nine is near.
    at = MONDAY_AT + DAY + 8 * 3600 + 51 * 60
    assert date(2026, 1, 6).toordinal() - date(1970, 1, 1).toordinal() == at // DAY
    series = office(at + 120)
    assert await replicas(start_rig, series, at, holidays="DE-BE") >= 9
    assert await replicas(start_rig, series, at, holidays="DE-BY") <= 4
    launch = "2026-01-06T08:55 for 1h demand 500"
    assert await replicas(start_rig, series, at, holidays="DE-BY", events=launch) == 50
    # The history shows the events as they say: three times and five times the usual.
    hours = (series.times - MONDAY_AT) / 3600
    day, hour = hours // 24 % 7, hours % 24
    due = (hour >= 9) & (hour < 11) & (series.times < at)
    seen = series.values * np.where(due & (day == 1), 3.0, np.where(due & (day == 2), 5.0, 1.0))
    series = series_of(seen, end_at=series.end_at)
    twice = "cron 0 9 * * TUE for 2h factor 3; cron 0 9 * * WED for 2h factor 5"
    thrice = await replicas(start_rig, series, at, events=twice)
    assert thrice == pytest.approx(30, abs=4)


async def test_the_day_after_an_outage_does_not_expect_one(start_rig: StartRig) -> None:
    at = MONDAY_AT + DAY + 8 * 3600 + 51 * 60
    series = office(at + 120)
    lost = (series.times >= MONDAY_AT + 8 * 3600) & (series.times < MONDAY_AT + 12 * 3600)
    broken = series_of(np.where(lost, 0.0, series.values), end_at=series.end_at)
    assert await replicas(start_rig, broken, at) <= 5, "the outage is learnt"
    told = "2026-01-05T08:00 for 4h outage"
    assert await replicas(start_rig, broken, at, events=told) >= 9
