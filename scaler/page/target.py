"""A target's page: what is answered, why, what it rests on and how it went."""

from collections.abc import Callable, Iterator
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from scaler.page.figure import charts
from scaler.page.histogram import histogram
from scaler.page.layout import (
    MARKS,
    Shell,
    age_text,
    badge,
    count_text,
    document,
    moment,
    name_of,
    number_text,
    row_class,
    target_link,
)
from scaler.page.tree import Child, tag
from scaler.page.trigger import trigger_panel
from scaler.page.view import (
    Details,
    ForecastView,
    LeadTimeView,
    LedgerSide,
    LedgerView,
    Summary,
    TargetPage,
)
from scaler.words import duration, mode_text

N_CHANGES = 12


def target_page(page: TargetPage, shell: Shell, *, hours: float) -> Element:
    """Return all triggers of one ScaledObject."""
    full = f"{page.namespace}/{page.name}"
    sections = [_section(each, shell, hours, n=len(page.triggers)) for each in page.triggers]
    return document(shell, full, tag("h1", name_of(full)), *sections)


def not_found_page(shell: Shell, wanted: str, near: list[tuple[str, str]]) -> Element:
    """Return what is shown for a name that is not in the table."""
    hint: list[Child] = []
    if near:
        links = (
            tag("li", target_link(shell.root, space, name, name_of(f"{space}/{name}")))
            for space, name in near
        )
        hint = [tag("p", "Did you mean"), tag("ul", links)]
    return document(
        shell,
        "No such target",
        tag("h1", "No such target"),
        tag("p", "No target is called ", name_of(wanted), ". A target is listed from the moment "
            "that KEDA asks about it, until nobody has asked for --forget-after-seconds."),
        *hint,
        tag("p", tag("a", "All targets", href=shell.root or "./")),
    )  # fmt: skip


def _section(details: Details, shell: Shell, hours: float, *, n: int) -> Element:
    summary, zone = details.summary, shell.zone
    return tag(
        "section",
        tag("h2", f"Trigger {summary.trigger}") if n > 1 else None,
        tag(
            "p",
            badge(summary),
            " KEDA is told ",
            tag("strong", summary.answer),
            f" ({mode_text(summary.mode, summary.mode_in_force)})" if summary.mode else None,
            ".",
            class_="answer",
        ),
        *_alerts(details),
        _facts(details, zone),
        charts(details, now=shell.at, hours=hours, zone=zone),
        _why(details),
        tag(
            "div", _lead_time(details), _ledger(details.ledger, zone), _changes(details, zone),
            trigger_panel(details.settings), _missing(details), class_="panels",
        ),
        class_=row_class(summary),
    )  # fmt: skip


def _alerts(details: Details) -> Iterator[Element]:
    summary = details.summary
    if details.invalid_lines:
        lines = (tag("li", line) for line in details.invalid_lines)
        yield tag("div", tag("p", "The trigger can't be used:"), tag("ul", lines), class_="alert")
    elif summary.evidence != "fresh":
        yield tag("p", details.evidence_text, class_="alert")
    if details.is_stale_answer:
        text = "No tick has renewed this answer in time: the one for old data is in force."
        yield tag("p", text, class_="alert")
    if summary.problem is not None and not details.invalid_lines:
        yield tag("p", f"Reading demand failed ({summary.problem}): ", summary.problem_text or "",
                  class_="alert")  # fmt: skip
    if summary.shortfall is not None:
        short = summary.shortfall
        text = f"{short.missing_replicas} fewer than wanted: {short.because}."
        yield tag("p", text, class_="alert")


def _facts(details: Details, zone: ZoneInfo) -> Element:
    items = (
        tag("div", tag("dt", title), tag("dd", *content))
        for title, content in _fact_rows(details, zone)
    )
    return tag("dl", items, class_="facts")


def _fact_rows(details: Details, zone: ZoneInfo) -> Iterator[tuple[str, list[Child]]]:
    summary = details.summary
    if details.trigger is not None:
        yield "Demand observed", _demand(summary, details.trigger.threshold)
        yield "Forecast", _forecast(details.forecast, zone)
        yield "Replicas", _replicas(summary)
        if summary.ready_replicas is not None:
            yield "In the cluster", _fleet(summary)
        floor, ceiling = summary.warm_floor_replicas, summary.max_replicas
        yield "Floor to ceiling", [f"{count_text(floor)} to {count_text(ceiling)}"]
    if summary.lead_time_seconds is not None:
        source = "measured" if summary.is_lead_time_measured else "not measured"
        yield "Lead time", [tag("strong", duration(summary.lead_time_seconds)), f" ({source})"]
    yield "KEDA asked", [age_text(summary.asked_age_seconds)]


def _demand(summary: Summary, threshold: float) -> list[Child]:
    age = age_text(summary.observed_age_seconds)
    text = f" {age}; one replica carries {number_text(threshold)}"
    return [tag("strong", number_text(summary.observed_demand)), text]


def _forecast(forecast: ForecastView | None, zone: ZoneInfo) -> list[Child]:
    if forecast is None:
        return ["none: nothing to start from"]
    method = f" ({forecast.quantile:.4g} quantile, {forecast.method})"
    bound = tag("strong", f"at most {number_text(forecast.demand)}")
    return [bound, " until ", moment(forecast.until_at, zone), method]


def _replicas(summary: Summary) -> list[Child]:
    needed = count_text(summary.needed_replicas)
    alone = count_text(summary.reactive_replicas)
    asked = tag("strong", f"{count_text(summary.replicas)} asked for")
    return [asked, f", {needed} needed now, {alone} without the forecast"]


