"""A contest in words, and its table's cells: what terminal and page both show."""

from collections.abc import Callable, Iterator
from math import isnan

from scaler.words import number
from simulations.report import duration
from simulations.results.doubt import Estimate
from simulations.results.figures import Figures
from simulations.trials.contest import BEST, OURS, REACTIVE, Contest, Standing

HEADERS = (
    "policy", "in time", "TTFT p99", "short", "GPU-h", "busy", "floor", "starting", "idle", "cost",
    "over best", "changes/day",
)  # fmt: skip
UNITS = (
    "in time: requests within both limits. TTFT p99: seconds to the first token. short: requests "
    "beyond what ready replicas carry (demand x seconds). GPU-h: billed, of it busy, idle for the "
    "warm floor, starting, idle beyond. over best: GPU-hours above the clairvoyant's. "
    "+-: half of the 95 % interval over the seeds. *: told what nobody knows beforehand."
)
NOTHING = "-"
PLACEHOLDER = (
    "The replica model is a placeholder and not a measurement of your GPU: compare policies with "
    "each other, and take no figure by itself. Calibrate a replica and give --model FILE.json for "
    "absolute ones."
)
FLUID = (
    "The fluid engine knows averages alone: it can't tell tails of waiting times, and its "
    "attainment is off by some points near the limit. Use --engine events to decide."
)


def total(figures: Figures) -> float:
    """Return the GPU-hours billed."""
    return figures.gpu_hours.total


def in_time(figures: Figures) -> float:
    """Return the share of the requests within both limits."""
    return figures.attainment.both


def headline(contest: Contest) -> str:
    """Say what was simulated."""
    requests = contest.material.requests
    seeds = len(contest.standings[0].figures)
    return (
        f"{contest.material.name}: {duration(requests.seconds)}, {len(requests)} requests, "
        f"{contest.material.days_before:.1f} days of history before; {contest.engine} engine, "
        f"{seeds} seed{'s' if seeds > 1 else ''}"
    )


def terms(contest: Contest) -> str:
    """Say what all were held to."""
    setup, params = contest.setup, contest.setup.trigger.params
    return (
        f"Limits: first token {setup.slo.time_to_first_seconds:g} s, between tokens "
        f"{setup.slo.inter_token_seconds:g} s. Trigger: threshold {params.threshold:g}, warmFloor "
        f"{params.warm_floor}, quantile {params.quantile:g}, leadTimeSeconds "
        f"{params.lead_time_seconds:g}. Starts: 95 % within {setup.start_seconds:g} s."
    )


def verdict(contest: Contest) -> Iterator[str]:
    """Say what prediction was worth here, and what is left to gain."""
    ours, reactive, best = contest.get(OURS), contest.get(REACTIVE), contest.get(BEST)
    if ours is not None and reactive is not None:
        yield _against(ours, reactive)
        yield _sureness(ours, reactive)
    if ours is not None and best is not None:
        above = total(ours.figures[0]) / total(best.figures[0]) - 1.0
        hours = number(total(best.figures[0]))
        yield (
            f"The cheapest fleet that covers the demand of each minute takes {hours} "
            f"GPU-hours; prewarm takes {abs(above):.0%} {'more' if above >= 0 else 'less'} and has "
            f"{ours.of(in_time).mean:.2%} in time, that fleet {best.of(in_time).mean:.2%}."
        )


def _against(ours: Standing, other: Standing) -> str:
    mine, theirs = ours.of(shortage).mean, other.of(shortage).mean
    cost = ours.of(total).mean / other.of(total).mean - 1.0
    price = f"for {abs(cost):.0%} {'more' if cost >= 0 else 'fewer'} GPU-hours"
    if mine < theirs:
        return f"Prewarm has {1 - mine / theirs:.0%} less shortage than reactive KEDA, {price}."
    if mine > theirs:
        more = f"{mine / theirs - 1:.0%} more" if theirs > 0 else "more"
        return f"Prewarm has {more} shortage than reactive KEDA, {price}."
    return f"Prewarm has the same shortage as reactive KEDA, {price}."


def _sureness(ours: Standing, other: Standing) -> str:
    apart = ours.beyond(other, in_time)
    points = 100.0 * apart.mean
    said = f"In time: {points:+.2f} points"
    if isnan(apart.low):
        return f"{said}, with one seed, so how sure that is can't be told: give --seeds 5."
    low, high = 100.0 * apart.low, 100.0 * apart.high
    sure = "chance alone could explain it" if low <= 0.0 <= high else "more than chance"
    return f"{said} (95 % interval {low:+.2f} to {high:+.2f} over {apart.n_seeds} seeds: {sure})."


def shortage(figures: Figures) -> float:
    """Return the demand that no ready replica carried, in requests."""
    return figures.shortage


def cautions(contest: Contest) -> Iterator[str]:
    """Say what the figures are not."""
    if not contest.setup.is_calibrated:
        yield PLACEHOLDER
    if contest.engine == "fluid":
        yield FLUID
    yield from contest.left_out


def cells(standing: Standing) -> tuple[str, ...]:
    """Return a policy's figures as text."""

    def mean(read: Callable[[Figures], float]) -> str:
        return _number(standing.of(read).mean)

    first = standing.figures[0]
    return (
        standing.entrant.name + ("*" if standing.entrant.is_hindsight else ""),
        _share(standing.of(in_time)),
        mean(lambda each: each.attainment.time_to_first_seconds[2]),
        _with_doubt(standing.of(shortage)),
        _with_doubt(standing.of(total)),
        mean(lambda each: each.gpu_hours.busy),
        mean(lambda each: each.gpu_hours.floor),
        mean(lambda each: each.gpu_hours.starting),
        mean(lambda each: each.gpu_hours.idle),
        NOTHING if first.cost is None else mean(lambda each: each.cost or 0.0),
        NOTHING
        if first.regret is None
        else f"{standing.of(lambda each: each.regret or 0.0).mean:+.0%}",
        mean(lambda each: each.changes_per_day),
    )


def _number(value: float) -> str:
    return NOTHING if isnan(value) else number(value)


def _with_doubt(found: Estimate) -> str:
    half = (found.high - found.low) / 2
    # What is left by rounding is no doubt.
    is_told = not isnan(half) and half > 1e-9 * abs(found.mean)
    return _number(found.mean) + (f" +-{number(half)}" if is_told else "")


def _share(found: Estimate) -> str:
    if isnan(found.mean):
        return NOTHING
    half = "" if isnan(found.low) else f" +-{50 * (found.high - found.low):.2f}"
    return f"{100 * found.mean:.2f}{half} %"
