# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Tune the trigger
# Quantile and threshold on a small grid. A lower quantile is cheaper and misses more; a lower
# threshold adds head-room everywhere.

# %% tags=["parameters"]
TRACE, DAYS, HISTORY_DAYS, SEED, FAST = "generated", 1.0, 7.0, 7, False
THRESHOLD, COLD_START_SECONDS, LEAST_COVERED = 0.9, 120.0, 0.998
QUANTILES, SHARES = (0.8, 0.9, 0.95), (0.9, 1.0, 1.1)

# %%
from itertools import product
from pathlib import Path
from tempfile import mkdtemp

# %%
from simulations.studies.pictures import draw_heat
from simulations.studies.runs import Site, cheapest, grid, trigger_keys
from simulations.studies.traffic import study
from simulations.studies.values import trigger_block

# %%
days, history_days = (0.5, 3.0) if FAST else (DAYS, HISTORY_DAYS)
traffic = study(TRACE, days=days, history_days=history_days, seed=SEED)
folder = Path(mkdtemp())
site = Site(threshold=THRESHOLD, cold_start_seconds=COLD_START_SECONDS, forecasts=folder)

# %%
pairs = list(product((0.8, 0.95) if FAST else QUANTILES, SHARES))
settings = [{"quantile": q, "threshold": round(share * THRESHOLD, 4)} for q, share in pairs]
table = grid(traffic, site, settings)
table.round(3)

# %%
draw_heat(table, rows="quantile", columns="threshold", value="gpu_hours")

# %%
draw_heat(table, rows="quantile", columns="threshold", value="shortage")

# %%
best = cheapest(table, least_covered=LEAST_COVERED)
keys = trigger_keys(site, quantile=best["quantile"], threshold=best["threshold"])
print(trigger_block(keys))

# %%
mean = table.groupby("quantile")[["gpu_hours", "shortage"]].mean()
assert mean.gpu_hours.is_monotonic_increasing
if TRACE == "generated":
    assert mean.shortage.iloc[-1] < mean.shortage.iloc[0]
