"""All rivals by name, on the same demand and the same terms.

A name ends in "-like" where the original is a whole product and only its formula is here. Each is
given the scaler's own lead time as the distance to look ahead, unless its product has a fixed one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from zoneinfo import ZoneInfo

from forecasting.forecaster import Forecaster, Task
from forecasting.localtime import DAY_SECONDS
from forecasting.rival_paths import Fourier, Gains, HoltWinters
from forecasting.rivals import Rule, kedastral, week_offset
from forecasting.series import Series
from simulations.autoscaling.keda import ScaledObjectSpec
from simulations.policies.cron import WEEK_DAYS, scheduled
from simulations.policies.forecasted import Forecasted
from simulations.policies.kpa import Kpa, KpaSpec
from simulations.policies.linear_seasonal import LinearSeasonal
from simulations.policies.open_loop import Bounds, bounds_of
from simulations.policies.reactive import Reactive, Signal
from simulations.policies.static import Static, mean_replicas, peak_replicas
from simulations.ports import DirectPolicy, Policy

HOUR_SECONDS = 3_600.0
HEADROOMS = (0.8, 0.6)  # lower thresholds: the usual answer to a cold start
AIBRIX_STABLE_SECONDS, AIBRIX_PANIC_SECONDS, AIBRIX_COOL_DOWN_SECONDS = 180.0, 60.0, 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all rivals are held to.

    `threshold` is the demand that one replica carries, `in_flight_threshold` the requests that it
    has in flight then. `floor_replicas` is for reactive + floor. The run begins at `start_at`, in
    Unix seconds.
    """

    start_at: float
    threshold: float
    in_flight_threshold: float
    lead_time_seconds: float
    zone: ZoneInfo
    floor_replicas: int
    spec: ScaledObjectSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """One way to scale. `make` returns it as new, for each run; forecasts are made once for all.

    `spec` is its ScaledObject, None where it sets replicas itself. `is_hindsight`: it was told what
    nobody knows beforehand.
    """

    name: str
    about: str
    make: Callable[[], Policy | DirectPolicy]
    spec: ScaledObjectSpec | None = None
    is_hindsight: bool = False


def rivals(demand: Series, setting: Setting) -> dict[str, Rival]:
    """Return all rivals by name. `demand` holds the history before the run, and the run."""
    found = (
        *_static(demand, setting),
        *_reactive(setting),
        _cron(demand, setting),
        *_kpa(setting),
        *(_forecasted(demand, setting, one) for one in _forecasters(setting)),
    )
    return {one.name: one for one in found}


def _static(demand: Series, setting: Setting) -> tuple[Rival, ...]:
    """Return the fixed fleets; to make one without a week before raises ValueError."""
    begin = setting.start_at - WEEK_DAYS * DAY_SECONDS
    before = demand.between(begin, setting.start_at - demand.step_seconds).values
    run = demand.between(setting.start_at, demand.end_at).values
    per, most = setting.threshold, setting.spec.max_replicas

    def fixed(name: str, about: str, size: Callable[[], int], *, is_hindsight: bool) -> Rival:
        return Rival(
            name=name,
            about=about,
            make=lambda: Static(name, min(size(), most)),
            is_hindsight=is_hindsight,
        )

    return (
        fixed(
            "static-peak",
            "always what carried the peak of the week before",
            lambda: peak_replicas(before, per, level=1.0),
            is_hindsight=False,
        ),
        fixed(
            "static-p99",
            "always what carried 99 % of the week before",
            lambda: peak_replicas(before, per, level=0.99),
            is_hindsight=False,
        ),
        fixed(
            "static-mean",
            "always what carried the mean of the week before",
            lambda: mean_replicas(before, per),
            is_hindsight=False,
        ),
        fixed(
            "static-peak-hindsight",
            "always what carries the peak of the run itself",
            lambda: peak_replicas(run, per, level=1.0),
            is_hindsight=True,
        ),
    )


