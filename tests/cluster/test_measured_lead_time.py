"""`leadTimeSeconds: auto` against the truth: a real HPA's ramp, and pods whose spread is known.

The truth is the API server's own: creation, scheduling and Ready as it stamped them, in whole
seconds, and the spread from which kwok draws. Prewarm only gets what a user's has.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from harness import (
    ColdStart,
    ControlPlane,
    Namespace,
    Prewarm,
    deployment,
    scaled_object,
    trigger,
    wait_for,
)
from harness.demand import Demand

logger = logging.getLogger(__name__)
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]

REPLICAS = 40
NAME = "model"
HPA_SYNC_SECONDS = 1.0  # as this control plane's
FIRST = ColdStart(image_pull_seconds=2, load_seconds=10, load_at_most_seconds=22)
SECOND = ColdStart(image_pull_seconds=2, load_seconds=20, load_at_most_seconds=32)
CRASHING = ColdStart(load_seconds=0.5, failure="crash-loop", restart_delay_seconds=1)
# With the HPA's own policies: 1 -> 5 -> 10 -> 20 -> 40, a step each 15 s.
DEFAULT_RAMP = {
    "scaleUp": {"tolerance": "0", "stabilizationWindowSeconds": 0},
    "scaleDown": {"stabilizationWindowSeconds": 300},
}
RAMP_SECONDS = 45.0
# KEDA still asks the scaler, and forbids the HPA to grow: what is wanted and what there is stay
# apart until a test says otherwise, however busy the machine is.
HELD = "autoscaling.keda.sh/paused-scale-out"


def true_p90(start: ColdStart) -> float:
    spread = start.load_at_most_seconds - start.load_seconds
    return start.image_pull_seconds + start.load_seconds + 0.9 * spread


@pytest.fixture
def measuring(cluster: ControlPlane, demand: Demand) -> Iterator[Prewarm]:
    flags = [
        "--cluster=required",
        f"--kubeconfig={cluster.kubeconfig}",
        f"--hpa-sync-seconds={HPA_SYNC_SECONDS}",
    ]
    with Prewarm(cluster.run, demand.address, name="measuring-prewarm", flags=flags) as running:
        yield running


class Told:
    """What Prewarm's metrics say about one object."""

    def __init__(self, scaler: Prewarm, space: Namespace) -> None:
        self._scaler = scaler
        self._mark = f'namespace="{space.name}"'

    def family(self, name: str) -> dict[str, float]:
        """Values by the last label's value."""
        found = {}
        for sample, value in self._scaler.metrics().items():
            if sample.startswith(f"{name}{{") and self._mark in sample:
                labels = dict(
                    part.split("=", 1) for part in sample.partition("{")[2].rstrip("}").split(",")
                )
                rest = [v for k, v in labels.items() if k not in {"namespace", "name", "trigger"}]
                found[rest[0].strip('"') if rest else ""] = value
        return found

    def source(self) -> str:
        return next(iter(self.family("prewarm_lead_time_seconds")), "")

    def start(self) -> float:
        return self.family("prewarm_lead_time_part_seconds").get("start", 0.0)

    def scaling(self) -> float:
        return self.family("prewarm_lead_time_part_seconds").get("scaling", 0.0)

    def failures(self) -> float:
        return sum(self.family("prewarm_starts_failed_total").values())


def until(condition: Callable[[], object], what: str, told: Told, seconds: float = 120) -> None:
    wait_for(
        condition, what, within_seconds=seconds, every_seconds=0.5,
        last_seen=lambda: (told.source(), told.start(), told.scaling(), told.failures()),
    )  # fmt: skip


def starts_in(space: Namespace, image: str) -> list[float]:
    """From creation to Ready, of all pods of an image."""
    found = []
    for pod in space.pods(NAME):
        ready = [c for c in pod.status.conditions or [] if c.type == "Ready" and c.status == "True"]
        if ready and pod.spec.containers[0].image == image:
            taken = ready[0].last_transition_time - pod.metadata.creation_timestamp
            found.append(taken.total_seconds())
    return found


def roll_out(space: Namespace, image: str, start: ColdStart) -> None:
    """All pods anew, at once."""
    annotations: Mapping[str, Any] = {
        "start.prewarm.test/load-at-most": None,
        "start.prewarm.test/failure": None,
        **start.annotations(),
    }
    template = {
        "metadata": {"annotations": annotations},
        "spec": {"containers": [{"name": "model", "image": image}]},
    }
    spec = {"strategy": {"type": "Recreate", "rollingUpdate": None}, "template": template}
    space.cluster.kubectl(
        "patch", "deployment", NAME, f"--namespace={space.name}", "--type=strategic",
        f"--patch={json.dumps({'spec': spec})}",
    )  # fmt: skip


