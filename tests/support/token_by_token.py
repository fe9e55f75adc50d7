"""The cluster model written a second time, plainly: what the event engine is checked against.

It knows no heap, no virtual time and no kernel. Each pod keeps a list of what it runs, with the
steps that each still needs; the next event of all is looked for among all. Slow, and easy to read.
"""

from dataclasses import dataclass, field
from math import inf, sqrt

from simulations.plant.model import ReplicaModel

EPSILON = 1e-9


@dataclass(eq=False)
class Request:
    at: float
    prompt: float
    completion: float
    begins: float = float("nan")
    first: float = float("nan")
    end: float = float("nan")
    is_lost: bool = False


@dataclass(eq=False)
class Pod:
    ready_at: float
    now: float = 0.0
    is_draining: bool = False
    waiting: list[Request] = field(default_factory=list)
    prefilling: Request | None = None
    prefill_left: float = 0.0
    running: list[list] = field(default_factory=list)  # [steps left, request]
    held: float = 0.0
    busy: float = 0.0

    @property
    def load(self) -> int:
        return len(self.waiting) + len(self.running) + (self.prefilling is not None)


class TokenByToken:
    """A fleet whose pods are scaled by hand: `pods` may be added to, `is_draining` be set."""

    def __init__(self, model: ReplicaModel, pods: list[Pod], *, patience: float = inf) -> None:
        self.model, self.pods, self.patience = model, pods, patience
        self.gateway: list[Request] = []

    def serve(self, requests: list[Request], until: float) -> None:
        """Let requests that arrive before `until` come and be served, as far as time goes."""
        for request in requests:
            self.pass_time(request.at)
            self.route(request)
        self.pass_time(until)

    def route(self, request: Request) -> None:
        ready = [p for p in self.pods if p.ready_at <= request.at and not p.is_draining]
        if request.prompt + request.completion > self.model.kv_cache_tokens:
            request.is_lost = True
        elif not ready:
            self.gateway.append(request)
        else:
            pod = min(ready, key=lambda p: p.load)
            pod.waiting.append(request)
            self.admit(pod)

    def pass_time(self, until: float) -> None:
        for pod in self.pods:
            while (at := self.next_of(pod)) <= until:
                self.move(pod, at)
                self.happen(pod)
            self.move(pod, until)

    def next_of(self, pod: Pod) -> float:
        if pod.now < pod.ready_at:
            return pod.ready_at
        return min(self.prefill_end(pod), self.leave_at(pod))

    def prefill_end(self, pod: Pod) -> float:
        if pod.prefilling is None:
            return inf
        return pod.now + pod.prefill_left / (self.model.prefill_share if pod.running else 1.0)

    def leave_at(self, pod: Pod) -> float:
        share = 1.0 - self.model.prefill_share if pod.prefilling is not None else 1.0
        if not pod.running or share == 0:
            return inf
        steps = min(left for left, _ in pod.running)
        a, c = self.pace(pod)
        return pod.now + (a * steps + c * steps**2 / 2) / share

    def pace(self, pod: Pod) -> tuple[float, float]:
        m, n = self.model, len(pod.running)
        a = m.step_seconds + m.step_seconds_per_sequence * n + m.step_seconds_per_token * pod.held
        return a, m.step_seconds_per_token * n

    def move(self, pod: Pod, at: float) -> None:
        seconds = at - pod.now
        if seconds <= 0:
            return
        pod.now = at
        if at <= pod.ready_at:
            return
        if pod.running or pod.prefilling is not None:
            pod.busy += seconds
        share = 1.0 if pod.prefilling is None else 1.0 - self.model.prefill_share
        a, c = self.pace(pod)
        if pod.prefilling is not None:
            pod.prefill_left -= seconds * (self.model.prefill_share if pod.running else 1.0)
        if pod.running and share > 0:
            seconds *= share
            steps = seconds / a if c == 0 else (sqrt(a * a + 2 * c * seconds) - a) / c
            for entry in pod.running:
                entry[0] -= steps
            pod.held += steps * len(pod.running)

    def happen(self, pod: Pod) -> None:
        if pod.now == pod.ready_at and self.gateway:
            pod.waiting, self.gateway = [*pod.waiting, *self.gateway], []
        elif pod.prefilling is not None and pod.prefill_left <= EPSILON:
            request, pod.prefilling = pod.prefilling, None
            self.first_token(pod, request)
        else:
            for entry in [e for e in pod.running if e[0] <= EPSILON]:
                pod.running.remove(entry)
                entry[1].end = pod.now
                pod.held -= entry[1].prompt + entry[1].completion - 1
        self.admit(pod)

    def first_token(self, pod: Pod, request: Request) -> None:
        request.first = pod.now
        if request.completion <= 1:
            request.end = pod.now
        else:
            pod.running.append([request.completion - 1, request])
            pod.held += request.prompt

    def admit(self, pod: Pod) -> None:
        while pod.prefilling is None and pod.waiting:
            request = pod.waiting[0]
            if pod.now - request.at > self.patience:
                pod.waiting.pop(0).is_lost = True
                continue
            inside = [r for _, r in pod.running]
            reserved = sum(r.prompt + r.completion for r in [*inside, request])
            is_full = len(inside) >= self.model.max_sequences
            if is_full or reserved > self.model.kv_cache_tokens:
                return
            pod.waiting.pop(0)
            request.begins = pod.now
            pod.prefilling, pod.prefill_left = request, self.model.prefill(request.prompt)
            if pod.prefill_left == 0:
                pod.prefilling = None
                self.first_token(pod, request)
