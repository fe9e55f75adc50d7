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
# # What a faster loader buys
# The same days with a cold start of 300 and of 60 seconds, with Prewarm and with reactive KEDA.

# %% tags=["parameters"]
TRACE, DAYS, HISTORY_DAYS, SEED, FAST = "generated", 1.0, 7.0, 7, False
THRESHOLD, SLOW_SECONDS, QUICK_SECONDS = 0.9, 300.0, 60.0

# %%
from simulations.studies.pictures import draw_front
from simulations.studies.runs import Site, compare, trigger_keys
from simulations.studies.traffic import study
from simulations.studies.values import trigger_block

# %%
days, history_days = (0.375, 2.0) if FAST else (DAYS, HISTORY_DAYS)
traffic = study(TRACE, days=days, history_days=history_days, seed=SEED)

# %%
slow = compare(traffic, Site(threshold=THRESHOLD, cold_start_seconds=SLOW_SECONDS))
slow.round(3)

# %%
quick = compare(traffic, Site(threshold=THRESHOLD, cold_start_seconds=QUICK_SECONDS))
quick.round(3)

# %%
draw_front(slow)

# %%
draw_front(quick)

# %% [markdown]
# GPU-hours that the faster start saves Prewarm, and the part of reactive KEDA's shortage that goes.

# %%
saved = slow.gpu_hours["prewarm"] - quick.gpu_hours["prewarm"]
mended = 1 - quick.shortage["keda-reactive"] / slow.shortage["keda-reactive"]
print(f"{saved:.1f} GPU-hours saved; {mended:.0%} of reactive shortage gone")

# %%
site = Site(threshold=THRESHOLD, cold_start_seconds=QUICK_SECONDS)
print(trigger_block(trigger_keys(site)))

# %%
assert mended > 0
assert quick.gpu_hours["clairvoyant"] <= slow.gpu_hours["clairvoyant"]
assert saved > 0
