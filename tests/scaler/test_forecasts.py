"""Where models live: threads and processes keep one contract; processes may die."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from forecasting.default import default_forecaster
from forecasting.forecast import NotEnoughHistory
from forecasting.forecaster import Task
from forecasting.leading import gains
from forecasting.series import Series
from forecasting.several import Elastic, at_horizon, rung_seconds
from forecasting.state import BadState
from scaler.adapters import forecasts_work
from scaler.adapters.forecasts_processes import ProcessForecasts, Workers
from scaler.adapters.forecasts_tail import Tail
from scaler.adapters.forecasts_threads import ThreadForecasts
from scaler.errors import WorkerLost
from scaler.ports import Forecasts, Model
from stand_ins import Failing, WindowMaximum

TASK = Task(horizon_seconds=300.0, level=0.9, zone=ZoneInfo("UTC"))


def wave(n: int = 2_000) -> Series:
    values = 50.0 + 30.0 * np.sin(np.arange(n) / 200.0)
    return Series(start_at=1_767_571_200.0, step_seconds=60.0, values=values)


@pytest.fixture(params=["threads", "processes"])
async def forecasts(request: pytest.FixtureRequest) -> AsyncIterator[Forecasts]:
    made: Forecasts = ThreadForecasts() if request.param == "threads" else ProcessForecasts()
    yield made
    await made.close()


async def test_says_what_the_forecaster_says(forecasts: Forecasts) -> None:
    model = await forecasts.fit(default_forecaster(), wave(), TASK)
    said = (await forecasts.forecast(model, wave(2_100))).forecast
    assert said == default_forecaster().fit(wave(), TASK).forecast(wave(2_100))
    assert model.fit_seconds > 0


async def test_a_shorter_window_is_answered_by_the_same_model(forecasts: Forecasts) -> None:
    """There, back, and to a third one, while time goes by; the state that is kept is the fit's."""
    task = replace(TASK, horizon_seconds=rung_seconds(300.0))
    fitted = default_forecaster().fit(wave(), task)
    assert isinstance(fitted, Elastic)
    model = await forecasts.fit(default_forecaster(), wave(), task)
    assert model.horizon_seconds == task.horizon_seconds
    for n, seconds in ((2_000, 300.0), (2_030, 300.0), (2_031, 357.0), (2_032, None), (2_033, 240)):
        answer = await forecasts.forecast(model, wave(n), horizon_seconds=seconds)
        asked = fitted if seconds is None else at_horizon(fitted, wave(), seconds)
        assert answer.forecast == asked.forecast(wave(n))
        assert answer.forecast.horizon_seconds == (seconds or task.horizon_seconds)
    payload = await forecasts.save(model)
    assert payload is not None
    again = await forecasts.restore(payload, default_forecaster(), task, ())
    assert again.horizon_seconds == task.horizon_seconds


async def test_models_are_kept_apart(forecasts: Forecasts) -> None:
    long = Task(horizon_seconds=86_400.0, level=0.9, zone=ZoneInfo("UTC"))
    models = [await forecasts.fit(WindowMaximum(), wave(), task) for task in (TASK, long)]
    short_peak, long_peak = [
        (await forecasts.forecast(model, wave())).forecast.value for model in models
    ]
    assert short_peak < long_peak


async def test_errors_of_the_forecaster_pass_through(forecasts: Forecasts) -> None:
    with pytest.raises(ZeroDivisionError, match="told to fail"):
        await forecasts.fit(Failing(in_fit=True), wave(), TASK)
    model = await forecasts.fit(Failing(in_fit=False), wave(), TASK)
    with pytest.raises(ZeroDivisionError, match="told to fail"):
        await forecasts.forecast(model, wave())


