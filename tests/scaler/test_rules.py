"""Laws of the rules and of the state between ticks."""

import json
from dataclasses import replace
from math import ceil
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.forecast import Forecast
from scaler.context import raised_limit
from scaler.fleet import Fleet
from scaler.newsvendor import newsvendor_quantile
from scaler.params import Mode, OnStale, ScaleDownLimit, TargetParams
from scaler.policy import decide
from scaler.policy_state import as_plain, from_plain
from scaler.trail import Trail
from scaler.types import Carried, Decision, Evidence, Floor, Limit, PolicyState, Seen

TICK = 15.0
PARAMS = TargetParams(threshold=10.0, zone=ZoneInfo("UTC"), warm_floor=1, max_replicas=40)


def forecast_of(value: float | None, horizon_seconds: float) -> Forecast | None:
    if value is None:
        return None
    return Forecast(
        issued_at=0.0, horizon_seconds=horizon_seconds, level=0.9, value=value, method="x"
    )


def seen_of(
    as_of: float = 0.0,
    observed: float = 0.0,
    forecast: float | None = None,
    ahead: float | None = None,
    **more: object,
) -> Seen:
    seen = Seen(
        as_of=as_of,
        evidence=Evidence.FRESH,
        observed_demand=observed,
        observed_at=as_of,
        forecast=forecast_of(forecast, 330.0),
        forecast_ahead=forecast_of(ahead, 660.0),
    )
    return replace(seen, **more)  # type: ignore[arg-type]


def run(params: TargetParams, seens: list[Seen]) -> list[Decision]:
    state, decisions = PolicyState(), []
    for seen in seens:
        state, decision = decide(state, seen, params)
        decisions.append(decision)
    return decisions


demands = st.floats(0, 2_000)
maybe = st.none() | demands
limits = (
    st.none()
    | st.builds(ScaleDownLimit, seconds=st.floats(15, 300), replicas=st.integers(1, 5))
    | st.builds(ScaleDownLimit, seconds=st.floats(15, 300), ratio=st.floats(0.05, 1))
)
params_drawn = st.builds(
    lambda floor, room, **knobs: replace(
        PARAMS, warm_floor=floor, max_replicas=floor + room, **knobs
    ),
    st.integers(0, 10),
    st.integers(1, 50),
    mode=st.sampled_from(Mode),
    on_stale=st.sampled_from(OnStale),
    activation_threshold=st.floats(0, 30),
    release_margin=st.sampled_from([0.0, 0.1, 0.5]),
    scale_down_limit=limits,
    hpa_tolerance=st.sampled_from([0.0, 0.1]),
    hpa_scale_down_tolerance=st.sampled_from([0.0, 0.1]),
    max_capacity_buffer=st.none() | st.floats(0, 1),
)
fleets = st.none() | st.builds(
    Fleet,
    at=st.just(0.0),
    wanted=st.integers(0, 60),
    ready=st.integers(0, 60),
    starting=st.integers(0, 10),
    unschedulable=st.integers(0, 10),
    max_replicas=st.none() | st.integers(1, 80),
)
floors_drawn = st.lists(
    st.builds(
        Floor,
        replicas=st.integers(1, 10),
        start_at=st.floats(-1_000, 1_000),
        end_at=st.floats(1_001, 2_000),
        reason=st.just("x"),
    ),
    max_size=2,
).map(tuple)
carried_drawn = st.none() | st.builds(
    lambda low: Carried(low=low, middle=low, high=low, level=0.9, n_episodes=9, as_of=0.0),
    st.floats(1, 50),
)


