"""The rivals of the forecast benchmark: whose they are, in which form each is scored.

They are our own re-implementations, as honest as their size allows, and named "-like" where they
stand in for a product. A source forecasts; an entry turns it into a bound. `+conf` and `+add` add
the protocol's conformal offset, which no rival ships.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from forecast_conformal import calibrated
from forecast_protocol import HORIZONS, LEVELS, Case, FloatCube, Said, Source, Trace
from forecast_rivals_dynamo import auto_arima, kalman_trend, prophet_50
from forecast_rivals_holtwinters import N_DAYS as HOLT_WINTERS_DAYS
from forecast_rivals_holtwinters import holt_winters, holt_winters_online
from forecast_rivals_kedastral import HEADROOM as KEDASTRAL_HEADROOM
from forecast_rivals_kedastral import Baseline, arima, kedastral, sarima
from forecast_rivals_learned import (
    boosted_quantiles,
    harmonic_regression,
    learned,
    linear_quantiles,
)
from forecast_rivals_models import N_DAYS, mstl, prophet
from forecast_rivals_paths import by_path, by_quarters, fourier
from forecast_rivals_simple import (
    HEADROOM,
    aws_like,
    last,
    last_week,
    mimir,
    reactive,
    time_of_day,
    yesterday,
)

from forecasting.arrays import FloatVector

HOUR = 3600.0
CRANE_MARGIN = 1.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A method by its name in the table; `shipped` is the form that its users get.

    `shipped` multiplies the plain forecast, or is "own" for its own upper bound, or None for a
    method that nobody ships. `modules` and `packages` are what its forecasts depend on.
    """

    name: str
    source: Source
    shipped: float | str | None
    modules: tuple[str, ...]
    packages: tuple[str, ...] = ()
    is_raw_scored: bool = False  # a learner's uncalibrated quantile, which nobody ships
    is_calibrated: bool = True  # False where another setting has the same plain forecast


_PATHS = ("forecast_rivals_paths",)
_SMOOTHING = (*_PATHS, "forecast_rivals_holtwinters")
_MODELS = (*_PATHS, "forecast_rivals_models")
_DYNAMO = ("forecast_rivals_dynamo",)
_KEDASTRAL = ("forecast_rivals_kedastral",)
_SIMPLE = ("forecast_rivals_simple",)
_LEARNED = (*_SIMPLE, "forecast_rivals_learned")

_simple = partial(Rival, modules=_SIMPLE)
_kedastral = partial(Rival, modules=_KEDASTRAL)
_learned = partial(Rival, modules=_LEARNED, shipped=None, is_raw_scored=True)

