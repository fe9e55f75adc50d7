"""What a trigger says, once all of its keys are good."""

from dataclasses import dataclass, field
from math import ceil

from scaler.metadata.keys import TriggerMetadata
from scaler.metadata.pairs import quantile_of
from scaler.params import (
    AUTO_LEAD_TIME_SECONDS,
    STALE_AFTER_STEPS,
    ProofMargins,
    TargetParams,
)
from scaler.plan import Plan
from scaler.ports import DemandQuery
from scaler.saturation.queries import CapacityQueries
from scaler.schedule import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A validated trigger: how to scale, and where demand is read."""

    params: TargetParams
    query: DemandQuery
    zero_when_empty: bool  # `ignoreNullValues: "true"`, set explicitly
    is_lead_time_measured: bool  # `leadTimeSeconds: auto`
    plan: Plan = field(default_factory=Plan)
    schedules: tuple[Schedule, ...] = ()
    capacity_queries: CapacityQueries | None = None  # `threshold: auto`
    # Keys whose value came from a workload's environment: what is shown must not hold it.
    hidden_keys: frozenset[str] = field(default=frozenset(), compare=False)
    # Keys and their text as given, in the order of the documentation; never a secret one.
    given: tuple[tuple[str, str], ...] = field(default=(), compare=False)


def params_of(read: TriggerMetadata) -> TargetParams:
    """Return how to scale. Raises ValueError where two keys contradict each other."""
    lead_time_seconds, stale_after_seconds = read.lead_time_seconds, read.stale_after_seconds
    if lead_time_seconds is None:
        lead_time_seconds = AUTO_LEAD_TIME_SECONDS
    if stale_after_seconds is None:
        stale_after_seconds = STALE_AFTER_STEPS * read.step_seconds
    return TargetParams(
        threshold=read.threshold or read.threshold_prior or 0.0,
        zone=read.timezone,
        lead_time_seconds=lead_time_seconds,
        stale_after_seconds=stale_after_seconds,
        activation_threshold=read.activation_threshold,
        warm_floor=read.warm_floor,
        max_replicas=read.max_replicas,
        quantile=quantile_of(read),
        history_days=float(ceil(read.history_days)),
        step_seconds=float(read.step_seconds),
        mode=read.mode,
        margins=ProofMargins(
            days=read.prove_days,
            min_saved_ratio=read.prove_min_shortage_saved_percent / 100,
            max_extra_ratio=read.prove_max_extra_percent / 100,
        ),
        is_approved=read.approved,
        on_stale=read.on_stale,
        break_even_seconds=read.break_even_seconds,
        release_margin=read.release_margin,
        scale_down_limit=read.scale_down_limit,
        hpa_tolerance=read.hpa_tolerance,
        hpa_scale_down_tolerance=read.hpa_scale_down_tolerance,
        max_capacity_buffer=_share_of(read.max_capacity_buffer),
        miss_cost_per_replica_hour=read.miss_cost_per_replica_hour,
        gpu_price_per_hour=read.gpu_price_per_hour,
    )


def _share_of(percentage: int | None) -> float | None:
    return None if percentage is None else percentage / 100.0


def capacity_queries_of(read: TriggerMetadata) -> CapacityQueries | None:
    """Return where capacity is learned from, None with a threshold that is a number."""
    if read.threshold is not None:
        return None
    return CapacityQueries.of(read.capacity_model or "", dict(read.capacity_queries))


def query_of(read: TriggerMetadata) -> DemandQuery:
    """Return where demand is read."""
    return DemandQuery(
        query=read.query,
        step_seconds=float(read.step_seconds),
        server_address=read.server_address,
        namespace=read.namespace,
        headers=read.custom_headers,
        parameters=read.query_parameters,
        auth_modes=read.auth_modes,
    )
