"""`prewarm explain`: what a running scaler answers for a target, and why, in a terminal."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import nan
from typing import Any, TextIO
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import requests
from rich.text import Text

from forecasting.series import Series
from scaler.errors import ScalerError
from scaler.terminal import Writer
from scaler.terminal_plot import ASCII, UNICODE, Picture, clock, plot
from scaler.words import duration, mode_text, number

TIMEOUT_SECONDS = 10.0
RULE_WIDTH = 18
LABEL_WIDTH = 12
N_CHANGES = 5
STYLES = {"fresh": "green", "pending": "cyan", "stale": "yellow", "unknown": "yellow"}
BAD_STYLE = "bold red"

Body = dict[str, Any]


class CannotExplain(ScalerError):  # noqa: N818 - a state, not a fault
    """The scaler gave no answer; the message says what to try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The JSON API of one scaler."""

    address: str

    def read(self, *parts: str) -> Body:
        """Return what the API says at a path. Raises `CannotExplain`."""
        path = "/".join(quote(part, safe="") for part in parts)
        url = f"{self.address.rstrip('/')}/api/v1/{path}"
        try:
            response = requests.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        except requests.RequestException as exc:
            raise CannotExplain(self._unreachable(exc)) from exc
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or "api_version" not in body:
            raise CannotExplain(self._foreign(response))
        if response.status_code == requests.codes.not_found:
            raise CannotExplain(_no_such_target(body))
        return body

    def _unreachable(self, error: requests.RequestException) -> str:
        what = "no answer in time" if isinstance(error, requests.Timeout) else "can't be reached"
        return (
            f"the scaler at {self.address}: {what}. Next step: give its HTTP address with "
            "--address; in a cluster, kubectl -n keda port-forward service/prewarm 6080 and then "
            "--address http://127.0.0.1:6080"
        )

    def _foreign(self, response: requests.Response) -> str:
        line = response.text.strip().partition("\n")[0][:160]
        return (
            f"{self.address} answers {response.status_code}, and not as Prewarm's API does: "
            f'"{line}". Is it the HTTP address of `prewarm serve`, and is the page on '
            "(--page-address)?"
        )


def run_explain(
    target: str | None,
    *,
    address: str,
    hours: float,
    as_json: bool,
    stdout: TextIO | None = None,
) -> None:
    """Print a target, or the list of all without one. Raises `CannotExplain`."""
    source = Source(address=address)
    stream = stdout or sys.stdout
    if target is None:
        body = source.read("targets")
    else:
        namespace, slash, name = target.partition("/")
        if not (namespace and slash and name):
            raise CannotExplain(_not_a_name(target, source))
        body = source.read("targets", namespace, name)
    if as_json:
        json.dump(body, stream, indent=2, ensure_ascii=False)
        stream.write("\n")
        return
    writer = Writer(stream)
    if target is None:
        _print_list(writer, body)
        return
    for details in body["triggers"]:
        _Explanation(writer, details, now=body["at"], hours=hours).print()


def _not_a_name(target: str, source: Source) -> str:
    """Return what is wrong, with the whole names that end in what was given."""
    known = [f"{each['namespace']}/{each['name']}" for each in source.read("targets")["targets"]]
    near = [each for each in known if each.rpartition("/")[2] == target]
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    return f'"{target}" is not allowed; allowed is NAMESPACE/NAME of a ScaledObject{hint}'


def _no_such_target(body: Body) -> str:
    near = body.get("nearest") or []
    hint = (
        f"did you mean {', '.join(near)}?"
        if near
        else "a target is known once KEDA has asked about it; `prewarm explain` lists them all"
    )
    return f"{body.get('error', 'not found')}; {hint}"


def _print_list(writer: Writer, body: Body) -> None:
    if not body["targets"]:
        writer.line("No target yet: a target is known once KEDA has asked about it.")
        return
    names = [f"{each['namespace']}/{each['name']}" for each in body["targets"]]
    width = max(len("TARGET"), *map(len, names))
    writer.line(f"{'TARGET':<{width}}  STATE    REPLICAS  NEEDED  DEMAND    FORECAST", "dim")
    for name, each in zip(names, body["targets"], strict=True):
        state = each["evidence"]
        line = Text(f"{name:<{width}}  ").append(f"{state:<7}", style=STYLES.get(state, BAD_STYLE))
        line.append(f"  {_count(each['replicas']):<8}  {_count(each['needed_replicas']):<6}  ")
        line.append(f"{_number(each['observed_demand']):<8}  {_number(each['forecast_demand'])}")
        line.rstrip()
        writer.line(line)


class _Explanation:
    """One trigger of a target, written."""

    def __init__(self, writer: Writer, details: Body, *, now: float, hours: float) -> None:
        self._to = writer
        self._details = details
        self._summary: Body = details["summary"]
        self._trigger: Body | None = details["trigger"]
        self._zone = _zone(self._trigger["time_zone"] if self._trigger else "UTC")
        self._now = now
        self._hours = hours

    def print(self) -> None:
        """Write all of it."""
        self._headline()
        for line in self._alerts():
            self._to.hanging("! ", line, BAD_STYLE)
        self._to.line()
        for label, text in self._facts():
            self._to.hanging(f"  {label:<{LABEL_WIDTH}}", text)
        self._steps()
        self._plot()
        self._changes()
        self._settings()
        for missing in self._details["missing"]:
            self._to.hanging("  ", f"No {missing['what']}: {missing['because']}", "dim")

    def _headline(self) -> None:
        summary, state = self._summary, self._summary["evidence"]
        title = Text(f"{summary['namespace']}/{summary['name']}", style="bold")
        title.append(f"  {state}", style=STYLES.get(state, BAD_STYLE))
        if summary["mode"]:
            mode = mode_text(summary["mode"], summary.get("mode_in_force"))
            title.append(f"  {mode}", style="dim")
        self._to.line(title)
        as_of = self._details["as_of"]
        when = "" if as_of is None else f" as of {self._clock(as_of, '%a %Y-%m-%d %H:%M:%S %Z')}"
        self._to.line(Text("KEDA is told ").append(summary["answer"], style="bold").append(when))

    def _alerts(self) -> Iterator[str]:
        summary = self._summary
        yield from self._details["invalid_lines"]
        if self._trigger is not None and summary["evidence"] != "fresh":
            yield self._details["evidence_text"]
        if self._details["is_stale_answer"]:
            yield "No tick has renewed this answer in time: the one for old data is in force."
        if summary["problem"] and not self._details["invalid_lines"]:
            yield f"Reading demand failed ({summary['problem']}): {summary['problem_text']}"
        if summary["shortfall"]:
            short = summary["shortfall"]
            yield f"{short['missing_replicas']} fewer than wanted: {short['because']}."

    def _facts(self) -> Iterator[tuple[str, str]]:
        summary, trigger = self._summary, self._trigger
        if trigger is not None:
            age = summary["observed_age_seconds"]
            when = "" if age is None else f", {duration(age)} ago"
            share = number(trigger["threshold"])
            yield (
                "observed",
                f"{_number(summary['observed_demand'])}{when}; one replica carries {share}",
            )
            yield "forecast", self._forecast()
            counts = (summary[f"{each}_replicas"] for each in ("needed", "reactive"))
            needed, alone = map(_count, counts)
            asked = _count(summary["replicas"])
            yield "replicas", f"{asked} asked for, {needed} needed, {alone} without the forecast"
        if summary["ready_replicas"] is not None:
            yield "cluster", _fleet(summary)
        if trigger is not None:
            yield "bounds", f"{summary['warm_floor_replicas']} to {summary['max_replicas']}"
            yield "lead time", _lead_time(self._details["lead_time"])
        yield "asked", f"{duration(summary['asked_age_seconds'])} ago"

    def _forecast(self) -> str:
        forecast = self._details["forecast"]
        if forecast is None:
            return "none: nothing to start from"
        until = self._clock(forecast["until_at"], "%H:%M:%S")
        level, method = forecast["quantile"], forecast["method"]
        return (
            f"at most {number(forecast['demand'])} until {until}: quantile {level:.4g} by {method}"
        )

    def _steps(self) -> None:
        steps = self._details["steps"]
        if not steps:
            return
        self._to.line()
        moved = [each for each in steps if each["before_replicas"] != each["after_replicas"]]
        for step in moved:
            counts = f"{step['before_replicas']} -> {step['after_replicas']}"
            label = f"  {step['rule']:<{RULE_WIDTH}}{counts:>8}  "
            self._to.hanging(label, step["because"])
        unmoved = ", ".join(each["rule"] for each in steps if each not in moved)
        self._to.hanging("  unmoved by ", unmoved, "dim")

    def _plot(self) -> None:
        history, forecast, trigger = (
            self._details[each] for each in ("history", "forecast", "trigger")
        )
        if history is None or trigger is None:
            return
        values = np.array([nan if each is None else each for each in history["demand"]])
        day = Series(
            start_at=history["start_at"], step_seconds=history["step_seconds"], values=values
        )
        shown = day.between(day.end_at - self._hours * 3600.0, day.end_at)
        if np.isnan(shown.last_observed):
            return
        picture = Picture(
            series=shown,
            bound=None if forecast is None else forecast["demand"],
            until_at=shown.end_at if forecast is None else forecast["until_at"],
            threshold=trigger["threshold"],
            zone=self._zone,
        )
        self._to.line()
        glyphs = UNICODE if self._to.writes_unicode else ASCII
        for line in plot(picture, width=self._to.width, glyphs=glyphs):
            self._to.line(line)

    def _changes(self) -> None:
        self._to.line()
        for change in self._details["changes"][:N_CHANGES]:
            before, after = change["before_replicas"], change["after_replicas"]
            counts = str(after) if before in {None, after} else f"{before} -> {after}"
            label = f"  {clock(change['at'], self._zone)}  {counts:<10}"
            self._to.hanging(label, change["because"])

    def _settings(self) -> None:
        """Write the trigger's keys: what was set, and what is in force."""
        settings = self._details.get("settings") or ()
        if not settings:  # a trigger that can't be used, or an older scaler
            return
        self._to.line()
        self._to.line("  trigger: what was set, and what is in force", "dim")
        width = max(len(each["key"]) for each in settings)
        for each in settings:
            style = "dim" if each["set_to"] is None else ""
            self._to.hanging(f"  {each['key']:<{width}}  ", _setting(each), style)

    def _clock(self, at: float, form: str) -> str:
        return f"{datetime.fromtimestamp(at, tz=self._zone):{form}}"


