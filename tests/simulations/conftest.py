"""A short made-up story: calm, a spike that needs five replicas, both sides scaled."""

from collections.abc import Callable
from math import nan

import pytest

from scaler.types import Step
from simulations.moments import Moment, Side, Terms

START = 1_773_217_800.0  # 08:30 UTC
SPIKE = START + 1_800.0
STEPS = (
    Step(rule="cover_forecast", before=0, after=5),
    Step(rule="cover_observed", before=5, after=5),
    Step(rule="warm_floor", before=5, after=5),
)

Story = Callable[..., tuple[Moment, ...]]


@pytest.fixture
def terms() -> Terms:
    return Terms(
        threshold=10.0,
        warm_floor=2,
        max_replicas=20,
        lead_time_seconds=300.0,
        start_at=START,
        end_at=START + 3_600.0,
        spike_at=SPIKE,
    )


def side(at: float, risen_at: float, *, calm: int = 2) -> Side:
    wanted = 5 if at >= risen_at else calm
    return Side(answered=wanted, wanted=wanted, ready=5 if at >= risen_at + 300.0 else calm)


@pytest.fixture
def story() -> Story:
    """Return a function that tells the hour: the target rises `ahead` seconds before the need."""

    def tell(ahead: float, *, calm: int = 2) -> tuple[Moment, ...]:
        times = [START + 15.0 * turn for turn in range(240)]
        return tuple(
            Moment(
                at=at,
                demand=45.0 if at >= SPIKE else 15.0,
                forecast=nan if at == START else 48.0,
                method="quantile-regression",
                prewarm=side(at, SPIKE - ahead, calm=calm),
                reactive=side(at, SPIKE),
                steps=STEPS,
            )
            for at in times
        )

    return tell
