"""Two replicas of the scaler behind one name, one killed while a forecast rise is under way.

Scale-down has no stabilisation here: a single answer that is too low would be seen at the next
sync, a second later. Demand rises for longer than the test takes, so it does not matter how long
the machine takes to start things.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from forecasting.series import Series
from harness import (
    ControlPlane,
    Namespace,
    Prewarm,
    deployment,
    scaled_object,
    trigger,
    wait_for,
)
from harness.conformance import NAME, metric_values
from harness.fetching import fetch
from harness.gateway import QUERY, Gateway
from harness.names import NameServer
from harness.play import Play
from harness.trajectory import Trajectory, falls

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]

STEP_SECONDS = 10.0
DAYS = 4
DAY_POINTS = round(86_400 / STEP_SECONDS)
RISE_POINTS = 120  # 20 minutes, with one replica more each 15 s
LOW, PER_POINT, THRESHOLD = 30.0, 6.6, 10.0
LEAD_TIME_SECONDS = 30
MAXIMUM = 200
NOISE = 0.002


def rising_every_day() -> Play:
    """Days that are alike but for noise: flat, then a steady rise; the cue is the last day's."""
    place = np.arange(DAYS * DAY_POINTS) % DAY_POINTS
    after = place - DAY_POINTS // 2
    height = np.interp(after, [0, RISE_POINTS, 2 * RISE_POINTS], [0.0, RISE_POINTS, 0.0])
    noise = np.random.default_rng(3).normal(1.0, NOISE, place.size)
    series = Series(
        start_at=1_736_121_600.0,
        step_seconds=STEP_SECONDS,
        values=(LOW + PER_POINT * height) * noise,
    )
    cue = (DAYS - 1) * DAY_POINTS + DAY_POINTS // 2
    begins_at = time.time() // STEP_SECONDS * STEP_SECONDS
    return Play("rising", "here", series, cue, THRESHOLD, begins_at)


@dataclass
class Answers:
    """What a scaler says, by the time whose data it rests on."""

    scaler: Prewarm
    space: Namespace
    replicas: dict[float, int] = field(default_factory=dict)
    methods: dict[float, str] = field(default_factory=dict)

    def look(self) -> None:
        """Take in the decision in force; nothing while there is none, or no scaler."""
        page = f"{self.scaler.metrics_address.removesuffix('/metrics')}/api/v1/targets"
        try:
            told = json.loads(fetch(f"{page}/{self.space.name}/{NAME}"))
        except OSError:
            return
        for one in told["triggers"]:
            if one["as_of"] is not None and one["forecast"] is not None:
                self.replicas[one["as_of"]] = one["summary"]["replicas"]
                self.methods[one["as_of"]] = one["forecast"]["method"]


@dataclass
class Scene:
    """One model, two scalers, and all that is seen of them."""

    space: Namespace
    play: Play
    one: Answers
    two: Answers
    wanted: Trajectory  # by the HPA
    asked: Trajectory  # of the Deployment
    handed_on: list[int] = field(default_factory=list)  # the metric as KEDA gives it to the HPA

    def look(self) -> None:
        """Look at everything once."""
        self.one.look()
        self.two.look()
        values = metric_values(self.space)
        if values and (not self.handed_on or self.handed_on[-1] != int(values[0])):
            self.handed_on.append(int(values[0]))

    def until(self, condition: Callable[[], object], what: str, within_seconds: float) -> None:
        """Look at everything until the condition holds."""

        def holds() -> object:
            self.look()
            return condition()

        wait_for(
            holds, what, within_seconds=within_seconds,
            last_seen=lambda: (self.handed_on, self.wanted.values, self.asked.values),
        )  # fmt: skip

    def begin(self) -> int:
        """Forget what was before: the first answers rest on demand alone. Return the replicas."""
        self.wanted.forget()
        self.asked.forget()
        del self.handed_on[:-1]
        return self.newest

    @property
    def newest(self) -> int:
        """The replicas that the Deployment was asked to have last."""
        return self.asked.values[-1] if self.asked.values else 0

    def is_ahead_of_demand(self) -> bool:
        """Whether both forecast, and more is asked for than demand needs now."""
        return bool(
            self.one.replicas
            and self.two.replicas
            and self.newest > self.play.needed_at(time.time())
        )


@pytest.fixture
def scene(space: Namespace, cluster: ControlPlane) -> Iterator[Scene]:
    play = rising_every_day()
    with ExitStack() as stack:
        gateway = stack.enter_context(Gateway(cluster.run, play, "prometheus-rising"))
        one = stack.enter_context(Prewarm(cluster.run, gateway.address, name="replica-one"))
        two = stack.enter_context(
            Prewarm(
                cluster.run, gateway.address, name="replica-two", host="127.0.0.2", port=one.port
            )
        )
        names = stack.enter_context(NameServer(["127.0.0.1", "127.0.0.2"]))
        wanted, asked = (
            stack.enter_context(Trajectory(listing, space.name, value))
            for listing, value in (
                (
                    space.autoscaling.list_namespaced_horizontal_pod_autoscaler,
                    lambda seen: seen.status.desired_replicas,
                ),
                (space.apps.list_namespaced_deployment, lambda seen: seen.spec.replicas),
            )
        )
        metadata: dict[str, Any] = {
            "query": QUERY, "threshold": str(THRESHOLD), "stepSeconds": str(int(STEP_SECONDS)),
            "historyDays": str(DAYS - 1), "leadTimeSeconds": str(LEAD_TIME_SECONDS),
            "maxReplicas": str(MAXIMUM),
        }  # fmt: skip
        first = play.needed_at(time.time())
        space.create(deployment(NAME, replicas=first, resources={"cpu": 1}))
        triggers = [trigger(names.target(one.port), metadata)]
        space.create(scaled_object(NAME, triggers, maximum=MAXIMUM))
        yield Scene(space, play, Answers(one, space), Answers(two, space), wanted, asked)


def test_one_of_two_killed_in_mid_rise_makes_no_dip(scene: Scene) -> None:
    one, two = scene.one.scaler, scene.two.scaler
    scene.until(scene.is_ahead_of_demand, "both forecast the rise", 240)
    begun = scene.begin()
    scene.until(lambda: scene.newest >= begun + 3, "the rise is under way", 120)
    calls_of_one, calls_of_two = one.calls("GetMetrics"), two.calls("GetMetrics")
    scene.until(
        lambda: one.calls("GetMetrics") > calls_of_one and two.calls("GetMetrics") > calls_of_two,
        "KEDA asks both",
        30,
    )
    at_the_kill = scene.newest
    two.kill()
    scene.until(lambda: scene.newest >= at_the_kill + 4, "the rise goes on with one", 180)
    assert scene.newest > scene.play.needed_at(time.time()), "ahead of demand, with one as with two"

    assert falls(scene.wanted.values) == []
    assert falls(scene.asked.values) == []
    assert falls(tuple(scene.handed_on)) == []
    both = sorted(set(scene.one.replicas) & set(scene.two.replicas))
    assert len(both) >= 10
    differing = {
        at: (scene.one.replicas[at], scene.two.replicas[at])
        for at in both
        if scene.one.replicas[at] != scene.two.replicas[at]
    }
    assert differing == {}, "equal data give equal answers"
