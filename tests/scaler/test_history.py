import asyncio
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.series import Series
from scaler.adapters.memory import MemoryHistorySource
from scaler.errors import HistoryUnavailable
from scaler.history import SETTLE_POINTS, Reading, TargetHistory, window_of
from scaler.ports import DemandQuery

STEP = 60.0
DAY = 86_400.0
HOUR_DAYS = 1 / 24  # an hour of history: 60 points
T0 = 1_700_000_040.0  # a multiple of the step
QUERY = DemandQuery(query="demand", step_seconds=STEP)
NAN = math.nan


def demand(n_points: int, *, start_at: float = T0, seed: int = 3) -> Series:
    values = np.random.default_rng(seed).poisson(50, n_points).astype(np.float64)
    return Series(start_at=start_at, step_seconds=STEP, values=values)


def same(one: Series, other: Series) -> bool:
    return (
        one.start_at == other.start_at
        and one.step_seconds == other.step_seconds
        and np.array_equal(one.values, other.values, equal_nan=True)
    )


def spans(source: MemoryHistorySource) -> list[tuple[str, float, float]]:
    """What was asked, in grid points after T0."""
    return [(r.kind, (r.start_at - T0) / STEP, (r.end_at - T0) / STEP) for r in source.reads]


async def test_the_first_tick_reads_the_whole_window_in_one_request() -> None:
    source = MemoryHistorySource({"demand": demand(200)})
    history = TargetHistory(source, QUERY, HOUR_DAYS)

    reading = await history.advance(T0 + 100 * STEP + 7)

    assert spans(source) == [("range", 41, 100)]
    assert len(reading.series) == 60
    assert reading.series.end_at == T0 + 100 * STEP
    assert same(reading.series, demand(200).between(T0 + 41 * STEP, T0 + 100 * STEP))


async def test_a_new_grid_point_is_asked_for_with_the_few_points_that_may_still_change() -> None:
    source = MemoryHistorySource({"demand": demand(200)})
    history = TargetHistory(source, QUERY, HOUR_DAYS)
    await history.advance(T0 + 100 * STEP)

    reading = await history.advance(T0 + 101 * STEP)

    assert spans(source)[1:] == [("range", 101 - SETTLE_POINTS, 101)]
    assert reading.observed == demand(200).values[101]
    assert reading.observed_at == T0 + 101 * STEP
    assert len(reading.series) == 60


async def test_between_grid_points_one_instant_is_read() -> None:
    source = MemoryHistorySource({"demand": demand(200)})
    history = TargetHistory(source, QUERY, HOUR_DAYS)
    await history.advance(T0 + 100 * STEP)

    reading = await history.advance(T0 + 100 * STEP + 15)

    assert spans(source)[1:] == [("instant", 100.25, 100.25)]
    assert reading.observed_at == T0 + 100 * STEP + 15
    assert reading.series.end_at == T0 + 100 * STEP


async def test_a_failed_read_leaves_the_gap_to_be_asked_again() -> None:
    source = MemoryHistorySource({"demand": demand(200)})
    history = TargetHistory(source, QUERY, HOUR_DAYS)
    before = await history.advance(T0 + 100 * STEP)
    source.fail("timeout")
    for tick in range(101, 121):
        with pytest.raises(HistoryUnavailable):
            await history.advance(T0 + tick * STEP)
        assert history.last_reading is before
    source.recover()

    after = await history.advance(T0 + 121 * STEP)

    assert spans(source)[-1] == ("range", 101 - SETTLE_POINTS, 121)
    assert same(after.series, demand(200).between(T0 + 62 * STEP, T0 + 121 * STEP))


async def test_there_is_no_last_reading_before_the_first_success() -> None:
    source = MemoryHistorySource()
    source.fail("refused")
    history = TargetHistory(source, QUERY, HOUR_DAYS)
    with pytest.raises(HistoryUnavailable):
        await history.advance(T0)
    assert history.last_reading is None


async def test_a_sample_that_arrives_late_fills_its_hole() -> None:
    complete = demand(200)
    late = complete.values.copy()
    late[99:101] = NAN
    source = MemoryHistorySource({"demand": Series(start_at=T0, step_seconds=STEP, values=late)})
    history = TargetHistory(source, QUERY, HOUR_DAYS)
    first = await history.advance(T0 + 100 * STEP)
    assert math.isnan(first.series.values[-1])
    assert first.observed_at == T0 + 98 * STEP
    source.put("demand", complete)

    second = await history.advance(T0 + 101 * STEP)

    assert not np.isnan(second.series.values).any()


