"""Any fitted forecaster of ours as bytes, for a process that comes after this one."""

from dataclasses import replace

from forecasting.events import FittedWithEvents, WithEvents
from forecasting.fitted import FittedMixture
from forecasting.forecaster import FittedForecaster, Forecaster, Task
from forecasting.leading import WithLeading
from forecasting.mixture import Mixture
from forecasting.state import VERSION, BadState, from_bytes, to_bytes

FORMAT = f"mixture/{VERSION}"


def stored(fitted: FittedForecaster) -> bytes | None:
    """Return the model's state; None for one that can't be stored and is fitted anew."""
    if isinstance(fitted, FittedWithEvents):
        return stored(fitted.fitted)
    if not isinstance(fitted, FittedMixture):
        return None
    try:
        return to_bytes(fitted)
    except BadState:
        return None


def restored(
    payload: bytes, forecaster: Forecaster, task: Task, leading: tuple[str, ...]
) -> FittedForecaster:
    """Return the model that `forecaster` was fitted to for `task`, with these companions.

    Raises BadState where another forecaster or task was stored. Holidays may differ: they are
    days around the present, and the next fit has its own.
    """
    if isinstance(forecaster, WithEvents):
        inner = restored(payload, forecaster.forecaster, task, leading)
        return FittedWithEvents(fitted=inner, task=task, events=forecaster.events)
    mixture = forecaster.led_by(leading) if isinstance(forecaster, WithLeading) else forecaster
    if not isinstance(mixture, Mixture):
        raise BadState(f"{type(forecaster).__name__} keeps no state; fit anew")
    fitted = from_bytes(payload, mixture.experts)
    if replace(fitted.task, holidays=task.holidays) != task:
        raise BadState("the state was stored for another task; fit anew")
    return fitted
