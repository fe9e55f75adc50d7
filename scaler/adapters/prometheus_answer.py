"""What Prometheus answered, as numbers on a grid. Pure; `result` is untrusted JSON throughout."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from forecasting.arrays import FloatVector
from scaler.destinations import MAX_SHOWN_CHARACTERS
from scaler.errors import HistoryUnavailable

MAX_MESSAGE_CHARACTERS = 300
# A difference of two sums may come out a rounding error below zero.
ROUNDING_ERROR = 1e-9
BAD_QUERY_STATUSES = frozenset({400, 422})
REFUSED_STATUSES = frozenset({401, 403})
NO_NUMBERS = {"matrix": "a range of samples: use rate() over it", "string": "a text"}
HTTP_OK = 200
HTTP_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Points:
    """One series' points on the grid that was asked for."""

    values: FloatVector  # (n_points,)
    labels: str | None  # of the series; None when there was none
    rejected: Mapping[str, int]  # samples that are no demand, by reason


def points_of(result: Any, *, start_at: float, step_seconds: float, n_points: int) -> Points:
    """Return the answer to a range query.

    Raises HistoryUnavailable("several-series") or ("bad-answer").
    """
    series = _only_series(result)
    values = np.full(n_points, np.nan)
    rejected: Counter[str] = Counter()
    if series is None:
        return Points(values, None, rejected)
    try:  # a month is 40,000 samples, of a thousand targets at once after a start: no Python loop
        samples = series["values"]
        times = np.fromiter(map(itemgetter(0), samples), np.float64)
        demands = np.fromiter(map(float, map(itemgetter(1), samples)), np.float64)
    except (KeyError, IndexError, TypeError, ValueError):
        raise _bad("a series without samples that are numbers") from None
    places = (times - start_at) / step_seconds
    with np.errstate(invalid="ignore"):  # an infinite time is on no grid either
        nearest = np.round(places)
        is_on_grid = np.abs(places - nearest) < 1e-3  # noqa: PLR2004 - of a step; false for NaN
    if not is_on_grid.all():
        raise _bad("samples between the points that were asked for")
    is_asked = (nearest >= 0) & (nearest < n_points)
    # A point that comes twice counts once, its last.
    values[nearest[is_asked].astype(np.intp)] = _demands(demands[is_asked], rejected)
    return Points(values, labels_text(series), rejected)


def instant_of(result: Any, result_type: object) -> Points:
    """Return the answer to an instant query, as one point."""
    rejected: Counter[str] = Counter()
    if result_type in NO_NUMBERS:
        raise HistoryUnavailable("query", f"the query gives {NO_NUMBERS[str(result_type)]}")
    series: Any = {"value": result} if result_type == "scalar" else _only_series(result)
    if series is None:
        return Points(np.array([np.nan]), None, rejected)
    try:
        _, text = series["value"]
        demand = np.array([float(text)])
    except (KeyError, TypeError, ValueError):
        raise _bad("a sample that is no number") from None
    return Points(_demands(demand, rejected), labels_text(series), rejected)


def failure_of_status(status: int, envelope: Mapping[str, Any]) -> HistoryUnavailable | None:
    """Return what an HTTP status means, None when it is a success."""
    words = message_text(envelope.get("error"))
    if status == HTTP_OK:
        if envelope.get("status") == "success":
            return None
        return _bad(f"no success: {words}" if words else "something that isn't Prometheus")
    if envelope.get("errorType") in {"timeout", "canceled"}:
        return HistoryUnavailable("timeout", f"the server gave the query up: {words}")
    if status in BAD_QUERY_STATUSES:
        return HistoryUnavailable("query", f"the server refuses the query: {words}")
    hint = ""
    if status in REFUSED_STATUSES:
        hint = ": check the credentials that are configured for this destination"
    elif status == HTTP_NOT_FOUND:
        hint = ": no Prometheus API below this address"
    return HistoryUnavailable("http-status", f"HTTP {status}{hint or (words and f': {words}')}")


def samples_read(envelope: Mapping[str, Any]) -> float:
    """Return how many samples the query touched, NaN when the server doesn't say."""
    node: Any = envelope
    for key in ("data", "stats", "samples", "totalQueryableSamples"):
        node = node.get(key) if isinstance(node, dict) else None
    is_count = isinstance(node, int | float) and not isinstance(node, bool)
    return float(node) if is_count else math.nan


def several_series(labels: Iterable[str], n_series: int | None = None) -> HistoryUnavailable:
    """Return the failure of a query that gives more than one series."""
    how_many = "several series" if n_series is None else f"{n_series} series"
    examples = " and ".join(labels)
    message = f"the query gives {how_many}, such as {examples}; aggregate them with sum(...)"
    return HistoryUnavailable("several-series", message)


def labels_text(series: Mapping[str, Any]) -> str:
    """Return a series' labels as PromQL writes them, bounded in length."""
    metric = series.get("metric")
    labels = metric.items() if isinstance(metric, dict) else ()
    text = ", ".join(f'{name}="{value}"' for name, value in sorted(labels, key=str))
    return f"{{{_bounded(text, MAX_SHOWN_CHARACTERS // 2)}}}"


def message_text(words: object) -> str:
    """Return words of the server as they may appear in a message."""
    return _bounded(words, MAX_MESSAGE_CHARACTERS) if isinstance(words, str) else ""


def _only_series(result: Any) -> Any:
    """Return the one series of a result, None when it is empty."""
    if not isinstance(result, list) or not all(isinstance(each, dict) for each in result):
        raise _bad("no list of series")
    if len(result) > 1:
        raise several_series((labels_text(each) for each in result[:2]), len(result))
    if result and ("histogram" in result[0] or "histograms" in result[0]):
        message = "the query gives a native histogram: use histogram_count() or another function"
        raise HistoryUnavailable("query", message)
    return result[0] if result else None


def _demands(values: FloatVector, rejected: Counter[str]) -> FloatVector:
    """Return samples as demand; NaN, counted, where they can't be one."""
    is_negative = values < -ROUNDING_ERROR
    is_finite = np.isfinite(values)
    rejected += Counter({"not-finite": int((~is_finite).sum())})
    rejected += Counter({"negative": int((is_negative & is_finite).sum())})
    return np.where(is_finite & ~is_negative, np.maximum(values, 0.0), np.nan)


def _bad(what: str) -> HistoryUnavailable:
    return HistoryUnavailable("bad-answer", f"the server answered {what}")


def _bounded(text: str, n_characters: int) -> str:
    printable = "".join(c if c.isprintable() else " " for c in text[: n_characters + 1])
    return printable if len(printable) <= n_characters else f"{printable[: n_characters - 3]}..."
