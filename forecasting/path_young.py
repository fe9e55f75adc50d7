"""A path from a history that is too young to know its days: flat, and as wide as moves were."""

import numpy as np

from forecasting.arrays import FloatMatrix, FloatVector
from forecasting.past import Past

MIN_PAIRS = 12
N_LEADS = 16
_MAX_PAIRS = 2000


def young_bounds(past: Past, begins: FloatVector, levels: tuple[float, ...]) -> FloatMatrix:
    """Return bounds of windows that begin at `begins` (n,), (n_levels, n).

    For each of some leads: the recent level plus the quantile of how far peaks lay from the level
    that long before. Further ahead than the history can tell, bounds above the median are not
    below those of shorter leads, nor below what was seen of peaks. With next to nothing seen all
    levels are the largest of it.
    """
    last = len(past.history) - 1.0
    leads = begins - last
    seen = past.history.values[~np.isnan(past.history.values)]
    newest = past.logs(past.mean(past.newest(np.array([last])), 900.0))[0]
    newest = np.log(past.history.last_observed + past.offset) if np.isnan(newest) else newest
    grid = np.unique(np.floor(np.geomspace(1.0, leads[-1] + 1.0, N_LEADS)) - 1.0)
    known_leads, moves = [], []
    for lead in grid.tolist():
        found = _moves(past, lead)
        if found.size >= MIN_PAIRS:
            known_leads.append(lead)
            moves.append(np.quantile(found, levels))
    largest = float(seen.max())
    if not moves:
        return np.full((len(levels), begins.size), largest)
    table = np.maximum.accumulate(np.array(moves), axis=0)  # no narrower further out
    upper = np.array(levels) > 0.5  # noqa: PLR2004 - above the median
    table = np.where(upper, table, np.array(moves))
    bounds = np.stack([np.interp(leads, known_leads, column) for column in table.T])
    values = np.exp(newest + bounds) - past.offset
    beyond = leads > known_leads[-1]
    quantiles = np.quantile(seen, levels)[:, None]
    values = np.where(beyond & upper[:, None], np.maximum(values, quantiles), values)
    return np.asarray(np.minimum(values, np.maximum(largest, 1.5 * (np.exp(newest) - past.offset))))


def _moves(past: Past, lead: float) -> FloatVector:
    """Return how far log peaks `lead` steps ahead were from the log level, what is known, (m,)."""
    n = len(past.history) - int(lead) - past.n_horizon
    if n <= 0:
        return np.empty(0)
    places = np.arange(0.0, n, max(1, n // _MAX_PAIRS))
    level = past.mean(places, 900.0)
    found = past.logs(past.peak(places + lead)) - past.logs(level)
    return np.asarray(found[~np.isnan(found)])
