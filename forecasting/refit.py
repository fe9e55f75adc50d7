"""Going on from an earlier fit, for forecasters that can; others fit from scratch.

`previous` changes no bit of what is fitted, only how soon it is there: see `Mixture.fit`.
"""

from inspect import signature
from typing import Any, Protocol, runtime_checkable

from forecasting.forecaster import FittedForecaster, Forecaster, Task
from forecasting.series import Series


@runtime_checkable
class Watchful(Protocol):
    """A model that says when it has lost its footing."""

    def needs_refit(self, history: Series) -> bool:
        """Return whether a refit would pay; read from what the last forecast left behind."""
        ...


@runtime_checkable
class Growing(Protocol):
    """A model that can be handed on with all that it has walked since its fit."""

    def up_to_date(self) -> FittedForecaster:
        """Return the same model, which answers the same bits."""
        ...


def fit_on(
    forecaster: Forecaster,
    history: Series,
    task: Task,
    *,
    previous: FittedForecaster | None = None,
    has_drifted: bool = False,
) -> FittedForecaster:
    """Return the forecaster fitted, from `previous` on where it can go on from a fit."""
    fit: Any = forecaster.fit
    if "previous" not in signature(fit).parameters:
        return forecaster.fit(history, task)
    fitted: FittedForecaster = fit(history, task, previous=previous, has_drifted=has_drifted)
    return fitted


def needs_refit(fitted: FittedForecaster, history: Series) -> bool:
    """Return whether the model asks for a refit; False for one that can't tell."""
    return isinstance(fitted, Watchful) and fitted.needs_refit(history)


def up_to_date(fitted: FittedForecaster) -> FittedForecaster:
    """Return what a refit had best go on from."""
    return fitted.up_to_date() if isinstance(fitted, Growing) else fitted
