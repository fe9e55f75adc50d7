"""What the cluster tells, as metrics: fleets, lead times, phases, failed starts, missing rights."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scaler.board import Board, Target
from scaler.errors import BadMetadata
from scaler.ports import Cluster
from scaler.starts.lead import mean_phases
from scaler.telemetry import TARGET_LABELS

TROUBLE_LABELS = ("verb", "group", "resource", "in_namespace", "reason")


class ClusterCollector(Collector):
    """Reads the board and the cluster at each scrape."""

    def __init__(self, board: Board, cluster: Cluster | None) -> None:
        self._board = board
        self._cluster = cluster

    def describe(self) -> Iterable[Metric]:
        """Return nothing: names are known only with the targets."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield each family, empty where the cluster tells nothing."""
        targets = list(self._board)
        yield from _lead_times(targets)
        yield _fleets(targets)
        yield from _starts(targets)
        yield self._troubles()

    def _troubles(self) -> Metric:
        family = GaugeMetricFamily(
            "prewarm_cluster_troubles",
            "1 for each call that the cluster doesn't answer.",
            labels=TROUBLE_LABELS,
        )
        for each in self._cluster.troubles() if self._cluster is not None else ():
            labels = [each.verb, each.group, each.resource, each.namespace, each.reason]
            family.add_metric(labels, 1.0)
        return family


def _labels(target: Target) -> list[str]:
    return [target.key.namespace, target.key.name, target.key.digest]


def _gauge(name: str, text: str, *more: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=[*TARGET_LABELS, *more])


def _lead_times(targets: list[Target]) -> Iterable[Metric]:
    in_use = _gauge("prewarm_lead_time_seconds", "Lead time that the forecast covers.", "source")
    part = _gauge("prewarm_lead_time_part_seconds", "What the cluster shows of it.", "part")
    bound = _gauge("prewarm_lead_time_start_bound_seconds", "Interval of the start.", "bound")
    rests_on = _gauge("prewarm_lead_time_starts", "Starts that it rests on.", "kind")
    next_class = _gauge("prewarm_start_class", "1 for where the next replica comes from.", "class")
    for target in targets:
        labels = _labels(target)
        if target.lead_seconds > 0:
            in_use.add_metric([*labels, _source(target)], target.lead_seconds)
        lead = target.snapshot.decision.seen.lead_time if target.snapshot is not None else None
        if lead is None:
            continue
        part.add_metric([*labels, "start"], lead.start_seconds)
        part.add_metric([*labels, "scaling"], lead.scaling_seconds)
        rests_on.add_metric([*labels, "ready"], lead.n_starts)
        rests_on.add_metric([*labels, "censored"], lead.n_censored)
        next_class.add_metric([*labels, str(lead.start_class)], 1.0)
        if lead.interval is not None:
            bound.add_metric([*labels, "low"], lead.interval[0])
            bound.add_metric([*labels, "high"], lead.interval[1])
    return in_use, part, bound, rests_on, next_class


def _source(target: Target) -> str:
    """Return where the lead time in use is from: the trigger, a prior, or what was measured."""
    if isinstance(target.trigger, BadMetadata) or not target.trigger.is_lead_time_measured:
        return "given"
    lead = target.snapshot.decision.seen.lead_time if target.snapshot is not None else None
    return "measured" if lead is not None and lead.is_measured else "prior"


def _fleets(targets: list[Target]) -> Metric:
    family = _gauge("prewarm_fleet_replicas", "Replicas of the workload, by state.", "state")
    for target in targets:
        fleet = target.view.fleet if target.view is not None else None
        if fleet is None:
            continue
        for state in ("wanted", "ready", "starting", "unschedulable"):
            family.add_metric([*_labels(target), state], getattr(fleet, state))
    return family


def _starts(targets: list[Target]) -> Iterable[Metric]:
    phases = _gauge("prewarm_start_phase_seconds", "Mean of the newest starts, by phase.", "phase")
    failed = CounterMetricFamily(
        "prewarm_starts_failed",
        "Pods that failed to start, by reason.",
        labels=[*TARGET_LABELS, "reason"],
    )
    for target in targets:
        starts = target.view.starts if target.view is not None else None
        if starts is None:
            continue
        for phase, seconds in mean_phases(starts).items():
            phases.add_metric([*_labels(target), phase], seconds)
        for reason, count in starts.failed:
            failed.add_metric([*_labels(target), reason], count)
    return phases, failed
