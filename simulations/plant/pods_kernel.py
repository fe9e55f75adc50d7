"""Places pods on nodes and takes them away: what a ReplicaSet and a scheduler do.

Rules
- More wanted: new pods, oldest number first. Each goes to a node with free GPUs: one that has had
  the model, else another that is there, else one that must be added. Without any it stays pending.
- Fewer wanted: pending pods go first, then those that start, then the ready ones; the newest of
  each first. A ready one serves what it has (drains) and takes nothing new.
- GPUs of a pod are free again once it is gone.
"""

from math import inf
from typing import Any

import numpy as np

from simulations.plant.compiled import compiled

FREE, PENDING, STARTING, READY, DRAINING, GONE = range(6)

# One pod. Times are seconds from the start of the run; `at` is how far it has been followed.
# `steps` counts engine steps, `held` the cached tokens of running sequences, `reserved` those that
# admitted ones may come to. `head` and `tail` are requests, -1 without any. `next_at` is when
# something happens to it next.
SLOT = np.dtype(
    [
        ("state", "i8"),
        ("pod", "i8"),
        ("node", "i8"),
        ("ready_at", "f8"),
        ("gone_by", "f8"),
        ("at", "f8"),
        ("steps", "f8"),
        ("running", "i8"),
        ("held", "f8"),
        ("reserved", "f8"),
        ("prefilling", "i8"),
        ("prefill_left", "f8"),
        ("head", "i8"),
        ("tail", "i8"),
        ("waiting", "i8"),
        ("next_at", "f8"),
    ]
)
NODE = np.dtype(
    [
        ("free_gpus", "i8"),
        ("is_present", "i8"),
        ("is_added", "i8"),
        ("is_warm", "i8"),
        ("ready_at", "f8"),
        ("empty_since", "f8"),
    ]
)
FLEET = np.dtype(
    [
        ("next_pod", "i8"),
        ("wanted", "i8"),
        ("n_slots", "i8"),  # no slot from here on is in use
        ("gpus_per_replica", "i8"),
        ("gpus_per_node", "i8"),
        ("idle_seconds", "f8"),
        ("drain_seconds", "f8"),
        ("bandwidth_exponent", "f8"),
    ]
)


@compiled
def arrange(slots: Any, nodes: Any, fleet: Any, warm: Any, cold: Any, node: Any, at: Any) -> None:
    """Bring the pods to `fleet.wanted` as far as the nodes allow, at the time `at`."""
    _release(slots, nodes, fleet, at)
    alive = 0
    for s in range(fleet["n_slots"]):
        if PENDING <= slots[s]["state"] <= READY:
            alive += 1
    while alive > fleet["wanted"]:
        _remove_one(slots, fleet, at)
        alive -= 1
    while alive < fleet["wanted"]:
        _add_one(slots, fleet, at)
        alive += 1
    _place_pending(slots, nodes, fleet, warm, cold, node, at)


@compiled
def _release(slots: Any, nodes: Any, fleet: Any, at: float) -> None:
    highest = 0
    for s in range(fleet["n_slots"]):
        slot = slots[s]
        if slot["state"] == READY:
            nodes[slot["node"]]["is_warm"] = 1
        if slot["state"] == GONE:
            place = nodes[slot["node"]]
            place["free_gpus"] += fleet["gpus_per_replica"]
            if place["free_gpus"] == fleet["gpus_per_node"]:
                place["empty_since"] = at
            slot["state"] = FREE
        if slot["state"] != FREE:
            highest = s + 1
    fleet["n_slots"] = highest
    for n in range(nodes.shape[0]):
        place = nodes[n]
        is_empty = place["is_added"] == 1 and place["free_gpus"] == fleet["gpus_per_node"]
        is_old = at - place["empty_since"] >= fleet["idle_seconds"]
        if is_empty and is_old and place["is_present"] == 1:
            place["is_present"] = 0
            place["is_warm"] = 0


@compiled
def _remove_one(slots: Any, fleet: Any, at: float) -> None:
    victim, rank = -1, -1
    for s in range(fleet["n_slots"]):
        slot = slots[s]
        state = slot["state"]
        if PENDING <= state <= READY:
            mine = (READY - state) * 4_000_000_000 + slot["pod"]
            if mine > rank:
                victim, rank = s, mine
    slot = slots[victim]
    if slot["state"] == PENDING:
        slot["state"] = FREE
        slot["next_at"] = inf
    elif slot["state"] == READY and (
        slot["running"] > 0 or slot["waiting"] > 0 or slot["prefilling"] >= 0
    ):
        slot["state"] = DRAINING
        slot["gone_by"] = at + fleet["drain_seconds"]
        slot["next_at"] = min(slot["next_at"], slot["gone_by"])
    else:
        slot["state"] = GONE
        slot["next_at"] = inf


@compiled
def _add_one(slots: Any, fleet: Any, at: float) -> None:
    s = 0
    while slots[s]["state"] != FREE:
        s += 1
    slot = slots[s]
    slot["state"] = PENDING
    slot["pod"] = fleet["next_pod"]
    slot["at"] = at
    slot["next_at"] = inf
    slot["gone_by"] = inf
    slot["steps"] = 0.0
    slot["running"] = 0
    slot["held"] = 0.0
    slot["reserved"] = 0.0
    slot["prefilling"] = -1
    slot["head"] = -1
    slot["tail"] = -1
    slot["waiting"] = 0
    fleet["next_pod"] += 1
    fleet["n_slots"] = max(fleet["n_slots"], s + 1)


@compiled
def _place_pending(
    slots: Any, nodes: Any, fleet: Any, warm: Any, cold: Any, node: Any, at: float
) -> None:
    while True:
        oldest, starting = -1, 0
        for s in range(fleet["n_slots"]):
            if slots[s]["state"] == STARTING:
                starting += 1
            is_older = oldest < 0 or slots[s]["pod"] < slots[oldest]["pod"]
            if slots[s]["state"] == PENDING and is_older:
                oldest = s
        if oldest < 0:
            return
        n = _node_for_one(nodes, fleet)
        if n < 0:
            return
        slot, place = slots[oldest], nodes[n]
        pod = slot["pod"]
        if place["is_present"] == 0:
            place["is_present"] = 1
            place["ready_at"] = at + node[pod]
        place["free_gpus"] -= fleet["gpus_per_replica"]
        seconds = warm[pod] if place["is_warm"] == 1 else cold[pod]
        seconds *= (starting + 1.0) ** fleet["bandwidth_exponent"]
        slot["state"] = STARTING
        slot["node"] = n
        slot["at"] = at
        slot["ready_at"] = max(at, place["ready_at"]) + seconds
        slot["next_at"] = slot["ready_at"]


@compiled
def _node_for_one(nodes: Any, fleet: Any) -> int:
    """Return a node with room, -1 without one: warm before cold, cold before a new one."""
    best, best_rank = -1, -1
    for n in range(nodes.shape[0]):
        place = nodes[n]
        if place["free_gpus"] < fleet["gpus_per_replica"]:
            continue
        rank = 0
        if place["is_present"] == 1:
            rank = 2 if place["is_warm"] == 1 else 1
        if rank > best_rank:
            best, best_rank = n, rank
    return best
