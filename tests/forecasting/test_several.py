import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeAlias

from forecasting.default import default_forecaster
from forecasting.forecaster import Task
from forecasting.series import Series
from forecasting.several import fit_all, forecast_all

MakeHistory: TypeAlias = Callable[..., Series]
MakeTask: TypeAlias = Callable[..., Task]


def test_bounds_do_not_cross_between_levels_nor_between_horizons(
    office: MakeHistory, task: MakeTask
) -> None:
    history = office(days=5.4, step_seconds=300.0)
    questions = [
        task(horizon_seconds=minutes * 60.0, level=level)
        for minutes in (5, 30)
        for level in (0.9, 0.95)
    ]
    fitted = [default_forecaster().fit(history, question) for question in questions]
    answers = forecast_all(fitted, history)
    for one in answers:
        for other in answers:
            if one.level <= other.level and one.horizon_seconds <= other.horizon_seconds:
                assert one.value <= other.value
    assert [(a.horizon_seconds, a.level) for a in answers] == [
        (q.horizon_seconds, q.level) for q in questions
    ]


def test_a_fitted_forecaster_survives_storage_bit_for_bit(
    office: MakeHistory, task: MakeTask
) -> None:
    history = office(days=4.6)
    fitted = default_forecaster().fit(history.between(0, history.end_at - 7200), task())
    restored = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - our own bytes
    assert restored.forecast(history) == fitted.forecast(history)


def test_a_pool_of_processes_fits_what_one_process_fits(
    office: MakeHistory, task: MakeTask
) -> None:
    history = office(days=2.3, step_seconds=300.0)
    questions = [(history, task(level=level)) for level in (0.5, 0.9)]
    alone = fit_all(default_forecaster(), questions)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pooled = fit_all(default_forecaster(), questions, apply=pool.map)
    assert [one.forecast(history) for one in pooled] == [one.forecast(history) for one in alone]
