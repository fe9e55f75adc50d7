"""The calibration file: a replica's model with what it was measured on, as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from math import isfinite
from pathlib import Path
from typing import Any

from simulations.calibration.carried import Carried, Targets
from simulations.calibration.errors import BadSweep
from simulations.calibration.fit import Fit
from simulations.calibration.sweep import MeasuredOn
from simulations.plant.errors import BadPlant
from simulations.plant.model import ReplicaModel

FORMAT = "prewarm-calibration/1"
UNBOUNDED = "kv_cache_tokens"  # not in a file without a bound


def as_record(
    fitted: Fit, measured_on: MeasuredOn, targets: Targets | None, carried: tuple[Carried, ...]
) -> dict[str, Any]:
    """Return all of a calibration as plain values; null: not known. No cache is without bound."""
    model = {name: value for name, value in asdict(fitted.model).items() if isfinite(value)}
    return {
        "format": FORMAT,
        "measured_on": asdict(measured_on),
        "model": model,
        "n_rows": len(fitted.rows),
        "held_out": None if fitted.held_out is None else asdict(fitted.held_out),
        "notes": list(fitted.notes),
        "targets": None if targets is None else asdict(targets),
        "carried": [asdict(each) for each in carried],
    }


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a calibration file."""
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def read_model(path: Path) -> ReplicaModel:
    """Return the model of a calibration file. Raises `BadSweep`, which names the field."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise BadSweep(f"{path} can't be read: {exc}") from exc
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise BadSweep(f'{path}: format: needed is "{FORMAT}", as prewarm calibrate writes it')
    told = record.get("model")
    values = told if isinstance(told, dict) else {}
    names = {one.name for one in fields(ReplicaModel)} - {UNBOUNDED}
    odd = names ^ (set(values) - {UNBOUNDED})
    if odd:
        raise BadSweep(f"{path}: model: missing or unknown: {', '.join(sorted(odd))}")
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadSweep(f"{path}: model: {name}: {value!r} is not allowed; allowed is a number")
    try:
        return ReplicaModel(**values)
    except BadPlant as exc:
        raise BadSweep(f"{path}: model: {exc}") from exc
