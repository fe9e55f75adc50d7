"""Digests of a checkpoint's bytes: made once, verified while streaming, without a second read.

The manifest holds type, shape and a BLAKE3 digest of each 4 MiB of every tensor. The header needs
none of its own: what it says of a tensor is compared, and a tensor that is read from elsewhere has
other digests.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from serving.loader.checkpoint import Checkpoint
from serving.loader.errors import Altered, BadCheckpoint
from serving.loader.header import TensorEntry
from serving.loader.plan import BLOCK_BYTES, Batch, Plan
from serving.loader.readers.opening import folder_at, pace_of
from serving.loader.readers.source import read_all
from serving.loader.settings import Settings

VERSION = 1
ALGORITHM = "blake3-128"
DIGEST_BYTES = 16
MANIFEST_NAME = "prewarm-digests.json"
MAX_MANIFEST_BYTES = 256_000_000


@dataclass(frozen=True, slots=True)
class TensorDigests:
    """What a tensor was when the manifest was made."""

    dtype: str
    shape: tuple[int, ...]
    blocks: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The digests of a checkpoint. It verifies batches of any plan that was made `has_digests`."""

    label: str
    tensors: Mapping[str, TensorDigests]

    def require_same_tensors(self, entries: Mapping[str, TensorEntry]) -> None:
        """Raise Altered unless these are the tensors that the manifest was made of."""
        for name, entry in entries.items():
            known = self.tensors.get(name)
            if known is None:
                raise Altered(f"tensor {name!r} isn't in {self.label}")
            if (known.dtype, known.shape) != (entry.dtype, entry.shape):
                raise Altered(
                    f"tensor {name!r} is {entry.dtype} {list(entry.shape)}, {self.label} says "
                    f"{known.dtype} {list(known.shape)}"
                )
        if lacking := sorted(self.tensors.keys() - entries.keys()):
            raise Altered(f"{len(lacking)} tensors of {self.label} aren't there, as {lacking[0]!r}")

    def verify(self, plan: Plan, batch: Batch, view: memoryview) -> int:
        """Return how many bytes of a batch have the digests they should have.

        Raises Altered for the first block that hasn't.
        """
        verified = 0
        for part in batch.parts:
            tensor = plan.tensors[part.tensor]
            blocks = self.tensors[tensor.name].blocks
            first = tensor.first_byte + part.offset
            for offset in range(0, part.n_bytes, BLOCK_BYTES):
                block = view[part.at + offset : part.at + min(part.n_bytes, offset + BLOCK_BYTES)]
                number = (first + offset) // BLOCK_BYTES
                if digest(block) != blocks[number]:
                    raise Altered(
                        f"tensor {tensor.name!r}: its bytes from {number * BLOCK_BYTES} on differ "
                        f"from {self.label}. Next step: fetch the file anew, or make a new "
                        "manifest if it was changed on purpose"
                    )
                verified += len(block)
        return verified


def digest(block: memoryview) -> bytes:
    """Return the digest of up to `BLOCK_BYTES`, with the interpreter's lock released."""
    return blake3(block).digest(length=DIGEST_BYTES)


def make_manifest(
    checkpoint: Checkpoint, *, label: str, progress: Callable[[int], None] | None = None
) -> Manifest:
    """Return the digests of every tensor, reading each byte once."""
    made = {}
    buffer = memoryview(bytearray(BLOCK_BYTES))
    for layout in checkpoint.layouts:
        source = checkpoint.sources[layout.file]
        for entry in layout.tensors:
            blocks = []
            for start in range(entry.start, entry.stop, BLOCK_BYTES):
                block = buffer[: min(BLOCK_BYTES, entry.stop - start)]
                source.read_into(start, block)
                blocks.append(digest(block))
                if progress is not None:
                    progress(len(block))
            made[entry.name] = TensorDigests(entry.dtype, entry.shape, tuple(blocks))
    return Manifest(label, made)


def manifest_text(manifest: Manifest) -> str:
    """Return a manifest as JSON, a tensor a line, in order: equal weights give equal text."""
    lines = [
        f"{json.dumps(name)}: "
        + json.dumps(
            {
                "dtype": known.dtype,
                "shape": known.shape,
                "blocks": [block.hex() for block in known.blocks],
            }
        )
        for name, known in sorted(manifest.tensors.items())
    ]
    head = f'"prewarm_digests": {VERSION}, "algorithm": "{ALGORITHM}", "block_bytes": {BLOCK_BYTES}'
    return "{" + head + ', "tensors": {\n' + ",\n".join(lines) + "\n}}\n"


def parse_manifest(label: str, content: bytes) -> Manifest:
    """Return a manifest. Raises BadCheckpoint for one that isn't ours, or whose blocks are few."""
    try:
        value = json.loads(content)
        version, algorithm = value["prewarm_digests"], value["algorithm"]
        if (version, algorithm, value["block_bytes"]) != (VERSION, ALGORITHM, BLOCK_BYTES):
            raise BadCheckpoint(
                f"{label}: version {version!r}, {algorithm!r}, blocks of {value['block_bytes']!r}; "
                f"this Prewarm reads version {VERSION}, {ALGORITHM!r}, blocks of {BLOCK_BYTES}"
            )
        tensors = {name: _digests(found) for name, found in value["tensors"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise BadCheckpoint(f"{label}: isn't a manifest of digests: {exc!r}") from exc
    return Manifest(label, tensors)


def open_manifest(address: str, checkpoint: Checkpoint, settings: Settings) -> Manifest:
    """Return the manifest at an address, once it is of this checkpoint's tensors.

    Raises NotFound, BadCheckpoint, Altered.
    """
    folder, name = folder_at(address, settings, pace_of(settings))
    try:
        source = folder.open(name or MANIFEST_NAME)
        try:
            manifest = parse_manifest(source.label, read_all(source, MAX_MANIFEST_BYTES))
        finally:
            source.close()
    finally:
        folder.close()
    entries = checkpoint.tensors
    manifest.require_same_tensors(entries)
    for name_, entry in entries.items():
        blocks = len(manifest.tensors[name_].blocks)
        if blocks != -(-entry.n_bytes // BLOCK_BYTES):
            raise BadCheckpoint(f"{manifest.label}: tensor {name_!r} has {blocks} digests")
    return manifest


def _digests(found: Mapping[str, Any]) -> TensorDigests:
    blocks = tuple(bytes.fromhex(text) for text in found["blocks"])
    if any(len(block) != DIGEST_BYTES for block in blocks):
        raise ValueError(f"a digest has {DIGEST_BYTES} bytes")
    return TensorDigests(str(found["dtype"]), tuple(found["shape"]), blocks)
