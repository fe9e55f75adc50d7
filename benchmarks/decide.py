"""What a decision costs: all rules, both outcomes and the shortfall, against one bare division.

The limit that is compared with is the HPA's own arithmetic, `ceil(demand / threshold)`: no scaler
can decide in less. Both run over the same day of generated demand, in turns, in one process, on
processor time. Three kinds of targets: with nothing but a forecast, with every rule at work, and
with a source that is down.

    .venv/bin/python benchmarks/decide.py            # half a minute, writes results/decide.json
    .venv/bin/python benchmarks/decide.py --quick    # writes nothing
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from math import ceil
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import numpy as np
from machine import machine

from forecasting.forecast import Forecast
from scaler.fleet import Fleet
from scaler.params import ScaleDownLimit, TargetParams
from scaler.policy import decide
from scaler.types import Evidence, Floor, PolicyState, Seen

RESULT = Path(__file__).parent / "results" / "decide.json"
GOAL_PER_SECOND = 50_000
TICKS = 5_760  # a day of them
TICK_SECONDS = 15.0
THRESHOLD = 10.0
PLAIN = TargetParams(threshold=THRESHOLD, zone=ZoneInfo("UTC"), warm_floor=2, max_replicas=60)
FULL = replace(
    PLAIN,
    max_replicas=40,
    release_margin=0.05,
    scale_down_limit=ScaleDownLimit(seconds=300, ratio=0.5),
    hpa_tolerance=0.1,
    hpa_scale_down_tolerance=0.1,
    max_capacity_buffer=0.1,
)


def day(*, is_full: bool) -> list[Seen]:
    """Return what is seen at each tick of a day with a morning, an evening and noise."""
    rng = np.random.default_rng(5)
    hours = np.arange(TICKS) * TICK_SECONDS / 3_600.0
    shape = 60.0 + 240.0 * np.exp(-(((hours - 10) / 2) ** 2)) + 200.0 * np.exp(-((hours - 19) ** 2))
    demand = shape * rng.lognormal(0, 0.05, TICKS)
    return [_seen(tick, demand, shape, is_full=is_full) for tick in range(TICKS)]


def _seen(tick: int, demand: np.ndarray, shape: np.ndarray, *, is_full: bool) -> Seen:
    as_of = tick * TICK_SECONDS
    wanted = ceil(demand[max(0, tick - 8)] / THRESHOLD)
    return Seen(
        as_of=as_of,
        evidence=Evidence.FRESH,
        observed_demand=float(demand[tick]),
        observed_at=as_of,
        forecast=_forecast(as_of, 345.0, float(shape[tick : tick + 24].max() * 1.1)),
        forecast_ahead=_forecast(as_of, 675.0, float(shape[tick : tick + 48].max())),
        floors=(Floor(replicas=4, start_at=28_800.0, end_at=64_800.0, reason="day"),)
        if is_full
        else (),
        fleet=Fleet(at=as_of, wanted=wanted, ready=wanted - 1, starting=1) if is_full else None,
    )


def _forecast(as_of: float, horizon_seconds: float, value: float) -> Forecast:
    return Forecast(
        issued_at=as_of, horizon_seconds=horizon_seconds, level=0.95, value=value, method="x"
    )


def decided(params: TargetParams, seens: list[Seen]) -> int:
    """Decide the whole day and return the sum of the answers."""
    state, total = PolicyState(), 0
    for seen in seens:
        state, decision = decide(state, seen, params)
        total += decision.replicas
    return total


def divided(params: TargetParams, seens: list[Seen]) -> int:
    """Return what one division a tick sums to."""
    total = 0
    for seen in seens:
        total += ceil(seen.observed_demand / params.threshold)
    return total


def per_second(
    run: Callable[[TargetParams, list[Seen]], int],
    params: TargetParams,
    seens: list[Seen],
    repeats: int,
) -> float:
    """Return ticks per second of processor time."""
    started = time.process_time()
    for _ in range(repeats):
        run(params, seens)
    return repeats * len(seens) / (time.process_time() - started)


def measure(n_rounds: int) -> dict[str, dict[str, float]]:
    """Return decisions a second of each kind, their limit, and how many limits one costs."""
    full = day(is_full=True)
    kinds = {
        "forecast": (PLAIN, day(is_full=False)),
        "every-rule": (FULL, full),
        "source-down": (PLAIN, [replace(seen, evidence=Evidence.STALE) for seen in full]),
    }
    figures: dict[str, dict[str, float]] = {}
    for kind, (params, seens) in kinds.items():
        decided(params, seens)  # warm
        ours, limits = [], []
        for _ in range(n_rounds):
            ours.append(per_second(decided, params, seens, 2))
            limits.append(per_second(divided, params, seens, 40))
        figures[kind] = {
            "decisions_per_second": round(median(ours)),
            "slowest_round": round(min(ours)),
            "divisions_per_second": round(median(limits)),
            "divisions_in_the_time_of_a_decision": round(median(limits) / median(ours), 1),
        }
        print(
            f"{kind:12}" + "".join(f"  {name} {value:,}" for name, value in figures[kind].items())
        )
    return figures


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="one round; writes no result")
    asked = parser.parse_args()
    about = machine("numpy")
    figures = measure(1 if asked.quick else 9)
    is_met = all(each["decisions_per_second"] >= GOAL_PER_SECOND for each in figures.values())
    print(
        f"goal: {GOAL_PER_SECOND:,} decisions per second of processor time, each kind: "
        f"{'met' if is_met else 'not met'}"
    )
    if not asked.quick:
        report = {"machine": about, "ticks": TICKS, "is_goal_met": is_met, "kinds": figures}
        RESULT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    raise SystemExit(0 if is_met else 1)


if __name__ == "__main__":
    main()
