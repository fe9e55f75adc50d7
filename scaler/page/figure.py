"""The charts with all around them: legend, span, read-out and the same as a table."""

import json
from collections.abc import Iterator
from typing import TypeAlias
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from scaler.page.chart import NARROW, WIDE, demand_chart, replica_chart
from scaler.page.layout import moment, query
from scaler.page.lines import MAX_POINTS, Lines, lines_of, value_at
from scaler.page.tree import tag
from scaler.page.view import Details
from scaler.words import number

HOURS = (1.0, 6.0, 24.0)
DEFAULT_HOURS = 6.0
N_TABLE_ROWS = 24
READ_OUT = ("demand", "bound", "needed", "replicas", "reactive", "ready")
LEGENDS = (
    (("demand", "demand observed"), ("bound", "forecast bound: the most that was expected")),
    (
        ("need", "needed by demand"),
        ("replicas", "asked for"),
        ("reactive", "without the forecast"),
        ("ready", "ready"),
    ),
)


Row: TypeAlias = tuple[float, *tuple[float | None, ...]]  # Unix seconds, and a value a line


def charts(details: Details, *, now: float, hours: float, zone: ZoneInfo) -> Element | None:
    """Return both charts of a target; None while there is nothing to draw."""
    lines = lines_of(details, now=now, hours=hours)
    if lines is None:
        return None
    demand = [demand_chart(lines, size[0], zone) for size in (WIDE, NARROW)]
    replicas = [replica_chart(lines, size[1], zone, details.changes) for size in (WIDE, NARROW)]
    return tag(
        "figure",
        _spans(hours, zone),
        tag("h2", "Demand"),
        _legend(LEGENDS[0]),
        _both(demand),
        tag("h2", "Replicas"),
        _legend(tuple(each for each in LEGENDS[1] if each[0] != "ready" or lines.ready)),
        _both(replicas),
        tag("output", "Point at a chart, or focus it and press the arrow keys.", class_="readout"),
        _table(lines, zone),
        class_="charts",
        data_plot=read_out_json(lines),
        tabindex="0",
        aria_label="Charts of demand and replicas; arrow keys read out values",
    )


def read_out_json(lines: Lines) -> str:
    """Return what the script reads out: numbers and null alone."""
    rows = [[round(at), *(_rounded(value) for value in values)] for at, *values in rows_of(lines)]
    body = {"start": lines.start_at, "end": lines.end_at, "names": READ_OUT, "rows": rows}
    return json.dumps(body, separators=(",", ":"), allow_nan=False)


def rows_of(
    lines: Lines, n_rows: int = MAX_POINTS
) -> Iterator[tuple[float, *tuple[float | None, ...]]]:
    """Yield the values of all lines at equal distances over the whole axis."""
    step = (lines.end_at - lines.start_at) / n_rows
    chosen = (lines.demand, lines.bound, lines.needed, lines.replicas, lines.reactive, lines.ready)
    for nth in range(n_rows + 1):
        at = lines.start_at + nth * step
        values = [value_at(line, at) for line in chosen]
        if any(value is not None for value in values):
            yield (at, *values)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _both(drawings: list[Element]) -> list[Element]:
    """Return a drawing for wide screens and one for narrow ones; the style shows one of them."""
    names = ("chart on-wide", "chart on-narrow")
    return [tag("div", each, class_=name) for each, name in zip(drawings, names, strict=True)]


def _spans(hours: float, zone: ZoneInfo) -> Element:
    links = (
        tag(
            "a",
            f"{each:g} h",
            href=query(hours=f"{each:g}", zone=zone.key),
            aria_current="true" if each == hours else None,
        )
        for each in HOURS
    )
    return tag("nav", links, class_="spans", aria_label="span of the charts")


def _legend(entries: tuple[tuple[str, str], ...]) -> Element:
    items = (
        tag("li", tag("span", class_=f"swatch {name}", aria_hidden="true"), text)
        for name, text in entries
    )
    return tag("ul", items, class_="legend")


def _table(lines: Lines, zone: ZoneInfo) -> Element:
    heads = ("Time", "Demand", "At most", "Needed", "Asked for", "Without forecast", "Ready")
    rows = (
        tag("tr", tag("th", moment(at, zone, "%a %H:%M"), scope="row"),
            (tag("td", "" if value is None else number(value)) for value in values))
        for at, *values in rows_of(lines, N_TABLE_ROWS)
    )  # fmt: skip
    return tag(
        "details",
        tag("summary", "The same as a table"),
        tag(
            "div",
            tag(
                "table",
                tag("thead", tag("tr", (tag("th", each, scope="col") for each in heads))),
                tag("tbody", rows),
            ),
            class_="scroll",
        ),
        id="as-table",
    )