def may_grow(space: Namespace) -> bool | None:
    """Whether the HPA's own behavior lets it grow; None without an HPA."""
    found = space.autoscaler(NAME)
    return None if found is None else found.spec.behavior.scale_up.select_policy != "Disabled"


def written_at(space: Namespace) -> float:
    """When the HPA's spec was written last, as the API server stamped it."""
    written = [one for one in space.autoscaler(NAME).metadata.managed_fields if not one.subresource]
    return float(max(one.time.timestamp() for one in written))


def test_auto_is_the_true_p90_and_the_way_there(
    space: Namespace, demand: Demand, measuring: Prewarm
) -> None:
    told = Told(measuring, space)
    demand.set(space.name, 1)
    space.create(deployment(NAME, start=FIRST, resources={"cpu": 1}))
    metadata = {
        "query": demand.query(space.name), "threshold": "1", "maxReplicas": str(REPLICAS),
        "leadTimeSeconds": "auto",
    }  # fmt: skip
    space.create(
        scaled_object(
            NAME,
            [trigger(measuring.address, metadata)],
            maximum=REPLICAS,
            behavior=DEFAULT_RAMP,
            annotations={HELD: "true"},
        )
    )
    until(lambda: told.scaling() > 0, "the cluster tells", told)
    assert told.source() == "prior"
    space.wait_for_ready(NAME, 1, within_seconds=60)

    # The way there: from when the HPA may act on the answer to the last pod's creation.
    before = {pod.metadata.uid for pod in space.pods(NAME)}
    wait_for(lambda: may_grow(space) is False, "the HPA is held")
    demand.set(space.name, REPLICAS)
    until(lambda: told.family("prewarm_replicas").get("") == REPLICAS, "the answer", told)
    until(lambda: told.scaling() > RAMP_SECONDS, "the ramp is in the lead time", told)
    modelled = told.scaling()
    assert modelled == pytest.approx(HPA_SYNC_SECONDS + RAMP_SECONDS)
    assert space.replicas(NAME) == 1
    space.patch_scaled_object(NAME, {"metadata": {"annotations": {HELD: None}}})
    wait_for(lambda: may_grow(space), "the HPA is let go")
    released_at = written_at(space)
    space.wait_for_replicas(NAME, REPLICAS, within_seconds=90)
    wait_for(lambda: len(space.pods(NAME)) == REPLICAS, "all pods")
    created = [
        pod.metadata.creation_timestamp.timestamp()
        for pod in space.pods(NAME)
        if pod.metadata.uid not in before
    ]
    way = max(created) - released_at
    assert way == pytest.approx(modelled, rel=0.1)
    assert max(created) - min(created) == pytest.approx(RAMP_SECONDS, rel=0.1)

    # The start: the true p90, within a tenth.
    space.wait_for_ready(NAME, REPLICAS, within_seconds=90)
    until(lambda: told.source() == "measured", "enough starts", told)
    until(lambda: told.family("prewarm_fleet_replicas").get("starting") == 0, "all seen", told)
    first = told.start()
    seen = starts_in(space, "registry.test/model:1")
    logger.info(
        "way %.1f s of %.1f; start %.2f s, true %.2f, of these %.2f",
        way,
        modelled,
        first,
        true_p90(FIRST),
        np.quantile(seen, 0.9, method="weibull"),
    )
    assert first == pytest.approx(true_p90(FIRST), rel=0.1)
    in_use = told.family("prewarm_lead_time_seconds")["measured"]
    assert first + told.scaling() <= in_use <= (first + told.scaling()) * 1.21

    # A new image: wider at once, until it is known.
    roll_out(space, "registry.test/model:2", SECOND)
    until(lambda: told.source() == "prior", "the new image is noticed", told)
    assert told.start() >= 1.4 * first
    until(lambda: len(starts_in(space, "registry.test/model:2")) == REPLICAS, "all ready", told)
    until(lambda: told.source() == "measured", "the new image is known", told)
    until(lambda: told.family("prewarm_fleet_replicas").get("starting") == 0, "all seen", told)
    second = told.start()
    logger.info("second image: start %.2f s, true %.2f", second, true_p90(SECOND))
    assert second == pytest.approx(true_p90(SECOND), rel=0.1)

    # A crash loop: counted, and nothing else.
    roll_out(space, "registry.test/model:2", CRASHING)
    until(lambda: told.failures() >= REPLICAS / 2, "failures are counted", told)
    time.sleep(5)
    assert told.start() == pytest.approx(second, rel=0.1)
