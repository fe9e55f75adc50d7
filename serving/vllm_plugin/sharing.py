"""One rank of a tensor parallel group reads, the others receive.

A rank can't read only its own slices: vLLM's weight loaders take whole tensors and cut them
themselves, each layer in a way of its own (fused qkv, padded embeddings), and tell nobody before.
So the checkpoint is read once and each tensor is sent on, at the speed of the ranks' own links.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import torch

from serving.loader.errors import LoadError


class Group(Protocol):
    """What is used of vLLM's GroupCoordinator."""

    rank_in_group: int

    def broadcast_object(self, obj: Any = None, src: int = 0) -> Any:
        """Send a small object from `src` to all."""

    def broadcast(self, input_: Any, src: int = 0) -> Any:
        """Send a tensor from `src` to all, into `input_` of the others."""


def sent(tensors: Iterable[tuple[str, Any]], group: Group) -> Iterator[tuple[str, Any]]:
    """Yield the tensors and send each to the group; the others hear of the end, also a bad one."""
    try:
        for name, tensor in tensors:
            group.broadcast_object(("tensor", name, tuple(tensor.shape), tensor.dtype))
            if tensor.numel():
                group.broadcast(_flat(tensor.contiguous()))
            yield name, tensor
    except GeneratorExit:
        raise  # the consumer gave up: vLLM ends all ranks then
    except BaseException as exc:
        group.broadcast_object(("failed", f"{type(exc).__name__}: {exc}"))
        raise
    group.broadcast_object(("end",))


def received(group: Group, device: Any) -> Iterator[tuple[str, Any]]:
    """Yield what the first rank sends. Raises LoadError when that one failed."""
    while (message := group.broadcast_object())[0] == "tensor":
        _, name, shape, dtype = message
        tensor = torch.empty(shape, dtype=dtype, device=device)
        if tensor.numel():
            group.broadcast(_flat(tensor))
        yield name, tensor
    if message[0] == "failed":
        raise LoadError(f"the rank that reads for all has failed: {message[1]}")


def _flat(tensor: Any) -> Any:
    """Return a contiguous tensor as bytes: no back end sends each of torch's types."""
    return tensor.reshape(-1).view(torch.uint8)
