"""What capacity met and what it cost, in sums that add up."""

from dataclasses import dataclass, field

SECONDS_PER_HOUR = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One policy's sums over the seconds in which demand was known.

    `shortage_demand_seconds` is the integral of demand beyond what ready replicas carry;
    `short_seconds` is for how long there was any. Replicas are paid for from asking.
    """

    shortage_demand_seconds: float = 0.0
    short_seconds: float = 0.0
    replica_seconds: float = 0.0

    @property
    def replica_hours(self) -> float:
        """Replica-hours; GPU-hours where a replica has one GPU."""
        return self.replica_seconds / SECONDS_PER_HOUR

    def __add__(self, other: "Account") -> "Account":
        return Account(
            shortage_demand_seconds=self.shortage_demand_seconds + other.shortage_demand_seconds,
            short_seconds=self.short_seconds + other.short_seconds,
            replica_seconds=self.replica_seconds + other.replica_seconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Both policies over the same span. In `unknown_seconds` nothing is counted for either.

    `reactive` and `predictive` are model fleets, like against like. `actual` is what the real fleet
    met and cost during `actual_seconds`, a part of the known ones: none without cluster access.
    """

    known_seconds: float = 0.0
    unknown_seconds: float = 0.0
    reactive: Account = field(default_factory=Account)
    predictive: Account = field(default_factory=Account)
    actual_seconds: float = 0.0
    actual: Account = field(default_factory=Account)

    @property
    def saved_ratio(self) -> float:
        """Share of the reactive shortage that prediction saves; NaN when there was none."""
        short = self.reactive.shortage_demand_seconds
        return 1.0 - self.predictive.shortage_demand_seconds / short if short > 0 else float("nan")

    @property
    def extra_ratio(self) -> float:
        """Replica-time that prediction costs beyond the reactive; NaN when that costs none."""
        paid = self.reactive.replica_seconds
        return self.predictive.replica_seconds / paid - 1.0 if paid > 0 else float("nan")

    def __add__(self, other: "Row") -> "Row":
        return Row(
            known_seconds=self.known_seconds + other.known_seconds,
            unknown_seconds=self.unknown_seconds + other.unknown_seconds,
            reactive=self.reactive + other.reactive,
            predictive=self.predictive + other.predictive,
            actual_seconds=self.actual_seconds + other.actual_seconds,
            actual=self.actual + other.actual,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day in UTC; `number` counts them from 1970-01-01."""

    number: int
    row: Row
