"""The status page and the JSON API as a WSGI application. It reads, and changes nothing.

Runs in the HTTP server's threads and never waits: the board's values are immutable, so nothing is
locked and the event loop is not asked.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from importlib.metadata import version
from importlib.resources import files
from typing import Any, TypeAlias
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from scaler.board import Board, Target
from scaler.metadata import Trigger
from scaler.page import as_json
from scaler.page.answers import (
    DEFAULT_SORT,
    MAX_ON_A_PAGE,
    MAX_SEARCH_CHARACTERS,
    SORTS,
    Question,
    is_in_trouble,
    matching,
    nearest,
    ordered,
)
from scaler.page.extras import GetExtras, extras_of
from scaler.page.figure import DEFAULT_HOURS, HOURS
from scaler.page.gather import details_of, summary_of
from scaler.page.hosts import is_permitted
from scaler.page.layout import Shell
from scaler.page.overview import overview_page
from scaler.page.target import not_found_page, target_page
from scaler.page.tree import page_bytes
from scaler.page.view import Overview, TargetPage
from scaler.ports import Clock

UTC = ZoneInfo("UTC")
HTML, JSON = "text/html; charset=utf-8", "application/json"
STATIC_TYPES = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}
OK, NOT_FOUND = "200 OK", "404 Not Found"
MAX_API_LIMIT = 10_000
N_PARTS_OF_A_TARGET = 2

# Nothing from elsewhere, nothing inline, in nobody's frame, no word of where a link led from.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
NO_STORE = ("Cache-Control", "no-store")
KEEP = ("Cache-Control", "public, max-age=31536000, immutable")

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Asked: TypeAlias = Mapping[str, list[str]]  # the query of a request


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response before it is written."""

    body: bytes
    kind: str = HTML
    status: str = OK
    headers: tuple[tuple[str, str], ...] = (NO_STORE,)