def _fleet(summary: Body) -> str:
    counts = (summary[f"{each}_replicas"] for each in ("wanted", "starting", "unschedulable"))
    wanted, starting, waiting = map(_count, counts)
    ready = summary["ready_replicas"]
    return f"{ready} ready of {wanted} wanted; {starting} starting, {waiting} without a node"


def _setting(setting: Body) -> str:
    set_to, in_force = setting["set_to"], setting["in_force"]
    if set_to is None:
        default = setting.get("default")  # not told by an older scaler
        return f"{in_force} (default)" if default is None else f"{default}; in force: {in_force}"
    return str(in_force) if set_to == in_force else f"{set_to}; in force: {in_force}"


def _lead_time(lead: Body) -> str:
    text = duration(lead["lead_time_seconds"])
    is_auto = lead.get("is_auto", True)  # not told by an older scaler
    if lead["start_seconds"] is None:
        how = "a cautious prior" if is_auto else "as the trigger says"
        return f"{text}: {how}; no start was measured"
    kind = "measured on" if lead["is_measured"] else "a prior, seen were"
    start, scaling = duration(lead["start_seconds"]), duration(lead["scaling_seconds"])
    shown = f"{start} to start, {scaling} to scale; {kind} {lead['n_starts']} starts"
    return f"{text}: {shown}" if is_auto else f"{text}, as the trigger says; the cluster: {shown}"


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the server knows zones that we don't
        return ZoneInfo("UTC")


def _count(count: int | None) -> str:
    return "unknown" if count is None else str(count)


def _number(value: float | None) -> str:
    return "unknown" if value is None else number(value)