@st.composite
def stories(draw: st.DrawFn) -> list[Seen]:
    """Return what is seen over some ticks, with outages."""
    seens = []
    for tick in range(draw(st.integers(1, 8))):
        evidence = draw(st.sampled_from([Evidence.FRESH] * 3 + [Evidence.STALE, Evidence.UNKNOWN]))
        seens.append(
            seen_of(
                TICK * tick,
                draw(demands),
                draw(maybe),
                draw(maybe),
                evidence=evidence,
                fleet=draw(fleets),
                floors=draw(floors_drawn),
                carried=draw(carried_drawn),
                is_fit_pending=draw(st.booleans()),
            )
        )
    return seens


def ceiling_of(params: TargetParams, seen: Seen, decision: Decision, held: int) -> int:
    """Return the stated ceiling: maxReplicas, or with IncreaseMaxCapacity the forecast and more."""
    limit = params.max_replicas
    if params.max_capacity_buffer is not None and params.mode is Mode.PREDICT:
        if seen.evidence is Evidence.FRESH and seen.forecast is not None:
            needed = ceil(round(seen.forecast.value / decision.threshold, 9))
            limit = max(limit, ceil(round(needed * (1 + params.max_capacity_buffer), 9)))
        elif seen.evidence is not Evidence.FRESH:
            limit = max(limit, held)
        if seen.evidence is Evidence.FRESH and seen.is_fit_pending:  # it had risen before
            limit = max(limit, held, 0 if seen.fleet is None else seen.fleet.wanted)
    return limit


@given(stories(), params_drawn)
def test_floor_and_ceiling_hold_in_every_answer_of_every_story(
    seens: list[Seen], params: TargetParams
) -> None:
    held = 0
    for seen, decision in zip(seens, run(params, seens), strict=True):
        most = ceiling_of(params, seen, decision, held)
        assert params.warm_floor <= decision.replicas <= most
        bound = None if seen.fleet is None else seen.fleet.max_replicas
        if bound is not None and seen.evidence is Evidence.FRESH:
            assert decision.replicas <= max(params.warm_floor, bound)
        if decision.shortfall is not None:
            assert decision.shortfall.replicas > 0
            assert seen.as_of <= decision.shortfall.earliest_at <= decision.shortfall.latest_at
        if seen.evidence is Evidence.FRESH:
            held = decision.replicas


@given(stories(), params_drawn)
def test_missing_data_never_lowers_the_answer(seens: list[Seen], params: TargetParams) -> None:
    params = replace(params, on_stale=OnStale.HOLD)
    last_good = 0
    for seen, decision in zip(seens, run(params, seens), strict=True):
        if seen.evidence is Evidence.FRESH:
            last_good = decision.replicas
        elif seen.fleet is None or seen.fleet.max_replicas is None:
            assert decision.replicas >= last_good


@given(stories(), params_drawn, st.sampled_from([e for e in Evidence if e is not Evidence.FRESH]))
def test_missing_data_never_lowers_what_runs(
    seens: list[Seen], params: TargetParams, evidence: Evidence
) -> None:
    """A scaler that has started without memory, for as long as it sees no demand."""
    params = replace(params, on_stale=OnStale.HOLD)
    blind = [replace(seen, evidence=evidence) for seen in seens]
    for seen, decision in zip(blind, run(params, blind), strict=True):
        if seen.fleet is not None:
            bound = seen.fleet.max_replicas
            most = params.max_replicas if bound is None else min(bound, params.max_replicas)
            assert decision.replicas >= min(seen.fleet.wanted, most)


@given(stories(), params_drawn, st.booleans())
def test_until_the_first_fit_nothing_that_runs_or_was_just_asked_for_is_given_up(
    seens: list[Seen],
    params: TargetParams,
    has_cluster: bool,  # noqa: FBT001 - given by hypothesis
) -> None:
    params = replace(params, mode=Mode.PREDICT)
    waiting = [replace(seen, is_fit_pending=True, evidence=Evidence.FRESH) for seen in seens]
    if not has_cluster:
        waiting = [replace(seen, fleet=None) for seen in waiting]
    held = 0
    for seen, decision in zip(waiting, run(params, waiting), strict=True):
        runs = held if seen.fleet is None else max(held, seen.fleet.wanted)
        bound = None if seen.fleet is None else seen.fleet.max_replicas
        most = params.max_replicas if bound is None else min(bound, params.max_replicas)
        assert decision.replicas >= min(runs, most)
        held = decision.replicas


