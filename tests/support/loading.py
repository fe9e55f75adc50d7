"""Loads a checkpoint as tensors' bytes, without torch."""

from collections.abc import Mapping

from serving.loader.checkpoint import Checkpoint, open_checkpoint
from serving.loader.plan import make_plan
from serving.loader.report import Report
from serving.loader.settings import Settings
from serving.loader.slices import Slice
from serving.loader.stream import Stream, Verifier
from serving.loader.targets import HostTarget, Target

MIB = 1024 * 1024
SMALL = Settings(
    slot_bytes=5 * MIB,
    host_bytes=16 * MIB,
    read_bytes=MIB,
    stall_seconds=0.5,
    range_seconds=5.0,
    retries=2,
)


def stream_of(
    checkpoint: Checkpoint,
    settings: Settings = SMALL,
    *,
    target: Target | None = None,
    slices: Mapping[str, Slice] | None = None,
    verifier: Verifier | None = None,
) -> Stream:
    """Return a stream of all tensors."""
    target = target or HostTarget()
    plan = make_plan(
        checkpoint.layouts,
        target.limits(settings),
        slices=slices,
        has_digests=verifier is not None,
    )
    return Stream(
        plan,
        checkpoint.sources,
        target,
        settings=settings,
        read_threads=checkpoint.read_threads,
        pace=checkpoint.pace,
        verifier=verifier,
    )


def load(address: str, settings: Settings = SMALL) -> tuple[dict[str, bytes], Report]:
    """Return every tensor's bytes."""
    with open_checkpoint(address, settings) as checkpoint:
        stream = stream_of(checkpoint, settings)
        with stream:
            loaded = {arrival.tensor.name: bytes(arrival.data) for arrival in stream}
        return loaded, stream.report
