"""What runs came to, in a folder of Parquet files, by a hash of all that a run rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from forecasting.forecaster import Forecaster
from simulations.trials.material import Material
from simulations.trials.setup import Setup
from simulations.tuning.space import Setting

PACKAGES = ("forecasting", "scaler", "simulations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """All that the runs of one search share, as a hash."""

    digest: str

    @classmethod
    def of(cls, material: Material, setup: Setup, forecaster: Forecaster) -> "Ground":
        """Return the hash of workload, setup, forecaster and code."""
        requests, before = material.requests, material.before
        key = blake2b(digest_size=16)
        given = (requests.start_at, requests.seconds, requests.unknown, repr(forecaster))
        fixed = (setup.metadata, setup.spec, setup.cluster, setup.slo, _code())
        key.update(f"{given!r};{fixed!r};".encode())
        arrays = [requests.arrivals, requests.prompt_tokens, requests.completion_tokens]
        if before is not None:
            key.update(f"{before.start_at!r};{before.step_seconds!r};".encode())
            arrays.append(before.counts)
        for values in arrays:
            key.update(values.tobytes())
        return cls(digest=key.hexdigest())

    def key(self, setting: Setting, engine: str, seed: int) -> str:
        """Return the name of one run."""
        text = f"{self.digest};{setting!r};{engine};{seed}"
        return blake2b(text.encode(), digest_size=16).hexdigest()


class Store:
    """Results by key. Each batch is a file of its own: one that is cut off leaves nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._known: dict[str, dict[str, Any]] = {}
        for path in sorted(folder.glob("results-*.parquet")) if folder is not None else ():
            for row in pd.read_parquet(path).to_dict("records"):
                self._known[str(row["key"])] = {str(name): value for name, value in row.items()}

    def get(self, key: str) -> Mapping[str, Any] | None:
        """Return what a run came to, None where it has not been made."""
        return self._known.get(key)

    def put(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep rows, each with its `key`."""
        self._known |= {str(row["key"]): row for row in rows}
        if self._folder is None or not rows:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"results-{rows[0]['key']}.parquet"
        partial = path.with_suffix(".partial")
        pd.DataFrame(rows).to_parquet(partial, index=False)
        partial.replace(path)


@cache
def _code() -> str:
    digest = blake2b(digest_size=16)
    for name in PACKAGES:
        spec = find_spec(name)
        places = spec.submodule_search_locations if spec is not None else None
        for folder in places or ():
            for path in sorted(Path(folder).rglob("*.py")):
                digest.update(path.read_bytes())
    return digest.hexdigest()
