"""What a rule may look at, and how it says what it found."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from scaler.manifest import (
    Node,
    ReadTrigger,
    ScaledObject,
    Severity,
)

API_VERSION = "keda.sh/v1alpha1"
HPA_SYNC_SECONDS = 15
POLL_SECONDS = 30  # KEDA's own default
COOLDOWN_SECONDS = 300
MAX_REPLICA_COUNT = 100
# KEDA's poll and the HPA's sync, before the first pod of an answer is even asked for.
DELAY_BEFORE_PODS_SECONDS = 30
DEFAULT_TOLERANCE = Fraction(1, 10)
SHORT_DOWN_WINDOW_SECONDS = 60
LONG_DOWN_WINDOW_SECONDS = 900
WEEK_DAYS = 7

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
TRUE_WORDS = frozenset({"1", "t", "T", "TRUE", "true", "True"})  # Go's strconv.ParseBool
FALSE_WORDS = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class Said(NamedTuple):
    """What a rule says about a node."""

    severity: Severity
    node: Node
    text: str
    paste: str = ""


class NotKnown(Exception):  # noqa: N818 - named after what is the case
    """A key that can't be read, or whose value only the cluster knows, and a rule needs it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facts:
    """All that a rule may look at. There is at least one trigger.

    What a bad key would decide raises `NotKnown`, which ends the rule: nothing is said by a
    default that nobody chose, and one mistake is one finding.
    """

    scaled_object: ScaledObject
    triggers: tuple[ReadTrigger, ...]

    @property
    def spec(self) -> Node:
        """The object's spec."""
        return self.scaled_object.spec

    @property
    def behavior(self) -> Node:
        """What the HPA is told about its pace."""
        return self.spec.get("advanced", "horizontalPodAutoscalerConfig", "behavior")

    @property
    def minimum(self) -> int:
        """KEDA's minReplicaCount."""
        return self.spec.get("minReplicaCount").whole or 0

    @property
    def maximum(self) -> int:
        """KEDA's maxReplicaCount."""
        return self.spec.get("maxReplicaCount").whole or MAX_REPLICA_COUNT

    @property
    def warm_floor(self) -> int:
        """The highest warmFloor."""
        return max(read.params.warm_floor for read in self._known("warmFloor"))

    @property
    def max_replicas(self) -> int:
        """The highest maxReplicas."""
        return max(read.params.max_replicas for read in self._known("maxReplicas"))

    @property
    def ceiling(self) -> int:
        """The most replicas that a prediction can bring about."""
        return min(self.max_replicas, self.maximum)

    @property
    def lead_seconds(self) -> float:
        """The longest lead time."""
        return max(read.params.lead_time_seconds for read in self._known("leadTimeSeconds"))

    @property
    def goes_idle(self) -> bool:
        """Whether KEDA itself, and not the HPA, ever sets the number."""
        return self.minimum == 0 or self.spec.get("idleReplicaCount").is_given

    @property
    def modifiers(self) -> Node:
        """The scalingModifiers."""
        return self.spec.get("advanced", "scalingModifiers")

    def _known(self, key: str) -> tuple[ReadTrigger, ...]:
        if not all(read.knows(key) for read in self.triggers):
            raise NotKnown(key)
        return self.triggers

    def metadata(self, read: ReadTrigger, key: str) -> Node:
        """Return the node of a trigger's key."""
        return read.entry.node.get("metadata", key)


Rule: TypeAlias = Callable[[Facts], Iterator[Said]]
TriggerRule: TypeAlias = Callable[[Facts, ReadTrigger], Iterator[Said]]


def quantity(text: str) -> Fraction | None:
    """Return a Kubernetes quantity such as 0.05, 50m or 5e-2, None when it is none."""
    found = re.fullmatch(r"([-+]?(?:\.\d+|\d+(?:\.\d*)?))(?:[eE]([-+]?\d{1,2})|([num]))?", text)
    if found is None:
        return None
    number = found[1] + ("0" if found[1].endswith(".") else "")
    power = int(found[2] or 0) - {"n": 9, "u": 6, "m": 3}.get(found[3], 0)
    return Fraction(number) * Fraction(10) ** power


def nested(*parts: str) -> str:
    """Return YAML in which each part but the last is a key that holds the next."""
    *keys, last = parts
    lines = [f"{'  ' * depth}{key}:" for depth, key in enumerate(keys)]
    lines += [f"{'  ' * len(keys)}{line}" for line in last.split("\n")]
    return "\n".join(lines)


def behavior_yaml(direction: str, lines: str) -> str:
    """Return lines of one direction of the HPA's behavior, from the spec down."""
    return nested("spec", "advanced", "horizontalPodAutoscalerConfig", "behavior", direction, lines)


def key_yaml(key: str, value: object) -> str:
    """Return a key of the metadata; a text with quotes of its own is put into others."""
    quote = "'" if '"' in str(value) else '"'
    return nested("metadata", f"{key}: {quote}{value}{quote}")
