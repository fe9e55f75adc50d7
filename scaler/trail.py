"""What was answered before: all that rules remember.

A rule that looks back reads only what was answered *before* the moment it decides on. So deciding
twice on the same evidence gives the same answer, and a fit that ends between two ticks may decide
the tick's moment again.
"""

from dataclasses import dataclass

NEVER = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """The last answer on fresh evidence, and of those before it what a span of time may ask for.

    `last` is (as_of, replicas). `before` holds (until, replicas): a count and when the next one
    took its place. One that a later count has reached since is left out, so counts fall, and the
    first that is still inside a span is the span's highest. `rose_at`: the last rise before `last`.
    """

    last: tuple[float, int] | None = None
    before: tuple[tuple[float, int], ...] = ()
    rose_at: float = NEVER

    def held(self, as_of: float) -> int | None:
        """Return the last answer before `as_of`, None when there is none."""
        if self.last is not None and self.last[0] < as_of:
            return self.last[1]
        return self.before[-1][1] if self.before else None

    def lately(self, as_of: float, within_seconds: float) -> int | None:
        """Return the last answer before `as_of`, None when it was given longer ago than that."""
        if self.last is not None and self.last[0] < as_of:
            at, replicas = self.last
        elif self.before:
            at, replicas = self.before[-1]
        else:
            return None
        return replicas if as_of - at <= within_seconds else None

    def highest(self, since: float, as_of: float) -> int | None:
        """Return the largest answer before `as_of` that was in force after `since`."""
        best = self.last[1] if self.last is not None and self.last[0] < as_of else None
        for until, replicas in self.before:
            if until > since:
                return replicas if best is None or replicas > best else best
        return best

    def rose_before(self, as_of: float) -> float:
        """Return when the answer last rose, before `as_of`."""
        if self.last is not None and self.last[0] < as_of and self._has_just_risen():
            return self.last[0]
        return self.rose_at

    def _has_just_risen(self) -> bool:
        return self.last is not None and bool(self.before) and self.last[1] > self.before[-1][1]

    def told(self, as_of: float, replicas: int, keep_seconds: float) -> "Trail":
        """Return the trail with one answer more, for spans of up to `keep_seconds`.

        An answer for the moment of the last one, or one before it, takes its place.
        """
        if self.last is None:
            return Trail(last=(as_of, replicas))
        before, rose_at = self.before, self.rose_at
        at, held = self.last
        if at < as_of:
            rose_at = at if self._has_just_risen() else rose_at
            since, first, end = as_of - keep_seconds, 0, len(before)
            while end and before[end - 1][1] <= held:
                end -= 1
            while first < end and before[first][0] <= since:
                first += 1
            before = (*before[first:end], (as_of, held))
        return Trail(last=(as_of, replicas), before=before, rose_at=rose_at)


NOTHING = Trail()
