"""Serves request by request in token-step virtual time.

Every running sequence gets one token an engine step, so what a replica has left is told by how many
steps each sequence still needs: a heap of leaving steps, and no event for a single token. Between
two events a step takes a + C n v seconds after v steps, for each token that is made stays in the
cache; the steps of a time follow from its square. This is exact, O(log n) a request.

One file, because the cache of compiled functions looks no further (see `compiled`).
"""

from math import inf, sqrt
from typing import Any

import numpy as np

from simulations.plant.compiled import compiled
from simulations.plant.pods_kernel import DRAINING, GONE, PENDING, READY, SLOT, STARTING

LEAST_LOADED, ROUND_ROBIN, RANDOM, CENTRAL = range(4)
OPEN, DONE, LOST = range(3)

MODEL = np.dtype(
    [
        ("step", "f8"),
        ("step_per_sequence", "f8"),
        ("step_per_token", "f8"),
        ("prefill", "f8"),
        ("prefill_per_token", "f8"),
        ("share", "f8"),
        ("most", "i8"),
        ("tokens", "f8"),
        ("patience", "f8"),
        ("routing", "i8"),
        ("window", "f8"),
    ]
)
# What has happened so far: pod seconds, and requests.
METER = np.dtype(
    [
        ("busy", "f8"),
        ("idle", "f8"),
        ("starting", "f8"),
        ("exposed", "i8"),  # requests that came while others waited and a pod was starting
        ("next", "i8"),
        ("oldest", "i8"),  # the first request of the scrape window
        ("turn", "i8"),
        ("done", "i8"),
        ("lost", "i8"),
    ]
)
REQUEST = np.dtype(
    [
        ("arrives_at", "f8"),
        ("prompt", "f8"),
        ("completion", "f8"),
        ("begins_at", "f8"),
        ("first_at", "f8"),
        ("ends_at", "f8"),
        ("follower", "i8"),
        ("fate", "i8"),
    ]
)
GATE = SLOT  # the gateway's queue has the fields of a pod's


@compiled
def _run(slot: Any, model: Any, meter: Any, until: float) -> None:
    """Follow a pod to `until`; nothing happens in between."""
    seconds = until - slot["at"]
    if seconds <= 0.0:
        return
    slot["at"] = until
    if slot["state"] == STARTING:
        meter["starting"] += seconds
        return
    if slot["prefilling"] < 0 and slot["running"] == 0:
        meter["idle"] += seconds
        return
    meter["busy"] += seconds
    if slot["prefilling"] >= 0:
        if slot["running"] == 0:
            slot["prefill_left"] -= seconds
            return
        slot["prefill_left"] -= seconds * model["share"]
        seconds *= 1.0 - model["share"]
        if seconds <= 0.0:
            return
    n = slot["running"]
    growth = model["step_per_token"] * n
    first = model["step"] + model["step_per_sequence"] * n + model["step_per_token"] * slot["held"]
    steps = 2.0 * seconds / (first + sqrt(first * first + 2.0 * growth * seconds))
    slot["steps"] += steps
    slot["held"] += n * steps


@compiled
def _prefill_ends(slot: Any, model: Any) -> float:
    if slot["prefilling"] < 0:
        return inf
    if slot["running"] == 0:
        return slot["at"] + slot["prefill_left"]  # type: ignore[no-any-return]
    return slot["at"] + slot["prefill_left"] / model["share"]  # type: ignore[no-any-return]


@compiled
def _next_leaves(slot: Any, model: Any, keys: Any) -> float:
    n = slot["running"]
    if n == 0:
        return inf
    steps = max(keys[0] - slot["steps"], 0.0)
    first = model["step"] + model["step_per_sequence"] * n + model["step_per_token"] * slot["held"]
    seconds = steps * (first + 0.5 * model["step_per_token"] * n * steps)
    if slot["prefilling"] >= 0:
        if model["share"] >= 1.0:
            return inf
        seconds /= 1.0 - model["share"]
    return slot["at"] + seconds  # type: ignore[no-any-return]


