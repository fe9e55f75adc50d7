"""Moves averages: so many requests in the fleet, so many that leave in a second.

With N requests on n ready replicas, each runs b = min(N / n, most) of them and each of these stays
for `residence(b)`, so n b / residence(b) leave a second. What exceeds n times the most waits.
"""

from math import exp, inf
from typing import Any

import numpy as np

from simulations.plant.compiled import compiled
from simulations.plant.pods_kernel import DRAINING, GONE, PENDING, READY, STARTING

STEP_SECONDS = 1.0
FLOW = np.dtype(
    [
        ("inside", "f8"),  # requests running and waiting
        ("lost", "f8"),
        ("busy", "f8"),
        ("idle", "f8"),
        ("starting", "f8"),
        ("step", "f8"),
        ("step_per_sequence", "f8"),
        ("step_per_token", "f8"),
        ("prefill", "f8"),  # of the mean prompt
        ("prompt", "f8"),
        ("completion", "f8"),
        ("most", "f8"),
        ("tokens", "f8"),
        ("window", "f8"),
        ("is_even", "f8"),  # whether the router keeps replicas equally loaded
    ]
)


@compiled
def _residence(flow: Any, n: float) -> float:
    held = n * (flow["prompt"] + 0.5 * flow["completion"])
    step = flow["step"] + flow["step_per_sequence"] * n + flow["step_per_token"] * held
    return (flow["completion"] - 1.0) * step + n * flow["prefill"]  # type: ignore[no-any-return]


@compiled
def _follow_pods(slots: Any, n_slots: int, flow: Any, begin: float, end: float) -> int:
    """Let pods become ready or go until `end`, bill them, and return how many serve."""
    ready = 0
    for s in range(n_slots):
        if slots[s]["state"] == STARTING and slots[s]["ready_at"] <= begin:
            slots[s]["state"] = READY
        if slots[s]["state"] == READY:
            ready += 1
    each = flow["inside"] / ready if ready > 0 else 0.0
    running = min(each, flow["most"])
    # Who is sent anywhere finds a Poisson number there; evenly spread, one each comes first.
    busy = min(running, 1.0) if flow["is_even"] > 0.0 else 1.0 - exp(-running)
    for s in range(n_slots):
        slot = slots[s]
        if slot["state"] == STARTING:
            until = min(end, slot["ready_at"])
            flow["starting"] += until - slot["at"]
            slot["at"] = until
        elif slot["state"] == READY:
            flow["busy"] += (end - slot["at"]) * busy
            flow["idle"] += (end - slot["at"]) * (1.0 - busy)
            slot["at"] = end
            slot["running"] = 1 if running > 0.0 else 0  # it drains, and doesn't vanish
            slot["held"] = running
        elif slot["state"] == DRAINING:
            if slot["steps"] == 0.0:  # what it runs leaves with it
                slot["steps"] = 1.0
                flow["inside"] -= min(slot["held"], flow["inside"])
                slot["gone_by"] = min(slot["gone_by"], slot["at"] + _residence(flow, slot["held"]))
            until = min(end, max(slot["gone_by"], slot["at"]))
            flow["busy"] += until - slot["at"]
            slot["at"] = until
            if slot["gone_by"] <= end:
                slot["state"] = GONE
                slot["next_at"] = inf
    return ready


@compiled
def _serve(flow: Any, ready: int, arrived: float, seconds: float) -> float:
    """Move the averages by `seconds`; return how many wait then."""
    running = flow["inside"] / ready if ready > 0 else 0.0
    if ready == 0:
        flow["inside"] += arrived
    elif running >= flow["most"]:  # full: so many leave, however many wait
        leaving = ready * flow["most"] / _residence(flow, flow["most"]) * seconds
        flow["inside"] = max(flow["inside"] + arrived - leaving, 0.0)
    else:  # towards rate x residence; exact at constant residence, and for steps longer than it
        residence = max(_residence(flow, max(running, 1.0)), 1e-9)
        steady = arrived / seconds * residence
        flow["inside"] = steady + (flow["inside"] - steady) * exp(-seconds / residence)
    return max(flow["inside"] - ready * flow["most"], 0.0)  # type: ignore[no-any-return]


@compiled
def _come_by(come: Any, at: float) -> float:
    """Return how many have come by a time, in a straight line within a step."""
    last = come.shape[0] - 1
    place = max(at / STEP_SECONDS, 0.0)
    step = int(place + 1e-9)
    if step >= last:
        return come[last]  # type: ignore[no-any-return]
    part = max(place - step, 0.0)
    return come[step] + (come[step + 1] - come[step]) * part  # type: ignore[no-any-return]


@compiled
def advance(
    slots: Any, n_slots: Any, flow: Any, come: Any, waiting: Any, loads: Any, seen: Any,
    begin: Any, until: Any,
) -> None:  # fmt: skip
    """Serve until `until`, in pieces that end at whole steps.

    `come`: how many have come by the end of each step, with a 0 before them. `waiting` and `loads`
    (sequences on a replica): those at the end of a step.
    """
    at, ready, queue = begin, 0, seen[1]
    while at < until:
        step = int(at / STEP_SECONDS + 1e-9)
        end = min((step + 1) * STEP_SECONDS, until)
        ready = _follow_pods(slots, n_slots, flow, at, end)
        arrived = _come_by(come, end) - _come_by(come, at)
        queue = _serve(flow, ready, arrived, end - at)
        if step < waiting.shape[0]:
            waiting[step] = queue
            loads[step] = (flow["inside"] - queue) / ready if ready > 0 else 0.0
        at = end
    ready = _follow_pods(slots, n_slots, flow, until, until)
    starting, unplaced = 0, 0
    for s in range(n_slots):
        state = slots[s]["state"]
        if state == STARTING:
            starting += 1
        if state in (PENDING, GONE):
            unplaced += 1
    running = min(flow["inside"], ready * flow["most"])
    held = running * (flow["prompt"] + 0.5 * flow["completion"])
    seen[0] = running
    seen[1] = max(flow["inside"] - running, 0.0)
    seen[2] = held / (ready * flow["tokens"]) if ready > 0 else 0.0
    seen[3] = ready
    seen[4] = starting
    seen[5] = unplaced
    seen[6] = flow["busy"]
    seen[7] = flow["idle"]
    seen[8] = flow["starting"]
    seen[9] = _come_by(come, until) - _come_by(come, until - flow["window"])
