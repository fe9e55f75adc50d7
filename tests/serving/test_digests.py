from pathlib import Path

import pytest

from checkpoints import Tensor, sound_file
from faulty_http import FaultyServer
from loading import MIB, SMALL, stream_of
from range_server import Ranges
from serving.loader.checkpoint import open_checkpoint
from serving.loader.digests import (
    MANIFEST_NAME,
    make_manifest,
    manifest_text,
    open_manifest,
    parse_manifest,
)
from serving.loader.errors import Altered, BadCheckpoint
from serving.loader.slices import Slice

TENSORS = {
    "a": Tensor("BF16", (1000, 30)),
    "b": Tensor("U8", (11 * MIB + 5,)),
    "none": Tensor("U8", (0,)),
    "c": Tensor("F32", (16, 300)),
}
FILE = sound_file(TENSORS)
DATA_START = len(FILE) - sum(tensor.n_bytes for tensor in TENSORS.values())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.safetensors").write_bytes(FILE)
    with open_checkpoint(str(tmp_path), SMALL) as checkpoint:
        text = manifest_text(make_manifest(checkpoint, label="m"))
    (tmp_path / MANIFEST_NAME).write_text(text)
    return tmp_path


def load_verified(
    folder: Path | str, manifest: str, slices: dict[str, Slice] | None = None
) -> tuple[dict[str, bytes], int]:
    loaded: dict[str, bytes] = {}
    with open_checkpoint(str(folder), SMALL) as checkpoint:
        verifier = open_manifest(manifest, checkpoint, SMALL)
        with stream_of(checkpoint, verifier=verifier, slices=slices) as stream:
            for arrival in stream:
                skip = arrival.tensor.skip_bytes
                wanted = arrival.data[skip : skip + arrival.tensor.wanted_bytes]
                loaded[arrival.tensor.name] = bytes(wanted)
        return loaded, stream.report.verified_bytes


def damage(folder: Path, at: int) -> None:
    content = bytearray(FILE)
    content[at] ^= 1
    (folder / "model.safetensors").write_bytes(content)


def test_sound_weights_pass_and_every_byte_is_verified(folder: Path):
    loaded, verified = load_verified(folder, str(folder))
    assert verified == sum(tensor.n_bytes for tensor in TENSORS.values())
    assert b"".join(loaded.values()) == FILE[DATA_START:]


@pytest.mark.parametrize(
    ("at", "tensor"),
    [
        (DATA_START, "a"),
        (DATA_START + 60_000, "b"),
        (DATA_START + 60_000 + 9 * MIB, "b"),
        (len(FILE) - 1, "c"),
    ],
)
def test_one_bit_anywhere_stops_the_load_before_its_tensor(folder: Path, at: int, tensor: str):
    damage(folder, at)
    seen = []
    with open_checkpoint(str(folder), SMALL) as checkpoint:
        verifier = open_manifest(str(folder), checkpoint, SMALL)
        with (
            stream_of(checkpoint, verifier=verifier) as stream,
            pytest.raises(Altered, match=f"tensor '{tensor}': its bytes from"),
        ):
            seen += [arrival.tensor.name for arrival in stream]
    assert tensor not in seen


def test_bits_turned_on_the_way_are_told_too(folder: Path):
    content = bytearray(FILE)
    content[-9] ^= 4
    lying = FaultyServer(Ranges({"/m/model.safetensors": bytes(content)}))
    with lying as server, pytest.raises(Altered, match="tensor 'c'"):
        load_verified(f"{server.address}/m", str(folder))


def test_a_slice_is_verified_by_the_blocks_around_it(folder: Path):
    part = Slice(0, 5 * MIB, 6 * MIB)
    whole, _ = load_verified(folder, str(folder))
    loaded, _ = load_verified(folder, str(folder), {"b": part})
    assert loaded["b"] == whole["b"][5 * MIB : 6 * MIB]
    damage(folder, DATA_START + 60_000 + 5 * MIB + 7)
    with pytest.raises(Altered, match="tensor 'b': its bytes from 4194304 on"):
        load_verified(folder, str(folder), {"b": part})


def test_damage_outside_of_a_slice_is_somebody_elses(folder: Path):
    damage(folder, DATA_START + 60_000 + 9 * MIB)
    loaded, _ = load_verified(folder, str(folder), {"b": Slice(0, 0, MIB)})
    assert len(loaded["b"]) == MIB


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ({**TENSORS, "more": Tensor("U8", (1,))}, "tensor 'more' isn't in"),
        ({"a": TENSORS["a"]}, "3 tensors of .* aren't there, as 'b'"),
        ({**TENSORS, "c": Tensor("F32", (300, 16))}, r"'c' is F32 \[300, 16\], .* says F32 \[16, "),
        ({**TENSORS, "c": Tensor("I32", (16, 300))}, "'c' is I32"),
    ],
)
def test_other_tensors_than_the_manifests_are_refused(
    folder: Path, tensors: dict[str, Tensor], says: str
):
    (folder / "model.safetensors").write_bytes(sound_file(tensors))
    with pytest.raises(Altered, match=says):
        load_verified(folder, str(folder))


def test_equal_weights_have_equal_manifests(folder: Path):
    text = (folder / MANIFEST_NAME).read_text()
    assert manifest_text(parse_manifest("m", text.encode())) == text


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"prewarm_digests": 2, "algorithm": "md5", "block_bytes": 1}'],
)
def test_what_is_no_manifest_is_refused(content: bytes):
    with pytest.raises(BadCheckpoint):
        parse_manifest("m", content)


def test_a_manifest_that_lacks_digests_is_refused(folder: Path):
    text = (folder / MANIFEST_NAME).read_text()
    value = parse_manifest("m", text.encode())
    blocks = value.tensors["b"].blocks
    shorter = text.replace(f'"{blocks[-1].hex()}"', "").replace(", ]", "]")
    (folder / MANIFEST_NAME).write_text(shorter)
    with pytest.raises(BadCheckpoint, match="tensor 'b' has 2 digests"):
        load_verified(folder, str(folder))
