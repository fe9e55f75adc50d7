"""What one replica does: the time of an engine step, of a prefill, and how much fits."""

from dataclasses import dataclass
from math import inf

from simulations.plant.errors import BadPlant


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaModel:
    """A replica of continuous batching (Orca, vLLM): every running sequence gets a token a step.

    A step takes `step_seconds + step_seconds_per_sequence * n + step_seconds_per_token * held`,
    with n running sequences that hold `held` tokens of KV cache. A prefill takes
    `prefill_seconds + prefill_seconds_per_token * prompt`, one at a time. `prefill_share` is the
    part of the engine that it gets while others decode: 1, they stand still; 0.5, chunked prefill
    that shares equally. `overhead_seconds` of the API comes on top of each time to first token.

    A sequence is admitted when fewer than `max_sequences` run and the cache has room for its
    prompt and its whole answer. The first token comes with the prefill, the others a step each.
    """

    step_seconds: float
    step_seconds_per_sequence: float
    step_seconds_per_token: float
    prefill_seconds: float
    prefill_seconds_per_token: float
    kv_cache_tokens: float = inf
    max_sequences: int = 256
    prefill_share: float = 1.0
    overhead_seconds: float = 0.0156  # of an OpenAI server: inference-sim's fit

    def __post_init__(self) -> None:
        for name in (
            "step_seconds",
            "step_seconds_per_sequence",
            "step_seconds_per_token",
            "prefill_seconds",
            "prefill_seconds_per_token",
            "overhead_seconds",
        ):
            if not 0 <= getattr(self, name) < inf:
                raise BadPlant(name, getattr(self, name), "a number >= 0")
        if not self.step_seconds + self.step_seconds_per_sequence > 0:
            raise BadPlant("step_seconds", self.step_seconds, "a step that takes time")
        if not 0 < self.prefill_share <= 1:
            raise BadPlant("prefill_share", self.prefill_share, "more than 0, up to 1")
        if self.max_sequences < 1:
            raise BadPlant("max_sequences", self.max_sequences, "a whole number >= 1")
        if not self.kv_cache_tokens > 0:
            raise BadPlant("kv_cache_tokens", self.kv_cache_tokens, "a number > 0")

    def prefill(self, prompt: float) -> float:
        """Return the seconds that a prompt of so many tokens takes alone."""
        return self.prefill_seconds + self.prefill_seconds_per_token * prompt

    def most_sequences(self, prompt: float, completion: float) -> float:
        """Return how many sequences of these lengths run at most."""
        return min(float(self.max_sequences), self.kv_cache_tokens / (prompt + completion))

    def residence(self, n: float, prompt: float, completion: float) -> float:
        """Return how long a sequence runs beside others, n in all, when no one waits."""
        held = n * (prompt + completion / 2.0)
        step = self.step_seconds + self.step_seconds_per_sequence * n
        step += self.step_seconds_per_token * held
        return (completion - 1.0) * step + n * self.prefill(prompt)

    def inter_token(self, n: float, prompt: float, completion: float) -> float:
        """Return the seconds between two tokens of a sequence beside n - 1 others."""
        others = max(self.residence(n, prompt, completion) - self.prefill(prompt), 0.0)
        return others / max(completion - 1.0, 1.0)

    def carried(
        self, prompt: float, completion: float, *, inter_token_seconds: float = inf
    ) -> float:
        """Return the requests a second that one replica serves, as long as tokens keep that pace.

        From averages: a queue in front of a replica this busy still grows now and then, so a
        threshold to scale by is a part of it (`prewarm calibrate` finds which).
        """
        most = self.most_sequences(prompt, completion)
        if self.inter_token(most, prompt, completion) > inter_token_seconds:
            low, high = 0.0, most
            for _ in range(60):
                middle = (low + high) / 2.0
                is_slow = self.inter_token(middle, prompt, completion) > inter_token_seconds
                low, high = (low, middle) if is_slow else (middle, high)
            most = low
        if most <= 0:
            return 0.0
        return most / self.residence(most, prompt, completion)


# An 8B model in bf16 (128 KiB of cache a token). Steps derived from published figures, which they
# overshoot by 17-22 %; step times a sequence and prefill from llm-d's table, which is pessimistic.
# They show how settings differ; what a GPU carries takes a calibration of that GPU.
PLACEHOLDERS: dict[str, ReplicaModel] = {
    "h100-80gb": ReplicaModel(
        step_seconds=0.0079,
        step_seconds_per_sequence=0.00036,
        step_seconds_per_token=74e-9,
        prefill_seconds=0.025,
        prefill_seconds_per_token=0.00015,
        kv_cache_tokens=415_000.0,
    ),
    "a100-80gb": ReplicaModel(
        step_seconds=0.012,
        step_seconds_per_sequence=0.00065,
        step_seconds_per_token=122e-9,
        prefill_seconds=0.030,
        prefill_seconds_per_token=0.00030,
        kv_cache_tokens=415_000.0,
    ),
    "l40s-48gb": ReplicaModel(
        step_seconds=0.027,
        step_seconds_per_sequence=0.00065,
        step_seconds_per_token=288e-9,
        prefill_seconds=0.040,
        prefill_seconds_per_token=0.00065,
        kv_cache_tokens=185_000.0,
    ),
    "l4-24gb": ReplicaModel(
        step_seconds=0.076,
        step_seconds_per_sequence=0.00065,
        step_seconds_per_token=830e-9,
        prefill_seconds=0.040,
        prefill_seconds_per_token=0.0010,
        kv_cache_tokens=27_000.0,
    ),
}
