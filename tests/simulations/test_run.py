"""The loop of a run: what is shown when, to whom, and that all comes out the same again."""

import csv
from math import isnan
from pathlib import Path

import numpy as np
import pytest

from forecasting.baselines import last_value
from forecasting.default import default_forecaster
from forecasting.series import Series
from plants import START
from simulations.autoscaling.keda import ScaledObjectSpec
from simulations.plant.cluster import Cluster
from simulations.policies.prewarm import Prewarm
from simulations.policies.rolled import roll
from simulations.results.figures import Terms, figures_of
from simulations.results.timeline import timeline, write_timeline
from simulations.run import EngineName, Run, simulate
from simulations.workload.bins import Bins
from simulations.workload.generated import Traffic, generate
from simulations.workload.known import demand_of
from simulations.workload.requests import Requests
from stories import SHORT, Spy, Static, fleet, prewarm_with_foresight, stepped, trigger

SPEC = ScaledObjectSpec(min_replicas=1, max_replicas=20)
HOUR = 3_600.0


def story() -> Requests:
    """An hour of 1.5 requests a second, an hour of 11, and an hour of 1.5 again."""
    return stepped((HOUR, 1.5), (HOUR, 11.0), (HOUR, 1.5)).requests(seed=0, lengths=SHORT)


def ready_at(run: Run, seconds: float) -> int:
    place = int(np.searchsorted(run.outcome.at, seconds, side="right")) - 1
    return int(run.outcome.ready[place])


@pytest.mark.parametrize("engine", ["events", "fluid"])
def test_with_foresight_replicas_are_ready_when_demand_comes(engine: EngineName):
    requests = story()
    foresight = simulate(
        requests, fleet(), prewarm_with_foresight(requests), seed=1, spec=SPEC, engine=engine
    )
    reactive = simulate(
        requests, fleet(), prewarm_with_foresight(requests, mode="observe"), seed=1, spec=SPEC,
        engine=engine,
    )  # fmt: skip
    assert ready_at(foresight, HOUR - 400) == 1, "not earlier than it must be"
    assert ready_at(foresight, HOUR) >= 6, "11 requests a second, 2 a replica"
    assert ready_at(reactive, HOUR + 290) <= 2, "a start takes 300 s"
    assert ready_at(reactive, HOUR + 700) >= 6
    ours, theirs = (figures_of(run, Terms()) for run in (foresight, reactive))
    assert ours.shortage < 0.1 * theirs.shortage, "what is left is noise below a minute"
    assert ours.gpu_hours.total < 1.15 * theirs.gpu_hours.total


def test_nothing_that_a_policy_is_shown_tells_of_the_future():
    """The same trace to a moment, and another one after it: no one can know until then."""
    calm = story()
    moment = 5_000.0
    early = calm.arrivals < moment
    rng = np.random.default_rng(9)
    after = np.sort(rng.uniform(moment, calm.seconds, 60_000))
    wild = Requests(
        start_at=calm.start_at,
        seconds=calm.seconds,
        arrivals=np.concatenate([calm.arrivals[early], after]),
        prompt_tokens=np.concatenate([calm.prompt_tokens[early], np.full(after.size, 500.0)]),
        completion_tokens=np.concatenate([calm.completion_tokens[early], np.full(after.size, 9.0)]),
    )
    spies = [Spy(), Spy()]
    runs = [
        simulate(requests, fleet(), spy, seed=3, spec=SPEC)
        for requests, spy in zip((calm, wild), spies, strict=True)
    ]
    # As text, in which NaN is NaN.
    shown = [[repr(seen) for seen in spy.seen if seen.at <= moment] for spy in spies]
    assert len(shown[0]) > 400
    assert shown[0] == shown[1]
    assert repr(spies[0].seen) != repr(spies[1].seen), "after it they differ"
    before = runs[0].outcome.at <= moment
    for name in ("wanted", "ready", "starting", "waiting"):
        mine, theirs = (getattr(run.outcome, name)[: before.sum()] for run in runs)
        assert mine.tolist() == theirs.tolist(), name


