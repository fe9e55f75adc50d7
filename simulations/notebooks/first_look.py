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
# # A first look at your traffic
# Does it have a day and a week? How much does it rise while a replica starts? Set `TRACE` to a CSV
# file with `timestamp` and `requests`; `generated` is made-up traffic.

# %% tags=["parameters"]
TRACE, DAYS, HISTORY_DAYS, SEED, FAST = "generated", 2.0, 14.0, 7, False
THRESHOLD, COLD_START_SECONDS = 0.9, 120.0

# %%
from simulations.studies.pictures import draw_demand, draw_hours
from simulations.studies.runs import Site, trigger_keys
from simulations.studies.traffic import by_hour, study
from simulations.studies.values import trigger_block

# %%
traffic = study(TRACE, days=DAYS, history_days=7.0 if FAST else HISTORY_DAYS, seed=SEED)
draw_demand(traffic)

# %%
draw_hours(traffic)

# %% [markdown]
# Replicas for the highest minute, and the busiest hour over the quietest. Near 1 there is no day
# to foresee, and a fixed fleet does as well.

# %%
peak_replicas = traffic.peak_per_second / THRESHOLD
hours = by_hour(traffic)
swing = hours.max(axis=None) / hours.min(axis=None)
print(f"{peak_replicas:.1f} replicas at the peak; busiest hour / quietest: {swing:.1f}")

# %% [markdown]
# What to paste to begin with, as a dry run: `mode: observe` answers as a reactive trigger does.

# %%
site = Site(threshold=THRESHOLD, cold_start_seconds=COLD_START_SECONDS)
print(trigger_block(trigger_keys(site, mode="observe")))

# %%
assert traffic.demand.values.size > 0
assert peak_replicas > 0
assert swing >= 1
