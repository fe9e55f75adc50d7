"""What `prewarm weights bench` does: stream and throw away, and time the stages alone."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from serving.loader.checkpoint import Checkpoint, open_checkpoint
from serving.loader.header import TensorEntry
from serving.loader.plan import make_plan
from serving.loader.report import CONSUMER, COPY, Report
from serving.loader.settings import Settings
from serving.loader.showing import Advance, size
from serving.loader.stream import Stream
from serving.loader.targets import HostTarget, Target, anonymous_memory, copy_bytes

COPY_BYTES = 64 * 1024 * 1024
COPY_ROUNDS = 4
_GIGA = 1e9


def bench_facts(
    address: str, settings: Settings, most_bytes: int, device: str, advance: Advance
) -> dict[str, Any]:
    """Return bytes, seconds and rates of one load. Raises LoadError."""
    with open_checkpoint(address, settings) as checkpoint:
        target = _target(device, settings)
        report = _streamed(checkpoint, settings, target, most_bytes, advance)
        return {
            "address": checkpoint.label,
            "device": device,
            "bytes": report.n_bytes,
            "seconds": report.seconds,
            "gigabytes_per_second": report.gigabytes_per_second,
            "first_tensor_seconds": report.first_tensor_seconds,
            "starved_seconds": report.starved_seconds,
            "copy_seconds": report.copy_seconds,
            "retries": report.retries,
            "host_staging_bytes": report.host_bytes,
            "device_staging_bytes": report.device_bytes,
            "read_threads": checkpoint.read_threads,
            "host_copy_gigabytes_per_second": host_copy_rate(),
            "limiting_stage": report.limiting_stage,
            "is_remote": checkpoint.is_remote,
        }


def _streamed(
    checkpoint: Checkpoint,
    settings: Settings,
    target: Target,
    most_bytes: int,
    advance: Advance,
) -> Report:
    entries = (entry for layout in checkpoint.layouts for entry in layout.tensors)
    plan = make_plan(
        checkpoint.layouts, target.limits(settings), names=_names_within(entries, most_bytes)
    )
    stream = Stream(
        plan,
        checkpoint.sources,
        target,
        settings=settings,
        read_threads=checkpoint.read_threads,
        pace=checkpoint.pace,
    )
    with stream:
        for arrival in stream:
            advance(arrival.tensor.n_bytes, plan.n_bytes)
    return stream.report


def _names_within(entries: Iterable[TensorEntry], most_bytes: int) -> set[str]:
    """Return the first tensors, at least one, that have so many bytes together."""
    names: set[str] = set()
    n_bytes = 0
    for entry in entries:
        n_bytes += entry.n_bytes
        if names and n_bytes > most_bytes:
            break
        names.add(entry.name)
    return names


def host_copy_rate() -> float:
    """Return how fast one thread copies memory here, in 10^9 bytes a second; best of a few."""
    source, into = anonymous_memory(COPY_BYTES), anonymous_memory(COPY_BYTES)
    seconds = []
    for _ in range(COPY_ROUNDS):
        began_at = time.perf_counter()
        copy_bytes(into, source)
        seconds.append(time.perf_counter() - began_at)
    return COPY_BYTES / min(seconds) / _GIGA


def bench_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Return the facts for people."""
    yield (
        f"{facts['address']} to {facts['device']}: {size(facts['bytes'])} in "
        f"{facts['seconds']:.2f} s, {facts['gigabytes_per_second']:.2f} GB/s"
    )
    if facts["first_tensor_seconds"] is not None:
        yield f"  first tensor after  {facts['first_tensor_seconds']:.3f} s"
    yield f"  waited for storage  {facts['starved_seconds']:.2f} s, with {facts['retries']} retries"
    yield f"  copies to device    {facts['copy_seconds']:.2f} s"
    yield (
        f"  memory              {size(facts['host_staging_bytes'])} host, "
        f"{size(facts['device_staging_bytes'])} device"
    )
    yield (
        f"  one copy in memory  {facts['host_copy_gigabytes_per_second']:.1f} GB/s "
        "by one thread here"
    )
    yield f"limiting stage: {facts['limiting_stage']}. {_advice(facts)}"


def _advice(facts: Mapping[str, Any]) -> str:
    if facts["limiting_stage"] == COPY:
        return "Next step: see that the GPU has all its PCIe lanes, and the process its NUMA node."
    if facts["limiting_stage"] == CONSUMER:
        return "Storage is faster than what takes the tensors."
    if facts["is_remote"]:
        return f"Next step: try --set read_threads={2 * facts['read_threads']}, or a nearer bucket."
    return "Next step: try --set read_threads=8; if that is no faster, it is the disk."


def _target(device: str, settings: Settings) -> Target:
    if device == "host":
        return HostTarget()
    import torch  # noqa: PLC0415 - only for a device

    from serving.loader.cuda import CudaTarget  # noqa: PLC0415
    from serving.loader.errors import BadSettings  # noqa: PLC0415

    if not device.startswith("cuda") or not torch.cuda.is_available():
        raise BadSettings(
            f"--device must be host, or cuda on a machine that has one, got {device!r}"
        )
    return CudaTarget(torch.device(device), settings.device_bytes)
