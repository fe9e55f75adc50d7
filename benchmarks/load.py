"""Weights into host memory: Prewarm beside its peers, cold, warm and from an S3 stand-in.

In rounds that take the methods in turn, each load in a process of its own; what is quoted are
medians over the rounds, and for ratios medians of each round's own ratio. Needs `.venv-serving`:

    make bench-load
"""

import argparse
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests/support"))
LOCAL = ("prewarm", "safetensors", "fastsafetensors", "runai")
REMOTE = ("prewarm", "runai")
SHARDS = 2
# A layer of an 8-billion-parameter Llama in BF16, in its order and proportions.
LAYER = ((1024, 4096), (4096, 4096), (4096, 14336), (14336, 4096), (4096,))


def main() -> None:
    """Run all and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gibibytes", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", help="where to put the files: on the disk to be measured")
    parser.add_argument("--output", default=str(HERE / "results/load.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as text:
        folder = Path(text) / "bucket/llama"
        folder.mkdir(parents=True)
        _write(folder, int(options.gibibytes * 2**30))
        line = machine("torch", "safetensors", "fastsafetensors", "runai-model-streamer")
        results = {
            "machine": line,
            "gibibytes": options.gibibytes,
            "rounds": options.rounds,
            "cold": _cells(folder, LOCAL, options.rounds, is_cold=True),
            "warm": _cells(folder, LOCAL, options.rounds, is_cold=False),
            "s3": _over_s3(folder, Path(text), options.rounds),
        }
    Path(options.output).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    _show(results)


def _write(folder: Path, n_bytes: int) -> None:
    """Write shards of random bytes, headers first."""
    generator = np.random.default_rng(0)
    block = generator.bytes(2**26)
    for shard in range(SHARDS):
        header: dict[str, Any] = {}
        position = layer = 0
        while position < n_bytes // SHARDS:
            for number, shape in enumerate(LAYER):
                size = 2 * int(np.prod(shape))
                header[f"{shard}.{layer}.{number}"] = {
                    "dtype": "BF16",
                    "shape": shape,
                    "data_offsets": [position, position + size],
                }
                position += size
            layer += 1
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with (folder / f"model-{shard}.safetensors").open("wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for start in range(0, position, len(block)):
                file.write(block[: position - start])
            os.fsync(file.fileno())
    names = {
        name: f"model-{shard}.safetensors"
        for shard in range(SHARDS)
        for name in _names(folder / f"model-{shard}.safetensors")
    }
    index = json.dumps({"weight_map": names})
    (folder / "model.safetensors.index.json").write_text(index, encoding="utf-8")


def _names(path: Path) -> list[str]:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        return list(json.loads(file.read(length)))


def _cells(
    folder: Path,
    methods: tuple[str, ...],
    rounds: int,
    *,
    is_cold: bool,
    address: str | None = None,
    environment: dict[str, str] | None = None,
) -> dict[str, Any]:
    runs: dict[str, list[dict[str, float]]] = {method: [] for method in methods}
    for number in range(rounds):
        shift = number % len(methods)
        for method in methods[shift:] + methods[:shift]:
            _set_cache(folder, is_cold=is_cold)
            found = _run(method, address or str(folder), environment or {})
            print(f"{method} {found}", file=sys.stderr)
            runs[method].append(found)
    return {method: _summary(runs[method], runs["prewarm"]) for method in methods}


def _summary(
    runs: list[dict[str, float]], ours: list[dict[str, float]]
) -> dict[str, float | list[float]]:
    made: dict[str, float | list[float]] = {
        key: round(statistics.median(run[key] for run in runs), 3) for key in runs[0]
    }
    pairs = list(zip(runs, ours, strict=True))
    for key in ("seconds", "cpu_seconds"):
        ratios = [run[key] / own[key] for run, own in pairs]
        made[f"{key}_over_prewarm"] = round(statistics.median(ratios), 2)
        made[f"{key}_over_prewarm_rounds"] = [round(ratio, 2) for ratio in ratios]
    return made


def _run(method: str, address: str, environment: dict[str, str]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, str(HERE / "load_methods.py"), method, address],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment, "RUNAI_STREAMER_LOG_LEVEL": "ERROR"},
    )
    if done.returncode != 0:
        raise SystemExit(f"{method} failed:\n{done.stderr[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _set_cache(folder: Path, *, is_cold: bool) -> None:
    """Drop the files from the page cache, or read them into it; and see that it is so."""
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as file:
            if is_cold:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            else:
                while file.read(2**24):
                    pass
        share = _cached_share(path)
        if (share > 0.02) if is_cold else (share < 0.98):  # noqa: PLR2004
            raise SystemExit(f"{path.name}: {share:.0%} of it is in the page cache")


def _cached_share(path: Path) -> float:
    """Return the share of 200 pages that are in the page cache."""
    page = bytearray(1)
    descriptor = os.open(path, os.O_RDONLY)
    size = os.fstat(descriptor).st_size
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
    cached = 0
    for position in range(0, size, size // 200):
        try:
            cached += os.preadv(descriptor, [page], position, os.RWF_NOWAIT)
        except BlockingIOError:
            continue
    os.posix_fadvise(descriptor, 0, 0, 0)
    os.close(descriptor)
    return cached / 200


def _over_s3(folder: Path, root: Path, rounds: int) -> dict[str, Any]:
    """Read by the S3 protocol from nginx, which has the files in memory and checks no signature."""
    from nginx import nginx_serving  # noqa: PLC0415 - of the tests

    state = root / "nginx"
    state.mkdir()
    with nginx_serving(root, state) as endpoint:
        environment = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "RUNAI_STREAMER_S3_ENDPOINT": endpoint,
            "RUNAI_STREAMER_S3_USE_VIRTUAL_ADDRESSING": "0",
            "BENCH_FILES": ",".join(sorted(path.name for path in folder.glob("*.safetensors"))),
        }
        return _cells(
            folder,
            REMOTE,
            rounds,
            is_cold=False,
            address="s3://bucket/llama",
            environment=environment,
        )


def _show(results: dict[str, Any]) -> None:
    for kind in ("cold", "warm", "s3"):
        for method, cell in results[kind].items():
            print(
                f"{kind:5} {method:16} {cell['seconds']:7.2f} s  {cell['cpu_seconds']:6.2f} CPU s  "
                f"{cell['peak_anonymous_mib']:6.0f} MiB  "
                f"{cell['seconds_over_prewarm']:5.2f}x our time  "
                f"{cell['cpu_seconds_over_prewarm']:5.2f}x our CPU"
            )


if __name__ == "__main__":
    main()
