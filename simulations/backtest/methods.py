"""The methods that a backtest compares, by the names that --methods takes."""

from dataclasses import dataclass, replace

from forecasting import rivals
from forecasting.baselines import last_value
from forecasting.events import Happening, WithEvents
from forecasting.forecaster import Forecaster
from forecasting.rival_paths import Fourier, Gains, HoltWinters
from forecasting.series import Series
from scaler.errors import BadExperts
from scaler.service import loaded_forecaster
from simulations.backtest.bridging import Bridged, Gaps
from simulations.backtest.errors import BadInput

OURS, NAIVE, REACTIVE, CALIBRATED = (
    "prewarm",
    "seasonal-naive-day",
    "last-value",
    "last-value-calibrated",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A forecaster with what it is in words.

    `heeds_quantile` False: it says one figure whatever quantile is asked for. `is_slow`: its
    days are worth a task each. `heeds_events`: it is told of the trigger's events.
    `heeds_leading`: it is shown the companions of the series, or those named in `shown` alone.
    `is_main_only`: it is asked the question of the verdict, and no other.
    """

    name: str
    about: str
    forecaster: Forecaster
    heeds_quantile: bool = False
    is_slow: bool = False
    heeds_events: bool = False
    heeds_leading: bool = False
    shown: frozenset[str] | None = None
    is_main_only: bool = False

    def bridging(self, gaps: Gaps | None) -> "Method":
        """Return the method on a series with bridged gaps, if it has any."""
        if gaps is None or not gaps.size:
            return self
        return replace(self, forecaster=Bridged(forecaster=self.forecaster, gaps=gaps))

    def sight_of(self, series: Series) -> Series:
        """Return the series with the companions that the method is shown."""
        if not self.heeds_leading:
            return series.alone()
        if self.shown is None:
            return series
        kept = tuple(pair for pair in series.leading if pair[0] in self.shown)
        return replace(series, leading=kept)

    def is_asked_beside(self, names: tuple[str, ...]) -> bool:
        """Return whether less is shown to it than to a method that is shown all `names`."""
        return self.shown is not None and self.shown < {*names}

    def told(self, events: tuple[Happening, ...]) -> "Method":
        """Return the method told of events, as the scaler tells its own; rivals know of none."""
        if not self.heeds_events or not events:
            return self
        return replace(self, forecaster=WithEvents(forecaster=self.forecaster, events=events))


def every_method(experts: str | None = None) -> dict[str, Method]:
    """Return all methods by name, ours first, of these experts: names as in --experts.

    Raises `BadInput`.
    """
    try:
        forecaster = loaded_forecaster(experts)
    except BadExperts as exc:
        raise BadInput(str(exc)) from exc
    return {method.name: method for method in (*_ours(forecaster), *_rules(), *_paths())}


def _ours(forecaster: Forecaster) -> tuple[Method, ...]:
    return (
        Method(
            name=OURS,
            about="the scaler's own forecast: calibrated experts in a mixture",
            forecaster=forecaster,
            heeds_quantile=True,
            is_slow=True,
            heeds_events=True,
            heeds_leading=True,
        ),
        Method(
            name=CALIBRATED,
            about="the newest value, corrected by how far peaks went beyond it of late",
            forecaster=last_value(),
            heeds_quantile=True,
            is_slow=True,
        ),
    )


def _rules() -> tuple[Method, ...]:
    return (
        _rule(NAIVE, "the peak of the same window yesterday", rivals.yesterday),
        _rule("seasonal-naive-week", "the peak of the same window a week ago", rivals.last_week),
        _rule(REACTIVE, "the newest value: what a reactive scaler goes by", rivals.last_value),
        _rule("reactive-1.25", "1.25 times the mean of the last 3 minutes", rivals.raised_mean),
        Method(
            name="day-profile",
            about="the quantile of past peaks at this time of day",
            forecaster=rivals.Rule(method="day-profile", bound=rivals.day_profile),
            heeds_quantile=True,
        ),
        _rule("mimir-like", "max(now, offset 6d23h30m), as Grafana Mimir", rivals.week_offset),
        _rule("kedastral-like", "Kedastral's baseline formula, 30 minutes", rivals.kedastral),
    )


def _rule(name: str, about: str, bound: rivals.Bound) -> Method:
    return Method(name=name, about=about, forecaster=rivals.Rule(method=name, bound=bound))


def _paths() -> tuple[Method, ...]:
    return (
        Method(
            name="holt-winters",
            about="Holt-Winters on 15-minute means of 10 days, fitted daily",
            forecaster=HoltWinters(method="holt-winters", n_days=10, bin_seconds=900.0),
        ),
        Method(
            name="phpa-like",
            about="Holt-Winters with gains 0.9 and one step ahead, as a predictive HPA",
            forecaster=HoltWinters(
                method="phpa-like",
                n_days=4,
                gains=Gains(level=0.9, trend=0.9, season=0.9),
                is_one_step=True,
            ),
        ),
        Method(
            name="crane-like",
            about="the 20 strongest cycles of 14 days times 1.15, as Crane's FFT",
            forecaster=Fourier(),
        ),
    )


def chosen(flag: str, text: str | None, *, experts: str | None = None) -> tuple[Method, ...]:
    """Return the methods that a list between commas names, all of them without one."""
    known = every_method(experts)
    if text is None:
        return tuple(known.values())
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in known:
            raise BadInput(
                f'{flag}: "{name}" is not allowed; allowed are, with commas between them: '
                f"{', '.join(known)}"
            )
    return tuple(known[name] for name in names)