def _fleet(summary: Summary) -> list[Child]:
    wanted, starting = count_text(summary.wanted_replicas), count_text(summary.starting_replicas)
    waiting = count_text(summary.unschedulable_replicas)
    text = f" of {wanted} wanted; {starting} starting, {waiting} without a node"
    return [tag("strong", f"{summary.ready_replicas} ready"), text]


def _why(details: Details) -> Element | None:
    if not details.steps:
        return None
    rows = (
        tag(
            "tr",
            tag("th", step.rule, scope="row"),
            tag("td", _move(step.before_replicas, step.after_replicas), class_="number"),
            tag("td", step.because),
            class_="moved" if step.before_replicas != step.after_replicas else "unmoved",
        )
        for step in details.steps
    )
    heading = ("Rule", "Replicas", "Because")
    return tag(
        "div",
        tag("h2", "Why"),
        tag("p", "The count starts at 0 and passes these rules in order.", class_="quiet"),
        tag("table", tag("thead", tag("tr", (tag("th", each, scope="col") for each in heading))),
            tag("tbody", rows), class_="steps"),
        _unmoved(details),
    )  # fmt: skip


def _unmoved(details: Details) -> Element | None:
    """Return the rules that moved nothing, folded: on a phone they would take a screen and more."""
    still = [step for step in details.steps if step.before_replicas == step.after_replicas]
    if not still:
        return None
    rows = (tag("li", tag("strong", step.rule), f": {step.because}") for step in still)
    count = f"{len(still)} rule{'' if len(still) == 1 else 's'} moved nothing"
    return tag("details", tag("summary", count), tag("ul", rows), class_="on-narrow")


def _move(before: int, after: int) -> str:
    return f"{before} → {after}" if before != after else f"{after}"


def _lead_time(details: Details) -> Element | None:
    lead = details.lead_time
    if lead is None:
        return None
    starts = lead.cold_starts_seconds
    drawn: Child = None
    if starts:
        drawn = tag("figure", histogram(starts, lead.start_seconds), class_="chart")
    return tag("div", tag("h2", "Lead time"), tag("p", _lead_text(lead)), drawn, class_="panel")


def _lead_text(lead: LeadTimeView) -> str:
    text = f"{duration(lead.lead_time_seconds)} from one more replica wanted until it answers"
    text += "" if lead.is_auto else ", as the trigger says"
    if lead.start_seconds is None or lead.scaling_seconds is None:
        prior = ": a cautious prior, since" if lead.is_auto else ";"
        return f"{text}{prior} no start was measured."
    parts = f"{text}. The cluster shows {duration(lead.start_seconds)} for the pod to start"
    if lead.quantile is not None:
        parts += f" (quantile {lead.quantile:g})"
    parts += f", {duration(lead.scaling_seconds)} for KEDA and the HPA."
    kind = "Measured on" if lead.is_measured else "A prior; too few starts were seen:"
    counts = f" {kind} {count_text(lead.n_starts)} starts, {count_text(lead.n_censored)} under way"
    if lead.is_auto:
        parts += " The sum is rounded up in steps of 10 %."
    return f"{parts}{counts}; the next replica comes from a {lead.start_class} start."


def _ledger(ledger: LedgerView | None, zone: ZoneInfo) -> Element | None:
    if ledger is None:
        return None
    rows: tuple[tuple[str, Callable[[LedgerSide], str]], ...] = (
        ("Time short", lambda side: duration(side.short_seconds)),
        ("Demand not carried", lambda side: number_text(side.shortage_demand_seconds)),
        ("Replica-hours", lambda side: number_text(side.replica_hours)),
    )
    heads = ["", "Prewarm", "Reactive alone"]
    sides = [ledger.prewarm, ledger.reactive]
    if ledger.actual is not None:
        heads.append("Really")
        sides.append(ledger.actual)
    body = (
        tag("tr", tag("th", title, scope="row"), (tag("td", show(side)) for side in sides))
        for title, show in rows
    )
    return tag(
        "div",
        tag("h2", "Ledger"),
        tag("p", "Since ", moment(ledger.since_at, zone, "%a %Y-%m-%d %H:%M"), ". ",
            _verdict(ledger)),
        tag("table", tag("thead", tag("tr", (tag("th", head, scope="col") for head in heads))),
            tag("tbody", body)),
        class_="panel",
    )  # fmt: skip


def _verdict(ledger: LedgerView) -> str:
    """Return in a sentence what prediction gains and costs."""
    cost = ledger.extra_ratio
    paid = "" if cost is None else f" at {abs(cost):.0%} {'more' if cost >= 0 else 'less'} GPU time"
    mode = f" In force now: {ledger.mode_in_force}."
    if ledger.saved_ratio is None:
        return f"The reactive scaler was never short.{mode}"
    saved = ledger.saved_ratio
    what = f"{abs(saved):.0%} {'less' if saved >= 0 else 'more'} shortage than the reactive scaler"
    return f"{what}{paid}.{mode}"


def _changes(details: Details, zone: ZoneInfo) -> Element | None:
    if not details.changes:
        return None
    rows = (
        tag(
            "li",
            moment(change.at, zone, "%a %H:%M:%S"),
            tag(
                "strong",
                f" {_move(change.before_replicas, change.after_replicas)} "
                if change.before_replicas is not None
                else f" {change.after_replicas} ",
            ),
            tag("span", f"{MARKS[change.evidence]} ", title=change.evidence),
            change.because,
        )
        for change in details.changes[:N_CHANGES]
    )
    return tag(
        "div", tag("h2", "Latest changes"), tag("ol", rows, class_="changes"), class_="panel"
    )


def _missing(details: Details) -> Element | None:
    if not details.missing:
        return None
    rows = (tag("li", tag("strong", f"No {each.what}. "), each.because) for each in details.missing)
    return tag("div", tag("h2", "Not shown"), tag("ul", rows), class_="panel")
