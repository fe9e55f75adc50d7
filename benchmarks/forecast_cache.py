"""Keeps what slow rivals said, by the content of the series, the method's source and versions.

A rival is asked anew when any of these changes; Prewarm itself is never kept. The folder is
`prewarm-benchmark` in the user's cache folder.
"""

import ast
import hashlib
import os
from importlib.metadata import version
from pathlib import Path

import numpy as np
from forecast_protocol import Said, Trace
from forecast_rivals import Rival

HERE = Path(__file__).parent
PROTOCOL = "forecast_protocol"


def cache_folder() -> Path:
    """Return where forecasts are kept; XDG_CACHE_HOME names another place than ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home else Path.home() / ".cache") / "prewarm-benchmark"


def key(rival: Rival, trace: Trace) -> str:
    """Return the hash of all that the rival's forecasts on the trace depend on."""
    digest = hashlib.sha256()
    series = trace.series
    digest.update(f"{trace.name} {series.start_at} {series.step_seconds} {rival.name}".encode())
    digest.update(series.values.tobytes())
    for module in (PROTOCOL, *rival.modules):
        tree = ast.parse((HERE / f"{module}.py").read_text(encoding="utf-8"))
        digest.update(ast.dump(tree).encode())  # layout and comments do not count
    for package in rival.packages:
        digest.update(f"{package} {version(package)}".encode())
    return digest.hexdigest()[:32]


def recall(folder: Path, name: str) -> tuple[bool, Said | None]:
    """Return whether the answer is kept under a key, and it (None: the trace is too short)."""
    path = folder / f"{name}.npz"
    if not path.is_file():
        return False, None
    with np.load(path) as kept:
        if not kept["points"].size:
            return True, None
        return True, Said(
            points=kept["points"],
            own=kept["own"] if kept["own"].size else None,
            fit_seconds=float(kept["fit_seconds"]),
            tick_seconds=float(kept["tick_seconds"]),
        )


def keep(folder: Path, name: str, said: Said | None) -> None:
    """Write an answer under a key, so that a reader never sees half of it.

    The key is the one from before the run: sources may have been edited since.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.npz"
    nothing = np.empty(0)
    half = path.with_suffix(f".{os.getpid()}.tmp")
    with half.open("wb") as file:
        np.savez_compressed(
            file,
            points=nothing if said is None else said.points,
            own=nothing if said is None or said.own is None else said.own,
            fit_seconds=np.nan if said is None else said.fit_seconds,
            tick_seconds=np.nan if said is None else said.tick_seconds,
        )
    half.replace(path)
