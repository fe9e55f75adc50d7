"""What the hour showed, in figures. Everything is counted from what happened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from scaler.capacity import replicas_for
from simulations.moments import Moment, Side, Terms

# Demand needs a count when it asks for it this long on end: one noisy reading is no need.
SUSTAINED_SECONDS = 120.0

Pick = Callable[[Moment], Side]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one side did. Times are Unix seconds, None = never.

    `risen_at`: since when it wanted what the spike needs; a rise that was given up again before
    it was needed does not count. `covered_at`: since when as many pods were ready.
    """

    risen_at: float | None
    covered_at: float | None
    short_seconds: float  # with demand above what the ready pods carry
    worst_shortfall: float  # demand beyond it, at worst
    replica_seconds: float  # pods times time: what it costs


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Both sides, held against what the spike needed."""

    terms: Terms
    needed: int  # replicas that the spike needs
    needed_at: float  # the first moment at which it needs them
    prewarm: Outcome
    reactive: Outcome
    lowest_answer: int

    @property
    def lead_seconds(self) -> float | None:
        """How long before the need the target rose; None when it never did."""
        risen_at = self.prewarm.risen_at
        return None if risen_at is None else self.needed_at - risen_at

    @property
    def is_ahead(self) -> bool:
        """Whether the target rose ahead of the spike by at least the lead time."""
        return self.lead_seconds is not None and self.lead_seconds >= self.terms.lead_time_seconds

    @property
    def is_foresight(self) -> bool:
        """Whether it rose at all: a target that stood high all along has foreseen nothing."""
        return self.prewarm.risen_at != self.terms.start_at

    @property
    def is_floor_kept(self) -> bool:
        """Whether no answer fell under the warm floor."""
        return self.lowest_answer >= self.terms.warm_floor

    @property
    def is_good(self) -> bool:
        """Whether the run showed what it promised."""
        return self.is_ahead and self.is_foresight and self.is_floor_kept


def judge(moments: Sequence[Moment], terms: Terms) -> Verdict:
    """Return the verdict on a finished run of at least `SUSTAINED_SECONDS`."""
    needed = sustained_need(moments, terms)
    needed_at = next(m.at for m in moments if need(m, terms) >= needed)
    return Verdict(
        terms=terms,
        needed=needed,
        needed_at=needed_at,
        prewarm=_outcome(moments, lambda m: m.prewarm, needed, needed_at, terms),
        reactive=_outcome(moments, lambda m: m.reactive, needed, needed_at, terms),
        lowest_answer=min(m.prewarm.answered for m in moments),
    )


def need(moment: Moment, terms: Terms) -> int:
    """Return the replicas that demand needs at a moment."""
    return replicas_for(moment.demand, terms.threshold)


def sustained_need(moments: Sequence[Moment], terms: Terms) -> int:
    """Return the highest count that was needed for `SUSTAINED_SECONDS` on end.

    Raises ValueError for a run that is shorter.
    """
    last_start = moments[-1].at - SUSTAINED_SECONDS if moments else float("-inf")
    runs = [
        min(need(m, terms) for m in moments[first:] if m.at <= start.at + SUSTAINED_SECONDS)
        for first, start in enumerate(moments)
        if start.at <= last_start
    ]
    if not runs:
        raise ValueError(f"a run must last {SUSTAINED_SECONDS:g} s, got {len(moments)} moments")
    return max(runs)


def _outcome(
    moments: Sequence[Moment], pick: Pick, needed: int, needed_at: float, terms: Terms
) -> Outcome:
    stays = _stays(moments)
    gaps = [m.demand - pick(m).ready * terms.threshold for m in moments]
    return Outcome(
        risen_at=_since(moments, needed_at, lambda m: pick(m).wanted >= needed),
        covered_at=_since(moments, needed_at, lambda m: pick(m).ready >= needed),
        short_seconds=sum(stay for stay, gap in zip(stays, gaps, strict=True) if gap > 0),
        worst_shortfall=max(0.0, *gaps),
        replica_seconds=sum(s * pick(m).wanted for s, m in zip(stays, moments, strict=True)),
    )


def _stays(moments: Sequence[Moment]) -> list[float]:
    """Return for how long each moment stood, the last one for as long as the one before it."""
    stays = [after.at - before.at for before, after in pairwise(moments)]
    return [*stays, stays[-1]]


def _since(
    moments: Sequence[Moment], needed_at: float, holds: Callable[[Moment], bool]
) -> float | None:
    """Return since when it holds at `needed_at`, or else the first moment after that it does."""
    since: float | None = None
    for moment in moments:
        if not holds(moment):
            since = None
        elif since is None:
            since = moment.at
        if since is not None and moment.at >= needed_at:
            return since
    return None
