"""A program: engines one after the other in one process, since importing vLLM takes most of it.

Standard input is a list of {"load_format", "extra", "ranks", "model", "does"}; the line of
standard output that begins with "outcomes: " is what each came to: token ids, or the error.
"""

import json
import sys
from typing import Any

OUTCOMES = "outcomes: "
PROMPTS = ["The scaler", "Each tensor of a model"]


def run(case: dict[str, Any]) -> dict[str, Any]:
    from vllm import LLM

    llm = LLM(
        model=case["model"],
        load_format=case["load_format"],
        model_loader_extra_config=case.get("extra", {}),
        tensor_parallel_size=case.get("ranks", 1),
        dtype="bfloat16",
        max_model_len=128,
        max_num_seqs=4,
        enforce_eager=True,
        seed=0,
    )
    told: dict[str, Any] = {"ids": generate(llm)}
    if case.get("does") == "reload":
        llm.apply_model(wipe)
        told["wiped_ids"] = generate(llm)
        llm.collective_rpc("reload_weights")
        llm.reset_prefix_cache()
        told["reloaded_ids"] = generate(llm)
        llm.collective_rpc("reload_weights", kwargs={"weights_path": case["other"]})
        llm.reset_prefix_cache()
        told["other_ids"] = generate(llm)
    return told


def wipe(model: Any) -> None:
    """Take the model's weights away, as sleep level 2 does."""
    for parameter in model.parameters():
        parameter.data.zero_()


def generate(llm: Any) -> list[list[int]]:
    from vllm import SamplingParams

    params = SamplingParams(temperature=0.0, max_tokens=12, ignore_eos=True)
    answers = llm.generate(PROMPTS, params, use_tqdm=False)
    return [list(answer.outputs[0].token_ids) for answer in answers]


def main() -> None:
    from vllm.distributed.parallel_state import cleanup_dist_env_and_memory

    outcomes = []
    for case in json.load(sys.stdin):
        try:
            outcomes.append(run(case))
        except Exception as exc:  # noqa: BLE001 - the test looks at it
            outcomes.append({"error": f"{type(exc).__name__}: {exc}"})
        cleanup_dist_env_and_memory()
    sys.stdout.write(f"\n{OUTCOMES}{json.dumps(outcomes)}\n")


if __name__ == "__main__":
    main()
