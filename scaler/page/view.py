"""What the page and the JSON API show of a target. The field names are the API.

None is unknown or not there, never zero; times are Unix seconds; a length of time ends in
`_seconds`, a count of replicas in `_replicas`. Demand has the unit of the trigger's query. Nothing
in here is secret.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One rule and what it made of the count."""

    rule: str
    before_replicas: int
    after_replicas: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """A change of the answer, or of what is known."""

    at: float
    before_replicas: int | None  # None: it was the first
    after_replicas: int
    evidence: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortfallView:
    """Replicas that demand or forecast ask for and that can't be had."""

    missing_replicas: int
    at: float | None  # when it bites; None: now, or not known
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A target in one line of the list."""

    namespace: str
    name: str
    trigger: str  # digest of the metadata: tells two triggers of one object apart
    evidence: str  # pending, unknown, stale, fresh; invalid for a trigger that can't be used
    mode: str | None
    mode_in_force: str | None  # what that comes to now: predict or observe
    answer: str  # what KEDA is told, in words
    replicas: int | None  # None: KEDA is told an error
    is_active: bool | None
    predicted_replicas: int | None
    reactive_replicas: int | None
    needed_replicas: int | None  # by the demand observed last
    wanted_replicas: int | None  # what the workload's scale asks for
    ready_replicas: int | None
    starting_replicas: int | None
    unschedulable_replicas: int | None
    warm_floor_replicas: int | None
    max_replicas: int | None
    observed_demand: float | None
    observed_age_seconds: float | None
    forecast_demand: float | None
    lead_time_seconds: float | None
    is_lead_time_measured: bool | None
    shortfall: ShortfallView | None
    problem: str | None  # reason of the last failed read
    problem_text: str | None
    last_change: ChangeView | None
    asked_age_seconds: float  # since KEDA asked last


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastView:
    """The newest forecast: the peak until `until_at` stays below `demand` at that `quantile`."""

    issued_at: float
    until_at: float
    horizon_seconds: float
    quantile: float
    demand: float
    method: str


# Keys that fields of `TriggerView` show, defaults and all.
FIELDS = frozenset(
    {"query", "serverAddress", "threshold", "activationThreshold", "warmFloor", "maxReplicas"}
    | {"leadTimeSeconds", "quantile", "historyDays", "stepSeconds", "staleAfterSeconds", "timezone"}
    | {"mode", "onStale", "ignoreNullValues", "authModes", "customHeaders", "queryParameters"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerView:
    """The trigger as it was understood. None in place of text that is not shown."""

    query: str | None
    source: str
    threshold: float
    activation_threshold: float
    warm_floor_replicas: int
    max_replicas: int
    lead_time_seconds: float
    is_lead_time_auto: bool
    quantile: float
    history_days: float
    step_seconds: float
    stale_after_seconds: float
    time_zone: str
    mode: str
    on_stale: str
    is_empty_zero: bool
    auth_modes: tuple[str, ...]
    n_custom_headers: int
    n_query_parameters: int
    hidden_keys: tuple[str, ...]  # keys whose value is not shown
    is_threshold_auto: bool = False
    given: tuple[tuple[str, str], ...] = ()  # keys that no field above shows, as given


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingView:
    """A key of the trigger: what was set, and what that comes to now."""

    key: str
    set_to: str | None  # None: not set, its default is in force
    in_force: str
    default: str | None = None  # of a key that is not set, where it comes to something else now


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTimeView:
    """From the decision for one more replica until it answers."""

    lead_time_seconds: float
    is_auto: bool  # False: what the trigger says is in use, whatever was measured
    is_measured: bool  # False: a prior, or what the trigger says
    start_seconds: float | None  # the pod's share
    scaling_seconds: float | None  # that of KEDA's poll, the HPA's sync and its ramp
    quantile: float | None
    n_starts: int | None
    n_censored: int | None
    start_class: str | None
    cold_starts_seconds: tuple[float, ...] | None  # completed starts; None where nobody watches


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSide:
    """What one way of scaling met and cost."""

    short_seconds: float  # for how long demand was beyond what ready replicas carry
    shortage_demand_seconds: float  # the integral of that demand
    replica_hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerView:
    """Prewarm beside what the reactive scaler alone would have done, since `since_at`.

    Both are models of like fleets; `actual` is the real one, where it is watched.
    """

    since_at: float
    until_at: float
    known_seconds: float
    unknown_seconds: float  # in which nothing is counted
    prewarm: LedgerSide
    reactive: LedgerSide
    actual: LedgerSide | None
    actual_seconds: float
    saved_ratio: float | None  # of the reactive shortage; None: there was none
    extra_ratio: float | None  # of replica-time beyond the reactive
    mode_in_force: str  # predict or observe


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryView:
    """Observed demand on a grid; None in place of a point that was not observed."""

    start_at: float
    step_seconds: float
    demand: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentView:
    """A minute of the last day."""

    at: float
    evidence: str
    observed_demand: float | None
    forecast_demand: float | None
    forecast_horizon_seconds: float | None
    replicas: int
    reactive_replicas: int
    ready_replicas: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingView:
    """What can't be shown, and what would make it seen."""

    what: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """All about one trigger of a target."""

    summary: Summary
    as_of: float | None  # the time whose data the decision rests on
    is_stale_answer: bool  # the tick is late, and the answer for old data is in force
    evidence_text: str
    trigger: TriggerView | None
    invalid_lines: tuple[str, ...]  # why the trigger can't be used
    steps: tuple[StepView, ...]
    forecast: ForecastView | None
    lead_time: LeadTimeView | None
    ledger: LedgerView | None
    history: HistoryView | None
    moments: tuple[MomentView, ...]
    changes: tuple[ChangeView, ...]  # the newest first
    missing: tuple[MissingView, ...]
    settings: tuple[SettingView, ...]  # empty for a trigger that can't be used


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The list of targets at one moment, filtered and in order."""

    at: float
    version: str
    is_ready: bool
    search: str
    sort: str
    first: int  # place of the first shown, from 0
    n_targets: int  # all that there are
    n_matching: int
    n_in_trouble: int  # of all
    targets: tuple[Summary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPage:
    """All triggers of one ScaledObject."""

    at: float
    version: str
    namespace: str
    name: str
    triggers: tuple[Details, ...]  # the one that KEDA asked about last comes first
