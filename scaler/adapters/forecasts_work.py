"""What is done with models, in whichever thread or process: plain functions over one table."""

import pickle
from time import perf_counter

from forecasting.forecast import Forecast
from forecasting.forecaster import FittedForecaster, Forecaster, Task
from forecasting.leading import LeadingGain, gains
from forecasting.series import Series

# Of this process. Handles are numbered by their owner, who drops them too.
_models: dict[int, FittedForecaster] = {}


def fit(
    forecaster: Forecaster, past: Series, task: Task
) -> tuple[bytes, float, tuple[LeadingGain, ...]]:
    """Return a fitted model, packed for another process, the seconds it took, and its gains."""
    started_at = perf_counter()
    model = forecaster.fit(past, task)
    packed = pickle.dumps(model, pickle.HIGHEST_PROTOCOL)
    return packed, perf_counter() - started_at, gains(model)


def adopt(number: int, packed: bytes) -> None:
    """Keep a model that `fit` has packed: both ends are ours, so unpickling it is safe."""
    _models[number] = pickle.loads(packed)  # noqa: S301


def forecast(number: int, history: Series, dropped: tuple[int, ...]) -> Forecast:
    """Forget the models `dropped`, and return what model `number` says. KeyError: not here."""
    for gone in dropped:
        _models.pop(gone, None)
    return _models[number].forecast(history)


def count() -> int:
    """Return how many models this process keeps."""
    return len(_models)
