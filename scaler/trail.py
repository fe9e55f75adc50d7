"""What was answered before: all that rules remember.

A rule that looks back reads only what was answered *before* the moment it decides on. So deciding
twice on the same evidence gives the same answer, and a fit that ends between two ticks may decide
the tick's moment again.
"""

from dataclasses import dataclass

NEVER = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """Answers on fresh evidence, as (as_of, replicas), oldest first; `rose_at`: the last rise."""

    answers: tuple[tuple[float, int], ...] = ()
    rose_at: float = NEVER

    def held(self, as_of: float) -> int | None:
        """Return the last answer before `as_of`, None when there is none."""
        for at, replicas in reversed(self.answers):
            if at < as_of:
                return replicas
        return None

    def highest(self, since: float, as_of: float) -> int | None:
        """Return the largest answer that was in force between `since` and `as_of`."""
        best: int | None = None
        for at, replicas in reversed(self.answers):
            if at >= as_of:
                continue
            if best is None or replicas > best:
                best = replicas
            if at <= since:  # in force when the time span began, and so the last that counts
                break
        return best

    def told(self, as_of: float, replicas: int, keep_seconds: float) -> "Trail":
        """Return the trail with one answer more; what `highest` can't need any more is dropped."""
        answers = self.answers
        held = self.held(as_of)
        rose_at = as_of if held is not None and replicas > held else self.rose_at
        if answers and answers[-1][0] >= as_of:
            answers = tuple(answer for answer in answers if answer[0] < as_of)
        if len(answers) > 1 and answers[-1][1] == replicas == answers[-2][1]:
            answers = answers[:-1]  # equal ones in a row: the first and the last are enough
        start, since = 0, as_of - keep_seconds
        while start + 1 < len(answers) and answers[start + 1][0] <= since:
            start += 1
        return Trail(answers=(*answers[start:], (as_of, replicas)), rose_at=rose_at)


NOTHING = Trail()
