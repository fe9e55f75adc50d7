"""Which targets a question means: search, order, one page of them, and the nearest names."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from scaler.page.view import Summary
from scaler.types import Evidence

MAX_ON_A_PAGE = 200
MAX_SEARCH_CHARACTERS = 200
GOOD = frozenset({str(Evidence.FRESH), str(Evidence.PENDING)})
# What needs a person comes first.
URGENCY = {"invalid": 0, "unknown": 1, "stale": 2, "pending": 3, "fresh": 4}


def is_in_trouble(summary: Summary) -> bool:
    """Return whether a person should look: bad evidence, a failed read or replicas that lack."""
    is_bad = summary.evidence not in GOOD
    return is_bad or summary.problem is not None or summary.shortfall is not None


def _by_trouble(summary: Summary) -> tuple[Any, ...]:
    missing = summary.shortfall.missing_replicas if summary.shortfall else 0
    return (
        URGENCY[summary.evidence],
        summary.problem is None,
        -missing,
        summary.namespace,
        summary.name,
    )


def _descending(get: Callable[[Summary], float | None]) -> Callable[[Summary], tuple[Any, ...]]:
    """Order by a number, the largest first; what is unknown comes last, for it is not zero."""

    def key(summary: Summary) -> tuple[Any, ...]:
        value = get(summary)
        return (value is None, -(value or 0.0), summary.namespace, summary.name)

    return key


SORTS: dict[str, Callable[[Summary], tuple[Any, ...]]] = {
    "trouble": _by_trouble,
    "name": lambda each: (each.namespace, each.name, each.trigger),
    "replicas": _descending(lambda each: each.replicas),
    "demand": _descending(lambda each: each.observed_demand),
    "change": _descending(lambda each: each.last_change.at if each.last_change else None),
    "age": _descending(lambda each: each.observed_age_seconds),
}
DEFAULT_SORT = "trouble"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the list is asked for. Bad values fall back to the default: it is a page, not a form."""

    search: str = ""
    sort: str = DEFAULT_SORT
    first: int = 0
    limit: int = MAX_ON_A_PAGE


def matching(summaries: Iterable[Summary], search: str) -> list[Summary]:
    """Return those in which every word occurs: in namespace, name, state, mode or problem."""
    wanted = search.lower().split()
    if not wanted:
        return list(summaries)
    return [each for each in summaries if all(word in _text_of(each) for word in wanted)]


def ordered(summaries: Iterable[Summary], sort: str) -> list[Summary]:
    """Return them in order."""
    return sorted(summaries, key=SORTS[sort])


def nearest(wanted: str, names: Sequence[str], *, n: int = 5) -> list[str]:
    """Return the names that were probably meant, the likeliest first."""
    last = wanted.rpartition("/")[2]
    same = [name for name in names if name.rpartition("/")[2] == last]
    close = get_close_matches(wanted, names, n=n, cutoff=0.5)
    return list(dict.fromkeys((*same, *close)))[:n]


def _text_of(summary: Summary) -> str:
    parts = (
        f"{summary.namespace}/{summary.name}",
        summary.evidence,
        summary.mode or "",
        summary.problem or "",
        "shortfall" if summary.shortfall else "",
    )
    return " ".join(parts).lower()