@given(seens=stories(), params=params_drawn)
def test_a_wait_for_the_first_fit_never_takes_a_replica_away(
    seens: list[Seen], params: TargetParams
) -> None:
    params = replace(params, hpa_tolerance=0.0, hpa_scale_down_tolerance=0.0)
    state = PolicyState()
    for seen in seens:
        fitted = decide(state, replace(seen, is_fit_pending=False), params)[1]
        state, decision = decide(state, replace(seen, is_fit_pending=True), params)
        assert decision.replicas >= fitted.replicas
        assert decision.reactive_replicas == fitted.reactive_replicas or params.mode is Mode.OBSERVE


@pytest.mark.parametrize(
    ("mode", "fleet", "age", "want", "why"),
    [
        (Mode.PREDICT, 9, None, 9, "nine run"),
        (Mode.OBSERVE, 9, None, 4, "observing, demand alone counts anyway"),
        (Mode.PREDICT, None, 330.0, 7, "seven were answered a lead time ago"),
        (Mode.PREDICT, None, 331.0, 4, "an answer says nothing of what is beyond its lead time"),
        (Mode.PREDICT, 9, 60.0, 9, "the larger of both"),
        (Mode.PREDICT, 50, None, 40, "never above the ceiling"),
    ],
)
def test_what_is_held_until_the_first_fit(
    mode: Mode, fleet: int | None, age: float | None, want: int, why: str
) -> None:
    runs = None if fleet is None else Fleet(at=0.0, wanted=fleet, ready=fleet)
    seen = seen_of(1_000.0, 40.0, fleet=runs, is_fit_pending=True)
    trail = Trail() if age is None else Trail(last=(1_000.0 - age, 7))
    decision = decide(PolicyState(predicted=trail), seen, replace(PARAMS, mode=mode))[1]
    assert decision.replicas == want, why


def test_without_evidence_the_trigger_says_what_is_held_and_not_a_fit_that_is_to_come() -> None:
    fleet = Fleet(at=0.0, wanted=9, ready=9)
    seen = seen_of(0.0, 40.0, fleet=fleet, is_fit_pending=True, evidence=Evidence.STALE)
    params = replace(PARAMS, on_stale=OnStale.FLOOR)
    assert decide(PolicyState(), seen, params)[1].replicas == params.warm_floor


@pytest.mark.parametrize(
    ("wanted", "bound", "want", "why"),
    [
        (55, None, 55, "the forecast that raised it is not back yet"),
        (55, 52, 52, "the object's maxReplicaCount holds all the same"),
        (None, None, 40, "nothing tells that it had risen"),
    ],
)
def test_a_ceiling_that_had_risen_stays_until_the_first_fit(
    wanted: int | None, bound: int | None, want: int, why: str
) -> None:
    fleet = None
    if wanted is not None:
        fleet = Fleet(at=0.0, wanted=wanted, ready=wanted, max_replicas=bound)
    seen = seen_of(0.0, 450.0, fleet=fleet, is_fit_pending=True)
    params = replace(PARAMS, max_capacity_buffer=0.1)
    assert decide(PolicyState(), seen, params)[1].replicas == want, why


@pytest.mark.parametrize(
    ("on_stale", "last_good", "want", "why"),
    [
        (OnStale.HOLD, None, 7, "nothing is known that seven could shrink on"),
        (OnStale.HOLD, 4, 4, "the last good answer rests on evidence, and is held"),
        (OnStale.FLOOR, None, 1, "the trigger asks for the floor"),
        (OnStale.ERROR, None, 1, "an error is answered, and KEDA's fallback acts"),
    ],
)
def test_what_runs_is_held_where_nothing_else_can_be(
    on_stale: OnStale, last_good: int | None, want: int, why: str
) -> None:
    seen = seen_of(evidence=Evidence.UNKNOWN, fleet=Fleet(at=0.0, wanted=7, ready=7))
    state = PolicyState(last_good_replicas=last_good)
    assert decide(state, seen, replace(PARAMS, on_stale=on_stale))[1].replicas == want, why


