"""Fits through joblib: the same bits from processes, from threads and one after another."""

from collections.abc import Callable
from typing import TypeAlias

import joblib
import pytest
from threadpoolctl import threadpool_limits

from forecasting.default import default_forecaster
from forecasting.fitted import FittedMixture
from forecasting.forecaster import Task
from forecasting.parallel import in_parallel
from forecasting.series import Series
from forecasting.several import fit_all
from forecasting.state import to_bytes

MakeHistory: TypeAlias = Callable[..., Series]
MakeTask: TypeAlias = Callable[..., Task]


def states(fitted: "tuple[object, ...]") -> list[bytes]:
    return [to_bytes(one) for one in fitted if isinstance(one, FittedMixture)]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_every_backend_gives_the_bits_of_one_after_another(
    office: MakeHistory, task: MakeTask, backend: str
) -> None:
    questions = [(office(days=4.5, seed=seed, step_seconds=300.0), task()) for seed in range(3)]
    with threadpool_limits(limits=1, user_api="blas"):
        alone = fit_all(default_forecaster(), questions)
    with joblib.parallel_config(backend, n_jobs=2):
        together = fit_all(default_forecaster(), questions, apply=in_parallel)
    want = states(alone)
    assert len(want) == 3
    assert states(together) == want
    said = [one.forecast(history) for one, (history, _) in zip(together, questions, strict=True)]
    assert said == [
        one.forecast(history) for one, (history, _) in zip(alone, questions, strict=True)
    ]
