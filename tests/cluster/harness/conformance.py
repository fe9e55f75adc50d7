"""Checks of KEDA's contract that run against any scaler: the real one, and broken ones.

Each check is a function of a namespace and a subject, raises AssertionError when the contract is
broken, and is called by the test of its row and by the test that breaks the scaler on purpose.
"""

from dataclasses import dataclass
from typing import Any

from .demand import Demand
from .manifests import Manifest, deployment, scaled_object, trigger
from .namespace import Namespace
from .waiting import stays, wait_for

METRIC_NAME = "prewarm-replicas"
NAME = "model"

# Bound of design rule 6: the 99th percentile of an answer.
ANSWER_SECONDS = 0.050
SAMPLES = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A scaler to check: where it answers, and the demand that it reads."""

    address: str
    demand: Demand

    def metadata(self, key: str, **changes: str) -> dict[str, str]:
        """Trigger metadata that asks for one replica for each unit of the demand of `key`.

        Observing, not predicting: what a check moves is to be seen at the next tick.
        """
        return {
            "query": self.demand.query(key),
            "threshold": "1",
            "mode": "observe",
            "stepSeconds": "10",
            "historyDays": "1",
            **changes,
        }

    def trigger(self, key: str, *, kind: str = "external", **changes: str) -> Manifest:
        """A trigger with that metadata."""
        return trigger(self.address, self.metadata(key, **changes), kind=kind)

    def deploy(
        self,
        space: Namespace,
        *,
        demand: float | None = 1.0,
        kind: str = "external",
        metadata: dict[str, str] | None = None,
        **settings: Any,
    ) -> None:
        """Make a Deployment and a ScaledObject, both called `model`, in the namespace.

        Demand is keyed by the namespace's name.
        """
        if demand is not None:
            self.demand.set(space.name, demand)
        space.create(deployment(NAME, replicas=settings.get("minimum", 1)))
        one = self.trigger(space.name, kind=kind, **(metadata or {}))
        space.create(scaled_object(NAME, [one], **settings))


def metric_values(space: Namespace, name: str = f"s0-{METRIC_NAME}") -> list[str]:
    """The values that the external metrics API gives the HPA; empty while it gives none."""
    path = (
        f"/apis/external.metrics.k8s.io/v1beta1/namespaces/{space.name}/{name}"
        f"?labelSelector=scaledobject.keda.sh%2Fname%3D{NAME}"
    )
    try:
        return [str(item["value"]) for item in space.cluster.ask(path)["items"]]
    except RuntimeError:
        return []


def wait_for_value(space: Namespace, value: int, *, within_seconds: float = 15.0) -> None:
    """Wait until the metric has exactly one value, and it is `value`."""
    wait_for(
        lambda: metric_values(space) == [str(value)],
        f"the metric of {space.name} is {value}",
        within_seconds=within_seconds,
        last_seen=lambda: (metric_values(space), space.events(NAME)[-3:]),
    )


def hpa_targets(space: Namespace) -> dict[str, str]:
    """Name and average value of each metric of the HPA that KEDA made; empty without one."""
    autoscaler = space.autoscaler(NAME)
    metrics = (autoscaler.spec.metrics or []) if autoscaler else []
    return {one.external.metric.name: one.external.target.average_value for one in metrics}


def check_row_01(space: Namespace, subject: Subject) -> None:
    """Valid metadata makes an HPA with one external metric, whose target is 1, and it works."""
    subject.deploy(space)
    wait_for(lambda: hpa_targets(space), "KEDA has made an HPA")
    assert hpa_targets(space) == {f"s0-{METRIC_NAME}": "1"}
    wait_for_value(space, 1)


def check_row_02(space: Namespace, subject: Subject) -> None:
    """The target stays the same over reconciles, while the metric moves."""
    subject.deploy(space)
    wait_for(lambda: hpa_targets(space), "KEDA has made an HPA")
    before = hpa_targets(space)
    subject.demand.set(space.name, 4)
    # A changed spec makes KEDA reconcile, hence ask for the metric spec again.
    space.patch_scaled_object(NAME, {"spec": {"cooldownPeriod": 7}})
    wait_for(
        lambda: space.scaled_object(NAME)["status"].get("observedGeneration", 2) >= 2,
        "KEDA has seen the edit",
    )
    stays(lambda: hpa_targets(space) == before, f"targets are {before}", for_seconds=3)


def check_row_09(space: Namespace, subject: Subject) -> None:
    """The metric has exactly one value: the replicas that demand asks for."""
    subject.deploy(space, demand=3)
    wait_for_value(space, 3)
    subject.demand.set(space.name, 5)
    wait_for_value(space, 5)
    space.wait_for_replicas(NAME, 5, within_seconds=15)


def check_row_17(space: Namespace, subject: Subject) -> None:
    """The metric always has a value, also before anything is known of demand."""
    subject.deploy(space, demand=None)
    wait_for(lambda: space.autoscaler(NAME), "KEDA has made an HPA")
    wait_for(lambda: metric_values(space), "the metric has a value", within_seconds=10)
    stays(lambda: len(metric_values(space)) == 1, "the metric has one value", for_seconds=3)


def check_row_24(space: Namespace, subject: Subject) -> None:
    """KEDA's own measure of a call to the scaler stays under the bound."""
    subject.deploy(space, demand=2)
    wait_for_value(space, 2)
    wait_for(lambda: answer_seconds(space) >= 0, "KEDA has measured a call")
    seen: list[float] = []

    def look() -> bool:
        seen.append(answer_seconds(space))
        return len(seen) >= SAMPLES

    wait_for(look, "enough measures", within_seconds=60, every_seconds=0.3)
    typical = sorted(seen)[len(seen) // 2]
    assert typical < ANSWER_SECONDS, f"KEDA waited {typical:.3f} s for GetMetrics and IsActive"


def answer_seconds(space: Namespace) -> float:
    """How long KEDA waited for the last GetMetrics and IsActive; -1 before it asked."""
    for line in space.cluster.keda_metrics().splitlines():
        is_latency = line.startswith("keda_scaler_metrics_latency_seconds{")
        if is_latency and f'namespace="{space.name}"' in line:
            return float(line.rpartition(" ")[2])
    return -1.0
