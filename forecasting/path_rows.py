"""What a path knows of a window ahead: the same clock time on past days, and how today differs.

A row is an origin and a window that begins some time after it. Everything is in logarithms and
relative to the usual peak at that time, so that growth does not make the past useless.
"""

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatMatrix, FloatVector
from forecasting.localtime import DAY_SECONDS
from forecasting.past import Past, mean_known
from forecasting.running import LEVEL_SECONDS

N_DAYS = 21
LOOK_BACK_SECONDS = 49 * DAY_SECONDS  # four weeks of rows, each with three weeks behind it
LEARN_SECONDS = 28 * DAY_SECONDS
FIRST_SECONDS = 2 * DAY_SECONDS  # before the first origin: a usual day needs days
FADES_SECONDS = (1800.0, 10_800.0, 43_200.0)  # how long what is seen now may tell
AROUND_SECONDS = 900.0
ORIGIN_SECONDS = 2400.0
LEADS_PER_ORIGIN = 8
_GOLDEN = 0.6180339887498949  # its multiples spread evenly whatever their number


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRows:
    """Rows of features (n, k), `usual` (n,) the logarithm they are relative to, `leads` (n,).

    `leads` are seconds from the origin to the beginning of the window.
    """

    features: FloatMatrix
    usual: FloatVector
    leads: FloatVector


def read_path_rows(past: Past, origins: FloatVector, begins: FloatVector) -> PathRows:
    """Return the rows of windows that begin at `begins` (n,), seen from `origins` (n,)."""
    there = _same_time(past, begins, origins)
    usual, spread = _usual(past, there, begins)
    here = past.newest(origins)
    leads = (begins - origins) * past.history.step_seconds
    now, of_hour = past.logs(past.mean(here, LEVEL_SECONDS)), past.logs(past.mean(here, 3600.0))
    seen_at = np.where(np.isnan(here), origins, here)  # a stale end has a clock all the same
    usual_now, _ = _usual(past, _same_time(past, seen_at - past.n_horizon, seen_at), seen_at)
    today = past.logs(past.peak(here - past.n_horizon)) - usual_now
    day = past.logs(past.mean(here, DAY_SECONDS))
    days_before = [past.logs(past.mean(here - n * past.steps(DAY_SECONDS), DAY_SECONDS))
                   for n in (1, 7)]  # fmt: skip
    newest_day = _newest(there)
    columns = [spread, newest_day - usual, there[6] - usual, day - days_before[0],
               day - days_before[1]]  # fmt: skip
    for fade_seconds in FADES_SECONDS:
        fade = np.exp2(-leads / fade_seconds)
        columns += [fade, fade * today, fade * (now - usual), fade * (now - of_hour)]
    columns += [today, _clock(past, begins)]
    return PathRows(features=np.stack(columns, axis=1), usual=usual, leads=leads)


def training_pairs(past: Past, *, until_seconds: float) -> tuple[FloatVector, FloatVector]:
    """Return origins and beginnings of windows to learn from, (n,) each, outcomes known.

    Leads are spread evenly, one half of them over all that is asked and one half over its first
    eighth, where what is known changes fastest.
    """
    step, last = past.history.step_seconds, len(past.history) - 1.0
    first = max(past.steps(FIRST_SECONDS), last - past.steps(LEARN_SECONDS))
    stride = past.steps(ORIGIN_SECONDS)
    stride += 1 - stride % 2 if stride > 1 else 0  # odd, so that it meets other minutes each hour
    origins = last - stride * np.arange(max(0.0, (last - first) // stride + 1))
    number = np.arange(origins.size * LEADS_PER_ORIGIN).reshape(origins.size, LEADS_PER_ORIGIN)
    share = number * _GOLDEN % 1.0
    share[:, 1::2] /= 8.0
    leads = np.floor(share * until_seconds / step)
    begins = (origins[:, None] + leads).ravel()
    pairs = np.repeat(origins, LEADS_PER_ORIGIN), begins
    known = ~np.isnan(past.peak(begins))
    return pairs[0][known], pairs[1][known]


def _same_time(past: Past, begins: FloatVector, origins: FloatVector) -> FloatMatrix:
    """Return log peaks at the same clock time 1 to 21 days before, (21, n), known at the origins.

    A mean over a quarter of an hour to both sides, so that one odd minute is not a day.
    """
    stride = max(1, round(AROUND_SECONDS / past.history.step_seconds))
    sides = np.array([-stride, 0, stride], dtype=np.float64)
    days = past.past_days(begins, N_DAYS)[..., None] + sides
    return mean_known(past.logs(past.known_peak(days, now=origins[:, None])), axis=-1)


def _usual(past: Past, there: FloatMatrix, begins: FloatVector) -> tuple[FloatVector, FloatVector]:
    """Return the usual log peak at that time and how far days differ, (n,) each.

    The mean over days of the same kind, working or free, newer ones counting more (half-life a
    week); over all days where none of the kind is known.
    """
    today = past.days(begins)
    ago = np.arange(1.0, N_DAYS + 1)[:, None]
    same = past.is_free(today - ago) == past.is_free(today)
    seen = ~np.isnan(there)
    has_kind = (same & seen).any(axis=0)
    use = np.where(has_kind, same, True) & seen
    count = np.where(use, np.exp2(-ago / 7.0), 0.0)
    total = count.sum(axis=0)
    filled = np.where(use, there, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (count * filled).sum(axis=0) / total
        spread = np.sqrt((count * np.where(use, there - mean, 0.0) ** 2).sum(axis=0) / total)
    return mean, spread


def _newest(there: FloatMatrix) -> FloatVector:
    """Return the entry of the newest day that is known, (n,)."""
    first = (~np.isnan(there)).argmax(axis=0)
    return np.asarray(there[first, np.arange(there.shape[1])])


def _clock(past: Past, begins: FloatVector) -> FloatVector:
    return past.is_free(past.days(begins)).astype(np.float64)
