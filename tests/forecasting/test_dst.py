"""Changes of clocks: what rises at nine by the wall clock is met at nine on the day after."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from forecasting.absolute import AbsoluteProfile
from forecasting.default import default_experts, default_forecaster
from forecasting.forecaster import Task
from forecasting.localtime import offset_seconds
from forecasting.mixture import Mixture
from forecasting.series import Series

MakeTask: TypeAlias = Callable[..., Task]
LOW, HIGH = 10.0, 100.0
NIGHT_OF_CHANGE = {
    ("Europe/Berlin", "spring"): date(2025, 3, 30),
    ("Europe/Berlin", "autumn"): date(2025, 10, 26),
    ("America/New_York", "spring"): date(2025, 3, 9),
    ("America/New_York", "autumn"): date(2025, 11, 2),
}


@dataclass(frozen=True)
class Story:
    zone: ZoneInfo
    change: date
    history: Series
    task: Task

    def known_at(self, moment: datetime) -> Series:
        return self.history.between(self.history.start_at, moment.timestamp())

    def bounds(self, *moments: datetime) -> list[float]:
        """The bounds as of local times, by a process that was fitted as of the first of them."""
        fitted = default_forecaster().fit(self.known_at(min(moments)), self.task)
        return [fitted.forecast(self.known_at(moment)).value for moment in moments]

    def local(self, days_after: int, hour: int, minute: int) -> datetime:
        day = self.change + timedelta(days=days_after)
        return datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)


def rise_at_nine(zone: ZoneInfo, change: date, *, clock: ZoneInfo) -> Series:
    """Three weeks before the change and a week after it: high from 09:00 to 17:00 on `clock`."""
    begin = datetime(change.year, change.month, change.day, tzinfo=zone) - timedelta(days=21)
    start_at = np.floor(begin.timestamp() / 60) * 60
    times = start_at + 60.0 * np.arange(29 * 1440)
    local = (times + offset_seconds(times, clock)) % 86_400.0 / 3600.0
    noise = np.random.default_rng(0).gamma(400, 1 / 400, times.size)
    values = np.where((local >= 9) & (local < 17), HIGH, LOW) * noise
    return Series(start_at=start_at, step_seconds=60.0, values=values)


@pytest.fixture(params=sorted(NIGHT_OF_CHANGE), ids=" ".join)
def story(request: pytest.FixtureRequest, task: MakeTask) -> Story:
    zone, change = ZoneInfo(request.param[0]), NIGHT_OF_CHANGE[request.param]
    return Story(
        zone=zone,
        change=change,
        history=rise_at_nine(zone, change, clock=zone),
        task=task(horizon_seconds=600.0, level=0.95, zone=request.param[0]),
    )


def test_the_clocks_do_change_in_the_night_before(story: Story) -> None:
    before, after = story.local(-1, 9, 0), story.local(0, 9, 0)
    assert (after - before) == timedelta(days=1)  # by the wall clock
    assert abs(after.timestamp() - before.timestamp() - 86_400) == 3600


@pytest.mark.parametrize("days_after", [0, 1], ids=["the same day", "the day after"])
def test_the_rise_is_met_at_nine_and_not_an_hour_off(story: Story, days_after: int) -> None:
    """Six minutes before nine it is due; an hour before and after, what is there goes on."""
    times = ((7, 54), (8, 44), (8, 54), (9, 54))
    bounds = story.bounds(*(story.local(days_after, *time) for time in times))
    is_high = [bound > 0.9 * HIGH for bound in bounds]
    is_low = [bound < 0.5 * HIGH for bound in bounds]
    assert is_low == [True, True, False, False]
    assert is_high == [False, False, True, True]


def test_a_look_back_by_24_hours_alone_would_have_missed_it(story: Story) -> None:
    """The check can fail: in UTC the same history gives the rise an hour late, or early."""
    blind = Story(
        zone=story.zone,
        change=story.change,
        history=story.history,
        task=Task(horizon_seconds=600.0, level=0.95, zone=ZoneInfo("UTC")),
    )
    before, due = blind.bounds(story.local(0, 7, 54), story.local(0, 8, 54))
    assert before > 0.9 * HIGH or due < 0.5 * HIGH


@pytest.mark.parametrize(("zone", "season"), sorted(NIGHT_OF_CHANGE))
def test_demand_by_the_absolute_clock_is_met_once_a_day_has_shown_it(
    zone: str, season: str, task: MakeTask
) -> None:
    """Jobs at 09:00 UTC in a zone whose clocks change: the absolute profile earns its weight."""
    change = NIGHT_OF_CHANGE[zone, season]
    history = rise_at_nine(ZoneInfo(zone), change, clock=ZoneInfo("UTC"))
    asked = task(horizon_seconds=600.0, level=0.95, zone=zone)
    day = change + timedelta(days=3)
    due = datetime(day.year, day.month, day.day, 8, 54, tzinfo=ZoneInfo("UTC"))
    known = history.between(history.start_at, due.timestamp())
    hour_early = history.between(history.start_at, due.timestamp() - 3600)
    fitted = default_forecaster().fit(hour_early, asked)
    assert fitted.forecast(hour_early).value < 0.5 * HIGH
    assert fitted.forecast(known).value > 0.8 * HIGH
    assert fitted.weights(known)["absolute-profile"] > 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_where_no_clock_was_changed_the_absolute_profile_changes_nothing(
    zone: str, office: Callable[..., Series], task: MakeTask
) -> None:
    history = office(days=9.3)  # January
    asked = task(zone=zone)
    without = tuple(e for e in default_experts() if not isinstance(e, AbsoluteProfile))
    assert len(without) == len(default_experts()) - 1
    want = Mixture(experts=without).fit(history, asked).forecast(history)
    found = Mixture(experts=default_experts()).fit(history, asked).forecast(history)
    assert found.value == pytest.approx(want.value, rel=1e-12)
    assert found.method == want.method
