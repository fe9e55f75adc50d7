"""Torch tensors from a stream: what a model's `load_weights` takes."""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from serving.loader.checkpoint import Checkpoint
from serving.loader.plan import Plan, PlannedTensor, make_plan
from serving.loader.report import Report
from serving.loader.settings import Settings
from serving.loader.slices import Slice
from serving.loader.stream import Stream, Verifier
from serving.loader.targets import HostTarget, Target
from serving.loader.torch_dtypes import PAIRED, require_known, torch_dtype


@dataclass(slots=True)
class TensorStream:
    """An iterator of (name, tensor). A tensor is valid until the next one is asked for.

    With `keeps` each is a copy of its own.
    """

    stream: Stream
    plan: Plan
    keeps: bool

    @property
    def report(self) -> Report:
        """What it came to, so far."""
        return self.stream.report

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        for arrival in self.stream:
            planned, raw = arrival.tensor, _raw(arrival.data)
            if self.keeps and planned.narrow is None:
                raw = raw.clone()  # as bytes: copying booleans turns all that aren't 0 into 1
            tensor = _shaped(raw, planned)
            yield planned.name, tensor.clone() if self.keeps and planned.narrow else tensor


@contextlib.contextmanager
def stream_tensors(
    checkpoint: Checkpoint,
    settings: Settings | None = None,
    *,
    device: Any = "cpu",
    names: Collection[str] | None = None,
    slices: Mapping[str, Slice] | None = None,
    keeps: bool = False,
) -> Iterator[TensorStream]:
    """Stream tensors onto `device`: all, or `names`; of some only a slice.

    Raises LoadError, here for what can be known before reading, else while iterating. After an
    error, or a block that is left early, the checkpoint must be opened anew.
    """
    settings = settings or Settings()
    verifier = _verifier(checkpoint, settings)
    target = _target(torch.device(device), settings)
    plan = make_plan(
        checkpoint.layouts,
        target.limits(settings),
        names=names,
        slices=slices,
        has_digests=verifier is not None,
    )
    require_known((tensor.name, tensor.dtype) for tensor in plan.tensors)
    stream = Stream(
        plan,
        checkpoint.sources,
        target,
        settings=settings,
        read_threads=checkpoint.read_threads,
        pace=checkpoint.pace,
        verifier=verifier,
    )
    with stream:
        yield TensorStream(stream, plan, keeps)


def _verifier(checkpoint: Checkpoint, settings: Settings) -> Verifier | None:
    if settings.digests is None:
        return None
    from serving.loader.digests import open_manifest  # noqa: PLC0415 - blake3 only where wanted

    return open_manifest(settings.digests, checkpoint, settings)


def _target(device: torch.device, settings: Settings) -> Target:
    if device.type == "cpu":
        return HostTarget()
    if device.type == "cuda":
        from serving.loader.cuda import CudaTarget  # noqa: PLC0415 - for machines that have one

        return CudaTarget(device, settings.device_bytes)
    raise ValueError(f"tensors are streamed to cpu or cuda, not to {device.type!r}")


def _raw(data: Any) -> torch.Tensor:
    """Return bytes as a flat tensor that shares them."""
    if isinstance(data, torch.Tensor):
        return data
    if len(data) == 0:
        return torch.empty(0, dtype=torch.uint8, device="cpu")
    return torch.frombuffer(data, dtype=torch.uint8)


def _shaped(raw: torch.Tensor, tensor: PlannedTensor) -> torch.Tensor:
    """Return bytes as the tensor that they are; those that lie askew are copied first."""
    wanted = raw[tensor.skip_bytes : tensor.skip_bytes + tensor.wanted_bytes]
    dtype = torch_dtype(tensor.dtype)
    if wanted.data_ptr() % dtype.itemsize:
        wanted = wanted.clone()
    shape = tensor.shape
    if tensor.dtype in PAIRED:
        shape = (*shape[:-1], shape[-1] // 2)
    shaped = wanted.view(dtype).view(shape)
    if tensor.narrow is None:
        return shaped
    part = tensor.narrow
    begin, stop = part.start, part.stop
    if tensor.dtype in PAIRED and part.dim == len(shape) - 1:
        begin, stop = begin // 2, stop // 2
    return shaped.narrow(part.dim, begin, stop - begin)
