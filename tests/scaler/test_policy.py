from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.forecast import Forecast
from scaler.params import Mode, OnStale, TargetParams
from scaler.policy import RULES, decide
from scaler.types import Evidence, PolicyState, Seen

PARAMS = TargetParams(threshold=10.0, zone=ZoneInfo("UTC"), warm_floor=2, max_replicas=20)
OLD = (Evidence.STALE, Evidence.UNKNOWN, Evidence.PENDING)


def forecast_of(value: float) -> Forecast:
    return Forecast(
        issued_at=0.0, horizon_seconds=330.0, level=0.95, value=value, method="seasonal-naive"
    )


def seen_of(
    evidence: Evidence = Evidence.FRESH, observed: float = 0.0, forecast: float | None = None
) -> Seen:
    return Seen(
        as_of=0.0,
        evidence=evidence,
        observed_demand=observed,
        observed_at=0.0,
        forecast=None if forecast is None else forecast_of(forecast),
    )


# What is seen each minute (evidence, demand, forecast peak), what is wanted, and which rules moved.
STORY = """
fresh   15  18  2  cover_forecast                 a quiet night
fresh   15  64  7  cover_forecast                 the rise comes within the lead time
fresh   62  64  7  cover_forecast                 it is there, and nothing moves
fresh   98  64 10  cover_forecast,cover_observed  more than the forecast: demand itself counts
fresh  350  64 20  cover_forecast,cover_observed,ceiling  a flood: maxReplicas bounds it
stale  350  64 20  answer_stale                   Prometheus is down: the last good answer holds
stale  350  64 20  answer_stale                   for as long as it is down
fresh    4   6  2  cover_forecast,warm_floor      evidence is back, and it says: quiet
stale    4   6  2  answer_stale                   held again, now at the floor
"""


def test_the_story_of_a_morning() -> None:
    state = PolicyState()
    for row in STORY.strip().splitlines():
        evidence, observed, forecast, want, rules, why = row.split(maxsplit=5)
        state, decision = decide(
            state, seen_of(Evidence(evidence), float(observed), float(forecast)), PARAMS
        )
        assert decision.replicas == int(want), why
        assert ",".join(step.rule for step in decision.moved) == rules, why


@pytest.mark.parametrize(
    ("on_stale", "last_good", "want", "is_withheld"),
    [
        (OnStale.HOLD, 9, 9, False),
        (OnStale.HOLD, None, 2, False),
        (OnStale.FLOOR, 9, 2, False),
        (OnStale.ERROR, 9, 9, True),
    ],
)
def test_stale_evidence_is_answered_as_the_trigger_says(
    on_stale: OnStale, last_good: int | None, want: int, *, is_withheld: bool
) -> None:
    params = replace(PARAMS, on_stale=on_stale)
    state, decision = decide(
        PolicyState(last_good_replicas=last_good), seen_of(Evidence.STALE, 50.0), params
    )
    assert (decision.replicas, decision.is_withheld) == (want, is_withheld)
    assert state.last_good_replicas == last_good, "a stale answer is never remembered as a good one"


@pytest.mark.parametrize(
    ("evidence", "observed", "is_active", "why"),
    [
        (Evidence.FRESH, 0.0, False, "zero was observed"),
        (Evidence.FRESH, 5.0, False, "not above the activation threshold"),
        (Evidence.FRESH, 5.1, True, "above it"),
        (Evidence.PENDING, 0.0, False, "nobody has looked: wake nothing"),
        (Evidence.UNKNOWN, 0.0, True, "looked and saw nothing: put nothing to sleep"),
        (Evidence.STALE, 0.0, False, "it slept on evidence and sleeps on"),
    ],
)
def test_unknown_stale_and_zero_are_three_things(
    evidence: Evidence, observed: float, *, is_active: bool, why: str
) -> None:
    params = replace(PARAMS, warm_floor=0, activation_threshold=5.0)
    decision = decide(PolicyState(last_good_replicas=0), seen_of(evidence, observed), params)[1]
    assert decision.is_active is is_active, why
    if not is_active:
        assert decision.replicas == 0, "an inactive target has no value above its floor"


def test_observing_answers_reactively_and_still_shows_the_prediction() -> None:
    decision = decide(
        PolicyState(), seen_of(observed=30.0, forecast=90.0), replace(PARAMS, mode=Mode.OBSERVE)
    )[1]
    assert (decision.replicas, decision.reactive_replicas, decision.predicted_replicas) == (3, 3, 9)


def test_every_rule_is_named_in_the_steps_of_every_decision() -> None:
    decision = decide(PolicyState(), seen_of(), PARAMS)[1]
    assert [step.rule for step in decision.steps] == [rule.__name__ for rule in RULES]


demands = st.floats(0, 1e12)
forecasts = st.none() | demands
params_drawn = st.builds(
    lambda floor, room, threshold, mode, on_stale, activation: replace(
        PARAMS,
        warm_floor=floor,
        max_replicas=floor + room,
        threshold=threshold,
        mode=mode,
        on_stale=on_stale,
        activation_threshold=activation,
    ),
    st.integers(0, 50),
    st.integers(1, 50),
    st.floats(1e-3, 1e6),
    st.sampled_from(Mode),
    st.sampled_from(OnStale),
    st.floats(0, 100),
)
states = st.builds(PolicyState, last_good_replicas=st.none() | st.integers(0, 200))


@given(states, st.sampled_from(Evidence), demands, forecasts, params_drawn)
def test_the_answer_lies_between_floor_and_ceiling(
    state: PolicyState,
    evidence: Evidence,
    observed: float,
    forecast: float | None,
    params: TargetParams,
) -> None:
    decision = decide(state, seen_of(evidence, observed, forecast), params)[1]
    for replicas in (decision.replicas, decision.predicted_replicas, decision.reactive_replicas):
        assert params.warm_floor <= replicas <= params.max_replicas
    assert decision.predicted_replicas >= decision.reactive_replicas
    if decision.replicas > 0:
        assert decision.is_active


@given(demands, demands, forecasts, demands, params_drawn)
def test_more_demand_or_more_forecast_never_means_fewer_replicas(
    observed: float, more: float, forecast: float | None, rise: float, params: TargetParams
) -> None:
    low = decide(PolicyState(), seen_of(observed=observed, forecast=forecast), params)[1]
    high = decide(PolicyState(), seen_of(observed=observed + more, forecast=forecast), params)[1]
    assert high.replicas >= low.replicas
    if forecast is not None:
        raised = seen_of(observed=observed, forecast=forecast + rise)
        assert decide(PolicyState(), raised, params)[1].replicas >= low.replicas


@given(st.sampled_from(OLD), demands, forecasts, demands, params_drawn)
def test_missing_data_never_lowers_the_answer_unless_the_trigger_asks_for_the_floor(
    evidence: Evidence,
    observed: float,
    forecast: float | None,
    later: float,
    params: TargetParams,
) -> None:
    state, good = decide(PolicyState(), seen_of(observed=observed, forecast=forecast), params)
    _, after = decide(state, seen_of(evidence, later), params)
    if params.on_stale is OnStale.FLOOR:
        assert after.replicas == params.warm_floor
    else:
        assert after.replicas == good.replicas


@given(demands, forecasts, params_drawn)
def test_deciding_twice_on_the_same_evidence_changes_nothing(
    observed: float, forecast: float | None, params: TargetParams
) -> None:
    seen = seen_of(observed=observed, forecast=forecast)
    state, once = decide(PolicyState(), seen, params)
    assert decide(state, seen, params) == (state, once)
