"""Reads the JSON of a Prometheus range query: what `/api/v1/query_range` answers, saved."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from simulations.workload.bins import Bins
from simulations.workload.errors import BadWorkload

MOST_POINTS = 2_000_000


def read_range_export(path: Path) -> Bins:
    """Return the counts that an export of `rate(...)`, requests a second, stands for.

    The value at a time tells the step that ends there. Several series are summed; where one of
    them has no sample, the others count alone, and a time without any is unknown. Raises
    `BadWorkload`.
    """
    values: dict[float, float] = {}
    for series in _result(path):
        for at, text in series.get("values", []):
            value = float(text)
            if not np.isfinite(value):
                continue
            if value < 0:
                raise BadWorkload(f'{path}: "{text}" at {at} is not allowed; a rate is >= 0')
            values[float(at)] = values.get(float(at), 0.0) + value
    times = np.array(sorted(values))
    if times.size < 2:  # noqa: PLR2004 - a step is the distance of two samples
        raise BadWorkload(
            f"{path} holds {times.size} samples; needed are two or more. Is the range long enough?"
        )
    step = float(np.median(np.diff(times)))
    places = np.rint((times - times[0]) / step).astype(np.intp)
    if places[-1] >= MOST_POINTS:
        raise BadWorkload(f"{path}: more than {MOST_POINTS} steps of {step:g} s; use a longer step")
    counts = np.full(int(places[-1]) + 1, np.nan)
    counts[places] = [values[at] * step for at in times.tolist()]
    return Bins(start_at=float(times[0]) - step, step_seconds=step, counts=counts)


def _result(path: Path) -> list[Any]:
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".gz":
            content = gzip.decompress(content)
        answer = json.loads(content)
    except (OSError, EOFError, zlib.error, ValueError) as exc:
        raise BadWorkload(f"{path} can't be read as JSON: {exc}") from exc
    data = answer.get("data", answer) if isinstance(answer, dict) else {}
    if isinstance(answer, dict) and answer.get("status") == "error":
        raise BadWorkload(f"{path} holds an error of Prometheus: {answer.get('error')}")
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        raise BadWorkload(
            f"{path} is no range export; needed is what /api/v1/query_range answers "
            '(resultType "matrix")'
        )
    result = data.get("result")
    if not isinstance(result, list) or not result:
        raise BadWorkload(f"{path} holds no series; does the query match anything in that range?")
    return result
