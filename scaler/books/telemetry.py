"""The ledger, the mode in force and memory as metrics. Ledgers are read at the scrape."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scaler.board import Board, Target
from scaler.ledger.account import Account
from scaler.ledger.view import LedgerView
from scaler.params import Mode

LABELS = ("namespace", "name", "trigger")

POLICY_FAMILIES: tuple[tuple[str, str, Callable[[Account], float]], ...] = (
    (
        "prewarm_ledger_shortage_demand_seconds",
        "Demand beyond what ready replicas carried, times its duration.",
        lambda account: account.shortage_demand_seconds,
    ),
    (
        "prewarm_ledger_short_seconds",
        "Time in which ready replicas did not carry the demand.",
        lambda account: account.short_seconds,
    ),
    (
        "prewarm_ledger_replica_seconds",
        "Replicas times the duration that they were paid for.",
        lambda account: account.replica_seconds,
    ),
)


class BooksTelemetry:
    """What the books count of themselves."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.saves = Counter("prewarm_state_saves", "Saves of memory done.", registry=registry)
        self.errors = Counter(
            "prewarm_state_errors", "Memory that could not be used.", ("reason",), registry=registry
        )
        self.saved_at = Gauge(
            "prewarm_state_saved_timestamp_seconds",
            "When memory was last saved, Unix seconds.",
            registry=registry,
        )
        self.notices = Counter(
            "prewarm_notices",
            "Changes worth telling a person: passed on, or held back as too many or the same.",
            ("reason", "outcome"),
            registry=registry,
        )


class LedgerCollector(Collector):
    """Turns the ledgers of the board into metrics."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def describe(self) -> Iterable[Metric]:
        """Return nothing: names are known only with the targets."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield each family with its samples by target."""
        found = [(target, target.ledger) for target in self._board if target.ledger is not None]
        for name, text, value_of in POLICY_FAMILIES:
            yield _by_policy(name, text, value_of, found)
        yield _seconds(found)
        yield _modes(found)
        yield _advised(found)


def _labels(target: Target) -> list[str]:
    return [target.key.namespace, target.key.name, target.key.digest]


def _by_policy(
    name: str,
    text: str,
    value_of: Callable[[Account], float],
    found: list[tuple[Target, LedgerView]],
) -> Metric:
    family = CounterMetricFamily(name, text, labels=[*LABELS, "policy"])
    for target, ledger in found:
        row = ledger.total
        family.add_metric([*_labels(target), "reactive"], value_of(row.reactive))
        family.add_metric([*_labels(target), "predictive"], value_of(row.predictive))
        if row.actual_seconds > 0:
            family.add_metric([*_labels(target), "actual"], value_of(row.actual))
    return family


def _seconds(found: list[tuple[Target, LedgerView]]) -> Metric:
    family = CounterMetricFamily(
        "prewarm_ledger_seconds",
        "Time that the ledger covers, by what was known; actual is the part with a real fleet.",
        labels=[*LABELS, "span"],
    )
    for target, ledger in found:
        row = ledger.total
        spans = {
            "known": row.known_seconds,
            "unknown": row.unknown_seconds,
            "actual": row.actual_seconds,
        }
        for span, seconds in spans.items():
            family.add_metric([*_labels(target), span], seconds)
    return family


def _modes(found: list[tuple[Target, LedgerView]]) -> Metric:
    family = GaugeMetricFamily(
        "prewarm_mode_in_force",
        "1 for what the trigger's mode comes to now.",
        labels=[*LABELS, "mode"],
    )
    for target, ledger in found:
        for mode in (Mode.PREDICT, Mode.OBSERVE):
            family.add_metric([*_labels(target), mode], float(mode is ledger.mode_in_force))
    return family


def _advised(found: list[tuple[Target, LedgerView]]) -> Metric:
    family = GaugeMetricFamily(
        "prewarm_prediction_advised",
        "1 where mode is advise and the ledger shows that prediction would win.",
        labels=LABELS,
    )
    for target, ledger in found:
        if ledger.mode is Mode.ADVISE:
            family.add_metric(_labels(target), float(ledger.proof.is_won))
    return family
