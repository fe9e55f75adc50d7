"""A start as Prometheus metrics, in the registry that vLLM's /metrics shows."""

from typing import Final

from prometheus_client import Gauge

from serving.vllm_plugin.start.phases import Start

_HELP: Final = {
    "prewarm_start_seconds": ("From the start of the process until the engine was ready", ()),
    "prewarm_start_phase_seconds": ("What a phase of the start took", ("phase",)),
    "prewarm_start_weights_bytes": ("Bytes of weights read, by all ranks together", ()),
    "prewarm_start_weights_verified_bytes": ("Those compared with a manifest of digests", ()),
    "prewarm_start_weights_bytes_per_second": ("Bytes over the seconds of the phase", ()),
    "prewarm_start_weights_retries": ("Ranges that were asked for again", ()),
    "prewarm_start_weights_limit": ("1 for the stage that the others waited for", ("stage",)),
}
_gauges: dict[str, Gauge] = {}


def publish(start: Start) -> None:
    """Set the metrics of a start; what is unknown gets no series."""
    if start.seconds is not None:
        _set("prewarm_start_seconds", start.model, start.seconds)
    for phase, seconds in start.phase_seconds.items():
        if seconds is not None:
            _set("prewarm_start_phase_seconds", start.model, seconds, phase)
    weights = start.weights
    if weights is None:
        return
    _set("prewarm_start_weights_bytes", start.model, weights.n_bytes)
    _set("prewarm_start_weights_verified_bytes", start.model, weights.verified_bytes)
    _set("prewarm_start_weights_bytes_per_second", start.model, weights.bytes_per_second)
    _set("prewarm_start_weights_retries", start.model, weights.retries)
    _set("prewarm_start_weights_limit", start.model, 1, weights.limiting_stage)


def _set(name: str, model: str, value: float, *labels: str) -> None:
    if name not in _gauges:
        text, names = _HELP[name]
        # With several API servers each has a file of its own; the newest start is the one to show.
        _gauges[name] = Gauge(name, text, ("model_name", *names), multiprocess_mode="mostrecent")
    _gauges[name].labels(model, *labels).set(value)
