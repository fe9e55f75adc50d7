"""From starts to a lead time: which class comes next, how long it takes, and how sure that is.

Which class the next replicas will have
- `woken` while a pod is asleep; else `fresh-node` while one waits for a node;
- else the slowest class of those under way;
- else `fresh-node` when more of the newest starts were fresh than the quantile leaves out (with
  p90: more than two of twenty), and `warm-node` otherwise.

How long it takes
1. The quantile of the starts of this image, accelerator and class, once `MIN_STARTS` are complete.
2. Before that a prior: what is known of the same workload with other images, widened by a half,
   else `PRIOR_SECONDS`; and never less than the longest of the few that were seen.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, inf

from scaler.fleet import LeadTime, StartClass
from scaler.params import AUTO_LEAD_TIME_SECONDS
from scaler.starts.ramp import Pace, scaling_seconds
from scaler.starts.record import Start, Starts
from scaler.starts.survival import Curve, curve

QUANTILE = 0.9
CONFIDENCE = 0.8  # so that nine samples of ten lie below the upper end
MIN_STARTS = 10
HALF_LIFE_SECONDS = 14 * 86_400.0
NEWEST = 20

# A new image may be larger and its weights other ones: half as long again, as a whole pod of 8B
# takes where its caches are cold in part (docs/cluster-access.md has the sources).
WIDENING = 1.5

# The prior of a pod with nothing cached, without KEDA's poll and the HPA's sync.
FRESH_PRIOR_SECONDS = AUTO_LEAD_TIME_SECONDS - 30.0
PRIOR_SECONDS = {
    StartClass.WOKEN: 30.0,  # vLLM wakes from sleep in 4 s (llm-d, 2026), then must be found ready
    StartClass.WARM_NODE: 150.0,  # 82 s with all caches (tensorfuse.io 2025-09), and spread
    StartClass.FRESH_NODE: FRESH_PRIOR_SECONDS,
}
SLOWEST_FIRST = (StartClass.FRESH_NODE, StartClass.WARM_NODE, StartClass.WOKEN)

MAX_SECONDS = 21_600.0  # as leadTimeSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadSettings:
    """What the operator decides about measured lead times."""

    quantile: float = QUANTILE
    confidence: float = CONFIDENCE
    half_life_seconds: float = HALF_LIFE_SECONDS
    min_starts: int = MIN_STARTS

    @property
    def enough(self) -> int:
        """How many complete starts it takes: with n of them the last step is n / (n + 1)."""
        return max(self.min_starts, ceil(self.quantile / (1 - self.quantile) - 1e-9))


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTime:
    """How long the next pod takes from its creation until it is ready."""

    seconds: float
    interval: tuple[float, float] | None
    n_starts: int
    n_censored: int
    is_measured: bool
    start_class: StartClass


def lead_time(
    starts: Starts,
    pace: Pace,
    *,
    current: int,
    wanted: int,
    at: float,
    settings: LeadSettings = LeadSettings(),
) -> LeadTime:
    """Return the whole delay from a decision for `wanted` replicas until the last one answers.

    `current` is what the workload is asked to have now, `at` Unix seconds.
    """
    start = start_time(starts, at=at, settings=settings)
    scaling = min(MAX_SECONDS, scaling_seconds(current, max(wanted, current + 1), pace))
    return LeadTime(
        seconds=min(MAX_SECONDS, start.seconds + scaling),
        start_seconds=start.seconds,
        scaling_seconds=scaling,
        quantile=settings.quantile,
        n_starts=start.n_starts,
        n_censored=start.n_censored,
        is_measured=start.is_measured,
        start_class=start.start_class,
        interval=start.interval,
        confidence=settings.confidence,
    )


def start_time(starts: Starts, *, at: float, settings: LeadSettings = LeadSettings()) -> StartTime:
    """Return what the next pod takes; see the rules at the top."""
    start_class = next_class(starts, settings.quantile)
    sample = _sample(starts, starts.image, start_class, at)
    seconds = _measured(sample, at, settings)
    interval = None
    is_measured = seconds is not None
    if seconds is None:
        longest = max((each.seconds for each in sample), default=0.0)
        seconds = max(longest, _prior(starts, start_class, at, settings))
    else:
        interval = _curve(sample, at, settings).interval(settings.quantile, settings.confidence)
    n_ready = sum(each.is_event for each in sample)
    return StartTime(
        seconds=seconds,
        interval=interval,
        n_starts=n_ready,
        n_censored=len(sample) - n_ready,
        is_measured=is_measured,
        start_class=start_class,
    )


def next_class(starts: Starts, quantile: float) -> StartClass:
    """Return where the next replica will come from."""
    if starts.n_asleep:
        return StartClass.WOKEN
    if starts.n_unschedulable:
        return StartClass.FRESH_NODE
    on_the_way = {start.start_class for start in starts.under_way} - {StartClass.WOKEN}
    if on_the_way:
        return _slowest(on_the_way)
    newest = [
        start.start_class
        for start in starts.finished
        if start.start_class is not StartClass.WOKEN and start.image == starts.image
    ][-NEWEST:]
    share = newest.count(StartClass.FRESH_NODE) / len(newest) if newest else 1.0
    is_fresh = share > 1 - quantile + 1e-9
    return StartClass.FRESH_NODE if is_fresh else StartClass.WARM_NODE


def mean_phases(starts: Starts) -> dict[str, float]:
    """Return the mean seconds of each phase over the newest starts that got ready."""
    totals: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for start in [each for each in starts.finished if each.is_ready][-NEWEST:]:
        for phase, seconds in start.phases().items():
            totals[phase] += seconds  # type: ignore[assignment]  # a Counter adds floats too
            counts[phase] += 1
    return {phase: totals[phase] / counts[phase] for phase in totals}


@dataclass(frozen=True, slots=True)
class _Each:
    """One start as the curve takes it."""

    seconds: float
    is_event: bool
    ended_at: float


def _slowest(classes: Iterable[StartClass]) -> StartClass:
    return min(classes, key=SLOWEST_FIRST.index)


def _sample(starts: Starts, image: str, start_class: StartClass, at: float) -> list[_Each]:
    """Return the starts of one image and class on the accelerator that comes next."""
    ended = [
        _Each(start.seconds, start.is_ready, start.ended_at)
        for start in starts.finished
        if _is_of(start, image, starts.accelerator, start_class)
    ]
    going_on = [
        _Each(max(0.0, at - start.began_at), False, at)
        for start in starts.under_way
        if start.image == image
        and start.accelerator == starts.accelerator
        and start.start_class is start_class
    ]
    return ended + going_on


def _is_of(start: Start, image: str, accelerator: str, start_class: StartClass) -> bool:
    return (start.image, start.accelerator, start.start_class) == (image, accelerator, start_class)


def _curve(sample: list[_Each], at: float, settings: LeadSettings) -> Curve:
    ages = [max(0.0, at - each.ended_at) for each in sample]
    weights = [0.5 ** (age / settings.half_life_seconds) for age in ages]
    return curve([each.seconds for each in sample], [each.is_event for each in sample], weights)


def _measured(sample: list[_Each], at: float, settings: LeadSettings) -> float | None:
    """Return the quantile, None with too few starts."""
    if sum(each.is_event for each in sample) < settings.enough:
        return None
    return _curve(sample, at, settings).extended_quantile(settings.quantile)


def _prior(starts: Starts, start_class: StartClass, at: float, settings: LeadSettings) -> float:
    """Return what is taken for a start before enough were seen; see the rules at the top."""
    others = {start.image for start in starts.finished} - {starts.image}
    known = [
        _measured(_sample(starts, image, start_class, at), at, settings) for image in sorted(others)
    ]
    widened = [seconds * WIDENING for seconds in known if seconds is not None]
    if widened:
        return max(widened)
    prior = PRIOR_SECONDS[start_class]
    if start_class is StartClass.FRESH_NODE:
        # What a warm node takes is part of it.
        warm = _measured(_sample(starts, starts.image, StartClass.WARM_NODE, at), at, settings)
        return max(prior, (warm or 0.0) * WIDENING)
    fresh = _measured(_sample(starts, starts.image, StartClass.FRESH_NODE, at), at, settings)
    is_bounded = start_class is StartClass.WARM_NODE and fresh is not None
    return min(prior, fresh or inf) if is_bounded else prior