RIVALS: tuple[Rival, ...] = (
    _simple(name="seasonal naive, day", source=yesterday, shipped=1.0),
    _simple(name="seasonal naive, week", source=last_week, shipped=1.0),
    _simple(name="last", source=last, shipped=1.0),
    _simple(name="reactive x1.25", source=reactive, shipped=HEADROOM),
    _simple(name="time of day", source=time_of_day, shipped=None),
    _simple(name="Mimir-like week offset", source=mimir, shipped=1.0),
    _simple(name="AWS-like hourly", source=aws_like, shipped=1.0),
    Rival(name="Holt-Winters daily (PHPA-like)", shipped=1.0,
          source=by_quarters(holt_winters, n_days=HOLT_WINTERS_DAYS),
          modules=_SMOOTHING, packages=("statsmodels",)),
    Rival(name="Holt-Winters online (PHPA-like)", source=holt_winters_online, shipped=1.0,
          modules=_SMOOTHING, packages=("statsmodels",)),
    Rival(name="FFT x1.15 (Crane-like)", source=by_path(fourier), shipped=CRANE_MARGIN,
          modules=_PATHS, packages=("numpy",)),
    Rival(name="MSTL+AutoETS", source=by_quarters(mstl, n_days=N_DAYS), shipped="own",
          modules=_MODELS, packages=("statsforecast",)),
    Rival(name="Prophet", source=by_quarters(prophet, n_days=N_DAYS), shipped="own",
          modules=_MODELS, packages=("prophet",)),
    Rival(name="harmonic regression", source=harmonic_regression, shipped=None, modules=_LEARNED),
    _learned(name="lqr", source=learned(linear_quantiles)),
    _learned(name="LightGBM", source=learned(boosted_quantiles), packages=("lightgbm",)),
    _learned(name="lqr+LightGBM", source=learned(linear_quantiles, boosted_quantiles),
             packages=("lightgbm",)),
    _kedastral(name="Kedastral-like, as shipped", shipped=KEDASTRAL_HEADROOM,
               source=kedastral(Baseline, window_seconds=0.5 * HOUR)),
    _kedastral(name="Kedastral-like, quantile", shipped="own",
               source=kedastral(Baseline, window_seconds=0.5 * HOUR), is_calibrated=False),
    _kedastral(name="Kedastral-like, daily", shipped="own",
               source=kedastral(Baseline, window_seconds=12 * HOUR)),
    _kedastral(name="Kedastral-like, ARIMA", shipped="own",
               source=kedastral(arima, window_seconds=24 * HOUR)),
    _kedastral(name="Kedastral-like, ARIMA 30 min", shipped="own",
               source=kedastral(arima, window_seconds=0.5 * HOUR)),
    _kedastral(name="Kedastral-like, SARIMA", shipped="own",
               source=kedastral(sarima, window_seconds=48 * HOUR)),
    Rival(name="Dynamo-like ARIMA", source=auto_arima, shipped=1.0,
          modules=_DYNAMO, packages=("statsforecast", "statsmodels")),
    Rival(name="Dynamo-like Kalman", source=kalman_trend, shipped=1.0, modules=_DYNAMO),
    Rival(name="Dynamo-like Prophet, 50 points", source=prophet_50, shipped=1.0,
          modules=_DYNAMO, packages=("prophet",)),
)  # fmt: skip
KEDASTRAL_SETTINGS = tuple(r.name for r in RIVALS if r.name.startswith("Kedastral"))[1:]
REFERENCE_SET = (  # what the goal "best rival as shipped" was set with
    "Prophet", "MSTL+AutoETS", "Holt-Winters daily (PHPA-like)", "reactive x1.25",
    "Holt-Winters online (PHPA-like)", "FFT x1.15 (Crane-like)",
)  # fmt: skip
AS_SHIPPED = tuple(r.name for r in RIVALS if r.shipped is not None)
Bounds: TypeAlias = Callable[[Case, Said], FloatVector]


def entries(rival: Rival) -> dict[str, Bounds]:
    """Return the rival's scored forms by their names in the table."""
    found: dict[str, Bounds] = {}
    if rival.shipped is not None or rival.is_raw_scored:
        found[rival.name] = partial(_shipped, rival)
    if not rival.is_calibrated:
        return found
    name = rival.name.replace(" x1.15", "").replace(" x1.25", "")
    found[f"{name} +conf"] = partial(_calibrated, is_additive=False)
    found[f"{name} +add"] = partial(_calibrated, is_additive=True)
    return found


def calibrated_names(rival: Rival) -> tuple[str, ...]:
    """Return the names of its calibrated forms."""
    return tuple(name for name in entries(rival) if name.endswith(("+conf", "+add")))


def case_of(trace: Trace, horizon_minutes: int, level: float) -> Case:
    """Return the question about a trace."""
    return Case(name=trace.name, series=trace.series, horizon_minutes=horizon_minutes, level=level)


def _shipped(rival: Rival, case: Case, said: Said) -> FloatVector:
    if rival.shipped == "own":
        assert said.own is not None  # noqa: S101 - a source with a bound of its own gives one
        return _row(case, said.own)
    factor = rival.shipped if isinstance(rival.shipped, float) else 1.0
    return factor * _row(case, said.points)


def _calibrated(case: Case, said: Said, *, is_additive: bool) -> FloatVector:
    return calibrated(case, _row(case, said.points), is_additive=is_additive)


def _row(case: Case, cube: FloatCube) -> FloatVector:
    level = LEVELS.index(case.level) if len(cube) > 1 else 0
    return cube[level, HORIZONS.index(case.horizon_minutes)]
