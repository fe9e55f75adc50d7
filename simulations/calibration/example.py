"""A made-up sweep for trying the command: from a placeholder model with noise, not measured.

python -m simulations.calibration.example > sweep.csv
"""

import sys
from collections.abc import Iterator

import numpy as np

from simulations.plant.model import PLACEHOLDERS, ReplicaModel

COLUMNS = (
    "max_concurrency,completed,total_input_tokens,total_output_tokens,mean_itl_ms,mean_ttft_ms,"
    "request_throughput,model_id,gpu,vllm_version,kv_cache_tokens,source"
)
CONCURRENCIES = (1, 4, 16, 64, 256)
PROMPTS = (256, 1_024, 4_096)
ANSWER = 256
NOISE_RATIO = 0.03


def sweep_lines(
    model: ReplicaModel, rng: np.random.Generator, *, noise_ratio: float = NOISE_RATIO
) -> Iterator[str]:
    """Yield a CSV of closed-loop runs of `model`, each time off by a lognormal of that ratio."""
    yield COLUMNS
    for prompt in PROMPTS:
        for n in CONCURRENCIES:
            if n > model.most_sequences(prompt, ANSWER):
                continue
            completed = 10 * n + 10
            off = np.exp(rng.normal(0.0, noise_ratio, 3))
            step = model.inter_token(n, prompt, ANSWER) * off[0]
            first = model.prefill(prompt) * off[1] + model.overhead_seconds
            rate = n / (model.residence(n, prompt, ANSWER) + model.overhead_seconds) * off[2]
            yield (
                f"{n},{completed},{completed * prompt},{completed * ANSWER},{1e3 * step:.4f},"
                f"{1e3 * first:.3f},{rate:.4f},placeholder-8b,h100-80gb-placeholder,none,"
                f"{model.kv_cache_tokens:.0f},generated: not measured"
            )


if __name__ == "__main__":
    placeholder = PLACEHOLDERS["h100-80gb"]
    sys.stdout.writelines(
        f"{line}\n" for line in sweep_lines(placeholder, np.random.default_rng(1))
    )