async def test_nothing_observed_is_said_as_such(forecasts: Forecasts) -> None:
    model = await forecasts.fit(default_forecaster(), wave(), TASK)
    nothing = Series(start_at=0.0, step_seconds=60.0, values=np.full(10, np.nan))
    with pytest.raises(NotEnoughHistory):
        await forecasts.forecast(model, nothing)


async def test_an_unknown_model_asks_for_a_new_fit(forecasts: Forecasts) -> None:
    with pytest.raises(WorkerLost):
        await forecasts.forecast(Model(10_000, 0.0), wave())


async def test_models_go_with_their_handles() -> None:
    forecasts = ProcessForecasts()
    try:
        kept = await forecasts.fit(WindowMaximum(), wave(), TASK)
        for _ in range(3):
            await forecasts.fit(WindowMaximum(), wave(), TASK)
        gc.collect()
        await forecasts.forecast(kept, wave())
        assert await forecasts._asks.run(forecasts_work.count) == 1
    finally:
        await forecasts.close()


@pytest.mark.parametrize("role", ["_asks", "_fits"])
async def test_a_process_that_dies_is_replaced(role: str, caplog: pytest.LogCaptureFixture) -> None:
    forecasts = ProcessForecasts()
    try:
        await forecasts.start()
        model = await forecasts.fit(WindowMaximum(), wave(), TASK)
        await _kill(getattr(forecasts, role))
        if role == "_asks":
            with pytest.raises(WorkerLost):
                await forecasts.forecast(model, wave())
        again = await forecasts.fit(WindowMaximum(), wave(), TASK)
        assert (await forecasts.forecast(again, wave())).forecast.value > 0
        assert caplog.text.count("starting another") == 1
    finally:
        await forecasts.close()


async def test_closing_ends_the_processes() -> None:
    forecasts = ProcessForecasts()
    await forecasts.start()
    pids = [await workers.run(os.getpid) for workers in (forecasts._asks, forecasts._fits)]
    await forecasts.close()
    assert not any(_is_alive(pid) for pid in pids)
    with pytest.raises(WorkerLost, match="stopping"):
        await forecasts.fit(WindowMaximum(), wave(), TASK)


