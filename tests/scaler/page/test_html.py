"""The pages as text: escaped without exception, and nothing but GET is answered."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards import LEDGER, NOON, add, ask, fleet, lead_time, live, new_board, page_of, publish, seen
from scaler.adapters.memory import ManualClock
from scaler.board import Board
from scaler.page.extras import Extras
from scaler.page.tree import fragment, tag
from scaler.types import Evidence, PolicyState

NASTY = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a&b'c", "{{7*7}}", "\x00")
KNOWN_TAGS = frozenset(
    [
        "a",
        "bdi",
        "body",
        "button",
        "caption",
        "circle",
        "code",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "figure",
        "footer",
        "form",
        "g",
        "h1",
        "h2",
        "head",
        "header",
        "html",
        "input",
        "label",
        "li",
        "line",
        "link",
        "main",
        "meta",
        "nav",
        "ol",
        "output",
        "p",
        "path",
        "rect",
        "script",
        "section",
        "span",
        "strong",
        "summary",
        "svg",
        "table",
        "tbody",
        "td",
        "text",
        "th",
        "thead",
        "time",
        "title",
        "tr",
        "ul",
    ]
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


class Tags(HTMLParser):
    """Notes every tag and attribute."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def assert_harmless(text: str) -> Tags:
    parsed = Tags(text)
    assert set(parsed.tags) <= KNOWN_TAGS
    names = {name for name, _ in parsed.attributes}
    assert not [name for name in names if name.startswith("on")]
    assert "style" not in names
    assert parsed.tags.count("script") == 1  # ours, from a file
    for name, value in parsed.attributes:
        if name in {"href", "src"} and value is not None:
            assert re.match(r"(\.\./|[?#]|\./|targets/|static/|api/|data:image/svg|$)", value), (
                value
            )
    return parsed


@pytest.mark.parametrize("nasty", NASTY)
def test_what_users_write_never_becomes_markup(clock: ManualClock, nasty: str) -> None:
    board = new_board()
    live(add(board, clock, name=nasty, namespace=nasty, query=nasty), clock, [10.0])
    add(board, clock, name="bad", threshold=nasty, **{nasty: nasty})
    page = page_of(board, clock)
    for path, query in (
        ("/", f"search={nasty[:1]}"),
        (f"/targets/{nasty}/{nasty}", ""),
        ("/targets/llm/bad", ""),
        (f"/targets/{nasty}/missing", ""),
    ):
        _, _, text = ask(page, path, query=query)
        assert_harmless(text)


@given(st.text(), st.text())
def test_a_tree_says_what_it_was_given(text: str, value: str) -> None:
    written = fragment(tag("p", text, title=value))
    parsed = Tags(written)
    assert parsed.tags == ["p"]
    if not set(text + value) & {"\r", "\x00"}:  # which HTML itself turns into something else
        assert "".join(parsed.text) == text
        assert parsed.attributes == [("title", value)]


@pytest.mark.parametrize("name", ["script", "style"])
def test_text_that_would_not_be_escaped_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must be empty"):
        fragment(tag("div", tag(name, "x")))


@pytest.mark.parametrize(
    "path", ["/", "/targets/llm/chat", "/targets/no/one", "/nowhere", "/api/x"]
)
def test_every_answer_carries_the_headers_that_protect_it(clock: ManualClock, path: str) -> None:
    board = new_board()
    live(add(board, clock), clock, [10.0])
    _, headers, _ = ask(page_of(board, clock), path)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_but_reading_is_answered(clock: ManualClock, method: str) -> None:
    status, _, _ = ask(page_of(new_board(), clock), "/api/v1/targets", method=method)
    assert status.startswith("405")


def test_head_answers_without_a_body(clock: ManualClock) -> None:
    status, headers, text = ask(page_of(new_board(), clock), "/", method="HEAD")
    assert (status, text) == ("200 OK", "")
    assert int(headers["Content-Length"]) > 500


