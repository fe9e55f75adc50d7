"""From flags to everything that a trial is held to: trigger, ScaledObject, cluster, limits."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from scaler.errors import BadMetadata
from scaler.metadata import Trigger, parse
from simulations.autoscaling.keda import ScaledObjectSpec
from simulations.backtest.errors import BadInput
from simulations.backtest.units import seconds
from simulations.calibration.errors import BadSweep
from simulations.calibration.record import read_model
from simulations.plant.cluster import Cluster, Nodes
from simulations.plant.cold_start import ColdStart, Phase, constant
from simulations.plant.errors import BadPlant
from simulations.plant.model import PLACEHOLDERS, ReplicaModel
from simulations.plant.share import USUAL_SHARE, means_of
from simulations.results.attainment import Slo
from simulations.trials.scaled_object import read_object, with_windows
from simulations.workload.requests import Requests

# Of a pod from its place on a node until it serves: median and 95th percentile, in seconds.
CLASSES = {"warm": (90.0, 150.0), "cold": (300.0, 420.0), "new-node": (480.0, 700.0)}
NOTICE_SECONDS = 30.0  # a scrape and a sync of the HPA, at most
USUAL_MODEL = "a100-80gb"
KEYS = (
    ("threshold", "threshold"),
    ("warm_floor", "warmFloor"),
    ("max_replicas", "maxReplicas"),
    ("quantile", "quantile"),
    ("lead_time", "leadTimeSeconds"),
    ("timezone", "timezone"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setup:
    """All but the workload. `metadata` is what `trigger` was parsed from.

    `is_calibrated`: the model was measured, not a placeholder.
    """

    metadata: dict[str, str]
    trigger: Trigger
    spec: ScaledObjectSpec
    cluster: Cluster
    slo: Slo
    price: float | None
    is_calibrated: bool
    start_seconds: float  # the start that 95 % of the pods are done with

    def changed(self, keys: Mapping[str, str], spec: ScaledObjectSpec) -> "Setup":
        """Return it with other metadata and another ScaledObject."""
        metadata = {**self.metadata, **keys}
        return replace(self, metadata=metadata, trigger=trigger_of(metadata), spec=spec)


def setup_of(inputs: tuple[str, ...], flags: Mapping[str, Any], requests: Requests) -> Setup:
    """Return what the flags say; flags first, then the manifest, then what is usual."""
    manifest = flags["manifest"]
    if manifest is None and inputs and inputs[0].endswith((".yaml", ".yml")):
        manifest = Path(inputs[0])
    metadata, spec = ({}, ScaledObjectSpec(min_replicas=1)) if manifest is None else read_object(
        manifest
    )  # fmt: skip
    metadata |= {key: str(flags[name]) for name, key in KEYS if flags[name] is not None}
    if flags["lead_time"] is not None:
        metadata["leadTimeSeconds"] = f"{seconds('--lead-time', flags['lead_time']):g}"
    model, is_calibrated = model_of(flags["model"])
    cold_start = cold_start_of(flags["cold_start"])
    start = cold_start.cold.p95_seconds
    metadata.setdefault("query", "requests")
    usual = USUAL_SHARE * model.carried(*means_of(requests))
    if metadata.get("threshold", "auto") == "auto":
        metadata["threshold"] = metadata.get("thresholdPrior", f"{usual:.3g}")
    if metadata.get("leadTimeSeconds", "auto") == "auto":
        metadata["leadTimeSeconds"] = f"{ceil(start + NOTICE_SECONDS)}"
    metadata.setdefault("warmFloor", "1")
    metadata.setdefault("maxReplicas", str(spec.max_replicas))
    trigger = trigger_of(metadata)
    most = max(spec.max_replicas, trigger.params.max_replicas)
    spec = with_windows(
        replace(spec, max_replicas=most),
        up_seconds=_window("--up-window", flags["up_window"]),
        down_seconds=_window("--down-window", flags["down_window"]),
    )
    return Setup(
        metadata=metadata,
        trigger=trigger,
        spec=spec,
        cluster=_cluster(
            flags,
            model=model,
            cold_start=cold_start,
            trigger=trigger,
            spec=spec,
            requests=requests,
        ),
        slo=Slo(
            time_to_first_seconds=seconds("--ttft", flags["ttft"]),
            inter_token_seconds=seconds("--inter-token", flags["inter_token"]),
        ),
        price=flags["gpu_price"],
        is_calibrated=is_calibrated,
        start_seconds=start,
    )


def trigger_of(metadata: Mapping[str, str]) -> Trigger:
    """Return the trigger as the scaler reads it. Raises `BadInput` with a line for each bad key."""
    try:
        return parse(metadata)
    except BadMetadata as exc:
        raise BadInput("\n  ".join(["the trigger's metadata can't be used:", *exc.lines])) from exc


def model_of(name: str) -> tuple[ReplicaModel, bool]:
    """Return a placeholder by name, or the model of a calibration file."""
    if name in PLACEHOLDERS:
        return PLACEHOLDERS[name], False
    path = Path(name)
    if path.suffix != ".json" or not path.is_file():
        raise BadInput(
            f'--model: "{name}" is not allowed; allowed are {", ".join(PLACEHOLDERS)} or a '
            "calibration file (.json)"
        )
    try:
        return read_model(path), True
    except BadSweep as exc:
        raise BadInput(f"--model: {exc}") from exc


def cold_start_of(text: str) -> ColdStart:
    """Return starts of one class, or of a median and a 95th percentile."""
    if text in CLASSES:
        median, p95 = CLASSES[text]
    else:
        parts = text.split(",")
        if len(parts) > 2:  # noqa: PLR2004 - a median and a percentile
            raise BadInput(
                f'--cold-start: "{text}" is not allowed; allowed are {", ".join(CLASSES)}, a '
                "median as in 120s, or median and 95th percentile as in 120s,180s"
            )
        median = seconds("--cold-start", parts[0])
        p95 = seconds("--cold-start", parts[-1])
    try:
        phase = Phase(median_seconds=median, p95_seconds=p95)
    except BadPlant as exc:
        raise BadInput(f"--cold-start: {exc}") from exc
    return ColdStart(warm=phase, cold=phase, new_node=constant(0.0))


def _cluster(
    flags: Mapping[str, Any],
    *,
    model: ReplicaModel,
    cold_start: ColdStart,
    trigger: Trigger,
    spec: ScaledObjectSpec,
    requests: Requests,
) -> Cluster:
    params = trigger.params
    per_node, per_replica = flags["gpus_per_node"], flags["gpus_per_replica"]
    fits = max(1, per_node // per_replica)
    nodes = flags["nodes"] or ceil(spec.max_replicas / fits)
    first = requests.demand(params.step_seconds).values[:10]
    known = first[np.isfinite(first)]
    needed = ceil(float(known.max()) / params.threshold) if known.size else 1
    initial = min(max(needed, params.warm_floor, spec.min_replicas), spec.max_replicas)
    try:
        return Cluster(
            model=model,
            cold_start=cold_start,
            nodes=Nodes(present=nodes, gpus=per_node),
            gpus_per_replica=per_replica,
            initial_replicas=min(initial, nodes * fits),
            carried_per_replica=flags["capacity"] or params.threshold,
        )
    except BadPlant as exc:
        raise BadInput(f"--nodes, --gpus-per-node, --gpus-per-replica: {exc}") from exc


def _window(flag: str, text: str | None) -> float | None:
    return None if text is None else (0.0 if text == "0" else seconds(flag, text))
