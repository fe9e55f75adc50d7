"""The list of all targets: what needs a person comes first."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from scaler.page.answers import DEFAULT_SORT, MAX_ON_A_PAGE
from scaler.page.layout import (
    Shell,
    age_text,
    badge,
    count_text,
    document,
    moment,
    name_of,
    number_text,
    query,
    row_class,
    target_link,
)
from scaler.page.tree import Child, tag
from scaler.page.view import Overview, Summary
from scaler.types import Evidence

READY = "Ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: what it shows of a target, and the order that its heading sorts by."""

    title: str
    cell: Callable[[Summary, Shell], Iterable[Child]]
    sort: str | None = None


NOTHING = (
    "No target yet. A target is listed once KEDA has asked about it: apply a ScaledObject whose "
    "trigger has scalerAddress set to this scaler."
)


def overview_page(overview: Overview, shell: Shell) -> Element:
    """Return the list as a page."""
    if not overview.n_targets:
        return document(shell, "Targets", tag("h1", "Targets"), tag("p", NOTHING, class_="empty"))
    return document(
        shell,
        "Targets",
        tag("h1", "Targets"),
        _counts(overview),
        _search(overview, shell.zone),
        _table(overview, shell)
        if overview.targets
        else tag("p", "Nothing matches.", class_="empty"),
        _pages(overview, shell.zone),
    )


def _counts(overview: Overview) -> Element:
    trouble = overview.n_in_trouble
    to_trouble = tag("strong", f"{trouble} need attention" if trouble != 1 else "1 needs attention")
    noun = "target" if overview.n_targets == 1 else "targets"
    return tag(
        "p",
        f"{overview.n_targets} {noun}, ",
        to_trouble if trouble else "all of them well",
        "." if overview.is_ready else ". The scaler is not ready: no tick lately.",
        class_="counts",
    )


def _search(overview: Overview, zone: ZoneInfo) -> Element:
    return tag(
        "form",
        tag("label", "Search", for_="search"),
        tag(
            "input",
            type="search",
            id="search",
            name="search",
            value=overview.search,
            placeholder="name, namespace, state, mode",
            autocomplete="off",
            maxlength=200,
        ),
        tag("input", type="hidden", name="sort", value=overview.sort),
        tag("input", type="hidden", name="zone", value=zone.key),
        tag("button", "Search", type="submit"),
        tag("span", f"{overview.n_matching} shown" if overview.search else "", class_="quiet"),
        method="get",
        role="search",
    )


def _table(overview: Overview, shell: Shell) -> Element:
    if not overview.targets:
        return tag("p", "Nothing matches.", class_="empty")
    is_watched = any(each.ready_replicas is not None for each in overview.targets)
    columns = tuple(each for each in COLUMNS if is_watched or each.title != READY)
    return tag(
        "div",
        tag(
            "table",
            tag("caption", "Targets", class_="hidden"),
            tag("thead", tag("tr", _headings(overview, shell.zone, columns))),
            tag("tbody", (_row(each, shell, columns) for each in overview.targets)),
            class_="targets",
        ),
        class_="scroll",
    )


def _headings(overview: Overview, zone: ZoneInfo, columns: tuple[Column, ...]) -> Iterator[Element]:
    for column in columns:
        sort = column.sort
        if sort is None:
            yield tag("th", column.title, scope="col")
            continue
        direction = "ascending" if sort in {"name", DEFAULT_SORT} else "descending"
        order = direction if sort == overview.sort else None
        href = query(search=overview.search, sort=sort, zone=zone.key)
        yield tag("th", tag("a", column.title, href=href), scope="col", aria_sort=order)


def _row(summary: Summary, shell: Shell, columns: tuple[Column, ...]) -> Element:
    first, *others = columns
    return tag(
        "tr",
        tag("th", first.cell(summary, shell), scope="row"),
        (tag("td", each.cell(summary, shell), data_label=each.title) for each in others),
        class_=row_class(summary),
    )


def _name(summary: Summary, shell: Shell) -> Iterator[Child]:
    full = name_of(f"{summary.namespace}/{summary.name}")
    yield target_link(shell.root, summary.namespace, summary.name, full)
    if summary.mode:
        yield tag("span", f" {summary.mode}", class_="quiet")


def _state(summary: Summary, shell: Shell) -> Iterator[Child]:
    del shell
    yield badge(summary)
    yield from _trouble(summary)


def _trouble(summary: Summary) -> Iterator[Element]:
    if summary.shortfall is not None:
        text = f" {summary.shortfall.missing_replicas} short"
        yield tag("span", text, class_="badge short", title=summary.shortfall.because)
    if summary.problem is not None:
        yield tag("span", f" {summary.problem}", class_="problem", title=summary.problem_text)


def _answer(summary: Summary) -> Element:
    if summary.replicas is None and summary.evidence != Evidence.PENDING:
        return tag("strong", "error", title=summary.answer)
    return tag("strong", count_text(summary.replicas), title=summary.answer)


def _ready(summary: Summary) -> str:
    if summary.ready_replicas is None:
        return "unknown"
    return f"{summary.ready_replicas} of {count_text(summary.wanted_replicas)}"


def _range(summary: Summary) -> str:
    if summary.max_replicas is None:
        return "unknown"
    return f"{summary.warm_floor_replicas} to {summary.max_replicas}"


def _forecast(summary: Summary) -> str:
    return "none" if summary.forecast_demand is None else number_text(summary.forecast_demand)


def _change(summary: Summary, shell: Shell) -> Iterator[Child]:
    change = summary.last_change
    if change is None:
        yield "none yet"
        return
    yield moment(change.at, shell.zone, "%a %H:%M")
    before = "" if change.before_replicas is None else f"{change.before_replicas} → "
    yield f" {before}{change.after_replicas} "
    yield tag("span", change.because, class_="quiet why")


COLUMNS = (
    Column(title="Target", cell=_name, sort="name"),
    Column(title="State", cell=_state, sort=DEFAULT_SORT),
    Column(
        title="Answer",
        cell=lambda each, _: [_answer(each)],
        sort="replicas",
    ),
    Column(title=READY, cell=lambda each, _: [_ready(each)]),
    Column(title="Needed", cell=lambda each, _: [count_text(each.needed_replicas)]),
    Column(title="Floor to ceiling", cell=lambda each, _: [_range(each)]),
    Column(title="Demand", cell=lambda each, _: [number_text(each.observed_demand)], sort="demand"),
    Column(title="Forecast", cell=lambda each, _: [_forecast(each)]),
    Column(
        title="Observed", cell=lambda each, _: [age_text(each.observed_age_seconds)], sort="age"
    ),
    Column(title="Last change", cell=_change, sort="change"),
)


def _pages(overview: Overview, zone: ZoneInfo) -> Element | None:
    if overview.n_matching <= MAX_ON_A_PAGE:
        return None
    last = min(overview.first + MAX_ON_A_PAGE, overview.n_matching)
    links: list[Child] = [f"{overview.first + 1} to {last} of {overview.n_matching} "]
    for text, first in (("Previous", overview.first - MAX_ON_A_PAGE), ("Next", last)):
        if 0 <= first < overview.n_matching:
            href = query(
                search=overview.search, sort=overview.sort, first=str(first), zone=zone.key
            )
            links.append(tag("a", text, href=href))
            links.append(" ")
    return tag("nav", *links, aria_label="pages")
