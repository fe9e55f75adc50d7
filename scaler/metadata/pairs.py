"""Keys of a trigger that make sense only together: what is missing beside which, in a line each."""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Protocol

from scaler.newsvendor import newsvendor_quantile
from scaler.params import MaxCapacityBehavior, floor_problem, stale_problem

DAY_SECONDS = 86_400
MAX_HISTORY_POINTS = 90 * 1_440  # 90 days of minutes: 1 MB a target
LOWEST_QUANTILE, HIGHEST_QUANTILE = 0.5, 0.999


class Keys(Protocol):
    """The keys that are looked at here; `scaler.metadata.keys.TriggerMetadata` has them."""

    @property
    def threshold(self) -> float | None: ...  # noqa: D102
    @property
    def threshold_prior(self) -> float | None: ...  # noqa: D102
    @property
    def capacity_model(self) -> str | None: ...  # noqa: D102
    @property
    def capacity_queries(self) -> tuple[tuple[str, str], ...]: ...  # noqa: D102
    @property
    def quantile(self) -> float: ...  # noqa: D102
    @property
    def max_capacity_behavior(self) -> MaxCapacityBehavior: ...  # noqa: D102
    @property
    def max_capacity_buffer(self) -> int | None: ...  # noqa: D102
    @property
    def miss_cost_per_replica_hour(self) -> float | None: ...  # noqa: D102
    @property
    def gpu_price_per_hour(self) -> float | None: ...  # noqa: D102
    @property
    def warm_floor(self) -> int: ...  # noqa: D102
    @property
    def max_replicas(self) -> int: ...  # noqa: D102
    @property
    def step_seconds(self) -> int: ...  # noqa: D102
    @property
    def history_days(self) -> float: ...  # noqa: D102
    @property
    def stale_after_seconds(self) -> float | None: ...  # noqa: D102
    @property
    def model_fields_set(self) -> set[str]: ...  # noqa: D102


def quantile_of(read: Keys) -> float:
    """Return the quantile that is given, or the one that the costs give."""
    miss, price = read.miss_cost_per_replica_hour, read.gpu_price_per_hour
    if miss is None or price is None:
        return read.quantile
    return newsvendor_quantile(miss_cost=miss, idle_cost=price)


def pair_problems(read: Keys, bad: AbstractSet[str]) -> Iterator[str]:
    """Yield a line for each key that lacks another or contradicts it.

    Of keys in `bad` the value isn't known: nothing that hangs on one is said.
    """
    for rule, keys in _RULES:
        if bad.isdisjoint(keys):
            yield from rule(read)


def _grid(read: Keys) -> Iterator[str]:
    points = int(read.history_days * DAY_SECONDS / read.step_seconds)
    if points > MAX_HISTORY_POINTS:
        yield (
            f'historyDays: "{read.history_days:g}" at stepSeconds {read.step_seconds} are {points} '
            f"points; allowed are {MAX_HISTORY_POINTS}: fewer days or a longer step"
        )


def _bounds(read: Keys) -> Iterator[str]:
    if problem := floor_problem(read.warm_floor, read.max_replicas):
        yield problem


def _staleness(read: Keys) -> Iterator[str]:
    seconds = read.stale_after_seconds
    if seconds is not None and (problem := stale_problem(seconds, read.step_seconds)):
        yield problem


def _threshold(read: Keys) -> Iterator[str]:
    if read.threshold is not None:
        for name in ("thresholdPrior", "capacityModel", "capacityQueries"):
            if _snake(name) in read.model_fields_set:
                yield f"{name}: no effect beside a threshold that is a number; use threshold: auto"
        return
    if read.threshold_prior is None:
        yield (
            "thresholdPrior: missing; needed is a number > 0 with threshold: auto, which holds "
            "until enough saturation was seen: take what one replica carries for certain"
        )
    if read.capacity_model is None and not _has_all_queries(read):
        yield (
            "capacityModel: missing; needed is the model_name of vLLM's metrics with threshold: "
            "auto, or all of capacityQueries"
        )


def _has_all_queries(read: Keys) -> bool:
    return {name for name, _ in read.capacity_queries} >= {"served", "replicas", "queueing"}


def _max_capacity(read: Keys) -> Iterator[str]:
    increases = read.max_capacity_behavior is MaxCapacityBehavior.INCREASE
    if increases and read.max_capacity_buffer is None:
        yield (
            "maxCapacityBuffer: missing; needed is a whole percentage from 0 to 100 with "
            "maxCapacityBehavior: IncreaseMaxCapacity"
        )
    elif read.max_capacity_buffer is not None and not increases:
        yield (
            f'maxCapacityBuffer: "{read.max_capacity_buffer}" has no effect; allowed only with '
            "maxCapacityBehavior: IncreaseMaxCapacity"
        )


def _costs(read: Keys) -> Iterator[str]:
    miss, price = read.miss_cost_per_replica_hour, read.gpu_price_per_hour
    if miss is None:
        return
    if price is None:
        yield (
            "gpuPricePerHour: missing; needed is a number > 0 beside missCostPerReplicaHour, the "
            "price of one replica's GPUs"
        )
        return
    if "quantile" in read.model_fields_set:
        yield (
            f'quantile: "{read.quantile:g}" beside missCostPerReplicaHour, which gives '
            f"{quantile_of(read):.4g}; give one of the two"
        )
    elif not LOWEST_QUANTILE <= quantile_of(read) <= HIGHEST_QUANTILE:
        yield (
            f'missCostPerReplicaHour: "{miss:g}" against gpuPricePerHour {price:g} gives the '
            f"quantile {quantile_of(read):.4g}; allowed is 0.5 to 0.999, that is a miss cost of "
            f"{price:g} to {999 * price:g}"
        )


_RULES: tuple[tuple[Callable[[Keys], Iterator[str]], frozenset[str]], ...] = (
    (_grid, frozenset({"stepSeconds", "historyDays"})),
    (_bounds, frozenset({"warmFloor", "maxReplicas"})),
    (_staleness, frozenset({"staleAfterSeconds", "stepSeconds"})),
    (_threshold, frozenset({"threshold", "thresholdPrior", "capacityModel", "capacityQueries"})),
    (_max_capacity, frozenset({"maxCapacityBehavior", "maxCapacityBuffer"})),
    (_costs, frozenset({"missCostPerReplicaHour", "gpuPricePerHour", "quantile"})),
)


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)