@compiled
def _foresee(slot: Any, model: Any, keys: Any) -> None:
    """Set when the next thing happens to a pod that serves."""
    found = min(_prefill_ends(slot, model), _next_leaves(slot, model, keys))
    if slot["state"] == DRAINING:
        if found == inf:
            found = slot["at"]  # it is empty: gone
        found = min(found, slot["gone_by"])
    slot["next_at"] = found


@compiled
def _push(keys: Any, ids: Any, n: int, key: float, request: int) -> None:
    place = n
    while place > 0:
        parent = (place - 1) // 2
        if keys[parent] <= key:
            break
        keys[place] = keys[parent]
        ids[place] = ids[parent]
        place = parent
    keys[place] = key
    ids[place] = request


@compiled
def _pop(keys: Any, ids: Any, n: int) -> int:
    """Take the first of n; what is left are n - 1."""
    request = ids[0]
    key, last = keys[n - 1], ids[n - 1]
    place, n = 0, n - 1
    while True:
        child = 2 * place + 1
        if child >= n:
            break
        if child + 1 < n and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[place] = keys[child]
        ids[place] = ids[child]
        place = child
    keys[place] = key
    ids[place] = last
    return request  # type: ignore[no-any-return]


@compiled
def _append(queue: Any, requests: Any, request: int) -> None:
    requests[request]["follower"] = -1
    if queue["head"] < 0:
        queue["head"] = request
    else:
        requests[queue["tail"]]["follower"] = request
    queue["tail"] = request
    queue["waiting"] += 1


@compiled
def _take(queue: Any, requests: Any) -> int:
    request = queue["head"]
    queue["head"] = requests[request]["follower"]
    queue["waiting"] -= 1
    if queue["head"] < 0:
        queue["tail"] = -1
    return request  # type: ignore[no-any-return]


@compiled
def _lose(requests: Any, meter: Any, request: int) -> None:
    requests[request]["fate"] = LOST
    meter["lost"] += 1


@compiled
def _give_up(queue: Any, requests: Any, model: Any, meter: Any, at: float) -> None:
    """Drop those at the head that have waited too long; a queue is in order of arrival."""
    while queue["head"] >= 0:
        if not at - requests[queue["head"]]["arrives_at"] > model["patience"]:
            return
        _lose(requests, meter, _take(queue, requests))


@compiled
def _first_token(slot: Any, meter: Any, keys: Any, ids: Any, requests: Any, request: int) -> None:
    """Let a request whose prefill is done decode, or leave when one token is all it wants."""
    asked = requests[request]
    asked["first_at"] = slot["at"]
    if asked["completion"] <= 1.0:
        _leave(slot, meter, requests, request)
        return
    _push(keys, ids, slot["running"], slot["steps"] + asked["completion"] - 1.0, request)
    slot["running"] += 1
    slot["held"] += asked["prompt"]


@compiled
def _leave(slot: Any, meter: Any, requests: Any, request: int) -> None:
    asked = requests[request]
    asked["ends_at"] = slot["at"]
    asked["fate"] = DONE
    meter["done"] += 1
    slot["reserved"] -= asked["prompt"] + asked["completion"]


@compiled
def _admit(
    slot: Any, model: Any, meter: Any, keys: Any, ids: Any, requests: Any, queue: Any
) -> None:
    """Take from the queue's head what has room, in order; a prefill holds up those behind it."""
    while slot["prefilling"] < 0:
        _give_up(queue, requests, model, meter, slot["at"])
        if queue["head"] < 0 or slot["running"] >= model["most"]:
            return
        asked = requests[queue["head"]]
        need = asked["prompt"] + asked["completion"]
        if slot["reserved"] + need > model["tokens"]:
            return
        request = _take(queue, requests)
        asked["begins_at"] = slot["at"]
        slot["reserved"] += need
        work = model["prefill"] + model["prefill_per_token"] * asked["prompt"]
        if work > 0.0:
            slot["prefilling"] = request
            slot["prefill_left"] = work
        else:
            _first_token(slot, meter, keys, ids, requests, request)


