"""A tiny Llama where it can be read from, and vLLM in processes of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ENGINE = Path(__file__).with_name("engine.py")
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_HOST_IP": "127.0.0.1",
    "GLOO_SOCKET_IFNAME": "lo",
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_EC2_METADATA_DISABLED": "true",
}

OUTCOMES = "outcomes: "

Engines = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what a vLLM on this machine needs, and nothing of the clouds' own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    none = str(tmp_path_factory.mktemp("aws") / "none")
    cache = str(tmp_path_factory.mktemp("cache"))
    files = {"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none}
    return {**kept, **ENVIRONMENT, **files, "VLLM_CACHE_ROOT": cache}


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny Llama."""
    from tiny_llama import write_tiny_llama

    folder = tmp_path_factory.mktemp("llama")
    write_tiny_llama(folder)
    return folder


@pytest.fixture(scope="session")
def bare(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the configuration and the tokenizer, and no weights."""
    folder = tmp_path_factory.mktemp("bare")
    for path in llama.glob("*.json"):
        if "index" not in path.name:
            (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="session")
def http_address(llama: Path) -> Iterator[str]:
    """Serve the weights over HTTP."""
    from faulty_http import FaultyServer
    from range_server import Ranges

    objects = {f"/llama/{path.name}": path.read_bytes() for path in llama.iterdir()}
    with FaultyServer(Ranges(objects)) as server:
        yield f"{server.address}/llama"


@pytest.fixture(scope="session")
def s3_endpoint(llama: Path) -> Iterator[str]:
    """Put the weights into s3://weights/llama of a stand-in for S3."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        "us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket="weights")
    for path in llama.iterdir():
        client.put_object(Bucket="weights", Key=f"llama/{path.name}", Body=path.read_bytes())
    yield endpoint
    server.stop()


@pytest.fixture(scope="session")
def engines(environment: dict[str, str]) -> Engines:
    """Run engines one after the other in a process; return what each came to."""

    def run(cases: list[dict[str, Any]], **variables: str) -> list[dict[str, Any]]:
        found = subprocess.run(
            [sys.executable, str(ENGINE)],
            input=json.dumps(cases),
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=840,
        )
        assert found.returncode == 0, found.stderr[-8000:]
        # Workers that end may still write lines of their own, also without an end of line.
        begin = found.stdout.rindex(OUTCOMES) + len(OUTCOMES)
        told: list[dict[str, Any]] = json.JSONDecoder().raw_decode(found.stdout, begin)[0]
        for outcome in told:
            outcome["log"] = found.stdout + found.stderr
        return told

    return run
