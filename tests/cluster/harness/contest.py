"""The same model twice on the same demand: scaled by KEDA's own trigger, and by Prewarm."""

from .control_plane import ControlPlane
from .gateway import QUERY
from .manifests import (
    ColdStart,
    GpuNode,
    Manifest,
    deployment,
    prometheus_trigger,
    scaled_object,
    trigger,
)
from .namespace import Namespace
from .play import Play

REACTIVE, PREWARM = "reactive", "prewarm"
SIDES = (REACTIVE, PREWARM)
COLD_START = ColdStart(image_pull_seconds=15, load_seconds=45)
# The cold start, one HPA sync (15 s), and what KEDA and the scheduler take.
LEAD_TIME_SECONDS = 90
FLOOR = 4
MAXIMUM = 20
NODES = 5  # with 8 GPUs each: room for both at their maximum
TICK_SECONDS = 15.0  # the scaler's own default

# As docs/trigger.md has it.
BEHAVIOR: Manifest = {
    "scaleUp": {"stabilizationWindowSeconds": 0, "tolerance": "0"},
    "scaleDown": {"stabilizationWindowSeconds": 300},
}
FALLBACK: Manifest = {
    "failureThreshold": 3,
    "replicas": FLOOR,
    "behavior": "currentReplicasIfHigher",
}


def add_nodes(cluster: ControlPlane, count: int = NODES) -> None:
    """Add fake nodes with 8 GPUs each."""
    for number in range(count):
        cluster.add_node(GpuNode(name=f"gpu-{number + 1}"))


def create_deployments(space: Namespace, play: Play, sides: tuple[str, ...] = SIDES) -> int:
    """Create the Deployments with as many replicas as demand needs now; return that count."""
    count = max(FLOOR, play.needed_at(play.begins_at))
    for side in sides:
        space.create(deployment(side, replicas=count, start=COLD_START))
    return count


def create_scaled_objects(
    space: Namespace,
    play: Play,
    *,
    prometheus_address: str,
    scaler_address: str,
    sides: tuple[str, ...] = SIDES,
) -> None:
    """Let the two be scaled; all but the trigger is the same."""
    reactive = prometheus_trigger(
        prometheus_address, QUERY, play.threshold, name="demand", ignore_null=False
    )
    predictive = trigger(
        scaler_address,
        {
            "query": QUERY,
            "threshold": str(play.threshold),
            "ignoreNullValues": "false",
            "warmFloor": str(FLOOR),
            "maxReplicas": str(MAXIMUM),
            "leadTimeSeconds": str(LEAD_TIME_SECONDS),
        },
        name="demand",
    )
    triggers = {REACTIVE: reactive, PREWARM: predictive}
    for side in sides:
        space.create(
            scaled_object(
                side,
                [triggers[side]],
                minimum=FLOOR,
                maximum=MAXIMUM,
                polling_seconds=30,  # KEDA's defaults
                cooldown_seconds=300,
                behavior=BEHAVIOR,
                fallback=FALLBACK,
            )
        )