@compiled
def _happen(
    slot: Any, model: Any, meter: Any, keys: Any, ids: Any, requests: Any, gate: Any
) -> None:
    """Do what happens to a pod at its `next_at`."""
    at = slot["next_at"]
    if slot["state"] == STARTING:
        _run(slot, model, meter, at)
        slot["state"] = READY
        if model["routing"] != CENTRAL:  # all that waited for a first replica
            while gate["head"] >= 0:
                _append(slot, requests, _take(gate, requests))
    elif slot["state"] == DRAINING and at >= slot["gone_by"]:
        _run(slot, model, meter, at)
        _kill(slot, meter, ids, requests)
        return
    elif _prefill_ends(slot, model) <= _next_leaves(slot, model, keys):
        request = slot["prefilling"]
        if request >= 0:
            _run(slot, model, meter, at)
            slot["prefilling"] = -1
            _first_token(slot, meter, keys, ids, requests, request)
    else:
        _run(slot, model, meter, at)
        slot["steps"] = keys[0]
        request = _pop(keys, ids, slot["running"])
        slot["running"] -= 1
        slot["held"] -= requests[request]["prompt"] + requests[request]["completion"] - 1.0
        if slot["running"] == 0:
            slot["held"] = 0.0  # what rounding left
        _leave(slot, meter, requests, request)
    is_central = model["routing"] == CENTRAL and slot["state"] == READY
    _admit(slot, model, meter, keys, ids, requests, gate if is_central else slot)
    is_empty = slot["running"] == 0 and slot["prefilling"] < 0 and slot["waiting"] == 0
    if slot["state"] == DRAINING and is_empty:
        slot["state"] = GONE
        slot["next_at"] = inf
    else:
        _foresee(slot, model, keys)


@compiled
def _kill(slot: Any, meter: Any, ids: Any, requests: Any) -> None:
    """End a pod whose time to drain is over; what it had is lost."""
    while slot["head"] >= 0:
        _lose(requests, meter, _take(slot, requests))
    for n in range(slot["running"]):
        _lose(requests, meter, ids[n])
    if slot["prefilling"] >= 0:
        _lose(requests, meter, slot["prefilling"])
    slot["prefilling"] = -1
    slot["running"] = 0
    slot["state"] = GONE
    slot["next_at"] = inf


@compiled
def _settle(
    slots: Any, n_slots: int, model: Any, meter: Any, keys: Any, ids: Any, requests: Any, gate: Any,
    until: float,
) -> None:  # fmt: skip
    """Let happen what is due by `until`. Pods meet at the gateway alone, so one by one will do."""
    if model["routing"] == CENTRAL:
        while True:
            first = 0
            for s in range(1, n_slots):
                if slots[s]["next_at"] < slots[first]["next_at"]:
                    first = s
            if n_slots == 0 or slots[first]["next_at"] > until:
                return
            _happen(slots[first], model, meter, keys[first], ids[first], requests, gate)
    for s in range(n_slots):
        while slots[s]["next_at"] <= until:
            _happen(slots[s], model, meter, keys[s], ids[s], requests, gate)


@compiled
def _chosen(slots: Any, n_slots: int, model: Any, meter: Any, luck: Any, request: int) -> int:
    """Return the pod that gets a request, -1 where none is ready (or, of one queue, has room)."""
    routing = model["routing"]
    if routing in (LEAST_LOADED, CENTRAL):
        best, least = -1, 4_000_000_000
        for s in range(n_slots):
            slot = slots[s]
            if slot["state"] != READY:
                continue
            load = slot["running"] + slot["waiting"]
            if slot["prefilling"] >= 0:
                load += 1
            if load < least and not (
                routing == CENTRAL and (slot["prefilling"] >= 0 or load >= model["most"])
            ):
                best, least = s, load
        return best
    n_ready = 0
    for s in range(n_slots):
        if slots[s]["state"] == READY:
            n_ready += 1
    if n_ready == 0:
        return -1
    turn = int(luck[request] * n_ready) if routing == RANDOM else meter["turn"] % n_ready
    meter["turn"] += 1
    for s in range(n_slots):
        if slots[s]["state"] == READY:
            if turn == 0:
                return s
            turn -= 1
    return -1


