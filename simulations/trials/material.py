"""What a trial runs on: the requests of the run, and the demand that was known before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.localtime import DAY_SECONDS
from forecasting.series import Series
from scaler.sources import SourceFlags
from simulations.backtest.errors import BadInput
from simulations.backtest.inputs import MANIFEST_SUFFIXES, Reading, read_inputs, zone_of
from simulations.backtest.units import seconds
from simulations.workload.bins import Bins
from simulations.workload.columns import Columns
from simulations.workload.errors import BadWorkload
from simulations.workload.files import read_workload
from simulations.workload.generated import Launch, Outage, Traffic, generate
from simulations.workload.known import demand_of
from simulations.workload.lengths import Length, Lengths
from simulations.workload.prometheus import read_range_export
from simulations.workload.requests import Requests

MONDAY = 1_736_121_600.0  # 2025-01-06 00:00 UTC
BIN_SECONDS = 60.0
USUAL_RUN_SHARE, LONGEST_RUN_DAYS = 0.3, 7.0
MOST_REQUESTS = 20_000_000
SHAPES: dict[str, Traffic] = {
    "diurnal": Traffic(weekend_ratio=1.0),
    "weekly": Traffic(),
    "bursts": Traffic(bursts_per_day=4.0),
    "launch": Traffic(launches=(Launch(at_seconds=24 * DAY_SECONDS, factor=2.0),)),
    "growth": Traffic(growth_per_week=0.15),
    "outage": Traffic(
        outages=(Outage(begin_seconds=23.5 * DAY_SECONDS, end_seconds=23.6 * DAY_SECONDS),)
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """A workload that is cut in two: `before` is history alone, `requests` are the run.

    The traffic is drawn once, from the first seed. Other seeds draw starts of pods and phases of
    timers anew, and not the traffic: so all of them can share one forecast.
    """

    name: str
    before: Bins | None
    requests: Requests

    def demand(self, step_seconds: float) -> Series:
        """Return history and run on one grid."""
        return demand_of(self.requests, before=self.before, step_seconds=step_seconds)

    @property
    def days_before(self) -> float:
        """How much history there is."""
        return 0.0 if self.before is None else self.before.seconds / DAY_SECONDS


def read_material(
    inputs: Sequence[str], flags: Mapping[str, Any], *, now: float, most: int = MOST_REQUESTS
) -> Material:
    """Return what the flags name. Raises `BadInput` or `BadWorkload`."""
    if len(inputs) > 1:
        raise BadInput(f"TRACE: {len(inputs)} are given; allowed is one")
    name, read = _read(inputs, flags, now)
    days = flags["days"]
    lasts = None if days is None else seconds("--days", days)
    history = flags["history"]
    before = None if history is None else seconds("--history", history)
    if isinstance(read, Requests):
        if flags["mean_rate"] is not None:
            raise BadInput(
                f"--mean-rate: not allowed for {name}, whose rows are single requests; allowed is "
                "a file of counts"
            )
        return _cut_requests(name, read, lasts, before)
    return _cut_bins(name, read, flags, lasts=lasts, before=before, most=most)


def _read(
    inputs: Sequence[str], flags: Mapping[str, Any], now: float
) -> tuple[str, Requests | Bins]:
    shape, seed = flags["generate"], flags["seed"]
    options = {"--generate": shape, "--query": flags["query"]}
    sources = [*inputs, *(flag for flag, value in options.items() if value)]
    if len(sources) != 1:
        said = ", ".join(sources) if sources else "nothing"
        raise BadInput(f"one workload is needed: TRACE, --query or --generate; given: {said}")
    if shape:
        traffic = replace(SHAPES[shape], mean_per_second=flags["mean_rate"] or 3.3)
        made = generate(traffic, start_at=MONDAY, seconds=28 * DAY_SECONDS, seed=seed)
        return f"generated: {shape}", made
    path = Path(inputs[0]) if inputs else None
    if path is None or path.suffix.lower() in MANIFEST_SUFFIXES:
        return _asked(inputs, flags, now)
    if not path.is_file():
        raise BadInput(
            f'TRACE: "{path}" is no file; name a CSV or Parquet file, a range export (.json), or a '
            "manifest (.yaml)"
        )
    if ".json" in [suffix.lower() for suffix in path.suffixes]:
        return path.name, read_range_export(path)
    columns = Columns(
        time=flags["time_column"], requests=flags["column"],
        prompt=flags["prompt_column"], completion=flags["completion_column"],
    )  # fmt: skip
    zone = zone_of("--timezone", flags["timezone"] or "UTC")
    read = read_workload(path, seed=seed, columns=columns, lengths=lengths_of(flags), zone=zone)
    return path.name, read


def _asked(inputs: Sequence[str], flags: Mapping[str, Any], now: float) -> tuple[str, Bins]:
    """Return what a Prometheus says: a rate, requests a second, told at the end of its step."""
    reading = Reading(source=SourceFlags.of(flags), query=flags["query"])
    given = read_inputs(inputs, reading, now=now)
    if len(given) > 1:
        raise BadInput(f"{inputs[0]}: holds {len(given)} triggers; simulated is one at a time")
    series = given[0].series
    return given[0].name, Bins(
        start_at=series.start_at - series.step_seconds,
        step_seconds=series.step_seconds,
        counts=series.values * series.step_seconds,
    )


def lengths_of(flags: Mapping[str, Any]) -> Lengths:
    """Return the distributions that lengths are drawn from where a trace has none."""
    usual = Lengths()
    prompt, completion = flags["prompt_tokens"], flags["completion_tokens"]
    return Lengths(
        prompt=usual.prompt if prompt is None else Length(mean=prompt),
        completion=usual.completion if completion is None else Length(mean=completion, cv=0.8),
    )


def _split(name: str, total: float, lasts: float | None, step: float) -> float:
    """Return where the run begins, in whole steps from the start of the trace."""
    usual = min(LONGEST_RUN_DAYS * DAY_SECONDS, USUAL_RUN_SHARE * total)
    run = usual if lasts is None else lasts
    if run > total + step / 2:
        raise BadInput(
            f"--days: a run of {run / DAY_SECONDS:g} days is longer than {name}, "
            f"{total / DAY_SECONDS:.2f} days"
        )
    return max(0.0, floor((total - run) / step + 1e-6) * step)


def _cut_bins(
    name: str,
    bins: Bins,
    flags: Mapping[str, Any],
    *,
    lasts: float | None,
    before: float | None,
    most: int,
) -> Material:
    at = _split(name, bins.seconds, lasts, bins.step_seconds)
    run, past = bins.between(at, bins.seconds), bins.between(0.0, at)
    rate = flags["mean_rate"]
    if not np.isfinite(run.counts).any():
        raise BadWorkload(f"{name}: nothing is known of the run; unknown is not zero")
    if rate is not None:
        factor = rate / (float(np.nanmean(run.counts)) / run.step_seconds)
        run, past = _times(run, factor), _times(past, factor)
    total = float(np.nansum(run.counts))
    if total > most and flags["engine"] == "events":
        raise BadInput(
            f"{name}: {total:.3g} requests are more than the {most:.3g} that --engine events is "
            "meant for; try --mean-rate 5 (same shape, smaller), fewer --days, or --engine fluid"
        )
    if before is not None:
        past = past.between(past.seconds - before, past.seconds)
    return Material(
        name=name,
        before=past if len(past) else None,
        requests=run.requests(seed=flags["seed"], lengths=lengths_of(flags)),
    )


def _times(bins: Bins, factor: float) -> Bins:
    def scaled(values: Any) -> Any:
        return None if values is None else values * factor

    return replace(
        bins,
        counts=bins.counts * factor,
        prompt_tokens=scaled(bins.prompt_tokens),
        completion_tokens=scaled(bins.completion_tokens),
    )


def _cut_requests(
    name: str, requests: Requests, lasts: float | None, before: float | None
) -> Material:
    at = _split(name, requests.seconds, lasts, BIN_SECONDS)
    begin = 0.0 if before is None else max(0.0, floor((at - before) / BIN_SECONDS) * BIN_SECONDS)
    past = None
    if at > begin:
        edges = np.arange(round((at - begin) / BIN_SECONDS) + 1) * BIN_SECONDS + begin
        counts = np.histogram(requests.arrivals, edges)[0].astype(np.float64)
        past = Bins(start_at=requests.start_at + begin, step_seconds=BIN_SECONDS, counts=counts)
    return Material(name=name, before=past, requests=requests.between(at, requests.seconds))
