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
# # Is prediction worth it for us?
# The same days with Prewarm, with KEDA's reactive trigger at three thresholds, with a fixed fleet,
# and with a fleet that knew the future. Set `TRACE` to a CSV file with `timestamp` and `requests`.

# %% tags=["parameters"]
TRACE, DAYS, HISTORY_DAYS, SEED, FAST = "generated", 1.0, 7.0, 7, False
THRESHOLD, COLD_START_SECONDS = 0.9, 120.0

# %%
from pathlib import Path
from tempfile import mkdtemp

# %%
from simulations.studies.pictures import draw_front, draw_run
from simulations.studies.runs import Site, compare, run, trigger_keys
from simulations.studies.traffic import study
from simulations.studies.values import trigger_block

# %%
days, history_days = (0.5, 3.0) if FAST else (DAYS, HISTORY_DAYS)
traffic = study(TRACE, days=days, history_days=history_days, seed=SEED)
folder = Path(mkdtemp())
site = Site(threshold=THRESHOLD, cold_start_seconds=COLD_START_SECONDS, forecasts=folder)

# %% [markdown]
# Shortage is demand that no ready replica carried, in requests; covered is the rest of it as a
# ratio. Attainment is the part of requests within 2 s to the first token and 0.1 s between tokens.
# Saving is against `static-peak`, regret against `clairvoyant`. `keda-reactive-0.8` has 0.8 times
# your threshold. A placeholder stands for your GPU: `prewarm calibrate` gives a measured threshold.

# %%
table = compare(traffic, site)
table.round(3)

# %% [markdown]
# Further down and further left is better. If a lower threshold alone reaches as few GPU-hours at
# as little shortage as `prewarm`, that is your answer.

# %%
draw_front(table)

# %%
draw_run(run(traffic, site))

# %%
print(trigger_block(trigger_keys(site)))

# %%
assert table.gpu_hours["clairvoyant"] < table.gpu_hours["prewarm"] < table.gpu_hours["static-peak"]
if TRACE == "generated":
    assert table.shortage["prewarm"] < 0.5 * table.shortage["keda-reactive"]