@compiled
def _arrive(
    slots: Any, n_slots: int, model: Any, meter: Any, keys: Any, ids: Any, requests: Any, gate: Any,
    luck: Any, request: int,
) -> None:  # fmt: skip
    asked = requests[request]
    if asked["prompt"] + asked["completion"] > model["tokens"]:
        _lose(requests, meter, request)  # no replica can ever hold it
        return
    s = _chosen(slots, n_slots, model, meter, luck, request)
    is_central = model["routing"] == CENTRAL
    if s < 0 or is_central:
        _append(gate, requests, request)
    else:
        _append(slots[s], requests, request)
    if s < 0 or slots[s]["prefilling"] >= 0 or slots[s]["running"] >= model["most"]:
        return
    slot = slots[s]
    _run(slot, model, meter, asked["arrives_at"])
    _admit(slot, model, meter, keys[s], ids[s], requests, gate if is_central else slot)
    _foresee(slot, model, keys[s])


@compiled
def _is_exposed(slots: Any, n_slots: int, gate: Any) -> bool:
    """Whether requests wait while a pod is on its way."""
    is_starting, waiting = False, gate["waiting"]
    for s in range(n_slots):
        if slots[s]["state"] == STARTING:
            is_starting = True
        waiting += slots[s]["waiting"]
    return is_starting and waiting > 0


@compiled
def advance(
    slots: Any, n_slots: Any, model: Any, meter: Any, keys: Any, ids: Any, requests: Any, gate: Any,
    luck: Any, seen: Any, until: Any,
) -> None:  # fmt: skip
    """Serve what arrives before `until`, and write to `seen` what there is then."""
    request = meter["next"]
    is_starting = False
    for s in range(n_slots):
        is_starting = is_starting or slots[s]["state"] == STARTING
    while request < requests.shape[0] and requests[request]["arrives_at"] < until:
        at = requests[request]["arrives_at"]
        _settle(slots, n_slots, model, meter, keys, ids, requests, gate, at)
        if is_starting and _is_exposed(slots, n_slots, gate):
            meter["exposed"] += 1
        _arrive(slots, n_slots, model, meter, keys, ids, requests, gate, luck, request)
        request += 1
    meter["next"] = request
    _settle(slots, n_slots, model, meter, keys, ids, requests, gate, until)
    _give_up(gate, requests, model, meter, until)
    _look(slots, n_slots, model, meter, requests, gate, seen, until)


@compiled
def _look(
    slots: Any, n_slots: int, model: Any, meter: Any, requests: Any, gate: Any, seen: Any,
    until: float,
) -> None:  # fmt: skip
    running, waiting, ready, starting, held = 0, gate["waiting"], 0, 0, 0.0
    unplaced = 0
    for s in range(n_slots):
        slot = slots[s]
        state = slot["state"]
        if state in (STARTING, READY, DRAINING):
            _run(slot, model, meter, until)
            _give_up(slot, requests, model, meter, until)
        if state in (PENDING, GONE):
            unplaced += 1
        if state == STARTING:
            starting += 1
        if state in (READY, DRAINING):
            running += slot["running"]
            waiting += slot["waiting"]
            if slot["prefilling"] >= 0:
                running += 1
        if state == READY:
            ready += 1
            held += slot["held"]
    seen[0] = running
    seen[1] = waiting
    seen[2] = held / (ready * model["tokens"]) if ready > 0 else 0.0
    seen[3] = ready
    seen[4] = starting
    seen[5] = unplaced
    seen[6] = meter["busy"]
    seen[7] = meter["idle"]
    seen[8] = meter["starting"]
    oldest = meter["oldest"]
    while oldest < meter["next"] and requests[oldest]["arrives_at"] < until - model["window"]:
        oldest += 1
    meter["oldest"] = oldest
    seen[9] = meter["next"] - oldest