def test_a_strangers_host_is_told_nothing(clock: ManualClock) -> None:
    board = new_board()
    add(board, clock)
    page = page_of(board, clock)
    for path in ("/", "/api/v1/targets", "/targets/llm/chat"):
        status, _, text = ask(page, path, host="evil.example")
        assert status.startswith("421")
        assert "--page-host" in text
        assert "llm" not in text
    named = page_of(board, clock, hosts=("evil.example",))
    assert ask(named, "/", host="evil.example")[0] == "200 OK"


def test_an_empty_board_says_what_to_do(clock: ManualClock) -> None:
    _, _, text = ask(page_of(new_board(), clock), "/")
    assert "No target yet" in text
    assert "scalerAddress" in text


def shown_board(clock: ManualClock) -> Board:
    board = new_board()
    live(add(board, clock), clock, [10.0, 40.0], fleet=fleet(), lead_time=lead_time())
    return board


def test_a_target_page_shows_all_that_is_known(clock: ManualClock) -> None:
    extras = Extras(
        ledger=LEDGER,
        cold_starts_seconds=(200.0, 150.0, 170.0),
    )
    page = page_of(shown_board(clock), clock, get_extras=lambda _: extras)
    _, _, text = ask(page, "/targets/llm/chat")
    words = " ".join(assert_harmless(text).text)
    for wanted in (
        *("5 replicas", "3 ready", "of 5 wanted", "cover_forecast", "0 → 5", "Ledger"),
        *(
            "Replica-hours",
            "60% less shortage",
            "Measured on 40 starts",
            "planned 3 min 15 s",
            "Latest changes",
        ),
        *("lead time", "floor", "maxReplicas", "1 to 8", "without the forecast"),
    ):
        assert wanted in words, wanted
    assert "Not shown" not in words


def test_what_cannot_be_shown_is_left_out_with_a_reason(clock: ManualClock) -> None:
    board = new_board()
    live(add(board, clock), clock, [10.0])
    _, _, text = ask(page_of(board, clock), "/targets/llm/chat")
    words = " ".join(Tags(text).text)
    assert "Not shown" in words
    assert "doesn't watch the cluster" in words
    assert "Replica-hours" not in words


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", "Europe/Berlin"),
        ("zone=Asia/Tokyo", "Asia/Tokyo"),
        ("zone=../../etc/passwd", "Europe/Berlin"),
        ("zone=Nowhere", "Europe/Berlin"),
        ("zone=%3Cscript%3E", "Europe/Berlin"),
    ],
)
def test_times_are_in_the_readers_zone_else_in_the_triggers(
    clock: ManualClock, query: str, shown: str
) -> None:
    board = new_board()
    live(add(board, clock, timezone="Europe/Berlin"), clock, [10.0])
    _, _, text = ask(page_of(board, clock), "/targets/llm/chat", query=query)
    assert f'data-zone="{shown}"' in text
    assert f"times in {shown}." in text


def test_states_are_told_by_sign_and_word_and_not_by_colour_alone(clock: ManualClock) -> None:
    board = new_board()
    publish(add(board, clock), seen(NOON, evidence=Evidence.UNKNOWN), clock, PolicyState())
    _, _, text = ask(page_of(board, clock), "/")
    assert "unknown</span>" in text
    assert "1 needs attention" in text


def test_static_files_are_kept_under_a_name_that_changes_with_them(clock: ManualClock) -> None:
    page = page_of(new_board(), clock)
    _, _, text = ask(page, "/")
    [style] = re.findall(r'href="(static/[0-9a-f]{12}/page\.css)"', text)
    status, headers, body = ask(page, f"/{style}")
    assert (status, headers["Content-Type"]) == ("200 OK", "text/css; charset=utf-8")
    assert "immutable" in headers["Cache-Control"]
    assert "://" not in body
    assert ask(page, "/static/x/../app.py")[0].startswith("404")
