"""The seams between the decision and the world. Each has a twin in `adapters/memory.py`."""

from dataclasses import dataclass
from typing import Protocol

from forecasting.forecast import Forecast
from forecasting.forecaster import Forecaster, Task
from forecasting.leading import LeadingGain
from forecasting.series import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandQuery:
    """Where a target's demand is read.

    `server_address` is None for the operator's default source. Headers and parameters come from
    trigger metadata, hence untrusted and possibly secret: they are left out of `repr`.
    """

    query: str
    step_seconds: float
    server_address: str | None = None
    namespace: str | None = None  # sent as the `namespace` parameter, as KEDA does for Thanos
    headers: tuple[tuple[str, str], ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    auth_modes: tuple[str, ...] = ()  # what the trigger expects the operator to have configured
    owner: str = ""  # the namespace that asks: sources share their turns fairly among owners

    def __repr__(self) -> str:
        return f"DemandQuery({self.query!r} at {self.server_address or 'the default source'})"


class HistorySource(Protocol):
    """Reads demand. Both methods raise `HistoryUnavailable` and nothing else."""

    async def read_range(self, query: DemandQuery, *, start_at: float, end_at: float) -> Series:
        """Return the grid points in [start_at, end_at], both multiples of the step.

        Never a shorter grid than asked: what the source does not hold is NaN.
        """
        ...

    async def read_instant(self, query: DemandQuery, *, at: float) -> float:
        """Return demand at `at` (Unix seconds); NaN when the source answered that it has none."""
        ...

    async def close(self) -> None:
        """Release connections and threads."""
        ...


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Model:
    """A fitted model that `Forecasts` keeps for as long as this handle lives."""

    number: int
    fit_seconds: float
    gains: tuple[LeadingGain, ...] = ()  # what each leading query was worth at the fit


class Forecasts(Protocol):
    """Fits models and asks them; which thread, process or machine does it is the adapter's affair.

    What a forecaster raises passes through.
    """

    async def fit(self, forecaster: Forecaster, past: Series, task: Task) -> Model:
        """Fit, and keep the model. Raises `WorkerLost` when the process that fitted has died."""
        ...

    async def forecast(self, model: Model, history: Series) -> Forecast:
        """Return the model's forecast from the end of `history`.

        Raises `WorkerLost` when the process that held the model has died: fit anew.
        """
        ...

    async def close(self) -> None:
        """Stop threads and processes without waiting for fits under way."""
        ...


class Clock(Protocol):
    """Time. `now` may step (NTP, an operator); `monotonic` never goes back."""

    def now(self) -> float:
        """Return Unix seconds."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some fixed moment; for ages and deadlines only."""
        ...

    async def sleep_until(self, at: float) -> None:
        """Return once `now()` has reached `at`, or when the clock has stepped back meanwhile.

        So a caller looks at `now()` again instead of sleeping for as long as the step was.
        """
        ...
