"""S3 by moto's server, over a real socket."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.session import Session
from moto.server import ThreadedMotoServer
from safetensors import deserialize

from checkpoints import Tensor, write_sharded
from loading import MIB, SMALL, load, stream_of
from serving.loader.checkpoint import open_checkpoint
from serving.loader.errors import Changed, NotFound, Refused, StorageFailed
from serving.loader.settings import Settings

SHARDS = [
    {"a": Tensor("BF16", (MIB, 3)), "b": Tensor("U8", (7,))},
    {"c": Tensor("F32", (MIB,)), "d": Tensor("U8", (3 * MIB,))},
]
LAST = "model-00002-of-00002.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("weights")
    write_sharded(made, SHARDS)
    return made


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.fixture
def settings(endpoint: str) -> Settings:
    return Settings(
        s3_endpoint=endpoint,
        s3_region="us-east-1",
        slot_bytes=SMALL.slot_bytes,
        read_bytes=MIB,
        retries=1,
        read_threads=4,
    )


@pytest.fixture
def bucket(endpoint: str, folder: Path) -> Iterator[str]:
    client = Session().create_client("s3", "us-east-1", endpoint_url=endpoint)
    client.create_bucket(Bucket="weights")
    for path in folder.iterdir():
        client.put_object(Bucket="weights", Key=f"llama 8b/{path.name}", Body=path.read_bytes())
    yield "s3://weights/llama 8b"
    for path in folder.iterdir():
        client.delete_object(Bucket="weights", Key=f"llama 8b/{path.name}")
    client.delete_bucket(Bucket="weights")


def put(endpoint: str, content: bytes) -> None:
    client = Session().create_client("s3", "us-east-1", endpoint_url=endpoint)
    client.put_object(Bucket="weights", Key=f"llama 8b/{LAST}", Body=content)


def test_a_sharded_checkpoint_is_what_was_put_there(bucket: str, folder: Path, settings: Settings):
    truth = {
        name: bytes(found["data"])
        for path in folder.glob("*.safetensors")
        for name, found in deserialize(path.read_bytes())
    }
    assert load(bucket, settings)[0] == truth


def test_an_object_that_is_replaced_midway_is_refused(
    bucket: str, endpoint: str, folder: Path, settings: Settings
):
    with open_checkpoint(bucket, settings) as checkpoint:
        content = (folder / LAST).read_bytes()
        put(endpoint, content[:-1] + bytes([content[-1] ^ 1]))
        with stream_of(checkpoint, settings) as stream, pytest.raises(Changed, match="replaced"):
            list(stream)


def test_an_object_that_is_shorter_now_is_refused(
    bucket: str, endpoint: str, folder: Path, settings: Settings
):
    with open_checkpoint(bucket, settings) as checkpoint:
        put(endpoint, (folder / LAST).read_bytes()[: 2 * MIB])
        with stream_of(checkpoint, settings) as stream, pytest.raises(Changed):
            list(stream)


def test_what_is_not_there_is_told(bucket: str, settings: Settings):
    with pytest.raises(NotFound, match=r"s3://weights/mistral/model\.safetensors"):
        load("s3://weights/mistral", settings)
    with pytest.raises(NotFound, match="s3://no-such-bucket"):
        load("s3://no-such-bucket/llama", settings)
    del bucket


def test_without_credentials_the_next_step_is_told(
    bucket: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(Refused, match="give the pod a role or AWS_"):
        load(bucket, settings)


def test_a_signature_is_never_in_a_message(bucket: str, settings: Settings):
    """A signed address is a credential: whoever reads the log could read the object."""
    with open_checkpoint(bucket, settings) as checkpoint:
        source = checkpoint.sources[LAST]
        source.session.get_adapter("http://").close()
        source.address = lambda: "http://127.0.0.1:9/x?X-Amz-Signature=hidden"
        with pytest.raises(StorageFailed) as refusal:
            source.read_into(2 * MIB, memoryview(bytearray(10)))
    assert "hidden" not in str(refusal.value)
    assert str(refusal.value).startswith(f"s3://weights/llama 8b/{LAST}")