@given(stories(), params_drawn, st.floats(0, 500), st.floats(0, 500))
def test_more_forecast_never_means_fewer_replicas_whatever_went_before(
    seens: list[Seen], params: TargetParams, rise: float, rise_ahead: float
) -> None:
    state = PolicyState()
    for seen in seens[:-1]:
        state = decide(state, seen, params)[0]
    last = seens[-1]
    raised = replace(
        last,
        forecast=forecast_of(None if last.forecast is None else last.forecast.value + rise, 330.0),
        forecast_ahead=forecast_of(
            None if last.forecast_ahead is None else last.forecast_ahead.value + rise_ahead, 660.0
        ),
    )
    low, high = decide(state, last, params)[1], decide(state, raised, params)[1]
    assert high.replicas >= low.replicas


@given(stories(), params_drawn)
def test_deciding_a_moment_again_changes_nothing_whatever_went_before(
    seens: list[Seen], params: TargetParams
) -> None:
    state = PolicyState()
    for seen in seens:
        state, once = decide(state, seen, params)
        assert decide(state, seen, params) == (state, once)


@given(stories(), params_drawn)
def test_the_state_survives_a_file_and_decides_the_same(
    seens: list[Seen], params: TargetParams
) -> None:
    state = PolicyState()
    for seen in seens:
        state, _ = decide(state, seen, params)
    read = from_plain(json.loads(json.dumps(as_plain(state))))
    assert read == state
    later = replace(seens[-1], as_of=seens[-1].as_of + TICK)
    assert decide(read, later, params) == decide(state, later, params)


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {**as_plain(PolicyState()), "last_good_replicas": -1},
        {**as_plain(PolicyState()), "last_good_replicas": True},
        {**as_plain(PolicyState()), "learned_threshold": 0.0},
        {
            **as_plain(PolicyState()),
            "predicted": {"last": None, "before": [[2, 1], [1, 1]], "rose_at": None},
        },
        {
            **as_plain(PolicyState()),
            "reactive": {"last": ["x", 1], "before": [], "rose_at": None},
        },
        {
            **as_plain(PolicyState()),
            "reactive": {"last": [float("nan"), 1], "before": [], "rose_at": None},
        },
        {**as_plain(PolicyState()), "reactive": None},
    ],
)
def test_a_state_that_nobody_wrote_is_refused(plain: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no policy state"):
        from_plain(plain)


@given(
    st.floats(1, 400),
    st.lists(st.floats(-1, 1), min_size=2, max_size=40),
    st.sampled_from([0.05, 0.1, 0.3]),
    st.booleans(),
)
def test_noise_smaller_than_the_margin_moves_the_answer_up_at_most(
    level: float,
    noise: list[float],
    margin: float,
    has_forecast: bool,  # noqa: FBT001
) -> None:
    """Demand within [d, d (1 + margin)]: no reversal, so no flapping."""
    params = replace(PARAMS, release_margin=margin)
    middle = level * (1 + margin / 2)
    values = [middle * (1 + each * margin / (2 + margin)) for each in noise]
    seens = [
        seen_of(TICK * tick, value, value if has_forecast else None)
        for tick, value in enumerate(values)
    ]
    answers = [decision.replicas for decision in run(params, seens)]
    assert answers == sorted(answers)


@given(st.lists(demands, min_size=2, max_size=40), limits.filter(bool))
def test_no_time_span_of_the_limit_sees_a_larger_fall(
    values: list[float], pace: ScaleDownLimit
) -> None:
    params = replace(PARAMS, warm_floor=0, scale_down_limit=pace)
    seens = [seen_of(TICK * tick, value) for tick, value in enumerate(values)]
    answers = [decision.replicas for decision in run(params, seens)]
    span = int(pace.seconds // TICK)
    for tick, answer in enumerate(answers):
        recent = answers[max(0, tick - span) : tick]
        if recent:
            assert answer >= pace.lowest(max(recent))


@pytest.mark.parametrize(
    ("pace", "highest", "want"),
    [
        (ScaleDownLimit(seconds=60, ratio=0.5), 9, 5),
        (ScaleDownLimit(seconds=60, ratio=0.1), 4, 3),  # one may always go
        (ScaleDownLimit(seconds=60, ratio=1.0), 4, 0),
        (ScaleDownLimit(seconds=60, ratio=0.5), 1, 0),
        (ScaleDownLimit(seconds=60, replicas=3), 2, 0),
        (ScaleDownLimit(seconds=60, replicas=3), 20, 17),
    ],
)
def test_the_least_count_that_a_limit_allows(pace: ScaleDownLimit, highest: int, want: int) -> None:
    assert pace.lowest(highest) == want


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=60), st.integers(1, 20))
def test_a_trail_remembers_what_a_full_record_would(
    steps: list[tuple[int, int]], keep: int
) -> None:
    trail, record, at = Trail(), {}, 0
    for pause, replicas in steps:
        at += pause
        record[at] = replicas
        trail = trail.told(float(at), replicas, float(keep))
        earlier = [moment for moment in record if moment < at]
        assert trail.held(float(at)) == (record[max(earlier)] if earlier else None)
        since = at - keep
        before = [moment for moment in earlier if moment <= since]
        span = [record[m] for m in earlier if m > since] + ([record[max(before)]] if before else [])
        assert trail.highest(float(since), float(at)) == (max(span) if span else None)
    assert len(trail.before) <= 10, "counts fall"


