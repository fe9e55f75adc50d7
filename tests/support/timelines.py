"""Golden decision timelines: text tables of what was given, what is wanted, and why.

A file says in a comment what it shows, then the trigger's metadata (`key: value`, after `== NAME`
one more trigger), then a table. Left of the bar stands what is given, one row a tick, written by
hand; right of it what the rules make of it. `-` is nothing. A line `! restart` in the table hands
the state through JSON, as a state file would; `! restart without state` loses it.

    PYTHONPATH=tests/support:. .venv/bin/python -m timelines    # or: make golden

writes the right-hand side of every file anew. Review the difference before you commit it.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from forecasting.forecast import Forecast
from scaler.fleet import Fleet, LeadTime, StartClass
from scaler.metadata import Trigger, parse
from scaler.params import KEEP_LEVEL
from scaler.policy import decide
from scaler.policy_state import as_plain, from_plain
from scaler.schedule import floors_of
from scaler.types import Decision, Evidence, PolicyState, Seen

FOLDER = Path(__file__).parents[1] / "scaler" / "timelines"
ANSWERS = ("want", "awake", "why", "short")
DAY = "2026-11-24"
NONE = "-"


@dataclass(slots=True)
class Target:
    """One trigger and what its policy remembers."""

    trigger: Trigger
    state: PolicyState = field(default_factory=PolicyState)

    def restart(self, *, has_state: bool) -> None:
        """Go on as a process that has just started."""
        plain = json.loads(json.dumps(as_plain(self.state)))
        self.state = from_plain(plain) if has_state else PolicyState()

    def decide(self, given: Mapping[str, str]) -> Decision:
        """Return the decision on one row."""
        params = self.trigger.params
        at = datetime.fromisoformat(given["at"] if "T" in given["at"] else f"{DAY}T{given['at']}")
        as_of = (at if at.tzinfo else at.replace(tzinfo=params.zone)).timestamp()
        lead = _number(given, "lead")
        lead_seconds = params.lead_time_seconds if lead is None else lead
        keep_seconds = lead_seconds + params.keep_seconds(lead_seconds)
        demand = given["demand"]
        evidence = {"stale": Evidence.STALE, NONE: Evidence.UNKNOWN}.get(demand, Evidence.FRESH)
        seen = Seen(
            as_of=as_of,
            evidence=evidence,
            observed_demand=float(demand) if evidence is Evidence.FRESH else float("nan"),
            observed_at=as_of,
            forecast=_forecast(given, "forecast", as_of, lead_seconds, params.quantile),
            forecast_ahead=_forecast(given, "ahead", as_of, keep_seconds, KEEP_LEVEL),
            floors=floors_of(self.trigger.schedules, as_of, as_of + lead_seconds),
            fleet=_fleet(given, as_of),
            lead_time=None if lead is None else _lead_time(lead),
            lead_seconds=lead_seconds,
            is_fit_pending=given.get("fit", NONE) == "pending",
        )
        self.state, decision = decide(self.state, seen, params)
        return decision


def _number(given: Mapping[str, str], name: str) -> float | None:
    text = given.get(name, NONE)
    return None if text == NONE else float(text)


def _forecast(
    given: Mapping[str, str], name: str, as_of: float, horizon_seconds: float, level: float
) -> Forecast | None:
    value = _number(given, name)
    if value is None:
        return None
    return Forecast(
        issued_at=as_of, horizon_seconds=horizon_seconds, level=level, value=value, method="given"
    )


def _fleet(given: Mapping[str, str], as_of: float) -> Fleet | None:
    if "ready" not in given or given["ready"] == NONE:
        return None
    ready, starting = int(given["ready"]), int(_number(given, "starting") or 0)
    waiting = int(_number(given, "waiting") or 0)
    wanted = int(_number(given, "current") or ready + starting + waiting)
    return Fleet(at=as_of, wanted=wanted, ready=ready, starting=starting, unschedulable=waiting)


def _lead_time(seconds: float) -> LeadTime:
    return LeadTime(
        seconds=seconds,
        start_seconds=seconds - 30.0,
        scaling_seconds=30.0,
        quantile=0.9,
        n_starts=30,
        n_censored=0,
        is_measured=True,
        start_class=StartClass.FRESH_NODE,
    )


def played(text: str) -> str:
    """Return the file with its right-hand side written anew."""
    head, table = _parts(text)
    targets = {name: Target(parse(metadata)) for name, metadata in _triggers(head)}
    names = table[0].partition("|")[0].split()
    rows: list[list[str] | str] = [[*names, *ANSWERS]]
    for line in table[1:]:
        if line.startswith("!"):
            for target in targets.values():
                target.restart(has_state="without" not in line)
        if line.startswith(("!", "#")):
            rows.append(line)
            continue
        values = line.partition("|")[0].split()
        given = dict(zip(names, values, strict=True))
        decision = targets[given.get("target", "")].decide(given)
        rows.append([*values, *_shown(decision)])
    return "\n".join([*head, "", *_aligned(rows, len(names))]) + "\n"


def _parts(text: str) -> tuple[list[str], list[str]]:
    lines = [line.rstrip() for line in text.splitlines()]
    place = max(number for number, line in enumerate(lines) if not line)
    return lines[:place], lines[place + 1 :]


def _triggers(head: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    name, metadata = "", {"query": "q"}
    for line in head:
        if line.startswith("=="):
            if name:
                yield name, metadata
            name, metadata = line.removeprefix("==").strip(), {"query": "q"}
        elif line and not line.startswith("#"):
            key, _, value = line.partition(":")
            metadata[key.strip()] = value.strip()
    yield name, metadata


def _shown(decision: Decision) -> list[str]:
    moved = ", ".join(f"{step.rule} {step.before}->{step.after}" for step in decision.moved)
    short, as_of = decision.shortfall, decision.seen.as_of
    gap = NONE
    if short is not None:
        first, last = (round(at - as_of) for at in (short.earliest_at, short.latest_at))
        gap = f"{short.replicas} {short.limit}, {'now' if last == 0 else f'in {first}..{last} s'}"
    return [str(decision.replicas), "yes" if decision.is_active else "no", moved or NONE, gap]


def _aligned(rows: list[list[str] | str], n_given: int) -> Iterator[str]:
    cells = [row for row in rows if isinstance(row, list)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in rows:
        if isinstance(row, str):
            yield row
            continue
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield f"{'  '.join(padded[:n_given])}  |  {'  '.join(padded[n_given:])}".rstrip()


def files() -> list[Path]:
    """Return the timelines, in order."""
    return sorted(FOLDER.glob("*.txt"))


def main() -> int:
    """Write all of them anew."""
    for path in files():
        before = path.read_text(encoding="utf-8")
        after = played(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            sys.stdout.write(f"{path.name}: changed; review the difference\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
