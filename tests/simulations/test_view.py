import io
from collections.abc import Callable

import pytest
from rich.console import Console

from simulations.moments import Moment, Terms
from simulations.view import frame, line

Story = Callable[..., tuple[Moment, ...]]
SIZES = [(80, 24), (120, 40)]


def screen(story: Story, terms: Terms, size: tuple[int, int], *, n_moments: int = 115) -> list[str]:
    """Return the lines of the view five minutes or so before the spike."""
    width, height = size
    console = Console(width=width, height=height, file=io.StringIO(), record=True)
    console.print(frame(story(150.0)[:n_moments], terms), height=height)
    return console.export_text().splitlines()


@pytest.mark.parametrize("size", SIZES)
def test_the_view_fills_the_terminal_and_no_more(story: Story, terms: Terms, size: tuple[int, int]):
    lines = screen(story, terms, size)
    assert len(lines) == size[1]
    assert max(len(text) for text in lines) <= size[0]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "claim",
    [
        "spike due in 1 min 30 s",
        "Prewarm   ■■□□□",
        "2 of 5",
        "Reactive  ■■",
        "at most 48.0/s",
        "15.0/s",
        "2 replicas",
        "lead time 5 min",
        "why Prewarm asks for 5",
        "cover forecast 0 → 5",
        "warm floor     5",
        "▲ spike 09:00",
        "━ demand",
        "━ ready with Prewarm",
    ],
)
def test_the_view_shows(story: Story, terms: Terms, size: tuple[int, int], claim: str):
    assert claim in "\n".join(screen(story, terms, size))


@pytest.mark.parametrize("size", SIZES)
def test_the_chart_has_room_to_be_read(story: Story, terms: Terms, size: tuple[int, int]):
    rows = [text for text in screen(story, terms, size) if "┤" in text]
    assert len(rows) >= 8
    assert any("0/s┤" in row for row in rows)


def test_before_the_first_forecast_the_view_says_that_it_learns(story: Story, terms: Terms):
    assert "learning" in "\n".join(screen(story, terms, (80, 24), n_moments=1))


def test_a_line_says_the_same_for_a_log(story: Story, terms: Terms):
    text = line(story(150.0)[115])
    assert text.startswith("08:58:45  demand  15.0/s  forecast  48.0/s")
    assert "prewarm  2 ready of  5  reactive  2 ready of  2  cover_forecast 0->5" in text
    assert "forecast    --/s" in line(story(150.0)[0])
    assert terms.threshold == 10.0
