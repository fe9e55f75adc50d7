"""What is asked of vLLM's metrics to learn a capacity, by the name of the model.

Counted by `instance`, one address of a scrape: with data parallelism a replica has several engines,
each with series of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

WINDOW = "2m"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityQueries:
    """PromQL for one series each, over all replicas; an empty one is not asked.

    `served` has the unit of demand. `replicas` counts those that report, `queueing` those of them
    that had a queue all the time: for a moment any request waits, also where there is room. The
    others tell why a replica was full, and correct nothing.
    """

    served: str
    replicas: str
    queueing: str
    running: str
    kv_cache_use: str

    NAMES: ClassVar[tuple[str, ...]] = ("served", "replicas", "queueing", "running", "kv_cache_use")
    ALLOWED: ClassVar[str] = f"a JSON object of PromQL by any of {', '.join(NAMES)}"

    @classmethod
    def of(cls, model: str, given: Mapping[str, str]) -> Self:
        """Return the defaults for `model`, with those that are given in their place.

        The default for `served` counts requests: where demand is measured in tokens, give it.
        """
        return cls(**{**_defaults(model), **given})


def _defaults(model: str) -> dict[str, str]:
    if not model:
        return dict.fromkeys(CapacityQueries.NAMES, "")
    label = f'{{model_name="{model}"}}'
    return {
        "served": f"sum(rate(vllm:request_success_total{label}[{WINDOW}]))",
        "replicas": f"count(count by (instance) (vllm:num_requests_running{label}))",
        "queueing": (
            f"count(max by (instance) (min_over_time(vllm:num_requests_waiting{label}[{WINDOW}]))"
            " > 0) or vector(0)"
        ),
        "running": f"sum(vllm:num_requests_running{label})",
        "kv_cache_use": f"avg(vllm:kv_cache_usage_perc{label})",
    }
