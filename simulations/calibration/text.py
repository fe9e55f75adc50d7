"""A calibration on a terminal."""

from collections.abc import Iterator

from simulations.calibration.carried import Carried, Targets
from simulations.calibration.fit import Fit, HeldOut
from simulations.calibration.sweep import MeasuredOn, Sweep, unsaid

# What a fit should keep to on data that it has not seen, to be used for absolute figures.
ACCEPTED_THROUGHPUT, ACCEPTED_INTER_TOKEN, ACCEPTED_FIRST_TOKEN = 0.05, 0.15, 0.25
MILLI, MICRO = 1e3, 1e6


def fit_lines(sweep: Sweep, fitted: Fit) -> Iterator[str]:
    """Yield what was fitted, to what, and how far off it is."""
    model = fitted.model
    yield f"Sweep: {len(fitted.rows)} of {len(sweep.rows)} rows, {_on(sweep.measured_on)}"
    yield (
        f"Step: {model.step_seconds * MILLI:.3f} ms"
        f" + {model.step_seconds_per_sequence * MILLI:.4f} ms per sequence"
        f" + {model.step_seconds_per_token * MICRO * MILLI:.1f} us per 1,000 tokens of context"
    )
    yield (
        f"Prefill: {model.prefill_seconds * MILLI:.2f} ms"
        f" + {model.prefill_seconds_per_token * MILLI:.4f} ms per token"
    )
    yield (
        f"KV cache: {model.kv_cache_tokens:,.0f} tokens"
        if model.kv_cache_tokens < float("inf")
        else "KV cache: not given, no bound (--kv-cache-tokens; vLLM logs it when it starts)"
    )
    if fitted.held_out is not None:
        yield from _held_out(fitted.held_out)
    yield from (f"Note: {note}" for note in fitted.notes)
    missing = unsaid(sweep.measured_on)
    if missing:
        yield f"Note: not said: {', '.join(missing)}. A fit holds for one of each; see --help."


def carried_lines(carried: tuple[Carried, ...], targets: Targets) -> Iterator[str]:
    """Yield what one replica carries, and the line to paste."""
    yield (
        f"One replica, {targets.attained_ratio:.0%} of requests within "
        f"{targets.first_token_seconds * MILLI:g} ms to the first token and "
        f"{targets.inter_token_seconds * MILLI:g} ms between tokens (event simulation, bisected):"
    )
    for each in carried:
        name = f"  prompts of {each.prompt_tokens:g}, answers of {each.completion_tokens:g} tokens"
        if each.requests <= 0:
            yield f"{name}: none; a request alone misses the targets, so loosen them"
            continue
        yield (
            f"{name}: {each.requests:.3g} requests/s (90 %: {each.low:.3g} to {each.high:.3g}), "
            f"{each.prompt_tokens_per_second:.4g} prompt + "
            f"{each.completion_tokens_per_second:.4g} completion tokens/s; "
            f"{each.requests / each.at_most:.0%} of what it does at most"
        )
    first = next((each for each in carried if each.low > 0), None)
    if first is not None:
        # The careful end: a threshold that is too high is paid for with waiting.
        yield "To paste, the lower end (your query in requests a second):"
        yield f'  threshold: "{first.low:.3g}"'
        yield "or where the query counts prompt and completion tokens a second:"
        yield f'  threshold: "{first.low * (first.prompt_tokens + first.completion_tokens):.4g}"'


def _held_out(held_out: HeldOut) -> Iterator[str]:
    parts = [
        f"inter-token {held_out.inter_token:.1%} (worst {held_out.inter_token_worst:.1%})",
        _part("first token alone", held_out.first_token),
        _part("throughput", held_out.throughput),
    ]
    yield f"Error on {held_out.n} settings left out in turn: {', '.join(parts)}"
    limits = (
        ("inter-token", held_out.inter_token, ACCEPTED_INTER_TOKEN),
        ("first token", held_out.first_token, ACCEPTED_FIRST_TOKEN),
        ("throughput", held_out.throughput, ACCEPTED_THROUGHPUT),
    )
    for name, error, limit in limits:
        if error is not None and error > limit:
            yield (
                f"Note: {name} is off by more than {limit:.0%}: compare settings with this model, "
                "and trust no absolute figure."
            )


def _part(name: str, error: float | None) -> str:
    return f"{name} not known" if error is None else f"{name} {error:.1%}"


def _on(measured_on: MeasuredOn) -> str:
    parts = (
        measured_on.model or "model not said",
        measured_on.gpu or "GPU not said",
        f"vLLM {measured_on.vllm_version}" if measured_on.vllm_version else "version not said",
        f"source: {measured_on.source}",
    )
    return ", ".join(parts)