async def test_a_hole_in_a_later_answer_does_not_erase_what_was_observed() -> None:
    source = MemoryHistorySource({"demand": demand(200)})
    history = TargetHistory(source, QUERY, HOUR_DAYS)
    await history.advance(T0 + 100 * STEP)
    source.put("demand", Series(start_at=T0, step_seconds=STEP, values=np.full(200, NAN)))

    reading = await history.advance(T0 + 101 * STEP)

    assert np.isnan(reading.series.values).sum() == 1
    assert reading.observed_at == T0 + 100 * STEP


async def test_a_jump_of_the_clock_asks_for_one_window_and_not_for_more() -> None:
    source = MemoryHistorySource({"demand": demand(2000)})
    history = TargetHistory(source, QUERY, HOUR_DAYS)
    await history.advance(T0 + 100 * STEP)

    reading = await history.advance(T0 + 1500 * STEP)

    assert spans(source)[-1] == ("range", 1441, 1500)
    assert same(reading.series, demand(2000).between(T0 + 1441 * STEP, T0 + 1500 * STEP))


async def test_a_clock_that_steps_back_forgets_the_future_and_reads_the_head_again() -> None:
    source = MemoryHistorySource({"demand": demand(200)})
    history = TargetHistory(source, QUERY, HOUR_DAYS)
    await history.advance(T0 + 100 * STEP)
    await history.advance(T0 + 100 * STEP + 30)

    reading = await history.advance(T0 + 97 * STEP)

    assert spans(source)[-1] == ("range", 38, 40)
    assert same(reading.series, demand(200).between(T0 + 38 * STEP, T0 + 97 * STEP))
    assert reading.observed_at == T0 + 97 * STEP


async def test_no_data_at_all_is_unknown_and_not_zero() -> None:
    history = TargetHistory(MemoryHistorySource(), QUERY, HOUR_DAYS)
    reading = await history.advance(T0)
    assert np.isnan(reading.series.values).all()
    assert math.isnan(reading.observed)
    assert math.isnan(reading.observed_at)


async def test_an_empty_instant_leaves_the_last_observation_with_its_time() -> None:
    source = MemoryHistorySource({"demand": demand(101)})
    history = TargetHistory(source, QUERY, HOUR_DAYS)
    await history.advance(T0 + 100 * STEP)
    source.put("demand", Series(start_at=T0, step_seconds=STEP, values=np.full(200, NAN)))

    reading = await history.advance(T0 + 100 * STEP + 15)

    assert reading.observed == demand(101).values[100]
    assert reading.observed_at == T0 + 100 * STEP


def gappy(*, holes: tuple[slice, ...]) -> Series:
    values = demand(200).values.copy()
    for hole in holes:
        values[hole] = NAN
    return Series(start_at=T0, step_seconds=STEP, values=values)


async def test_zero_when_empty_fills_the_tail_and_never_a_hole_inside() -> None:
    source = MemoryHistorySource({"demand": gappy(holes=(slice(50, 60), slice(98, 200)))})
    history = TargetHistory(source, QUERY, HOUR_DAYS, zero_when_empty=True)

    reading = await history.advance(T0 + 100 * STEP)

    values = reading.series.values
    assert np.isnan(values).sum() == 10
    assert values[-3:].tolist() == [0, 0, 0]
    assert (reading.observed, reading.observed_at) == (0, T0 + 100 * STEP)


async def test_zeros_at_the_tail_become_a_gap_once_demand_is_back() -> None:
    source = MemoryHistorySource({"demand": gappy(holes=(slice(98, 101),))})
    history = TargetHistory(source, QUERY, HOUR_DAYS, zero_when_empty=True)
    assert (await history.advance(T0 + 100 * STEP)).observed == 0

    reading = await history.advance(T0 + 101 * STEP)

    assert np.isnan(reading.series.values).sum() == 3
    assert reading.observed > 0


async def test_zero_when_empty_counts_for_an_instant_too() -> None:
    source = MemoryHistorySource({"demand": demand(101)})
    history = TargetHistory(source, QUERY, HOUR_DAYS, zero_when_empty=True)
    await history.advance(T0 + 100 * STEP)
    source.put("demand", gappy(holes=(slice(100, 200),)))

    reading = await history.advance(T0 + 100 * STEP + 15)

    assert (reading.observed, reading.observed_at) == (0, T0 + 100 * STEP + 15)
    assert not np.isnan(reading.series.values).any()


