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
# # Choose the floor
# `warmFloor` replicas stand whatever the demand. What does each one more buy, and what does it cost?

# %% tags=["parameters"]
TRACE, DAYS, HISTORY_DAYS, SEED, FAST = "generated", 1.0, 7.0, 7, False
THRESHOLD, COLD_START_SECONDS, FLOORS, LEAST_COVERED = 0.9, 120.0, (1, 4, 6, 8, 10), 0.998

# %%
from pathlib import Path
from tempfile import mkdtemp

# %%
from simulations.studies.pictures import draw_front
from simulations.studies.runs import Site, cheapest, grid, trigger_keys
from simulations.studies.traffic import study
from simulations.studies.values import trigger_block

# %%
days, history_days = (0.5, 3.0) if FAST else (DAYS, HISTORY_DAYS)
traffic = study(TRACE, days=days, history_days=history_days, seed=SEED)
folder = Path(mkdtemp())
site = Site(threshold=THRESHOLD, cold_start_seconds=COLD_START_SECONDS, forecasts=folder)

# %% [markdown]
# The forecast is the same for all floors: it is made once and kept.

# %%
table = grid(traffic, site, [{"warmFloor": floor} for floor in FLOORS])
table.round(3)

# %%
draw_front(table.set_index("warmFloor"))

# %%
best = cheapest(table, least_covered=LEAST_COVERED)
print(trigger_block(trigger_keys(site, warmFloor=int(best["warmFloor"]))))

# %%
assert list(table.gpu_hours) == sorted(table.gpu_hours)
assert table.shortage.iloc[-1] <= table.shortage.iloc[0]
assert best["covered"] >= LEAST_COVERED
