"""KEDA and the HPA, exactly as they count: pure, with time as an argument."""

from simulations.autoscaling.autoscaler import SYNC_SECONDS, Autoscaler, Timers
from simulations.autoscaling.behavior import (
    Behavior,
    PolicyKind,
    ScalingPolicy,
    ScalingRules,
    Select,
    scale_down,
    scale_up,
)
from simulations.autoscaling.fast import Hpa
from simulations.autoscaling.hpa import HpaState, sync
from simulations.autoscaling.keda import KedaState, ScaledObjectSpec, poll
from simulations.autoscaling.proposals import Fleet, Reading, ValueMetric
from simulations.autoscaling.spec import HpaSpec

__all__ = [
    "SYNC_SECONDS",
    "Autoscaler",
    "Behavior",
    "Fleet",
    "Hpa",
    "HpaSpec",
    "HpaState",
    "KedaState",
    "PolicyKind",
    "Reading",
    "ScaledObjectSpec",
    "ScalingPolicy",
    "ScalingRules",
    "Select",
    "Timers",
    "ValueMetric",
    "poll",
    "scale_down",
    "scale_up",
    "sync",
]
