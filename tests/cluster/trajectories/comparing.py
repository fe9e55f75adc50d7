"""The emulation beside the real controller, sync by sync.

Each sync of the emulation starts from what the real HPA met, and must leave what it left. A sync
is timed by its first request, some milliseconds off the controller's own clock. Where that could
matter, because an entry is about as old as a window, either outcome is the emulation's.
"""

from dataclasses import dataclass, replace

from simulations.autoscaling import Fleet, HpaState, Reading, sync

from .metrics_api import Met, Play
from .scenarios import SYNC_SECONDS, Scenario, n_changes

SLACK_SECONDS = 0.15


@dataclass(frozen=True, slots=True)
class Compared:
    """How a scenario went: its syncs, how many of them are in doubt, and what differs."""

    n_syncs: int
    n_changes: int
    n_doubtful: int
    differences: tuple[str, ...]


def compared(play: Play) -> Compared:
    """Return how the emulation did on one scenario."""
    scenario = play.scenario
    state = _before(scenario, play.met[0])
    n_doubtful, differences = 0, list[str]()
    for turn, readings in enumerate(scenario.timeline):
        met, left = play.met[turn], play.met[turn + 1].wanted
        outcomes = _outcomes(state, scenario, met, readings)
        n_doubtful += len(outcomes) > 1
        if left not in outcomes:
            differences.append(
                f"{scenario.name} sync {turn}: from {met.wanted} ({met.existing} exist) with "
                f"{readings} the HPA went to {left}, the emulation to {sorted(outcomes)}"
            )
            break
        state = outcomes[left]
    moved = n_changes(scenario.start, [met.wanted for met in play.met])
    return Compared(len(scenario.timeline), moved, n_doubtful, tuple(differences))


def _before(scenario: Scenario, first: Met) -> HpaState:
    """Return the state after a sync that asked for no metric: it only went back to the bounds."""
    start = scenario.start
    if start <= scenario.spec.max_replicas:
        return HpaState()
    fleet = Fleet(start, start, scenario.ready)
    # The controller comes back a period after it, and asked for metrics a moment later.
    state, replicas = sync(HpaState(), scenario.spec, (), at=first.at - SYNC_SECONDS, fleet=fleet)
    assert replicas == first.wanted
    return state


def _outcomes(
    state: HpaState, scenario: Scenario, met: Met, readings: tuple[Reading, ...]
) -> dict[int, HpaState]:
    fleet = Fleet(met.wanted, met.existing, scenario.ready)
    found: dict[int, HpaState] = {}
    for slack in (0.0, -SLACK_SECONDS, SLACK_SECONDS):
        after, replicas = sync(state, scenario.spec, readings, at=met.at + slack, fleet=fleet)
        found.setdefault(replicas, _timed(after, met.at + slack, met.at))
    return found


def _timed(state: HpaState, wrong: float, right: float) -> HpaState:
    """Return the state with what this sync added at its real time."""
    past = state.past

    return replace(
        state,
        recommendations=tuple(
            one._replace(at=right) if one.at == wrong else one for one in state.recommendations
        ),
        past=past._replace(
            up=tuple(one._replace(at=right) if one.at == wrong else one for one in past.up),
            down=tuple(one._replace(at=right) if one.at == wrong else one for one in past.down),
        ),
    )
