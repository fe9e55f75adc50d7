"""What a search found, in words, as a table, and as a block to paste."""

from collections.abc import Iterator
from math import isnan

from scaler.words import number
from simulations.results.doubt import estimate
from simulations.trials.setup import Setup
from simulations.tuning.halving import better_probability
from simulations.tuning.search import Found, Tried
from simulations.tuning.space import Setting

HEADERS = (
    "", "threshold", "warmFloor", "quantile", "leadTime s", "up/down window s", "GPU-h", "in time",
    "short", "seeds",
)  # fmt: skip
UNITS = (
    "GPU-h: billed over the run. in time: requests within both limits. short: requests beyond what "
    "ready replicas carry, of all. Means over the seeds."
)


def verdict(found: Found) -> Iterator[str]:
    """Say who won, how sure that is, and what the runner-up and the present setting cost."""
    best, goal = found.finalists[0], found.goal
    what = "that no ready replica carried" if goal.by_shortage else "beyond a limit"
    hours = estimate([each.hours for each in best.points])
    ratio = estimate([goal.ratio(each) for each in best.points])
    if found.is_met:
        yield f"The cheapest setting found with at most {goal.limit:.2%} of requests {what}:"
    else:
        yield (
            f"No setting tried keeps requests {what} to {goal.limit:.2%}; the nearest has "
            f"{ratio.mean:.2%}. Try a longer leadTimeSeconds, a lower threshold, a higher floor."
        )
    yield f"GPU-hours {_interval(hours.mean, hours.low, hours.high, 1.0, '')}."
    yield f"Requests {what} {_interval(ratio.mean, ratio.low, ratio.high, 100.0, ' %')}."
    if found.is_met and ratio.high > goal.limit:
        yield "The interval goes beyond the limit: the limit is kept on the mean, and not surely."
    if len(found.finalists) > 1:
        yield _runner_up(best, found.finalists[1], found)
    yield _current(best, found)


def _interval(mean: float, low: float, high: float, factor: float, unit: str) -> str:
    if isnan(low):
        return f"{number(factor * mean)}{unit} (one seed: how sure that is can't be told)"
    return (
        f"{number(factor * mean)}{unit} "
        f"(95 % interval {number(factor * max(low, 0.0))} to {number(factor * high)}{unit})"
    )


def _runner_up(best: Tried, second: Tried, found: Found) -> str:
    more = second.mean.hours / best.mean.hours - 1.0
    keeps = found.goal.ratio(second.mean) <= found.goal.limit
    costs = [[each.hours for each in one.points] for one in (best, second)]
    chance = better_probability(costs[0], costs[1])
    sure = "" if isnan(chance) else f" The winner is the cheaper one with probability {chance:.0%}."
    limit = "keeps the limit too" if keeps else "does not keep the limit"
    return f"The runner-up takes {more:+.1%} GPU-hours and {limit}.{sure}"


def _current(best: Tried, found: Found) -> str:
    now = found.current
    if now.setting == best.setting:
        return "The present setting is the best of those tried."
    more = best.mean.hours / now.mean.hours - 1.0
    ratio = found.goal.ratio
    return (
        f"Against the present setting: {more:+.1%} GPU-hours, "
        f"{100 * (ratio(best.mean) - ratio(now.mean)):+.2f} points."
    )


def effort(found: Found) -> str:
    """Say how much was tried."""
    return (
        f"{found.n_screened} settings screened by averages, {len(found.tried)} simulated by "
        f"request, {len(found.finalists)} to the end; {found.n_runs} runs made now."
    )


def paste(setting: Setting, setup: Setup) -> str:
    """Return the lines of a ScaledObject that hold the setting."""
    lines = ["# of the ScaledObject's trigger", "metadata:"]
    lines += [f'  {key}: "{value}"' for key, value in setting.metadata.items()]
    lines.append(f'  maxReplicas: "{setup.trigger.params.max_replicas}"')
    windows = (setting.up_window_seconds, setting.down_window_seconds)
    if windows != (0.0, 300.0) or setup.spec.behavior is not None:
        lines += [
            "# of the ScaledObject's spec",
            "advanced:",
            "  horizontalPodAutoscalerConfig:",
            "    behavior:",
            f"      scaleUp: {{stabilizationWindowSeconds: {windows[0]:g}}}",
            f"      scaleDown: {{stabilizationWindowSeconds: {windows[1]:g}}}",
        ]
    return "\n".join(lines)


def cells(name: str, tried: Tried) -> tuple[str, ...]:
    """Return a setting's figures as text."""
    setting, mean = tried.setting, tried.mean
    return (
        name,
        f"{setting.threshold:.4g}",
        str(setting.warm_floor),
        f"{setting.quantile:g}",
        f"{setting.lead_time_seconds:g}",
        f"{setting.up_window_seconds:g}/{setting.down_window_seconds:g}",
        number(mean.hours),
        f"{1 - mean.missed:.2%}",
        f"{mean.short:.2%}",
        str(len(tried.points)),
    )


def rows(found: Found) -> list[tuple[str, ...]]:
    """Return the finalists, the best first, and the present setting."""
    names = ["winner", "runner-up"]
    shown = [
        cells(names[place] if place < len(names) else "", each)
        for place, each in enumerate(found.finalists)
    ]
    return [*shown, cells("present", found.current)]
