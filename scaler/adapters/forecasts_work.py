"""What is done with models, in whichever thread or process: plain functions over one table."""

import pickle
from time import perf_counter

from forecasting.forecaster import FittedForecaster, Forecaster, Task
from forecasting.keeping import restored, stored
from forecasting.leading import LeadingGain, gains
from forecasting.refit import fit_on, needs_refit, up_to_date
from forecasting.series import Series
from scaler.ports import Answer

# Of this process. Handles are numbered by their owner, who drops them too.
_models: dict[int, FittedForecaster] = {}


def fit(
    forecaster: Forecaster,
    past: Series,
    task: Task,
    previous: bytes | None,
    has_drifted: bool,  # noqa: FBT001 - called through a pool
) -> tuple[bytes, float, tuple[LeadingGain, ...]]:
    """Return a fitted model, packed for another process, the seconds it took, and its gains."""
    started_at = perf_counter()
    before = None if previous is None else pickle.loads(previous)  # noqa: S301 - as in `adopt`
    model = fit_on(forecaster, past, task, previous=before, has_drifted=has_drifted)
    packed = pickle.dumps(model, pickle.HIGHEST_PROTOCOL)
    return packed, perf_counter() - started_at, gains(model)


def adopt(number: int, packed: bytes) -> None:
    """Keep a model that `fit` has packed: both ends are ours, so unpickling it is safe."""
    _models[number] = pickle.loads(packed)  # noqa: S301


def packed(number: int) -> bytes | None:
    """Return a model with all that it has walked, for a refit to go on from; None: not here."""
    model = _models.get(number)
    return None if model is None else pickle.dumps(up_to_date(model), pickle.HIGHEST_PROTOCOL)


def save(number: int) -> bytes | None:
    """Return a model's state. KeyError: not here."""
    return stored(_models[number])


def restore(
    number: int, payload: bytes, forecaster: Forecaster, task: Task, leading: tuple[str, ...]
) -> tuple[LeadingGain, ...]:
    """Keep a model that `save` gave in an earlier run. Raises BadState."""
    _models[number] = model = restored(payload, forecaster, task, leading)
    return gains(model)


def forecast(number: int, history: Series, dropped: tuple[int, ...]) -> Answer:
    """Forget the models `dropped`, and return what model `number` says. KeyError: not here."""
    for gone in dropped:
        _models.pop(gone, None)
    model = _models[number]
    return Answer(model.forecast(history), needs_refit(model, history))


def count() -> int:
    """Return how many models this process keeps."""
    return len(_models)
