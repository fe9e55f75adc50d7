"""How far one sync goes, against Kubernetes' own tests of the step rules."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.autoscaling.behavior import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    PolicyKind,
    ScalingPolicy,
    ScalingRules,
    Select,
)
from simulations.autoscaling.events import Event
from simulations.autoscaling.limits import (
    Limited,
    Reason,
    Rescales,
    down_limit,
    limited_down,
    limited_up,
    limited_without_behavior,
    up_limit,
)
from simulations.autoscaling.spec import HpaSpec

NOW = 10_000.0
REASONS = {
    "R": Reason.WITHIN_RANGE,
    "M": Reason.TOO_MANY,
    "F": Reason.TOO_FEW,
    "U": Reason.UP_LIMIT,
    "L": Reason.DOWN_LIMIT,
}
KINDS = {"P": PolicyKind.PODS, "%": PolicyKind.PERCENT}
EVENTS = {
    "-": "",
    "E1": "1@100 5@60 9@20",
    "E2": "2@100 4@60 6@20",
    "E3": "10@100 10@60 10@20",
    "E4": "8@105 12@75 9@45 11@15",
}


def policies(text: str) -> tuple[ScalingPolicy, ...]:
    """Read 'P100/60 %100/60': pods or percent, the value, and the seconds of the period."""
    found = re.findall(r"([P%])(\d+)/(\d+)", text)
    return tuple(ScalingPolicy(KINDS[kind], int(v), float(s)) for kind, v, s in found)


def events(text: str) -> tuple[Event, ...]:
    """Read '1@100 5@60': pods, and how many seconds ago."""
    found = re.findall(r"(\d+)@(\d+)", text)
    return tuple(Event(NOW - float(age), int(count)) for count, age in found)


UP = """
5,7,3,8        D               -  7 R
20,1000,1,10   D               -  10 M
100,1000,100,150 D             -  150 M
3,1000,1,2000  %1/60           -  4 U
10,50,1,1000   D               -  20 U
10,500,1,1000  P100/60_%100/60 -  110 U
10,500,1,1000  P2/60_%100/60   -  20 U
10,50,1,1000   P100/60         -  50 R
10,50,1,1000   P30/60          -  40 U
10,50,1,1000   %200/60         -  30 U
100,500,1,200  P300/60         E1 200 M
100,500,1,200  %10000/60       E1 200 M
100,500,1,1000 P5/120          E1 100 U
100,500,1,1000 P150/120        E1 235 U
100,500,1,1000 %200/120        E1 255 U
100,200,1,1000 P1000/60        E4 200 R
100,200,1,1000 P1000/120_%100/60 E4 200 R
100,200,1,1000 P1000/30_%100/60  E4 200 R
"""
DOWN = """
3,1,2,8        D               -  2 F
1,0,0,10       D               -  0 R
1000,3,3,2000  P20/60          -  980 L
100,2,1,1000   P20/60_%1/60    -  80 L
100,2,1,1000   P2/60_%1/60     -  98 L
10,0,1,1000    P100/60         -  1 F
10,2,5,1000    %100/60         -  5 F
10,2,1,1000    P5/60           -  5 L
10,5,1,1000    %50/60          -  5 R
10,5,1,1000    D               E1 5 R
100,0,1,1000   P115/120        E1 1 F
100,0,5,1000   P130/120        E1 5 F
100,2,5,1000   %100/120        E1 5 F
100,2,1,1000   P5/120          E1 100 L
100,0,1,1000   %50/120         E2 56 L
100,0,1,1000   %10/120         E3 100 L
10,5,1,1000    %1000/120       E3 5 R
100,5,1,1000   P1000/60        E4 5 R
100,5,1,1000   P1000/120_%100/60 E4 5 R
100,5,1,1000   P1000/30_%100/60  E4 5 R
"""


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.strip().splitlines()]


def read(counts: str) -> tuple[int, int, HpaSpec]:
    wanted, stable, minimum, maximum = (int(word) for word in counts.split(","))
    return wanted, stable, HpaSpec(min_replicas=minimum, max_replicas=maximum)


@pytest.mark.parametrize(("counts", "rule", "past", "want", "reason"), rows(UP))
def test_a_step_up(counts: str, rule: str, past: str, want: str, reason: str) -> None:
    wanted, stable, spec = read(counts)
    rules = ScalingRules(policies=DEFAULT_UP if rule == "D" else policies(rule))
    got = limited_up(
        wanted, stable, spec, rules=rules, past=Rescales(up=events(EVENTS[past])), at=NOW
    )
    assert got == Limited(int(want), REASONS[reason])


@pytest.mark.parametrize(("counts", "rule", "past", "want", "reason"), rows(DOWN))
def test_a_step_down(counts: str, rule: str, past: str, want: str, reason: str) -> None:
    wanted, stable, spec = read(counts)
    rules = ScalingRules(policies=DEFAULT_DOWN if rule == "D" else policies(rule))
    got = limited_down(
        wanted, stable, spec, rules=rules, past=Rescales(down=events(EVENTS[past])), at=NOW
    )
    assert got == Limited(int(want), REASONS[reason])


@pytest.mark.parametrize(
    ("counts", "want", "reason"),
    [
        ("5,7,3,8", 7, "R"),
        ("3,1,2,8", 2, "F"),
        ("1,0,0,10", 0, "R"),
        ("20,1000,1,10", 10, "M"),
        ("3,1000,1,2000", 6, "U"),
    ],
)
def test_a_step_without_behavior(counts: str, want: int, reason: str) -> None:
    wanted, stable, spec = read(counts)
    assert limited_without_behavior(wanted, stable, spec) == Limited(want, REASONS[reason])


def test_of_several_policies_min_takes_the_smallest_change() -> None:
    rules = ScalingRules(policies=policies("P2/60 %50/60"), select=Select.MIN)
    assert up_limit(1, rules, Rescales(), at=NOW) == 2
    assert down_limit(5, rules, Rescales(), at=NOW) == 3


def test_disabled_allows_no_change() -> None:
    rules = ScalingRules(policies=policies("P2/60 %50/60"), select=Select.DISABLED)
    assert up_limit(7, rules, Rescales(), at=NOW) == 7
    assert down_limit(7, rules, Rescales(), at=NOW) == 7


def test_what_was_removed_in_a_period_may_be_added_again() -> None:
    rules = ScalingRules(policies=policies("P2/60"))
    assert up_limit(5, rules, Rescales(down=events("3@20")), at=NOW) == 10
    assert down_limit(5, rules, Rescales(up=events("3@20")), at=NOW) == 0


POLICY = st.builds(
    ScalingPolicy,
    st.sampled_from(PolicyKind),
    st.integers(1, 300),
    st.sampled_from([15.0, 60.0, 300.0]),
)
PAST = st.lists(st.builds(Event, st.floats(NOW - 400, NOW), st.integers(1, 50)), max_size=4)


@given(
    wanted=st.integers(1, 200),
    step=st.integers(1, 400),
    chosen=st.lists(POLICY, min_size=1, max_size=3),
    select=st.sampled_from(Select),
    up=PAST,
    down=PAST,
)
def test_a_limit_never_turns_the_direction_nor_leaves_the_bounds(
    *,
    wanted: int,
    step: int,
    chosen: list[ScalingPolicy],
    select: Select,
    up: list[Event],
    down: list[Event],
) -> None:
    spec = HpaSpec(max_replicas=200)
    rules = ScalingRules(policies=tuple(chosen), select=select)
    past = Rescales(tuple(up), tuple(down))
    raised = limited_up(wanted, wanted + step, spec, rules=rules, past=past, at=NOW).replicas
    assert wanted <= raised <= min(wanted + step, 200)
    lowered = limited_down(wanted, wanted - step, spec, rules=rules, past=past, at=NOW).replicas
    assert max(wanted - step, 1) <= lowered <= wanted
