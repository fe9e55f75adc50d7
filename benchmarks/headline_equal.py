"""What a rival would miss at the GPU-hours that Prewarm took: read off the rival's own curve."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from simulations.results.figures import pareto

Row = Mapping[str, float | str]
NOT_RIVALS = frozenset({"prewarm", "prewarm-floor", "ablation", "perfect", "clairvoyant"})
HINDSIGHT = frozenset({"static-peak-hindsight"})


def curve(rows: Iterable[Row]) -> list[tuple[float, float]]:
    """Return the points (GPU-hours, shortage) that no other of them is better than."""
    points = [(float(row["gpu_hours"]), float(row["shortage"])) for row in rows]
    return [points[place] for place in pareto(points)]


def at_hours(points: Sequence[tuple[float, float]], hours: float) -> float | None:
    """Return the shortage at so many GPU-hours, None below the cheapest point.

    Between two settings a line holds: one of them part of the time. Beyond the dearest point its
    shortage stays.
    """
    if not points or hours < points[0][0]:
        return None
    given = np.array(points)
    return float(np.interp(hours, given[:, 0], given[:, 1]))


def families(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the rows of each rival."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        family = str(row["family"])
        if family not in NOT_RIVALS | HINDSIGHT:
            found.setdefault(family, []).append(row)
    return found


def compared(rows: Sequence[Row], ours: str = "prewarm") -> dict[str, float | str | None]:
    """Return Prewarm beside reactive KEDA and the best rival at its GPU-hours, and the optimum."""
    by_name = {str(row["policy"]): row for row in rows}
    mine = by_name[ours]
    hours, shortage = float(mine["gpu_hours"]), float(mine["shortage"])
    told = {family: at_hours(curve(theirs), hours) for family, theirs in families(rows).items()}
    known = {family: value for family, value in told.items() if value is not None}
    best = min(known, key=lambda family: known[family]) if known else None
    reactive = told.get("keda-reactive")
    optimum = float(by_name["clairvoyant"]["gpu_hours"])
    peak = float(by_name["static-peak-hindsight"]["gpu_hours"])
    return {
        "gpu_hours": hours,
        "shortage": shortage,
        "attainment": mine["attainment"],
        "reactive_shortage": reactive,
        "to_reactive": _ratio(shortage, reactive),
        "best_rival": best,
        "best_shortage": None if best is None else known[best],
        "to_best": None if best is None else _ratio(shortage, known[best]),
        "regret": hours / optimum - 1,
        "saving": 1 - hours / peak,
    }


def _ratio(ours: float, theirs: float | None) -> float | None:
    """Return ours over theirs; None where there is nothing to compare, 1 where both miss none."""
    if theirs is None:
        return None
    if theirs <= 0:
        return 1.0 if ours <= 0 else float("inf")
    return ours / theirs
