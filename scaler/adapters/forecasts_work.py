"""What is done with models, in whichever thread or process: plain functions over one table."""

import pickle
from dataclasses import dataclass
from time import perf_counter

from forecasting.forecaster import Forecaster, Task
from forecasting.keeping import restored, stored
from forecasting.leading import LeadingGain, gains
from forecasting.refit import fit_on, needs_refit, up_to_date
from forecasting.series import Series
from scaler.adapters.forecasts_tail import Tail, joined
from scaler.adapters.forecasts_windows import Kept
from scaler.ports import Answer

# Of this process. Handles are numbered by their owner, who drops them too.
_models: dict[int, Kept] = {}
_histories: dict[
    int, tuple[int, Series]
] = {}  # what each was asked with last, as `Sent` numbers it


@dataclass(frozen=True, slots=True)
class Sent:
    """A history on its way: the whole of it, or what it adds to the one that `base` numbers."""

    number: int  # of this history; no two have the same
    history: Series | Tail
    base: int | None = None


class Missed(LookupError):  # noqa: N818 - named after what happened
    """A tail came, and what it goes on from isn't here: send the whole history."""


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


def adopt(number: int, packed: bytes, horizon_seconds: float) -> None:
    """Keep a model that `fit` has packed: both ends are ours, so unpickling it is safe."""
    _models[number] = Kept(pickle.loads(packed), horizon_seconds)  # noqa: S301


def packed(number: int) -> bytes | None:
    """Return a model with all that it has walked, for a refit to go on from; None: not here."""
    kept = _models.get(number)
    return None if kept is None else pickle.dumps(up_to_date(kept.fitted), pickle.HIGHEST_PROTOCOL)


def save(number: int) -> bytes | None:
    """Return a model's state. KeyError: not here."""
    return stored(_models[number].fitted)


def restore(
    number: int, payload: bytes, forecaster: Forecaster, task: Task, leading: tuple[str, ...]
) -> tuple[LeadingGain, ...]:
    """Keep a model that `save` gave in an earlier run. Raises BadState."""
    model = restored(payload, forecaster, task, leading)
    _models[number] = Kept(model, task.horizon_seconds)
    return gains(model)


def forecast(
    number: int, sent: Sent, horizon_seconds: float | None, dropped: tuple[int, ...]
) -> Answer:
    """Forget the models `dropped`, and return what model `number` says of that window.

    KeyError: not here. Raises Missed.
    """
    for gone in dropped:
        _models.pop(gone, None)
        _histories.pop(gone, None)
    kept = _models[number]
    history = _received(number, sent)
    _histories[number] = (sent.number, history)
    model = kept.asked(history, horizon_seconds)
    return Answer(model.forecast(history), needs_refit(model, history))


def count() -> int:
    """Return how many models this process keeps."""
    return len(_models)


def _received(number: int, sent: Sent) -> Series:
    if not isinstance(sent.history, Tail):
        return sent.history
    base, known = _histories.get(number, (None, None))
    if known is None or base != sent.base:
        raise Missed(f"model {number} holds history {base}, not {sent.base}")
    return joined(known, sent.history)
