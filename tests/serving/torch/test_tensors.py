"""Torch tensors, byte for byte against safetensors' own. Run by `make test-serving`."""

from pathlib import Path

import pytest

from checkpoints import Tensor, sound_file, write_sharded
from loading import MIB, SMALL

torch = pytest.importorskip("torch", reason="make test-serving has torch")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from serving.loader.checkpoint import open_checkpoint  # noqa: E402
from serving.loader.digests import make_manifest, manifest_text  # noqa: E402
from serving.loader.dtypes import BITS  # noqa: E402
from serving.loader.errors import Altered, BadCheckpoint  # noqa: E402
from serving.loader.settings import Settings  # noqa: E402
from serving.loader.slices import Slice, rank_slice  # noqa: E402
from serving.loader.tensors import stream_tensors  # noqa: E402
from serving.loader.torch_dtypes import torch_dtype  # noqa: E402

pytestmark = pytest.mark.serving

KNOWN = sorted(name for name in BITS if torch_dtype(name) is not None)


def load(path: Path, settings: Settings = SMALL, **asked: object) -> dict[str, torch.Tensor]:
    with (
        open_checkpoint(str(path), settings) as checkpoint,
        stream_tensors(checkpoint, settings, keeps=True, **asked) as tensors,
    ):
        return dict(tensors)


def raw(tensor: torch.Tensor) -> bytes:
    return bytes(tensor.contiguous().flatten().view(torch.uint8).numpy())


def require_equal(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert ours[name].dtype == tensor.dtype, name
        assert ours[name].shape == tensor.shape, name
        assert raw(ours[name]) == raw(tensor), name


@pytest.mark.parametrize("dtype", KNOWN)
@pytest.mark.parametrize("pads_to_eight", [True, False], ids=["aligned", "askew"])
def test_each_type_is_what_safetensors_gives(tmp_path: Path, dtype: str, *, pads_to_eight: bool):
    path = tmp_path / "model.safetensors"
    shapes = [(4, 6), (0, 2), (2, 3, 8), (8,)]
    tensors = {f"t{number}": Tensor(dtype, shape) for number, shape in enumerate(shapes)}
    path.write_bytes(
        sound_file({"odd": Tensor("U8", (3,)), **tensors}, pads_to_eight=pads_to_eight)
    )
    require_equal(load(path), load_file(path))


def test_scalars_and_shards(tmp_path: Path):
    shards = [{"a": Tensor("F32", ())}, {"b": Tensor("BF16", (3 * MIB, 2))}]
    write_sharded(tmp_path, shards)
    theirs: dict[str, torch.Tensor] = {}
    for path in tmp_path.glob("*.safetensors"):
        theirs |= load_file(path)
    require_equal(load(tmp_path), theirs)


def test_a_type_that_torch_lacks_is_refused_before_anything_is_read(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(sound_file({"a": Tensor("F32", (2,)), "six": Tensor("F6_E2M3", (4,))}))
    with pytest.raises(BadCheckpoint, match=r"tensor 'six': torch .* has no type for F6_E2M3"):
        load(path)


def test_a_tensor_is_a_view_of_the_ring_and_gone_after_the_next_unless_kept(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(sound_file({"a": Tensor("F32", (8,)), "b": Tensor("F32", (8,))}))
    with (
        open_checkpoint(str(path), SMALL) as checkpoint,
        stream_tensors(checkpoint, SMALL) as tensors,
    ):
        (_, first), (_, second) = list(tensors)
        # Both lie in the one slot that the small file fills, 32 bytes apart.
        assert second.data_ptr() - first.data_ptr() == 32
    require_equal(load(path), load_file(path))


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
@pytest.mark.parametrize(("dim", "shape"), [(0, (8, 40)), (1, (6, 80)), (1, (3, 4 * 65_536))])
def test_a_rank_gets_what_slicing_gives(
    tmp_path: Path, *, dim: int, shape: tuple[int, ...], rank: int
):
    path = tmp_path / "model.safetensors"
    path.write_bytes(sound_file({"w": Tensor("BF16", shape), "x": Tensor("U8", (5,))}))
    part = rank_slice(shape, dim, rank, 4)
    with safe_open(path, "pt") as file:
        found = file.get_slice("w")
        wanted = found[part.start : part.stop] if dim == 0 else found[:, part.start : part.stop]
        require_equal(load(path, slices={"w": part}), {"w": wanted, "x": file.get_tensor("x")})


def test_a_slice_of_packed_elements_is_cut_where_bytes_end(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(sound_file({"w": Tensor("F4", (4, 8))}))
    whole = load_file(path)["w"].view(torch.uint8)
    ours = load(path, slices={"w": Slice(1, 4, 8)})["w"].view(torch.uint8)
    assert torch.equal(ours, whole[:, 2:])


def test_only_names_that_are_asked_for_come(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(sound_file({"a": Tensor("F32", (8,)), "b": Tensor("F32", (8,))}))
    assert load(path, names={"b"}).keys() == {"b"}


def test_digests_are_verified_with_slices_too(tmp_path: Path):
    path, manifest = tmp_path / "model.safetensors", tmp_path / "m.json"
    content = bytearray(sound_file({"w": Tensor("U8", (9 * MIB, 2))}))
    path.write_bytes(content)
    with open_checkpoint(str(path), SMALL) as checkpoint:
        manifest.write_text(manifest_text(make_manifest(checkpoint, label="m")))
    strict = Settings(
        slot_bytes=SMALL.slot_bytes, host_bytes=SMALL.host_bytes, digests=str(manifest)
    )
    part = Slice(0, 3 * MIB, 5 * MIB)
    ours = load(path, strict, slices={"w": part})["w"]
    assert torch.equal(ours, load_file(path)["w"][3 * MIB : 5 * MIB])
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(Altered, match="tensor 'w'"):
        load(path, strict)


def test_a_device_that_is_neither_is_refused(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(sound_file({"a": Tensor("F32", (8,))}))
    with pytest.raises(ValueError, match="not to 'meta'"):
        load(path, device="meta")


@pytest.mark.gpu
def test_on_a_gpu_every_tensor_is_what_safetensors_gives(tmp_path: Path):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")
    sizes = [1, 3 * MIB, 40 * MIB, 70 * MIB + 2, 300 * MIB]
    tensors = {str(number): Tensor("BF16", (size,)) for number, size in enumerate(sizes)}
    path = tmp_path / "model.safetensors"
    path.write_bytes(sound_file(tensors))
    ours = load(path, Settings(device_bytes=160 * MIB), device="cuda")
    require_equal({name: tensor.cpu() for name, tensor in ours.items()}, load_file(path))
