"""The forecaster that the scaler uses unless told otherwise."""

from forecasting.absolute import AbsoluteProfile
from forecasting.experts import DayProfile, DirectRegression, Expert, RecentMaximum
from forecasting.forecaster import Forecaster
from forecasting.leading import WithLeading
from forecasting.mixture import Mixture
from forecasting.neighbours import Neighbours


def default_experts() -> tuple[Expert, ...]:
    """Return the experts of the default mixture, from the least able to the most.

    The first answers from one observation on. Measured on the shared traces: without the
    additive last value and maxima quiet series lose most, without the neighbours all do.
    """
    return (
        RecentMaximum(name="last-value", seconds=1.0, is_additive=False),
        RecentMaximum(name="last-value-plus", seconds=1.0, is_additive=True),
        RecentMaximum(name="maximum-5-minutes", seconds=300.0, is_additive=True),
        RecentMaximum(name="maximum-15-minutes", seconds=900.0, is_additive=True),
        DayProfile(),
        AbsoluteProfile(),
        DirectRegression(name="regression", is_wide=True, ridge=0.1),
        Neighbours(name="neighbours-core", is_wide=False, n_neighbours=20, ridge=0.01),
        Neighbours(name="neighbours-wide", is_wide=True, n_neighbours=12, ridge=0.1),
    )


def default_forecaster(*, extra_experts: tuple[Expert, ...] = ()) -> Forecaster:
    """Return the forecaster that is used when nothing else is configured.

    `extra_experts` join the mixture, for example those of `forecasting.plugins`. The companions
    of a history (`Series.leading`) join it too.
    """
    return forecaster_of_experts((*default_experts(), *extra_experts))


def forecaster_of_experts(experts: tuple[Expert, ...]) -> Forecaster:
    """Return the forecaster that mixes these experts and the companions of a history."""
    return WithLeading(mixture=Mixture(experts=experts))
