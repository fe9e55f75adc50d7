"""Our own metrics. Snapshots are read at the scrape, so no label outlives its target."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scaler.board import Board, Target
from scaler.errors import BadMetadata
from scaler.ports import Clock
from scaler.types import Decision, Evidence, Limit

TARGET_LABELS = ("namespace", "name", "trigger")
RPC_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
TICK_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
INVALID = "invalid"


class RpcTelemetry:
    """Counts and times the RPCs; KEDA exports none of it before 2.21."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "prewarm_rpc", "RPCs answered.", ("method", "code"), registry=registry
        )
        self._seconds = Histogram(
            "prewarm_rpc_duration",
            "Time inside the handler.",
            ("method",),
            unit="seconds",
            buckets=RPC_BUCKETS,
            registry=registry,
        )
        self._streams = Gauge(
            "prewarm_rpc_streams", "Streams open now.", ("method",), registry=registry
        )
        self._children: dict[tuple[str, str], tuple[Counter, Histogram]] = {}

    def observe(self, method: str, code: str, seconds: float) -> None:
        """Count one call; both names come from code, never from a caller."""
        children = self._children.get((method, code))
        if children is None:  # labels() takes a lock and builds a key: too dear for each call
            children = (self._calls.labels(method, code), self._seconds.labels(method))
            self._children[method, code] = children
        children[0].inc()
        children[1].observe(seconds)

    @contextmanager
    def stream(self, method: str) -> Iterator[None]:
        """Count a stream while it is open."""
        gauge = self._streams.labels(method)
        gauge.inc()
        try:
            yield
        finally:
            gauge.dec()


class TickTelemetry:
    """What the controller counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.tick_seconds = Histogram(
            "prewarm_tick_duration",
            "Time from the start of a target's tick to its snapshot.",
            unit="seconds",
            buckets=TICK_BUCKETS,
            registry=registry,
        )
        self.fit_seconds = Histogram(
            "prewarm_fit_duration",
            "Time to fit one target's forecaster.",
            unit="seconds",
            buckets=TICK_BUCKETS,
            registry=registry,
        )
        self.skipped = Counter(
            "prewarm_ticks_skipped",
            "Ticks left out because the target's one before was still under way.",
            registry=registry,
        )
        self.failures = Counter(
            "prewarm_tick_failures",
            "Ticks or fits that raised an error nobody expected.",
            registry=registry,
        )
        self.rejected_samples = Counter(
            "prewarm_samples_rejected",
            "Samples that the source gave and that can't be demand.",
            ("reason",),
            registry=registry,
        )
        self.expensive_queries = Counter(
            "prewarm_expensive_queries",
            "Requests that cost the source more than they should.",
            registry=registry,
        )


class TargetCollector(Collector):
    """Turns the board into metrics at the moment of the scrape."""

    def __init__(self, board: Board, clock: Clock) -> None:
        self._board = board
        self._clock = clock

    def describe(self) -> Iterable[Metric]:
        """Return nothing: names are known only with the targets."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield each family with one sample a target, and one more label for rules and states."""
        targets = list(self._board)
        yield GaugeMetricFamily("prewarm_targets", "Targets in the table.", value=len(targets))
        yield _evidence(targets, self._clock.monotonic())
        yield _errors(targets)
        yield from self._values(targets)

    def _values(self, targets: list[Target]) -> Iterable[Metric]:
        now = self._clock.now()
        observed = _gauge("prewarm_observed_demand", "Newest demand observed.")
        observed_age = _gauge("prewarm_observed_age_seconds", "Age of the newest observation.")
        forecast = _gauge(
            "prewarm_forecast_demand", "Upper bound of peak demand over the lead time.", "method"
        )
        forecast_age = _gauge("prewarm_forecast_age_seconds", "Age of the data forecast from.")
        horizon = _gauge("prewarm_forecast_horizon_seconds", "Window that the forecast covers.")
        replicas = _gauge("prewarm_replicas", "Replicas answered to KEDA.")
        by_rule = _gauge("prewarm_replicas_after_rule", "Replicas after each rule.", "rule")
        outcome = _gauge(
            "prewarm_replicas_by_mode", "Replicas with the forecast and without it.", "mode"
        )
        carried = _gauge("prewarm_replica_capacity", "Demand that one replica is taken to carry.")
        missing = _gauge("prewarm_shortfall_replicas", "Replicas that will be missing.", "limit")
        missing_from = _gauge(
            "prewarm_shortfall_seconds", "Time until they are missing, at the latest.", "limit"
        )
        families = (observed, observed_age, forecast, forecast_age, horizon, carried)
        for target, decision in _answers(targets, self._clock.monotonic()):
            labels = _labels(target)
            seen = decision.seen
            if not (decision.is_withheld or target.refusal):  # only what KEDA really is told
                replicas.add_metric(labels, decision.replicas)
            outcome.add_metric([*labels, "predict"], decision.predicted_replicas)
            outcome.add_metric([*labels, "observe"], decision.reactive_replicas)
            carried.add_metric(labels, decision.threshold)
            for limit in Limit:
                short = decision.shortfall
                is_it = short is not None and short.limit is limit
                missing.add_metric([*labels, limit], short.replicas if short and is_it else 0)
                if short and is_it:
                    missing_from.add_metric([*labels, limit], max(0.0, short.latest_at - now))
            for step in decision.steps:
                by_rule.add_metric([*labels, step.rule], step.after)
            if seen.evidence in {Evidence.FRESH, Evidence.STALE}:
                observed.add_metric(labels, seen.observed_demand)
                observed_age.add_metric(labels, now - seen.observed_at)
            if seen.forecast is not None:
                forecast.add_metric([*labels, seen.forecast.method], seen.forecast.value)
                forecast_age.add_metric(labels, now - seen.forecast.issued_at)
                horizon.add_metric(labels, seen.forecast.horizon_seconds)
        yield from (*families, replicas, by_rule, outcome, missing, missing_from)


def _gauge(name: str, text: str, *more: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=[*TARGET_LABELS, *more])


def _labels(target: Target) -> list[str]:
    return [target.key.namespace, target.key.name, target.key.digest]


def _answers(targets: list[Target], at: float) -> Iterator[tuple[Target, Decision]]:
    for target in targets:
        if target.snapshot is not None:
            yield target, target.snapshot.answer(at)


def _evidence(targets: list[Target], at: float) -> Metric:
    family = _gauge("prewarm_target_evidence", "1 for the state that demand is in.", "evidence")
    for target in targets:
        now_in = state_of(target, at)
        for state in (*Evidence, INVALID):
            family.add_metric([*_labels(target), str(state)], float(state == now_in))
    return family


def state_of(target: Target, at: float) -> str:
    """Return the target's evidence `at` (monotonic seconds), or "invalid" for bad metadata."""
    if isinstance(target.trigger, BadMetadata) or target.refusal:
        return INVALID
    if target.snapshot is None:
        return Evidence.PENDING
    return target.snapshot.answer(at).seen.evidence


def _errors(targets: list[Target]) -> Metric:
    family = CounterMetricFamily(
        "prewarm_source_errors", "Failed reads of demand.", labels=[*TARGET_LABELS, "reason"]
    )
    for target in targets:
        for reason, count in dict(target.problems).items():  # the loop adds to it
            family.add_metric([*_labels(target), reason], count)
    return family
