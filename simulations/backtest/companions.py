"""The leading queries of an input: read beside its demand, and named where they can't be."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.series import Series
from scaler.errors import HistoryUnavailable
from scaler.plan import parse_leading
from simulations.backtest.errors import BadInput

Named = tuple[tuple[str, str], ...]
"""Names and queries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A leading query without history; the forecast does without it."""

    name: str
    why: str


def leading_of(flag: str, texts: Sequence[str]) -> Named:
    """Return names and queries, each given as `name: query` or as a query. Raises `BadInput`."""
    if not texts:
        return ()
    try:
        return parse_leading("\n".join(" ".join(text.split()) for text in texts))
    except ValueError as exc:
        raise BadInput(f"{flag}: {exc}") from exc


async def read_companions(
    leading: Named, read: Callable[[str], Awaitable[Series]]
) -> tuple[dict[str, Series], tuple[Missing, ...]]:
    """Return the histories of the queries by name, and those that have none."""
    found: dict[str, Series] = {}
    missing: list[Missing] = []
    for name, query in leading:
        try:
            series = await read(query)
        except HistoryUnavailable as exc:
            missing.append(Missing(name=name, why=str(exc)))
            continue
        if np.isnan(series.values).all():
            missing.append(Missing(name=name, why="nothing was observed"))
        else:
            found[name] = series
    return found, tuple(missing)


def beside(series: Series, found: Mapping[str, Series]) -> tuple[Series, tuple[Missing, ...]]:
    """Return the series with its companions, less those that hold nothing of its span."""
    led = series.led_by(found) if found else series
    empty = {name for name, values in led.leading if np.isnan(values).all()}
    kept = tuple(pair for pair in led.leading if pair[0] not in empty)
    missing = tuple(
        Missing(name=name, why="nothing was observed in the span of the demand")
        for name in sorted(empty)
    )
    return replace(led, leading=kept), missing


def missing_sentence(missing: Missing) -> str:
    """Say that the forecast does without it, and why."""
    return f"The leading query {missing.name} is left out: {missing.why}."
