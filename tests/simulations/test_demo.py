"""The demonstration as a user runs it, in a process of its own."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from simulations.commands import is_live_wanted
from simulations.demo import Settings, _shown
from simulations.moments import Moment, Terms

Story = Callable[..., tuple[Moment, ...]]
PNG = b"\x89PNG\r\n\x1a\n"


def run_demo(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    code = "import sys; from simulations.commands import demo; demo(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, "--fast", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.mark.slow
def test_the_target_rises_ahead_of_the_spike_and_a_picture_is_left(tmp_path: Path):
    done = run_demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "before demand needed them (lead time 5 min)" in done.stdout
    picture = (tmp_path / "demo.png").read_bytes()
    assert picture.startswith(PNG)
    width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
    assert width >= 1_200
    assert height >= 700
    assert 30_000 < len(picture) < 500_000


@pytest.mark.slow
def test_without_the_forecast_it_fails_and_says_why(tmp_path: Path):
    done = run_demo(tmp_path, "--mode", "observe", "--plot", "other.png")
    assert done.returncode == 1
    assert "Failed: the target rose" in done.stderr
    assert "at least the lead time, 5 min" in done.stderr
    assert (tmp_path / "other.png").exists()


def test_a_plot_that_cant_be_written_is_refused_before_the_hour(tmp_path: Path):
    done = run_demo(tmp_path, "--plot", "no-such-folder/demo.png")
    assert done.returncode == 2
    assert "no-such-folder" in done.stderr


def test_a_plot_of_an_unknown_kind_is_refused_with_the_one_that_is_allowed(tmp_path: Path):
    done = run_demo(tmp_path, "--plot", "demo.pdf")
    assert done.returncode == 2
    assert '"demo.pdf" is not allowed; allowed is a name that ends in .png' in done.stderr


@pytest.mark.parametrize(
    ("variable", "value"), [("NO_COLOR", "1"), ("CI", "true"), ("TERM", "dumb")]
)
def test_who_asks_for_plain_text_gets_lines(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
):
    for name in ("NO_COLOR", "CI", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert is_live_wanted(is_terminal=True)
    assert not is_live_wanted(is_terminal=False)
    monkeypatch.setenv(variable, value)
    assert not is_live_wanted(is_terminal=True)


def test_a_missing_matplotlib_names_the_extra(tmp_path: Path):
    code = (
        "import sys; sys.modules['matplotlib'] = None; "
        "from simulations.commands import demo; demo(['--fast'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'keda-prewarm[simulations]'" in done.stderr


def test_a_live_view_draws_each_moment_and_leaves_the_last_one(story: Story, terms: Terms):
    console = Console(width=80, height=24, file=io.StringIO(), force_terminal=True)
    settings = Settings(speed=None, seed=1, lead_time_seconds=300.0, mode="predict", is_live=True)
    with _shown(terms, settings, console) as watch:
        for moment in story(375.0)[:130]:
            watch(moment)
    assert isinstance(console.file, io.StringIO)
    drawn = console.file.getvalue()
    assert drawn.count("Prewarm demo") == 131
    assert "2 min 15 s ago" in drawn.rpartition("\x1b[?1049l")[2]


def test_lines_come_when_something_moves_and_every_five_minutes(story: Story, terms: Terms):
    console = Console(width=120, file=io.StringIO())
    settings = Settings(speed=None, seed=1, lead_time_seconds=300.0, mode="predict", is_live=False)
    with _shown(terms, settings, console) as watch:
        for moment in story(375.0):
            watch(moment)
    assert isinstance(console.file, io.StringIO)
    times = [text.split()[0] for text in console.file.getvalue().splitlines()]
    assert times[:3] == ["08:30:00", "08:35:00", "08:40:00"]
    assert "08:53:45" in times