def test_a_replica_is_kept_only_while_its_gap_is_worth_less_than_a_start() -> None:
    story = [seen_of(0.0, 50, 50, 50), seen_of(15.0, 20, 20, 50), seen_of(30.0, 20, 20, 20)]
    assert [decision.replicas for decision in run(PARAMS, story)] == [5, 5, 2]
    grown = [seen_of(0.0, 20, 20, 90)]
    assert run(PARAMS, grown)[0].replicas == 2, "it keeps, and never adds"


def test_the_reactive_outcome_has_a_memory_of_its_own() -> None:
    params = replace(PARAMS, scale_down_limit=ScaleDownLimit(seconds=600, replicas=1))
    high, low = run(params, [seen_of(0.0, 20, 200), seen_of(15.0, 20, 20)])
    assert (high.predicted_replicas, high.reactive_replicas) == (20, 2)
    assert (low.predicted_replicas, low.reactive_replicas) == (19, 2)


@given(st.lists(st.tuples(demands, maybe, maybe), min_size=1, max_size=8), limits)
def test_the_prediction_never_has_fewer_than_the_reaction_without_a_tolerance(
    story: list[tuple[float, float | None, float | None]], pace: ScaleDownLimit | None
) -> None:
    params = replace(PARAMS, scale_down_limit=pace, release_margin=0.1)
    seens = [seen_of(TICK * tick, *values) for tick, values in enumerate(story)]
    for decision in run(params, seens):
        assert decision.predicted_replicas >= decision.reactive_replicas


@pytest.mark.parametrize(
    ("start_at", "end_at", "want", "why"),
    [
        (330.0, 900.0, 6, "it begins when a replica asked for now would answer"),
        (331.0, 900.0, 1, "a second too early to ask"),
        (-900.0, 0.1, 6, "in force"),
        (-900.0, 0.0, 1, "over"),
    ],
)
def test_a_floor_is_asked_for_a_lead_time_before_it_begins(
    start_at: float, end_at: float, want: int, why: str
) -> None:
    floor = Floor(replicas=6, start_at=start_at, end_at=end_at, reason="launch")
    assert run(PARAMS, [seen_of(0.0, 5.0, floors=(floor,))])[0].replicas == want, why


