"""What `prewarm weights digest` does."""

from serving.loader.checkpoint import open_checkpoint
from serving.loader.digests import make_manifest, manifest_text, open_manifest
from serving.loader.plan import make_plan
from serving.loader.settings import Settings
from serving.loader.showing import Advance
from serving.loader.stream import Stream
from serving.loader.targets import HostTarget


def digest_text(address: str, settings: Settings, advance: Advance) -> str:
    """Return the manifest of what is at an address. Raises LoadError."""
    with open_checkpoint(address, settings) as checkpoint:
        total = checkpoint.n_bytes
        manifest = make_manifest(
            checkpoint, label=address, progress=lambda done: advance(done, total)
        )
        return manifest_text(manifest)


def check_digests(address: str, manifest: str, settings: Settings, advance: Advance) -> int:
    """Return how many bytes were read and are those of the manifest. Raises Altered."""
    with open_checkpoint(address, settings) as checkpoint:
        target = HostTarget()
        plan = make_plan(checkpoint.layouts, target.limits(settings), has_digests=True)
        stream = Stream(
            plan,
            checkpoint.sources,
            target,
            settings=settings,
            read_threads=checkpoint.read_threads,
            pace=checkpoint.pace,
            verifier=open_manifest(manifest, checkpoint, settings),
        )
        with stream:
            for arrival in stream:
                advance(arrival.tensor.n_bytes, plan.n_bytes)
        return stream.report.verified_bytes
