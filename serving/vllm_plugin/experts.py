"""Which tensors a rank needs with expert parallelism, as vLLM itself tells."""

from collections.abc import Collection
from typing import Any

from vllm.config.load import LoadConfig
from vllm.model_executor.model_loader.default_loader import DefaultModelLoader
from vllm.model_executor.model_loader.ep_weight_filter import should_skip_weight


def needed(names: Collection[str], model_config: Any) -> frozenset[str] | None:
    """Return the names without other ranks' experts; None where each rank needs all.

    vLLM cuts them only with `--enable-ep-weight-filter`, and so does this.
    """
    loader = DefaultModelLoader(LoadConfig(load_format="safetensors"))
    loader._init_ep_weight_filter(model_config)  # noqa: SLF001 - the ranks' placement is vLLM's own
    local = getattr(loader, "local_expert_ids", None)
    if local is None:
        return None
    return frozenset(name for name in names if not should_skip_weight(name, local))
