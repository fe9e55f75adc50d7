"""What `prewarm weights plan` tells: facts first, lines made of them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from serving.loader.checkpoint import Checkpoint, open_checkpoint
from serving.loader.plan import Plan, make_plan
from serving.loader.settings import Settings
from serving.loader.showing import size
from serving.loader.stream import host_ring_bytes
from serving.loader.targets import HostTarget


def plan_facts(address: str, settings: Settings) -> dict[str, Any]:
    """Return what would be read. Raises LoadError."""
    with open_checkpoint(address, settings) as checkpoint:
        made = make_plan(checkpoint.layouts, HostTarget().limits(settings))
        return _facts(checkpoint, made, settings)


def _facts(checkpoint: Checkpoint, made: Plan, settings: Settings) -> dict[str, Any]:
    types: Counter[str] = Counter()
    for tensor in made.tensors:
        types[tensor.dtype] += tensor.n_bytes
    largest = max(made.tensors, key=lambda tensor: tensor.n_bytes, default=None)
    return {
        "address": checkpoint.label,
        "files": {
            layout.file: {"bytes": layout.n_bytes, "tensors": len(layout.tensors)}
            for layout in checkpoint.layouts
        },
        "tensors": len(made.tensors),
        "bytes": made.n_bytes,
        "bytes_by_dtype": dict(types.most_common()),
        "largest_tensor": None
        if largest is None
        else {"name": largest.name, "shape": list(largest.shape), "bytes": largest.n_bytes},
        "reads": made.n_reads,
        "read_threads": checkpoint.read_threads,
        "host_staging_bytes": host_ring_bytes(made, settings, checkpoint.read_threads),
        "warnings": list(checkpoint.warnings),
    }


def plan_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Return the facts for people."""
    yield f"{facts['address']}: {facts['tensors']} tensors, {size(facts['bytes'])}"
    width = max((len(name) for name in facts["files"]), default=0)
    for name, file in facts["files"].items():
        yield f"  {name:{width}}  {size(file['bytes']):>11}  {file['tensors']:>6} tensors"
    yield "by type: " + ", ".join(
        f"{dtype} {size(n_bytes)}" for dtype, n_bytes in facts["bytes_by_dtype"].items()
    )
    if (largest := facts["largest_tensor"]) is not None:
        yield f"largest: {largest['name']} {largest['shape']}, {size(largest['bytes'])}"
    yield (
        f"it takes {facts['reads']} reads by {facts['read_threads']} threads, and "
        f"{size(facts['host_staging_bytes'])} of staging in host memory"
    )
    for warning in facts["warnings"]:
        yield f"warning: {warning}"
