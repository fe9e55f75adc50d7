"""What KEDA itself does to the replica count: it wakes a target from 0 and puts it to sleep.

Between 1 and the maximum the HPA decides. KEDA's `executor` writes the count in two cases only:
active at 0, and inactive for the whole cooldown.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationSpec:
    """The fields of a ScaledObject that matter here, with KEDA's defaults."""

    min_replicas: int = 0
    idle_replicas: int | None = None
    cooldown_seconds: float = 300.0


def activated(
    replicas: int, spec: ActivationSpec, *, is_active: bool, inactive_seconds: float = 0.0
) -> int:
    """Return the count after one poll. `inactive_seconds`: since the last poll that was active."""
    if is_active:
        return max(1, spec.min_replicas) if _is_asleep(replicas, spec) else replicas
    if inactive_seconds < spec.cooldown_seconds:
        return replicas
    if spec.idle_replicas is not None:
        return spec.idle_replicas
    return replicas if spec.min_replicas > 0 else 0


def _is_asleep(replicas: int, spec: ActivationSpec) -> bool:
    return replicas in {0, spec.idle_replicas}
