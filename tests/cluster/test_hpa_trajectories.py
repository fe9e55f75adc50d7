"""The emulation of the HPA against the real one: random timelines, sync by sync."""

from collections.abc import Callable
from typing import Any

import pytest

import parts
from harness import ControlPlane, Settings
from harness.control_plane import BARE_PARTS
from required import skip_or_fail
from simulations.autoscaling import events, hpa
from trajectories.comparing import Compared, compared
from trajectories.playing import played
from trajectories.scenarios import (
    DOWNSCALE_SECONDS,
    SYNC_SECONDS,
    Scenario,
    expected,
    scenarios,
)

SEED = 20_261_124
N_SYNCS = 40
SETTINGS = Settings(
    hpa_sync_seconds=SYNC_SECONDS, scale_down_stabilization_seconds=DOWNSCALE_SECONDS
)
SCENARIOS = scenarios(30, n_syncs=N_SYNCS, seed=SEED)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Compared]:
    """All scenarios, played at once to one control plane."""
    absent = parts.missing(*BARE_PARTS, "kube-controller-manager")
    if absent:
        skip_or_fail(str(parts.PartMissing(absent)))
    with ControlPlane(SETTINGS, is_bare=True) as cluster:
        plays = played(cluster, SCENARIOS, within_seconds=200.0)
    return {name: compared(play) for name, play in plays.items()}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_the_emulation_goes_where_the_real_hpa_goes(
    scenario: Scenario, outcomes: dict[str, Compared]
) -> None:
    got = outcomes[scenario.name]
    assert not got.differences, "\n".join([*got.differences, str(scenario.spec)])


def test_the_timelines_move_the_replicas_and_leave_little_in_doubt(
    outcomes: dict[str, Compared],
) -> None:
    n_syncs = sum(one.n_syncs for one in outcomes.values())
    n_changes = sum(one.n_changes for one in outcomes.values())
    n_doubtful = sum(one.n_doubtful for one in outcomes.values())
    print(f"{n_syncs} syncs, {n_changes} rescales, {n_doubtful} in doubt")  # noqa: T201
    assert n_changes > n_syncs / 4
    assert n_doubtful < n_syncs / 20


RIGHT = hpa.desired


def pruned(past: Any, change: int, *, at: float, longest_seconds: float) -> Any:
    kept = (one for one in past if at - one.at <= longest_seconds)
    return (*kept, events.Event(at, change))


def by_spec(readings: Any, fleet: Any, spec: Any) -> int | None:
    return RIGHT(readings, fleet._replace(existing=fleet.wanted), spec)


def of_those_that_answer(readings: Any, fleet: Any, spec: Any) -> int | None:
    return RIGHT([one for one in readings if one is not None], fleet, spec)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("stored", pruned),  # events by age, not by place
        ("stored", lambda *_, **__: ()),  # no events: each step as from the present count
        ("desired", by_spec),  # the ratio by spec.replicas
        ("desired", of_those_that_answer),  # down although one metric failed
        ("highest", lambda desired, *_, **__: desired),  # no window downwards
        ("lowest", lambda desired, *_, **__: desired),  # no window upwards
    ],
)
def test_the_scenarios_would_show_a_wrong_emulation(
    name: str, wrong: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = [expected(one) for one in SCENARIOS]
    monkeypatch.setattr(hpa, name, wrong)
    assert sum(expected(one) != want for one, want in zip(SCENARIOS, right, strict=True)) >= 2
