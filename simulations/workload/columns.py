"""Which column of a file is what: names that published traces use, and how to name others."""

from collections.abc import Sequence
from dataclasses import dataclass

from simulations.workload.errors import BadWorkload

TIME = ("timestamp", "arrival", "arrived_at", "arrival_time", "time", "ts")
REQUESTS = ("requests", "count", "request_count", "value")
PROMPT = (
    "prompt_tokens", "contexttokens", "request tokens", "input_length", "input_tokens",
    "num_prefill_tokens",
)  # fmt: skip
COMPLETION = (
    "completion_tokens", "generatedtokens", "response tokens", "output_length", "output_tokens",
    "num_decode_tokens",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Names of columns; None: whichever of the known names the file has."""

    time: str | None = None
    requests: str | None = None  # given or found: a row is a bin; else a row is a request
    prompt: str | None = None
    completion: str | None = None

    def found_in(self, names: Sequence[str], where: str) -> "Columns":
        """Return the names that the file has. Raises `BadWorkload`."""
        return Columns(
            time=_pick("time", self.time, TIME, names, where) or names[0],
            requests=_pick("requests", self.requests, REQUESTS, names, where),
            prompt=_pick("prompt", self.prompt, PROMPT, names, where),
            completion=_pick("completion", self.completion, COMPLETION, names, where),
        )


def _pick(
    what: str, given: str | None, known: Sequence[str], names: Sequence[str], where: str
) -> str | None:
    if given is not None:
        if given not in names:
            raise BadWorkload(
                f'{where}: no column "{given}" for {what}; it has: {", ".join(names)}'
            )
        return given
    lowered = {name.strip().lower(): name for name in reversed(names)}
    return next((lowered[name] for name in known if name in lowered), None)