async def test_a_source_that_never_had_anything_gives_one_zero_and_no_history() -> None:
    history = TargetHistory(MemoryHistorySource(), QUERY, HOUR_DAYS, zero_when_empty=True)
    reading = await history.advance(T0)
    assert reading.series.values[-1] == 0
    assert np.isnan(reading.series.values[:-1]).all()


async def test_a_failing_source_is_not_zero_even_when_empty_is() -> None:
    source = MemoryHistorySource({"demand": demand(200)})
    history = TargetHistory(source, QUERY, HOUR_DAYS, zero_when_empty=True)
    await history.advance(T0 + 100 * STEP)
    source.fail()
    with pytest.raises(HistoryUnavailable):
        await history.advance(T0 + 101 * STEP)
    assert history.last_reading is not None
    assert history.last_reading.observed > 0


async def test_an_answer_on_another_grid_is_refused() -> None:
    class Careless(MemoryHistorySource):
        async def read_range(self, query: DemandQuery, *, start_at: float, end_at: float) -> Series:
            return await super().read_range(query, start_at=start_at, end_at=end_at - STEP)

    with pytest.raises(HistoryUnavailable) as caught:
        await TargetHistory(Careless(), QUERY, HOUR_DAYS).advance(T0)
    assert caught.value.reason == "bad-answer"


def test_a_month_of_minutes_is_exactly_a_month() -> None:
    window = window_of(T0 + 59.9, history_days=28, step_seconds=STEP)
    assert window.end_at == T0
    assert (window.end_at - window.start_at) / STEP + 1 == 28 * 1440


@pytest.mark.parametrize("history_days", [0, -1, NAN])
def test_a_history_of_no_length_is_refused(history_days: float) -> None:
    with pytest.raises(ValueError, match="history_days must be > 0"):
        TargetHistory(MemoryHistorySource(), QUERY, history_days)


class LateSource(MemoryHistorySource):
    """Shows each grid point a few steps after its time, and nothing before: late samples."""

    def __init__(self, series: Series, lateness: np.ndarray) -> None:
        super().__init__()
        self.everything = series
        self.visible_at = series.times + lateness * STEP
        self.now = 0.0

    def look(self, now: float) -> None:
        self.now = max(self.now, now)  # what was shown stays, also when the clock goes back
        values = np.where(self.visible_at <= self.now, self.everything.values, NAN)
        self.put("demand", Series(start_at=T0, step_seconds=STEP, values=values))


async def read_everything(source: MemoryHistorySource, as_of: float) -> Reading:
    """The twin: no memory, reads the whole window each time."""
    return await TargetHistory(source, QUERY, HOUR_DAYS).advance(as_of)


moves = st.lists(
    st.tuples(
        st.one_of(  # how time moves: ticks of 15 s mostly, with pauses, jumps and steps back
            st.sampled_from([15.0, 15.0, 15.0, 60.0]),
            st.floats(0, 600),
            st.floats(0, 20_000),
            st.floats(-4_000, 0),
        ),
        st.sampled_from([None, None, None, "timeout", "refused"]),
    ),
    min_size=1,
    max_size=40,
)


@settings(deadline=None, max_examples=150)
@given(moves=moves, seed=st.integers(0, 1000))
def test_an_extended_history_equals_one_that_is_read_afresh(
    moves: list[tuple[float, str | None]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    series = demand(1200, seed=seed)
    values = np.where(rng.random(1200) < 0.2, NAN, series.values)
    series = Series(start_at=T0, step_seconds=STEP, values=values)
    # Late by less than it takes until the next range is asked for and the point is settled.
    source = LateSource(series, rng.integers(0, SETTLE_POINTS, 1200) * (rng.random(1200) < 0.3))

    async def follow() -> None:
        history = TargetHistory(source, QUERY, HOUR_DAYS)
        as_of = T0 + 90 * STEP
        for moved, failure in moves:
            as_of += moved
            source.look(as_of)
            source.fail_next(failure)
            n_reads = len(source.reads)
            try:
                reading = await history.advance(as_of)
            except HistoryUnavailable:
                reading = None
            assert len(source.reads) == n_reads + 1  # never more than one request a tick
            if reading is None:
                continue
            twin = await read_everything(source, as_of)
            assert reading.series.start_at == twin.series.start_at
            assert len(reading.series) == len(twin.series)
            settled = reading.series.end_at - SETTLE_POINTS * STEP
            assert same(reading.series.between(0, settled), twin.series.between(0, settled))
            assert not reading.observed_at > as_of

    asyncio.run(follow())