ORPHANS = """
import asyncio, os
from scaler.adapters.forecasts_processes import ProcessForecasts

async def main():
    forecasts = ProcessForecasts()
    await forecasts.start()
    print(*[await workers.run(os.getpid) for workers in (forecasts._asks, forecasts._fits)])
    os.kill(os.getpid(), 9)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_processes_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(ORPHANS, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    pids = [int(word) for word in done.stdout.split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 20.0
    while any(_is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_is_alive(pid) for pid in pids)


async def _kill(workers: Workers) -> None:
    """Kill a process and return once its pool has noticed."""
    os.kill(await workers.run(os.getpid), signal.SIGKILL)
    for _ in range(200):
        try:
            await workers.run(os.getpid)
        except WorkerLost:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the pool did not notice")


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def test_what_leading_queries_were_worth_comes_with_the_model(forecasts: Forecasts) -> None:
    history = wave(4_000)
    noise = np.random.default_rng(0).gamma(4.0, 1.0, len(history))
    led = history.led_by({"noise": replace(history, values=noise)})
    model = await forecasts.fit(default_forecaster(), led, TASK)
    assert model.gains == gains(default_forecaster().fit(led, TASK))
    assert [gain.name for gain in model.gains] == ["noise"]
    assert (await forecasts.forecast(model, led)).forecast.value > 0


async def test_a_model_goes_on_to_the_next_fit_and_to_the_next_run(forecasts: Forecasts) -> None:
    forecaster = default_forecaster()
    first = await forecasts.fit(forecaster, wave(), TASK)
    await forecasts.forecast(first, wave(2_050))
    later = wave(2_100)
    continued = await forecasts.fit(forecaster, later, TASK, previous=first)
    scratch = await forecasts.fit(forecaster, later, TASK)
    payload = await forecasts.save(continued)
    assert payload is not None
    again = await forecasts.restore(payload, forecaster, TASK, ())
    said = [await forecasts.forecast(model, later) for model in (continued, scratch, again)]
    assert said[0] == said[1] == said[2], "the same bits"
    longer = replace(TASK, horizon_seconds=2 * TASK.horizon_seconds)
    for bad, task in ((payload[:-1], TASK), (payload, longer)):
        with pytest.raises(BadState):
            await forecasts.restore(bad, forecaster, task, ())


async def test_a_forecaster_that_can_t_go_on_is_fitted_as_ever(forecasts: Forecasts) -> None:
    first = await forecasts.fit(WindowMaximum(), wave(), TASK)
    second = await forecasts.fit(WindowMaximum(), wave(), TASK, previous=first, has_drifted=True)
    assert await forecasts.save(second) is None
    assert (await forecasts.forecast(second, wave())).forecast.value > 0


async def test_ticks_send_tails_and_hear_what_whole_histories_say() -> None:
    """Minutes that go by, a mended hole, a gap, a clock that steps back, and another series."""
    n = 2_000
    demand = wave(n + 60).values.copy()
    demand[n + 4] = np.nan
    holed = replace(wave(n + 60), values=demand)
    ends = [n, n + 1, n + 5, n + 6, n + 40, n + 20]
    asked = [_window(holed if end < n + 6 else wave(n + 60), end) for end in ends]
    asked.append(replace(asked[-1], values=asked[-1].values + 1.0))
    forecasts, whole = ProcessForecasts(), ThreadForecasts()
    try:
        models = [await each.fit(default_forecaster(), wave(), TASK) for each in (forecasts, whole)]
        kinds = _kinds_sent(forecasts)
        for history in asked:
            said = [
                await each.forecast(model, history)
                for each, model in zip((forecasts, whole), models, strict=True)
            ]
            assert said[0] == said[1]
        assert kinds == [Series, *[Tail] * 4, Series, Series]
    finally:
        await forecasts.close()
        await whole.close()


async def test_a_history_is_sent_whole_where_the_one_before_it_is_not_there() -> None:
    forecasts = ProcessForecasts()
    try:
        model = await forecasts.fit(WindowMaximum(), wave(), TASK)
        first = await forecasts.forecast(model, wave())
        number, _ = forecasts._sent[model]
        forecasts._sent[model] = (number + 1_000, wave(2_050))  # as after a call that was cancelled
        answer = await forecasts.forecast(model, wave(2_100))
        assert answer.forecast.issued_at == wave(2_100).end_at
        assert answer != first
        both = [forecasts.forecast(model, wave(2_100 + more)) for more in (1, 2)]
        issued = [each.forecast.issued_at for each in await asyncio.gather(*both)]
        assert issued == [wave(2_101).end_at, wave(2_102).end_at]
        await _kill(forecasts._asks)
        with pytest.raises(WorkerLost):
            await forecasts.forecast(model, wave(2_103))
        again = await forecasts.fit(WindowMaximum(), wave(), TASK)
        said = await forecasts.forecast(again, wave(2_103))
        assert said.forecast == WindowMaximum().fit(wave(), TASK).forecast(wave(2_103))
    finally:
        await forecasts.close()


def _kinds_sent(forecasts: ProcessForecasts) -> list[type]:
    """Return a list that grows by what each forecast sends: a whole history or a tail."""
    kinds: list[type] = []
    run = forecasts._asks.run

    async def noted(function: Any, *args: Any) -> Any:
        if function is forecasts_work.forecast:
            kinds.append(type(args[1].history))
        return await run(function, *args)

    forecasts._asks.run = noted  # type: ignore[method-assign]
    return kinds


def _window(series: Series, n_points: int) -> Series:
    """Return 1,900 points up to that many of the series."""
    end_at = series.start_at + (n_points - 1) * series.step_seconds
    return series.between(end_at - 1_899 * series.step_seconds, end_at)
