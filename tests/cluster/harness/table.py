"""The figures of a story as a table for people, made from its JSON document."""

from collections.abc import Mapping
from typing import Any

from .contest import PREWARM, REACTIVE

HEAD = """\
| | KEDA's `prometheus` trigger | Prewarm |
|---|---|---|
"""


def table(document: Mapping[str, Any]) -> str:
    """Markdown that docs/cluster.md holds; a test compares the two."""
    sides = document["sides"]
    ours, theirs = sides[PREWARM], sides[REACTIVE]
    needed = document["window"]["replica_seconds_needed"]
    rows = [
        ("time short", *(f"{side['short_seconds']} s" for side in (theirs, ours))),
        (
            "shortage, demand-seconds",
            *(f"{side['shortage_demand_seconds']:,.0f}" for side in (theirs, ours)),
        ),
        (
            f"replica-seconds held ({needed:,} needed)",
            *(f"{side['replica_seconds']:,}" for side in (theirs, ours)),
        ),
        ("fewest ready", *(str(side["lowest_ready"]) for side in (theirs, ours))),
        *(
            (f"replica {a['replicas']}, needed at {a['needed_at']}", _when(a), _when(b))
            for a, b in zip(theirs["crossings"], ours["crossings"], strict=True)
        ),
    ]
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _when(crossing: Mapping[str, Any]) -> str:
    late = crossing["late_seconds"]
    if late is None:
        return "not in this time"
    return f"{late} s late" if late > 0 else f"{-late} s early"