def _reactive(setting: Setting) -> tuple[Rival, ...]:
    def trigger(name: str, about: str, threshold: float, signal: Signal) -> Rival:
        return Rival(
            name=name,
            about=about,
            make=lambda: Reactive(name, threshold=threshold, signal=signal),
            spec=setting.spec,
        )

    per = setting.threshold
    plain = trigger("keda-reactive", "KEDA's trigger on demand now", per, Signal.DEMAND)
    in_flight = trigger(
        "keda-in-flight",
        "KEDA's trigger on running and waiting requests",
        setting.in_flight_threshold,
        Signal.IN_FLIGHT,
    )
    early = (
        trigger(
            f"keda-reactive-{share:g}",
            f"the same at {share:.0%} of the threshold",
            share * per,
            Signal.DEMAND,
        )
        for share in HEADROOMS
    )
    floor = min(setting.floor_replicas, setting.spec.max_replicas)
    floored = replace(
        plain,
        name="keda-reactive-floor",
        about=f"the same with minReplicaCount {floor}",
        make=lambda: Reactive("keda-reactive-floor", threshold=per),
        spec=replace(setting.spec, min_replicas=floor, idle_replicas=None),
    )
    return (plain, *early, in_flight, floored)


def _cron(demand: Series, setting: Setting) -> Rival:
    @cache
    def table() -> Bounds:
        return scheduled(
            demand,
            setting.zone,
            per_replica=setting.threshold,
            begin_at=setting.start_at,
            ahead_seconds=setting.lead_time_seconds,
        )

    name = "cron-24x7"
    about = "the peak of the same hour a week before, a lead time early, beside keda-reactive"
    return Rival(
        name=name,
        about=about,
        make=lambda: _beside(name, table(), setting, threshold=1.0),
        spec=setting.spec,
    )


def _kpa(setting: Setting) -> tuple[Rival, ...]:
    bounds = setting.spec
    knative = KpaSpec(
        target=setting.in_flight_threshold,
        min_replicas=bounds.min_replicas,
        max_replicas=bounds.max_replicas,
    )
    aibrix = replace(
        knative,
        stable_window_seconds=AIBRIX_STABLE_SECONDS,
        panic_window_seconds=AIBRIX_PANIC_SECONDS,
        scale_down_delay_seconds=AIBRIX_COOL_DOWN_SECONDS,
    )
    return (
        Rival(
            name="kpa",
            about="Knative's autoscaler on requests in flight",
            make=lambda: Kpa("kpa", knative),
        ),
        Rival(
            name="kpa-aibrix-like",
            about="the same with AIBrix's windows and cool-down, 180 s, 60 s and 300 s",
            make=lambda: Kpa("kpa-aibrix-like", aibrix),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forecaster:
    """A forecaster by its name and in words, and how far it is asked to look ahead."""

    name: str
    about: str
    forecaster: Forecaster
    horizon_seconds: float


def _forecasters(setting: Setting) -> tuple[_Forecaster, ...]:
    def one(
        name: str, about: str, forecaster: Forecaster, ahead: float = setting.lead_time_seconds
    ) -> _Forecaster:
        return _Forecaster(name=name, about=about, forecaster=forecaster, horizon_seconds=ahead)

    gains = Gains(level=0.9, trend=0.9, season=0.9)
    phpa = HoltWinters(method="phpa-like", n_days=4, gains=gains, is_one_step=True)
    winters = HoltWinters(method="holt-winters", n_days=10, bin_seconds=900.0)
    mimir = Rule(method="mimir-like", bound=week_offset)
    baseline = Rule(method="kedastral-like", bound=kedastral)
    return (
        one("mimir-like", "the demand of 6 d 23 h 30 min ago, as Grafana Mimir's query", mimir),
        one("kedastral-like", "Kedastral's baseline formula on 30 minutes", baseline),
        one("holt-winters", "Holt-Winters on quarters of an hour, fitted daily", winters),
        one("phpa-like", "Holt-Winters with gains 0.9, one step ahead", phpa),
        one("crane-like", "strong cycles of 14 days, the hour ahead", Fourier(), HOUR_SECONDS),
        one("prophet-like", "a line, a day and a week by least squares", LinearSeasonal()),
    )


def _forecasted(demand: Series, setting: Setting, one: _Forecaster) -> Rival:
    # No rival heeds the level: each says one figure.
    task = Task(horizon_seconds=one.horizon_seconds, level=0.95, zone=setting.zone)

    @cache
    def forecasts() -> Bounds:
        return bounds_of(one.forecaster, demand, task, begin_at=setting.start_at)

    return Rival(
        name=one.name,
        about=f"{one.about}, beside keda-reactive",
        make=lambda: _beside(one.name, forecasts(), setting, threshold=setting.threshold),
        spec=setting.spec,
    )


def _beside(name: str, bounds: Bounds, setting: Setting, *, threshold: float) -> Forecasted:
    return Forecasted(
        name,
        bounds,
        Reactive(name, threshold=setting.threshold),
        threshold=threshold,
        start_at=setting.start_at,
    )
