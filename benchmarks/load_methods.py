"""One load by one method, in a process of its own: seconds, CPU seconds, peak memory, as JSON.

Every method's consumer is the same: it copies each tensor into one buffer that is reused, as a
model copies them into its parameters, so that memory is the loader's own.
"""

import gc
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

Tensors = Iterator[tuple[str, torch.Tensor]]
LARGEST_BYTES = 256 * 1024 * 1024


def prewarm(address: str) -> Tensors:
    """Stream by Prewarm."""
    from serving.loader.checkpoint import open_checkpoint  # noqa: PLC0415
    from serving.loader.settings import Settings  # noqa: PLC0415
    from serving.loader.tensors import stream_tensors  # noqa: PLC0415

    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    settings = Settings(s3_endpoint=endpoint, s3_region="us-east-1")
    with (
        open_checkpoint(address, settings) as checkpoint,
        stream_tensors(checkpoint, settings) as tensors,
    ):
        yield from tensors


def safetensors(address: str) -> Tensors:
    """Map files and take tensors one by one, as vLLM's default loader does."""
    from safetensors import safe_open  # noqa: PLC0415

    for path in _paths(address):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                yield name, file.get_tensor(name)


def fastsafetensors(address: str) -> Tensors:
    """Read files whole, one after the other, as vLLM's fastsafetensors loader does."""
    from fastsafetensors import SafeTensorsFileLoader, SingleGroup  # noqa: PLC0415

    for path in _paths(address):
        loader = SafeTensorsFileLoader(SingleGroup(), "cpu", nogds=True)
        loader.add_filenames({0: [str(path)]})
        files = loader.copy_files_to_device()
        try:
            for name in loader.get_keys():
                yield name, files.get_tensor(name)
        finally:
            files.close()
            loader.close()


def runai(address: str) -> Tensors:
    """Stream by Run:ai's streamer with its defaults."""
    from runai_model_streamer import SafetensorsStreamer  # noqa: PLC0415

    if address.startswith("s3://"):
        paths = [f"{address}/{name}" for name in os.environ["BENCH_FILES"].split(",")]
    else:
        paths = [str(path) for path in _paths(address)]
    with SafetensorsStreamer() as streamer:
        streamer.stream_files(paths)
        yield from streamer.get_tensors()


METHODS: dict[str, Callable[[str], Tensors]] = {
    "prewarm": prewarm,
    "safetensors": safetensors,
    "fastsafetensors": fastsafetensors,
    "runai": runai,
}


def _paths(address: str) -> list[Path]:
    return sorted(Path(address).glob("*.safetensors"))


class _Peak:
    """The most memory that was resident, mapped files left out; looked at every 5 ms."""

    def __init__(self) -> None:
        self.most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.005):
            text = Path("/proc/self/status").read_text(encoding="ascii")
            found = next(line for line in text.splitlines() if line.startswith("RssAnon"))
            shared = next(line for line in text.splitlines() if line.startswith("RssShmem"))
            kib = int(found.split()[1]) + int(shared.split()[1])
            self.most = max(self.most, kib * 1024)

    def end(self) -> int:
        """Return it."""
        self._over.set()
        self._thread.join()
        return self.most


def main(method: str, address: str) -> None:
    """Run one load and print its figures."""
    into = torch.zeros(LARGEST_BYTES, dtype=torch.uint8)
    gc.collect()
    peak = _Peak()
    time.sleep(0.02)
    before = peak.most
    n_bytes = n_tensors = 0
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    began_at = time.perf_counter()
    for _, tensor in METHODS[method](address):
        flat = tensor.reshape(-1).view(torch.uint8)
        into[: flat.numel()].copy_(flat)
        n_bytes += flat.numel()
        n_tensors += 1
    seconds = time.perf_counter() - began_at
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = (after.ru_utime + after.ru_stime) - (cpu.ru_utime + cpu.ru_stime)
    figures = {
        "bytes": n_bytes,
        "tensors": n_tensors,
        "seconds": seconds,
        "cpu_seconds": used,
        "peak_anonymous_mib": (peak.end() - before) / 2**20,
        "peak_rss_mib": after.ru_maxrss / 1024,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
