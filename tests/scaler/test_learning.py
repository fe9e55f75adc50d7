"""`threshold: auto` over a source: read once and then by the hour, and never in anybody's way."""

from typing import Any

import numpy as np
import pytest

from forecasting.series import Series
from rig import MONDAY_AT, StartRig, steady
from scaler.adapters.memory import MemoryHistorySource
from scaler.errors import HistoryUnavailable
from scaler.learning import LEARNING_DAYS, Learning
from scaler.ports import DemandQuery
from scaler.saturation.queries import CapacityQueries
from scaler.types import Carried

STEP = 60.0
NOON = MONDAY_AT + 43_200.0
QUERIES = CapacityQueries.of("llama-8b", {})
AUTO = {"threshold": "auto", "thresholdPrior": "21", "capacityModel": "llama-8b"}


def saturated(*, end_at: float, value: float, n_days: int = 6) -> dict[str, Series]:
    """Return vLLM's series of two replicas that are full for half an hour each night."""
    n = int(LEARNING_DAYS * 86_400 / STEP)
    times = end_at - STEP * np.arange(n)[::-1]
    in_night = ((times % 86_400.0) < 1_800.0) & (times > end_at - n_days * 86_400.0)
    columns = {
        QUERIES.served: np.where(in_night, 2 * value, 1.0),
        QUERIES.replicas: np.full(n, 2.0),
        QUERIES.queueing: np.where(in_night, 2.0, 0.0),
        QUERIES.kv_cache_use: np.where(in_night, 0.5, 0.1),
    }
    return {
        query: Series(start_at=times[0], step_seconds=STEP, values=values)
        for query, values in columns.items()
    }


async def test_it_reads_all_once_an_hour_and_keeps_what_it_learned_when_a_read_fails() -> None:
    source = MemoryHistorySource(saturated(end_at=NOON, value=5.0))
    learning = Learning(source, QUERIES, DemandQuery(query="demand", step_seconds=STEP))
    assert learning.is_due(NOON)
    await learning.learn(NOON)
    assert isinstance(learning.carried, Carried)
    assert learning.carried.middle == pytest.approx(5.0)
    assert learning.carried.limited_by == "compute"
    assert learning.why == ""
    assert not learning.is_due(NOON + 3_599)
    assert learning.is_due(NOON + 3_600)
    source.fail("timeout")
    with pytest.raises(HistoryUnavailable):
        await learning.learn(NOON + 3_600)
    assert learning.carried.middle == pytest.approx(5.0)
    assert learning.is_due(NOON + 3_600), "it is tried again"
    source.recover()
    n_before = len(source.reads)
    await learning.learn(NOON + 3_600)
    assert len(source.reads) - n_before == 4, "one request a query, for what is new"


async def test_without_saturation_it_says_what_one_has_served() -> None:
    source = MemoryHistorySource(saturated(end_at=NOON, value=5.0, n_days=2))
    learning = Learning(source, QUERIES, DemandQuery(query="demand", step_seconds=STEP))
    await learning.learn(NOON)
    assert learning.carried is None
    assert "more such times are needed" in learning.why
    assert "(one has served 5 so far)" in learning.why


async def answers(start_rig: StartRig, series: dict[str, Series], **keys: Any) -> tuple[int, str]:
    demand = {"demand": steady(42.0, end_at=NOON + 7_200)}
    async with start_rig(source=MemoryHistorySource({**series, **demand}), start_at=NOON) as rig:
        answer = await rig.observe(rig.ref(**{**AUTO, **keys}))
        [target] = list(rig.service.board)
        return answer, target.why_no_capacity


async def test_a_target_goes_by_its_prior_until_there_is_evidence(start_rig: StartRig) -> None:
    assert (await answers(start_rig, {}))[0] == 2, "42 of 21 each"
    learned, why = await answers(start_rig, saturated(end_at=NOON, value=5.0))
    assert (learned, why) == (11, ""), "42 of 0.8 x 5 each"
    too_few, why = await answers(start_rig, saturated(end_at=NOON, value=5.0, n_days=2))
    assert too_few == 2
    assert "more such times are needed" in why


async def test_metrics_that_can_not_be_read_cost_the_estimate_and_not_the_answer(
    start_rig: StartRig,
) -> None:
    class HalfDown(MemoryHistorySource):
        async def read_range(self, query: DemandQuery, *, start_at: float, end_at: float) -> Series:
            if query.query != "demand":
                raise HistoryUnavailable("timeout", "too slow")
            return await super().read_range(query, start_at=start_at, end_at=end_at)

    source = HalfDown({"demand": steady(42.0, end_at=NOON + 7_200)})
    async with start_rig(source=source, start_at=NOON) as rig:
        assert await rig.observe(rig.ref(**AUTO)) == 2
        [target] = list(rig.service.board)
        assert "could not be read: too slow" in target.why_no_capacity
        assert target.problems == {}
