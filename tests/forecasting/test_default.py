import threading
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from forecasting.default import default_forecaster
from forecasting.forecaster import Task
from forecasting.series import Series

MakeHistory: TypeAlias = Callable[..., Series]
MakeTask: TypeAlias = Callable[..., Task]


@pytest.mark.parametrize(
    ("days", "method", "why"),
    [
        (1 / 1440, "last-value", "one observation"),
        (0.5, "last-value", "no day to look back on"),
        (1.5, "seasonal-naive", "a day to look back on, too little to fit on"),
        (9.0, "quantile-regression", "enough for the model"),
    ],
)
def test_the_method_says_how_much_history_there_was(
    office: MakeHistory, task: MakeTask, days: float, method: str, why: str
) -> None:
    history = office(days=days)
    fitted = default_forecaster().fit(history, task())
    assert fitted.method == method, why
    assert fitted.forecast(history).method == method, why


def test_a_rise_that_comes_every_working_day_is_met_before_it_comes(task: MakeTask) -> None:
    minutes = np.arange(13 * 1440)
    busy = (minutes % 1440 >= 540) & (minutes % 1440 < 1020)
    noise = np.random.default_rng(0).gamma(50, 1 / 50, minutes.size)
    history = Series(
        start_at=1_736_121_600.0, step_seconds=60.0, values=np.where(busy, 100.0, 10.0) * noise
    )
    before = history.between(history.start_at, history.start_at + (12 * 1440 + 535) * 60.0)
    bound = default_forecaster().fit(before, task()).forecast(before)
    assert before.values[-1] < 20
    assert bound.value > 80


def test_a_stale_tail_falls_back_on_the_same_window_of_a_past_day(
    office: MakeHistory, task: MakeTask
) -> None:
    history = office(days=9.6)
    values = history.values.copy()
    values[-180:] = np.nan
    holed = Series(start_at=history.start_at, step_seconds=60.0, values=values)
    forecast = default_forecaster().fit(history, task()).forecast(holed)
    assert forecast.method == "seasonal-naive"
    assert forecast.value == pytest.approx(history.values[-15:].max(), rel=0.5)


def test_fits_in_threads_give_what_fits_alone_give(office: MakeHistory, task: MakeTask) -> None:
    history = office(days=6.0)
    alone = default_forecaster().fit(history, task()).forecast(history)
    found = []

    def work() -> None:
        found.append(default_forecaster().fit(history, task()).forecast(history))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 4
