"""What all pages share: the frame, badges, times and links."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from scaler.page.answers import is_in_trouble
from scaler.page.tree import Child, tag
from scaler.page.view import Summary
from scaler.words import duration, number

UNKNOWN = "unknown"
LEAST_AGE_SECONDS = 1.0
MARKS = {"fresh": "●", "pending": "○", "stale": "▲", "unknown": "?", "invalid": "✕"}
STATE_TITLES = {
    "fresh": "demand was observed lately",
    "pending": "nobody has looked yet",
    "stale": "the newest observation is too old",
    "unknown": "nothing was ever observed, which is not zero",
    "invalid": "the trigger can't be used",
}
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath "
    "d='M1 12h4V8h5V4h5' fill='none' stroke='%230a7d55' stroke-width='2.5'/%3E%3C/svg%3E"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What a page is put into. `root` leads from it to the list, relative: proxies move pages."""

    root: str
    zone: ZoneInfo
    at: float
    version: str
    assets: str  # changes with the files of style and script


def document(shell: Shell, title: str, *main: Child, heading: Iterable[Child] = ()) -> Element:
    """Return a whole page. Only what lies in `live` is replaced by a refresh."""
    static = f"{shell.root}static/{shell.assets}"
    return tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("title", f"{title} · Prewarm"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("link", rel="icon", href=ICON),
            tag("link", rel="stylesheet", href=f"{static}/page.css"),
            tag("script", src=f"{static}/page.js", defer=True),
        ),
        tag(
            "body",
            tag("a", "Skip to content", class_="skip", href="#live"),
            tag(
                "header",
                tag("a", "Prewarm", class_="brand", href=shell.root or "./"),
                *heading,
                tag("p", "Read-only", class_="quiet grow", title="this page changes nothing"),
                tag("p", class_="quiet", id="refresh", role="status"),
            ),
            tag("main", *main, _footer(shell), id="live", tabindex="-1"),
        ),
        lang="en",
        data_zone=shell.zone.key,
        data_at=f"{shell.at:.3f}",
    )


def _footer(shell: Shell) -> Element:
    return tag(
        "footer",
        tag(
            "p",
            "As of ",
            moment(shell.at, shell.zone, "%a %Y-%m-%d %H:%M:%S"),
            f", times in {shell.zone.key}. Prewarm {shell.version}. ",
            tag("a", "JSON", href=f"{shell.root}api/v1/targets"),
        ),
        class_="quiet",
    )


def badge(summary: Summary) -> Element:
    """Return the state of demand, told by sign and word and not by colour alone."""
    state = summary.evidence
    return tag(
        "span",
        tag("span", f"{MARKS[state]} ", aria_hidden="true"),
        state,
        class_=f"badge {state}",
        title=STATE_TITLES[state],
    )


def row_class(summary: Summary) -> str | None:
    """Return how a target's row or section is marked."""
    return "trouble" if is_in_trouble(summary) else None


def moment(at: float, zone: ZoneInfo, form: str = "%H:%M:%S") -> Element:
    """Return a time in the reader's zone, with the exact one for machines."""
    exact = datetime.fromtimestamp(at, tz=UTC).isoformat(timespec="seconds")
    shown = datetime.fromtimestamp(at, tz=zone)
    return tag("time", f"{shown:{form}}", datetime=exact, title=f"{shown:%Y-%m-%d %H:%M:%S %Z}")


def name_of(text: str) -> Element:
    """Return a name that a user wrote, kept from turning the text around it (bidirectional)."""
    return tag("bdi", text)


def target_link(root: str, namespace: str, name: str, *children: Child) -> Element:
    """Return a link to a target's page."""
    href = f"{root}targets/{quote(namespace, safe='')}/{quote(name, safe='')}"
    return tag("a", *children, href=href)


def query(**values: str | float | None) -> str:
    """Return the query of a link, without what is None."""
    kept = {key: value for key, value in values.items() if value not in {None, ""}}
    return "?" + urlencode(kept)


def count_text(count: int | None) -> str:
    """Return a count, or the word for one that nobody knows."""
    return UNKNOWN if count is None else str(count)


def number_text(value: float | None) -> str:
    """Return a figure, or the word for one that nobody knows."""
    return UNKNOWN if value is None else number(value)


def age_text(seconds: float | None) -> str:
    """Return an age, or the word for one that nobody knows."""
    if seconds is None:
        return UNKNOWN
    return "just now" if seconds < LEAST_AGE_SECONDS else f"{duration(seconds)} ago"
