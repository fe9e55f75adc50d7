"""A ScaledObject's fields as the emulation of KEDA and the HPA takes them."""

from dataclasses import replace
from pathlib import Path

from scaler.manifest import MAX_FILE_BYTES, Unreadable, read_manifest, read_trigger
from scaler.manifest.nodes import Node
from simulations.autoscaling.behavior import (
    Behavior,
    PolicyKind,
    ScalingPolicy,
    ScalingRules,
    Select,
    scale_down,
    scale_up,
)
from simulations.autoscaling.keda import ScaledObjectSpec
from simulations.backtest.errors import BadInput

FIELDS = (
    ("minReplicaCount", "min_replicas"),
    ("maxReplicaCount", "max_replicas"),
    ("idleReplicaCount", "idle_replicas"),
    ("pollingInterval", "polling_seconds"),
    ("cooldownPeriod", "cooldown_seconds"),
    ("initialCooldownPeriod", "initial_cooldown_seconds"),
)


def read_object(path: Path) -> tuple[dict[str, str], ScaledObjectSpec]:
    """Return the metadata of the file's trigger, and the spec around it. Raises `BadInput`."""
    try:
        with path.open("rb") as file:
            manifest = read_manifest(file.read(MAX_FILE_BYTES + 1))
    except (OSError, Unreadable) as exc:
        raise BadInput(f"{path}: {exc}; see prewarm check {path}") from exc
    found = [(each, one) for each in manifest.scaled_objects for one in each.prewarm_triggers]
    if len(found) != 1:
        raise BadInput(f"{path}: holds {len(found)} triggers of Prewarm; simulated is exactly one")
    scaled_object, entry = found[0]
    read = read_trigger(scaled_object, entry)
    if read.trigger is None or read.unknown:
        raise BadInput(f"{path}: {entry.where} can't be read; prewarm check {path} says why")
    return dict(read.sent), spec_of(scaled_object.spec, path)


def spec_of(node: Node, path: Path) -> ScaledObjectSpec:
    """Return the spec of a manifest. Raises `BadInput` with the key."""
    given: dict[str, int] = {}
    for key, name in FIELDS:
        field = node.get(key)
        if field.is_given:
            if field.whole is None:
                raise BadInput(
                    f'{path}: line {field.line}: {key}: "{field.text}" is not allowed; allowed is '
                    "a whole number"
                )
            given[name] = field.whole
    behavior = node.get("advanced", "horizontalPodAutoscalerConfig", "behavior")
    try:
        spec = ScaledObjectSpec(**given)  # type: ignore[arg-type]  # whole numbers are floats too
        if not behavior.is_given:
            return spec
        return replace(
            spec,
            behavior=Behavior(
                up=_rules(behavior.get("scaleUp"), scale_up()),
                down=_rules(behavior.get("scaleDown"), scale_down()),
            ),
        )
    except ValueError as exc:
        raise BadInput(f"{path}: {exc}") from exc


def _rules(node: Node, usual: ScalingRules) -> ScalingRules:
    rules = usual
    if node.get("policies").items:
        rules = replace(rules, policies=tuple(map(_policy, node.get("policies").items)))
    if node.get("selectPolicy").is_given:
        rules = replace(rules, select=Select(node.get("selectPolicy").text))
    window, tolerance = node.get("stabilizationWindowSeconds"), node.get("tolerance")
    if window.is_given:
        rules = replace(rules, stabilization_seconds=float(window.text))
    if tolerance.is_given:
        rules = replace(rules, tolerance=float(tolerance.text))
    return rules


def _policy(node: Node) -> ScalingPolicy:
    return ScalingPolicy(
        PolicyKind(node.get("type").text),
        int(node.get("value").text),
        float(node.get("periodSeconds").text),
    )


def with_windows(
    spec: ScaledObjectSpec, *, up_seconds: float | None, down_seconds: float | None
) -> ScaledObjectSpec:
    """Return the spec with other stabilisation windows; with none given it stays as it is."""
    if up_seconds is None and down_seconds is None:
        return spec
    behavior = spec.behavior or Behavior()
    if up_seconds is not None:
        behavior = replace(behavior, up=replace(behavior.up, stabilization_seconds=up_seconds))
    if down_seconds is not None:
        down = replace(behavior.down, stabilization_seconds=down_seconds)
        behavior = replace(behavior, down=down)
    return replace(spec, behavior=behavior)
