"""The model loader: from vLLM's calls to a stream and back."""

import contextlib
from collections.abc import Collection, Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import vllm
from vllm.distributed import get_tp_group
from vllm.model_executor.layers.quantization.kv_cache import BaseKVCacheMethod
from vllm.model_executor.model_loader.base_loader import BaseModelLoader

from serving.loader.checkpoint import Checkpoint, open_checkpoint
from serving.loader.errors import Incomplete, NotFound
from serving.loader.report import Report
from serving.loader.settings import Settings
from serving.loader.tensors import stream_tensors
from serving.vllm_plugin import experts, progress, sharing
from serving.vllm_plugin.settings import PluginSettings
from serving.vllm_plugin.start.engine_log import watch_engine
from serving.vllm_plugin.start.trail import mark
from serving.vllm_plugin.versions import require_supported

# On a model: the `model` that its weights came from, to tell a reload from another one.
_ORIGIN = "prewarm_origin"
_NAMES_SHOWN = 5


class StreamLoader(BaseModelLoader):  # type: ignore[misc]
    """`--load-format prewarm_stream`."""

    def __init__(self, load_config: Any) -> None:
        require_supported(vllm.__version__)
        super().__init__(load_config)
        self._settings = PluginSettings.of(load_config.model_loader_extra_config or {})

    def download_model(self, model_config: Any) -> None:
        """Check that the weights are there and sound; they are streamed, so none is downloaded."""
        with open_checkpoint(self._address(model_config.model), self._settings.loader):
            pass

    def load_weights(self, model: Any, model_config: Any) -> None:
        """Stream all weights into the model. Raises LoadError; Incomplete where some are left."""
        setattr(model, _ORIGIN, model_config.model)
        watch_engine()
        with contextlib.closing(
            self._weights(model, model_config, model_config.model, keeps=_keeps_tensors(model))
        ) as weights:
            loaded = model.load_weights(weights)
            for _ in weights:  # a model that stops early has still read a whole stream
                pass
        if self._settings.requires_all and model_config.quantization is None and loaded is not None:
            _require_complete(model, loaded)

    def get_all_weights(self, model_config: Any, model: Any) -> Iterator[tuple[str, Any]]:
        """Yield every tensor, each of its own: a reload gathers the tensors of a layer first."""
        return self._weights(model, model_config, model_config.model, keeps=True)

    def _address(self, model_name: str) -> str:
        address = self._settings.weights or model_name
        if self._settings.weights is None and not Path(address).exists():
            raise NotFound(
                f"{address!r} is no directory here, and prewarm_stream downloads from no hub. "
                "Next step: name a local directory with the configuration and the tokenizer as the "
                'model, and the weights by --model-loader-extra-config \'{"weights": "s3://..."}\''
            )
        return address

    def _weights(
        self, model: Any, model_config: Any, model_name: str, *, keeps: bool
    ) -> Generator[tuple[str, Any], None, None]:
        _require_one_source(model)
        origin = getattr(model, _ORIGIN, model_name)
        # `reload_weights(weights_path=...)` puts another path there: then that one is meant.
        address = self._address(model_name) if origin == model_name else model_name
        group = get_tp_group()
        is_remote = "://" in address and not address.startswith("file://")
        settings, is_sent = self._settings.among(group.world_size, is_remote=is_remote)
        is_first = group.rank_in_group == 0
        mark("weights_begin", rank=group.rank_in_group)
        report: Report | None = None
        device = _device(model)
        if is_sent and not is_first:
            yield from sharing.received(group, device)
        else:
            with _reading(
                address, settings, device, model_config, keeps=keeps, needs_all=is_sent
            ) as (checkpoint, tensors):
                report = tensors.report
                found = progress.shown(
                    tensors,
                    tensors.plan_bytes,
                    is_shown=is_first and self.load_config.use_tqdm_on_load,
                )
                yield from sharing.sent(found, group) if is_sent else found
                for warning in checkpoint.warnings:
                    progress.logger.warning("weights: %s", warning)
        mark("weights_end", rank=group.rank_in_group, **_facts(report))
        if report is not None and is_first:
            progress.logger.info(
                "weights: %.2f GB in %.2f s, %.2f GB/s, limited by: %s, %d retries",
                report.n_bytes / 1e9,
                report.seconds,
                report.gigabytes_per_second,
                report.limiting_stage,
                report.retries,
            )


class _Reading:
    def __init__(self, tensors: Any) -> None:
        self._tensors = tensors
        self.plan_bytes = sum(tensor.n_bytes for tensor in tensors.plan.tensors)

    @property
    def report(self) -> Report:
        report: Report = self._tensors.report
        return report

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self._tensors)


@contextlib.contextmanager
def _reading(
    address: str,
    settings: Settings,
    device: Any,
    model_config: Any,
    *,
    keeps: bool,
    needs_all: bool,
) -> Iterator[tuple[Checkpoint, _Reading]]:
    """Open the weights and stream them; other ranks' experts aren't read, unless sent on."""
    with open_checkpoint(address, settings) as checkpoint:
        names = None if needs_all else experts.needed(checkpoint.names, model_config)
        with stream_tensors(
            checkpoint, settings, device=device, names=names, keeps=keeps
        ) as tensors:
            yield checkpoint, _Reading(tensors)


def _require_one_source(model: Any) -> None:
    if getattr(model, "secondary_weights", ()):
        raise Incomplete(
            f"{type(model).__name__} takes weights from several places, which prewarm_stream "
            "doesn't. Next step: --load-format auto"
        )


def _require_complete(model: Any, loaded: Collection[str]) -> None:
    """Raise Incomplete where parameters of an unquantised model got nothing.

    vLLM's own check lets pass whatever a layer could process after loading, which each linear layer
    could: it starts with a projection that nobody filled. Here only scales may lack.
    """
    optional = {
        f"{name}.{parameter}" if name else parameter
        for name, module in model.named_modules()
        if _may_lack(getattr(module, "quant_method", None))
        for parameter, _ in module.named_parameters()
    }
    lacking = sorted({name for name, _ in model.named_parameters()} - optional - set(loaded))
    if lacking:
        shown = ", ".join(lacking[:_NAMES_SHOWN])
        raise Incomplete(
            f"{len(lacking)} parameters of {type(model).__name__} got no weights: {shown}. "
            "Next step: compare `prewarm weights plan` with the model's configuration; where they "
            "are meant to lack, set requires_all to false"
        )


def _may_lack(method: Any) -> bool:
    return isinstance(method, BaseKVCacheMethod) or getattr(method, "uses_meta_device", False)


def _keeps_tensors(model: Any) -> bool:
    """Tell whether the model's own loading keeps tensors: quantising while loading does."""
    methods = (getattr(module, "quant_method", None) for module in model.modules())
    return any(getattr(method, "uses_meta_device", False) for method in methods)


def _device(model: Any) -> torch.device:
    """Return where to stream to: where the parameters are, if that is a GPU.

    Default devices don't tell: while weights are loaded that is the CPU.
    """
    for parameter in model.parameters():
        if parameter.device.type == "cuda":
            device: torch.device = parameter.device
            return device
    return torch.device("cpu")


def _facts(report: Report | None) -> dict[str, Any]:
    if report is None:
        return {}
    facts = asdict(report)
    del facts["warnings"]
    return {**facts, "limiting_stage": report.limiting_stage}
