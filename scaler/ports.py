"""The seams between the decision and the world. Each has a twin in `adapters/memory.py`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from forecasting.forecast import Forecast
from forecasting.forecaster import Forecaster, Task
from forecasting.leading import LeadingGain
from forecasting.series import Series
from scaler.fleet import Fleet
from scaler.starts.record import Starts
from scaler.workload import Workload


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
    horizon_seconds: float = 0.0  # the window that it was fitted for


@dataclass(frozen=True, slots=True)
class Answer:
    """A forecast, and whether its model has lost its footing since the fit."""

    forecast: Forecast
    needs_refit: bool = False


class Forecasts(Protocol):
    """Fits models and asks them; which thread, process or machine does it is the adapter's affair.

    What a forecaster raises passes through.
    """

    async def fit(
        self,
        forecaster: Forecaster,
        past: Series,
        task: Task,
        *,
        previous: Model | None = None,
        has_drifted: bool = False,
    ) -> Model:
        """Fit, and keep the model. Raises `WorkerLost` when the process that fitted has died.

        From `previous` on where that is kept and of use; it changes no bit of the model. With
        `has_drifted` the model learns once more, from all that is known.
        """
        ...

    async def save(self, model: Model) -> bytes | None:
        """Return the model as bytes for a later run, None for one that can't be kept."""
        ...

    async def restore(
        self, payload: bytes, forecaster: Forecaster, task: Task, leading: tuple[str, ...]
    ) -> Model:
        """Keep the model that `save` gave in an earlier run. Raises BadState where it is none."""
        ...

    async def forecast(
        self, model: Model, history: Series, *, horizon_seconds: float | None = None
    ) -> Answer:
        """Return the model's forecast from the end of `history`.

        For the window that it was fitted for, or another one that `several.can_answer` permits
        where the forecaster is elastic.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """What the cluster tells of one ScaledObject's workload now.

    `fleet` and `starts` are None where pods can't be seen, or weren't lately: unknown, not zero.
    """

    workload: Workload
    fleet: Fleet | None = None
    starts: Starts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterTrouble:
    """A call that the cluster doesn't answer, in the words of an RBAC rule.

    `reason` is one of a small fixed set, fit for a metric label: forbidden, unreachable, refused,
    bad-answer. The message is fit for a log line.
    """

    verb: str  # get, list or watch
    group: str  # empty for the core group
    resource: str  # with its subresource: deployments/scale
    namespace: str  # empty for what belongs to no namespace
    reason: str
    message: str = ""


class Cluster(Protocol):
    """Tells of workloads from memory. Nothing here waits for the cluster, and nothing raises."""

    def follow(self, namespace: str, name: str) -> None:
        """Begin to look after a ScaledObject; a second time does nothing."""
        ...

    def forget(self, namespace: str, name: str) -> None:
        """Stop to look after it."""
        ...

    def look(self, namespace: str, name: str) -> ClusterView | None:
        """Return what is known now; None while there is no such object, or it can't be read."""
        ...

    def troubles(self) -> tuple[ClusterTrouble, ...]:
        """Return what keeps the cluster from telling more, now."""
        ...

    def to_state(self) -> dict[str, Any]:
        """Return what is remembered of starts, as plain JSON values."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Remember what an earlier run's `to_state` gave. Raises ValueError where it is none."""
        ...

    def close(self) -> None:
        """Stop watching; returns at once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Bytes to remember. Only who wrote them can read them, and `format` says if he still can."""

    format: str  # a name and a version, such as "ledger/1"
    payload: bytes
    saved_at: float  # Unix seconds


class StateStore(Protocol):
    """Remembers blobs by owner and kind. Each method may raise `StateUnavailable`, nothing else.

    What is handed out is what was saved, to the byte, or nothing: damage is never handed out.
    """

    async def load(self, owner: str) -> Mapping[str, Blob]:
        """Return all blobs of `owner` by kind, empty when there are none."""
        ...

    async def save(self, blobs: Mapping[tuple[str, str], Blob]) -> None:
        """Keep the blobs, by owner and kind, in place of older ones: all of them or none."""
        ...

    async def forget(self, before: float) -> int:
        """Drop what was saved before that time (Unix seconds), and return how many that were."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of files and threads."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A change worth telling a person: on a ScaledObject, in one line."""

    namespace: str
    name: str  # of the ScaledObject
    reason: str  # CamelCase, one of a small fixed set
    message: str
    is_warning: bool = False


class EventSink(Protocol):
    """Tells people of changes. Never waits and never raises: an event is not worth a tick."""

    def publish(self, notice: Notice, *, at: float) -> None:
        """Take a notice of the time `at` (Unix seconds); it may be lost on the way."""
        ...

    async def close(self) -> None:
        """Send what is waiting, for a short while, and let go of threads."""
        ...
