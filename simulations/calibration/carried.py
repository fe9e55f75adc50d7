"""The demand that one replica carries within targets: what to paste as `threshold`.

Found by bisecting the event simulation, not the fluid form: what breaks a time to first token is
the queue, and averages have none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from simulations.plant.cluster import Cluster
from simulations.plant.events import Events
from simulations.plant.model import ReplicaModel
from simulations.workload.lengths import Length, Lengths
from simulations.workload.requests import Requests
from simulations.workload.streams import stream

N_REQUESTS = 6_000
WARM_UP_RATIO = 0.1
N_HALVINGS = 11  # of what the replica does at most: 0.05 % of it
INTERVAL = (0.05, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Limits, and the share of requests that must keep both of them."""

    first_token_seconds: float
    inter_token_seconds: float
    attained_ratio: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What one replica carries of requests of these mean lengths; rates are a second.

    `low` and `high` enclose 90 % of what resampled sweeps and other arrivals came to. 0: a request
    alone misses the targets already. `at_most`: without any target and without a queue.
    """

    prompt_tokens: float
    completion_tokens: float
    requests: float
    low: float
    high: float
    at_most: float

    @property
    def prompt_tokens_per_second(self) -> float:
        """Prompt tokens a second at that rate."""
        return self.requests * self.prompt_tokens

    @property
    def completion_tokens_per_second(self) -> float:
        """Generated tokens a second at that rate."""
        return self.requests * self.completion_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Poisson arrivals of rate 1 with their lengths: stretched, they are those of any rate.

    So all rates meet the same luck, and more load is never easier by chance.
    """

    lengths: Lengths
    seed: int
    n: int = N_REQUESTS
    _made: dict[str, np.ndarray] = field(default_factory=dict)

    def at_rate(self, per_second: float) -> Requests:
        """Return them at so many requests a second."""
        if not self._made:
            gaps = stream(self.seed, "arrivals").exponential(1.0, self.n)
            self._made["at"] = np.cumsum(gaps)
            self._made["prompt"] = self.lengths.prompt.draw(stream(self.seed, "prompts"), self.n)
            self._made["completion"] = self.lengths.completion.draw(
                stream(self.seed, "completions"), self.n
            )
        arrivals = self._made["at"] / per_second
        return Requests(
            start_at=0.0,
            seconds=float(np.nextafter(arrivals[-1], np.inf)),
            arrivals=arrivals,
            prompt_tokens=self._made["prompt"],
            completion_tokens=self._made["completion"],
        )


def carried_by(
    models: Sequence[ReplicaModel],
    targets: Targets,
    *,
    prompt: Length,
    completion: Length,
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> Carried:
    """Return what a replica carries; `models` are the fit first, and then its resamples.

    Each model meets arrivals of its own, so that `low` and `high` hold their luck too. `advance`
    is told of each model done.
    """
    lengths = Lengths(prompt=prompt, completion=completion)
    rates = []
    for number, model in enumerate(models):
        rates.append(_rate(model, targets, Arrivals(lengths=lengths, seed=seed + number)))
        advance()
    low, high = np.quantile(rates, INTERVAL).tolist()
    return Carried(
        prompt_tokens=prompt.mean,
        completion_tokens=completion.mean,
        requests=rates[0],
        low=min(low, rates[0]),
        high=max(high, rates[0]),
        at_most=models[0].carried(prompt.mean, completion.mean),
    )


def attained(model: ReplicaModel, targets: Targets, requests: Requests) -> float:
    """Return the share of requests that keep both targets on one replica, the warm-up left out."""
    plant = Events(requests, Cluster(model=model, carried_per_replica=1.0), seed=0)
    plant.scale(1)
    longest = model.overhead_seconds + targets.first_token_seconds
    plant.advance(requests.seconds + longest + _LONGEST_ANSWER_SECONDS)
    served = plant.served()
    kept = served.time_to_first <= targets.first_token_seconds
    is_single = requests.completion_tokens <= 1.0
    kept &= is_single | (served.inter_token <= targets.inter_token_seconds)
    return float(kept[round(WARM_UP_RATIO * len(kept)) :].mean())


# What is not done by then has not kept its pace: 131,072 tokens at 0.5 s would take longer, and a
# request that is not finished counts as missed.
_LONGEST_ANSWER_SECONDS = 3_600.0


def _rate(model: ReplicaModel, targets: Targets, arrivals: Arrivals) -> float:
    def keeps(per_second: float) -> bool:
        share = attained(model, targets, arrivals.at_rate(per_second))
        return share >= targets.attained_ratio

    means = arrivals.lengths
    low, high = 0.0, model.carried(means.prompt.mean, means.completion.mean)
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if keeps(middle) else (low, middle)
    return low
