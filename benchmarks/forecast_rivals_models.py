"""Path rivals that stand on other people's libraries; all see means of 15 minutes."""

import logging

import numpy as np
import pandas as pd
from forecast_protocol import LEVELS
from forecast_rivals_paths import QUARTER_SECONDS

from forecasting.arrays import FloatMatrix, FloatVector

N_DAYS = 28
DAY_QUARTERS = 96
N_SAMPLES = 1000  # Prophet's own number
SEED = 7


def prophet(means: FloatVector, n_steps: int, end_at: float) -> FloatMatrix:
    """Prophet with daily and weekly season; own bounds are quantiles of its sampled paths."""
    from prophet import Prophet  # noqa: PLC0415 - of the benchmark extra

    quiet()
    step = pd.Timedelta(seconds=QUARTER_SECONDS)
    end = pd.Timestamp(end_at, unit="s")
    seen = pd.date_range(end=end - step, periods=means.size, freq=step)
    model = Prophet(
        daily_seasonality=True, weekly_seasonality=True, yearly_seasonality=False,
        uncertainty_samples=N_SAMPLES,
    )  # fmt: skip
    np.random.seed(SEED)  # noqa: NPY002 - it takes no generator
    model.fit(pd.DataFrame({"ds": seen, "y": means}), seed=SEED)
    future = pd.DataFrame({"ds": pd.date_range(start=end, periods=n_steps, freq=step)})
    mean = model.predict(future)["yhat"].to_numpy()
    samples = model.predictive_samples(future)["yhat"]
    return np.vstack([mean, np.quantile(samples, LEVELS, axis=1)])


def quiet() -> None:
    """Keep the optimiser's lines on every fit out of the output."""
    for name in ("cmdstanpy", "prophet"):
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.setLevel(logging.ERROR)
        logger.propagate = False


def mstl(means: FloatVector, n_steps: int, _end_at: float) -> FloatMatrix:
    """Statsforecast's MSTL with an AutoETS trend; a week's season from two weeks on."""
    from statsforecast.models import MSTL, AutoETS  # noqa: PLC0415 - of the benchmark extra

    week = 7 * DAY_QUARTERS
    seasons = [DAY_QUARTERS, week] if means.size >= 2 * week else DAY_QUARTERS
    model = MSTL(season_length=seasons, trend_forecaster=AutoETS(model="ZZN"))
    shares = [round(100 * (2 * level - 1)) for level in LEVELS]
    said = model.forecast(y=means, h=n_steps, level=shares)
    return np.vstack([said["mean"], *(said[f"hi-{share}"] for share in shares)])