@pytest.mark.parametrize("is_default", [False, True])
def test_no_forecast_is_moved_by_what_comes_after_it(is_default: bool):  # noqa: FBT001
    traffic = Traffic(mean_per_second=6.0)
    whole = generate(traffic, start_at=START, seconds=3 * 86_400.0 + 3 * HOUR, seed=2)
    forecaster = default_forecaster() if is_default else last_value()
    counts = whole.counts.copy()
    planted = round((3 * 86_400.0 + HOUR) / 60.0)
    counts[planted:] *= 20.0
    other = Bins(start_at=START, step_seconds=60.0, counts=counts)
    begin_at = START + 3 * 86_400.0
    asked = trigger(historyDays="3")
    demands = [bins.demand(60.0) for bins in (whole, other)]
    first, second = (roll(demand, asked, forecaster, begin_at=begin_at) for demand in demands)
    # A point tells the minute that ends there: the planted one is first seen a minute later.
    n_same = round(HOUR / 60.0) + 1
    assert first.lead[:n_same].tolist() == second.lead[:n_same].tolist()
    assert first.ahead[:n_same].tolist() == second.ahead[:n_same].tolist()
    assert (second.lead[n_same:] > 2.0 * first.lead[n_same:]).all()


def test_the_perfect_forecast_is_the_peak_of_the_window_ahead():
    requests = story()
    policy = prewarm_with_foresight(requests)
    demand = demand_of(requests, before=None, step_seconds=60.0)
    rolled = policy._rolled
    n_lead = 7  # 330 s of lead, a step and a tick: 405 s are seven minutes
    for place in (0, 50, 58, 100, len(demand) - 20):
        ahead = demand.values[place + 1 : place + 1 + n_lead]
        assert rolled.lead[place] == ahead.max()


def test_a_forecast_is_kept_under_what_it_rests_on_and_read_again(tmp_path: Path):
    demand = stepped((2 * HOUR, 3.0)).demand(60.0)
    begin_at = START + HOUR
    asked: list[int] = []

    def count(function, works):  # noqa: ANN001, ANN202 - a map that counts
        asked.append(len(works))
        return map(function, works)

    runs = [
        roll(demand, trigger(), last_value(), begin_at=begin_at, folder=tmp_path, apply=count)
        for _ in range(2)
    ]
    assert asked == [1, 1], "lead time and keep window, the first time"
    assert runs[0].lead.tobytes() == runs[1].lead.tobytes()
    roll(demand, trigger(quantile="0.9"), last_value(), begin_at=begin_at, folder=tmp_path,
         apply=count)  # fmt: skip
    assert len(asked) == 3, "another quantile, the same keep window"
    assert len(list(tmp_path.glob("*.npz"))) == 3
    assert not list(tmp_path.glob("*.partial*"))


def test_the_same_seed_gives_the_same_run_and_another_one_other_phases():
    requests = story()
    first, again, other = (
        simulate(requests, fleet(), Spy(), seed=seed, spec=SPEC) for seed in (4, 4, 5)
    )
    assert first.outcome.at.tobytes() == again.outcome.at.tobytes()
    assert first.served.ends.tobytes() == again.served.ends.tobytes()
    assert first.outcome.at.tobytes() != other.outcome.at.tobytes()


def test_what_is_not_known_is_no_reason_to_shrink():
    bins = stepped((HOUR, 8.0), (HOUR, 8.0))
    counts = bins.counts.copy()
    counts[60:] = np.nan
    unknown = Bins(start_at=START, step_seconds=60.0, counts=counts)
    silent = Bins(start_at=START, step_seconds=60.0, counts=np.nan_to_num(counts))
    asked = trigger()
    held = []
    for given in (unknown, silent):
        requests = given.requests(seed=0, lengths=SHORT)
        demand = demand_of(requests, before=None, step_seconds=60.0)
        rolled = roll(demand, asked, last_value(), begin_at=START)
        policy = Prewarm(asked, rolled, start_at=START)
        run = simulate(requests, fleet(), policy, seed=0, spec=SPEC)
        held.append(ready_at(run, 2 * HOUR - 60))
    assert held[0] >= 4
    assert held[1] == 1


