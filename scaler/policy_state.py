"""What the policy remembers from tick to tick. Plain values, so that a state file can hold them.

A rule that looks back reads only what was answered *before* the moment it decides on. So deciding
twice on the same evidence gives the same answer, and a fit that ends between two ticks may decide
the tick's moment again.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isnan
from typing import Any, Self

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyState:
    """What `decide` gave to remember.

    Each outcome has a trail of its own, so that what the reactive scaler would have done does not
    lean on what the prediction did. `learned_threshold`: what one replica was last seen to carry.
    """

    last_good_replicas: int | None = None
    predicted: Trail = field(default=NOTHING)
    reactive: Trail = field(default=NOTHING)
    learned_threshold: float | None = None

    def as_plain(self) -> dict[str, Any]:
        """Return the state as what JSON can hold."""
        plain = asdict(self)
        for name in ("predicted", "reactive"):
            trail: Trail = getattr(self, name)
            plain[name] = {
                "answers": [list(answer) for answer in trail.answers],
                "rose_at": None if trail.rose_at == NEVER else trail.rose_at,
            }
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return the state that `as_plain` wrote. Raises ValueError for anything else."""
        try:
            last_good, learned = plain["last_good_replicas"], plain["learned_threshold"]
            state = cls(
                last_good_replicas=None if last_good is None else _count(last_good),
                predicted=_trail(plain["predicted"]),
                reactive=_trail(plain["reactive"]),
                learned_threshold=None if learned is None else float(learned),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            raise ValueError(f"no policy state: {exc!r}") from exc
        if state.learned_threshold is not None and not 0 < state.learned_threshold < float("inf"):
            raise ValueError(f"no policy state: learned_threshold {state.learned_threshold!r}")
        return state


def _trail(plain: Mapping[str, Any]) -> Trail:
    answers = tuple((float(at), _count(replicas)) for at, replicas in plain["answers"])
    times = [at for at, _ in answers]
    if any(map(isnan, times)) or times != sorted(set(times)):
        raise ValueError("answers out of order")
    rose_at = plain["rose_at"]
    return Trail(answers=answers, rose_at=NEVER if rose_at is None else float(rose_at))


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value