def test_what_one_replica_was_learned_to_carry_stays_when_its_evidence_goes() -> None:
    learned = Carried(low=6.25, middle=7.0, high=8.0, level=0.9, n_episodes=4, as_of=0.0)
    story = [seen_of(0.0, 50.0), seen_of(15.0, 50.0, carried=learned), seen_of(30.0, 50.0)]
    decisions = run(PARAMS, story)
    assert [each.replicas for each in decisions] == [5, 10, 10]
    assert [each.threshold for each in decisions] == [10.0, 5.0, 5.0]


def test_a_shortfall_says_how_many_from_when_on_and_why() -> None:
    params = replace(PARAMS, max_replicas=5)
    [late] = run(params, [seen_of(0.0, 10, 20, 90)])
    assert late.shortfall is not None
    assert (late.shortfall.replicas, late.shortfall.limit) == (4, Limit.MAX_REPLICAS)
    assert (late.shortfall.earliest_at, late.shortfall.latest_at) == (330.0, 660.0)
    fleet = Fleet(at=0.0, wanted=5, ready=3, unschedulable=2, starting=0)
    [now] = run(params, [seen_of(0.0, 45, 45, 45, fleet=fleet)])
    assert now.shortfall is not None
    assert (now.shortfall.replicas, now.shortfall.limit) == (2, Limit.NO_ROOM)
    assert now.shortfall.latest_at == 0.0
    assert run(params, [seen_of(0.0, 45, 45, 45)])[0].shortfall is None


def test_an_observing_target_announces_a_shortfall_too() -> None:
    params = replace(PARAMS, max_replicas=5, mode=Mode.OBSERVE)
    [decision] = run(params, [seen_of(0.0, 10, 80)])
    assert decision.replicas == 1
    assert decision.shortfall is not None
    assert decision.shortfall.replicas == 3


def test_the_raised_ceiling_is_that_of_aws() -> None:
    assert raised_limit(50, 0.1) == 55  # AWS's own example
    assert raised_limit(50, 0.0) == 50
    assert raised_limit(3, 0.1) == 4


@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6))
def test_the_newsvendor_quantile_balances_both_costs(miss: float, idle: float) -> None:
    level = newsvendor_quantile(miss_cost=miss, idle_cost=idle)
    assert level * idle == pytest.approx((1 - level) * miss)


def test_a_rise_of_this_very_moment_holds_nothing_when_it_is_decided_again() -> None:
    """Found by the law above: the ceiling cuts five to one, and the pace raises one to two."""
    pace = ScaleDownLimit(seconds=31.0, replicas=1)
    params = replace(PARAMS, warm_floor=0, scale_down_limit=pace)
    cut = Fleet(at=0.0, wanted=0, ready=0, max_replicas=1)
    starting = Fleet(at=0.0, wanted=0, ready=0, starting=1)
    story = [seen_of(0.0, 41.0), seen_of(15.0, fleet=cut), seen_of(30.0, fleet=starting)]
    state = PolicyState()
    for seen in story:
        state, once = decide(state, seen, params)
        assert decide(state, seen, params) == (state, once)
    assert once.replicas == 4, "the pace counts from five"


def test_a_rise_is_remembered_from_the_moment_after_it() -> None:
    trail = Trail().told(0.0, 3, 60.0).told(15.0, 5, 60.0)
    assert trail.rose_before(15.0) == float("-inf")
    assert trail.rose_before(30.0) == 15.0
    assert trail.told(30.0, 4, 60.0).told(45.0, 4, 60.0).rose_before(60.0) == 15.0