def test_a_direct_policy_sets_replicas_itself():
    requests = story()
    run = simulate(requests, fleet(initial=0), Static(6), seed=0)
    assert set(run.outcome.wanted.tolist()) == {6}
    figures = figures_of(run, Terms(static_peak_gpu_hours=18.0, best_gpu_hours=12.0))
    assert figures.gpu_hours.total == pytest.approx(18.0)
    assert figures.gpu_hours.starting == pytest.approx(6 * 300 / 3_600)
    assert figures.saving == pytest.approx(0.0)
    assert figures.regret == pytest.approx(0.5)


def test_anybody_can_check_the_figures_from_the_timeline(tmp_path: Path):
    requests = story()
    run = simulate(requests, fleet(), prewarm_with_foresight(requests), seed=1, spec=SPEC)
    path = tmp_path / "timeline.csv"
    write_timeline(run, path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(list(timeline(run)))
    figures = figures_of(run, Terms())
    seconds = np.array([float(row["seconds"]) for row in rows])
    ready = np.array([int(row["ready"]) for row in rows])
    demand = np.array([float(row["demand"]) for row in rows])
    assert seconds.sum() == pytest.approx(3 * HOUR)
    short = np.maximum(demand - 2.0 * ready, 0.0)
    assert (short * seconds).sum() == pytest.approx(figures.shortage, rel=1e-6)
    used = sum(float(row["busy_gpu_seconds"]) + float(row["idle_gpu_seconds"]) for row in rows)
    assert used / 3_600 == pytest.approx(
        figures.gpu_hours.total - figures.gpu_hours.starting, rel=1e-6
    )
    assert sum(row["forecast"] != "" for row in rows) > 600
    assert not any(isnan(value) for value in demand)


@pytest.mark.parametrize("seconds", [60.0, 300.0])
@pytest.mark.parametrize(("mean", "threshold"), [(4.0, "2.5"), (12.0, "1.5")])
def test_both_engines_agree_on_gpu_hours(seconds: float, mean: float, threshold: str):
    traffic = Traffic(mean_per_second=mean, bursts_per_day=8.0)
    requests = generate(traffic, start_at=START, seconds=4 * HOUR, seed=3).requests(
        seed=3, lengths=SHORT
    )
    demand: Series = demand_of(requests, before=None, step_seconds=60.0)
    hours = []
    for engine in ("events", "fluid"):
        asked = trigger(threshold=threshold, leadTimeSeconds=f"{seconds + 30:g}")
        rolled = roll(demand, asked, last_value(), begin_at=START)
        policy = Prewarm(asked, rolled, start_at=START)
        cluster: Cluster = fleet(seconds=seconds, initial=2)
        run = simulate(requests, cluster, policy, seed=0, spec=SPEC, engine=engine)  # type: ignore[arg-type]
        hours.append(figures_of(run, Terms()).gpu_hours.total)
    assert hours[1] == pytest.approx(hours[0], rel=0.06)


def test_demand_before_a_run_and_in_it_lie_on_one_grid():
    bins = stepped((HOUR, 3.0), (HOUR, 5.0))
    requests = bins.between(HOUR, 2 * HOUR).requests(seed=0, lengths=SHORT)
    demand = demand_of(requests, before=bins.between(0, HOUR), step_seconds=60.0)
    assert demand.values.tolist() == pytest.approx([3.0] * 60 + [5.0] * 60)
    assert demand.times[-1] == START + 2 * HOUR
    with pytest.raises(ValueError, match="one after the other"):
        demand_of(requests, before=bins.between(0, HOUR / 2), step_seconds=60.0)