@dataclass(frozen=True, kw_only=True)
class StatusPage:
    """Shows a board. `hosts`: names that may stand in a request's Host header, see `hosts.py`."""

    board: Board
    clock: Clock
    is_ready: Callable[[], bool]
    hosts: tuple[str, ...] = ()
    get_extras: GetExtras = extras_of

    def __call__(
        self, environ: Mapping[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request."""
        answer = self._answer(environ)
        length = ("Content-Length", str(len(answer.body)))
        kind = ("Content-Type", answer.kind)
        start_response(answer.status, [kind, length, *answer.headers, *SECURITY_HEADERS])
        return [answer.body if environ["REQUEST_METHOD"] != "HEAD" else b""]

    @cached_property
    def _static(self) -> dict[str, bytes]:
        folder = files("scaler.page") / "static"
        return {name: (folder / name).read_bytes() for name in STATIC_TYPES}

    @cached_property
    def _assets(self) -> str:
        """A folder name that changes with the files in it, so that browsers may keep them."""
        return blake2b(b"".join(self._static.values()), digest_size=6).hexdigest()

    @cached_property
    def _version(self) -> str:
        return version("keda-prewarm")

    def _answer(self, environ: Mapping[str, Any]) -> Answer:
        host = environ.get("HTTP_HOST", "")
        if not is_permitted(host, self.hosts):
            text = f"Host {host[:100]!r} is not answered; `prewarm serve --page-host` permits it"
            return _plain(text, status="421 Misdirected Request")
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return _plain("read-only: GET and HEAD", status="405 Method Not Allowed")
        asked = parse_qs(environ.get("QUERY_STRING", ""))
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        place = tuple(path.split("/")[1:])
        if place[:1] == ("api",):
            return self._api(place[1:], asked)
        return self._page(place, asked)

    def _page(self, place: tuple[str, ...], asked: Asked) -> Answer:
        match place:
            case ("",):
                return self._overview(asked)
            case ("targets", namespace, *name) if name:
                return self._target(namespace, "/".join(name), asked)
            case ("static", _, name) if name in self._static:
                return Answer(body=self._static[name], kind=STATIC_TYPES[name], headers=(KEEP,))
        text = "see /, /api/v1/targets, /metrics, /healthz, /readyz"
        return _plain(text, status=NOT_FOUND)

    def _api(self, place: tuple[str, ...], asked: Asked) -> Answer:
        match place:
            case ("v1", "targets"):
                return self._api_targets(asked)
            case ("v1", "targets", namespace, *name) if name:
                return self._api_target(namespace, "/".join(name))
        return _error("no such path; see /api/v1/targets")

    def _overview(self, asked: Asked) -> Answer:
        overview = self.overview(_question(asked))
        shell = self._shell("", _zone(asked) or UTC)
        return Answer(body=page_bytes(overview_page(overview, shell)))

    def _target(self, namespace: str, name: str, asked: Asked) -> Answer:
        root = "../" * (N_PARTS_OF_A_TARGET + name.count("/"))
        targets = self._targets(namespace, name)
        if not targets:
            near = [each.partition("/")[::2] for each in self._near(namespace, name)]
            shell = self._shell(root, _zone(asked) or UTC)
            body = page_bytes(not_found_page(shell, f"{namespace}/{name}", near))
            return Answer(body=body, status=NOT_FOUND)
        first = targets[0].trigger
        own = first.params.zone if isinstance(first, Trigger) else UTC
        page = self.target(namespace, name)
        shell = self._shell(root, _zone(asked) or own)
        return Answer(body=page_bytes(target_page(page, shell, hours=_hours(asked))))

    def _api_targets(self, asked: Asked) -> Answer:
        limit = _whole(asked, "limit", MAX_API_LIMIT, most=MAX_API_LIMIT)
        return Answer(body=as_json.text(self.overview(_question(asked, limit=limit))), kind=JSON)

    def _api_target(self, namespace: str, name: str) -> Answer:
        if not self._targets(namespace, name):
            return _error(f"no target is called {namespace}/{name}", self._near(namespace, name))
        return Answer(body=as_json.text(self.target(namespace, name)), kind=JSON)

    def overview(self, question: Question) -> Overview:
        """Return the list that a question asks for."""
        now, at = self.clock.now(), self.clock.monotonic()
        everyone = [summary_of(target, now=now, at=at) for target in self.board]
        found = ordered(matching(everyone, question.search), question.sort)
        return Overview(
            at=now,
            version=self._version,
            is_ready=self.is_ready(),
            search=question.search,
            sort=question.sort,
            first=question.first,
            n_targets=len(everyone),
            n_matching=len(found),
            n_in_trouble=sum(is_in_trouble(each) for each in everyone),
            targets=tuple(found[question.first : question.first + question.limit]),
        )

    def target(self, namespace: str, name: str) -> TargetPage:
        """Return all about one ScaledObject; without triggers when it is not in the table."""
        now, at = self.clock.now(), self.clock.monotonic()
        details = tuple(
            details_of(target, now=now, at=at, extras=self.get_extras(target))
            for target in self._targets(namespace, name)
        )
        return TargetPage(
            at=now, version=self._version, namespace=namespace, name=name, triggers=details
        )

    def _targets(self, namespace: str, name: str) -> list[Target]:
        """Return an object's triggers, the one that was asked about last first."""
        found = [
            each for each in self.board if each.key.namespace == namespace and each.key.name == name
        ]
        return sorted(found, key=lambda each: (-each.asked_at, each.key.digest))

    def _near(self, namespace: str, name: str) -> list[str]:
        names = sorted({f"{each.key.namespace}/{each.key.name}" for each in self.board})
        return nearest(f"{namespace}/{name}", names)

    def _shell(self, root: str, zone: ZoneInfo) -> Shell:
        return Shell(
            root=root,
            zone=zone,
            at=self.clock.now(),
            version=self._version,
            assets=self._assets,
        )


def _plain(text: str, *, status: str) -> Answer:
    return Answer(body=f"{text}\n".encode(), kind="text/plain; charset=utf-8", status=status)


def _error(message: str, near: Iterable[str] = ()) -> Answer:
    body = {"error": message, "nearest": list(near)}
    return Answer(body=as_json.text_of(body), kind=JSON, status=NOT_FOUND)


def _question(asked: Asked, *, limit: int = MAX_ON_A_PAGE) -> Question:
    sort = asked.get("sort", [DEFAULT_SORT])[0]
    return Question(
        search=asked.get("search", [""])[0][:MAX_SEARCH_CHARACTERS],
        sort=sort if sort in SORTS else DEFAULT_SORT,
        first=_whole(asked, "first", 0),
        limit=limit,
    )


def _whole(asked: Asked, key: str, default: int, *, most: int = 10**9) -> int:
    text = asked.get(key, [""])[0]
    is_whole = text.isascii() and text.isdecimal() and len(text) < len(str(most)) + 1
    return min(int(text), most) if is_whole else default


def _hours(asked: Asked) -> float:
    text = asked.get("hours", [""])[0]
    return next((each for each in HOURS if f"{each:g}" == text), DEFAULT_HOURS)


def _zone(asked: Asked) -> ZoneInfo | None:
    """Return the reader's zone, None where the page is to choose."""
    try:
        return ZoneInfo(asked["zone"][0])
    except (KeyError, ValueError, OSError, ZoneInfoNotFoundError):
        return None
