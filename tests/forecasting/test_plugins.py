"""Experts that another distribution brings, as pip lays it out: a module and its dist-info."""

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from forecasting.default import default_experts, default_forecaster
from forecasting.fitted import FittedMixture
from forecasting.forecaster import Task
from forecasting.plugins import (
    GROUP,
    allowed_names,
    chosen_experts,
    experts_named,
    installed_experts,
)
from forecasting.series import Series

MakeHistory: TypeAlias = Callable[..., Series]
MakeTask: TypeAlias = Callable[..., Task]

MODULE = """
import numpy as np
from forecasting.experts import RecentMaximum


class Oracle:
    name, is_additive, method, needs_usual_day = "period", False, "last-value", False

    def fit(self, lesson):
        return self

    def bounds(self, past, features, places):  # the series repeats itself every 100 points
        return past.maximum(places - 100 + past.n_horizon, past.n_horizon * 300.0)


def useless():
    return RecentMaximum(name="useless", seconds=86_400.0, is_additive=False)
"""

ENTRY_POINTS = """[prewarm.experts]
period = prewarm_test_plugin:Oracle
useless = prewarm_test_plugin:useless
"""

BROKEN = """
broken = prewarm_test_plugin:no_such_thing
absent = no_such_module_of_anyone:Expert
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "prewarm_test_plugin.py").write_text(MODULE)
    info = tmp_path / "prewarm_test_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: prewarm-test-plugin\nVersion: 1\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("prewarm_test_plugin", None)


@pytest.mark.usefixtures("plugin")
def test_an_installed_expert_earns_its_weight_or_gets_none(task: MakeTask) -> None:

    pattern = np.random.default_rng(3).gamma(2.0, 50.0, 100)
    history = Series(start_at=300.0 * 5_787_072, step_seconds=300.0, values=np.tile(pattern, 12))
    experts = installed_experts()
    assert [expert.name for expert in experts] == ["period", "useless"]
    fitted = default_forecaster(extra_experts=experts).fit(history, task())
    assert isinstance(fitted, FittedMixture)
    weights = fitted.weights(history)
    assert weights["period"] > 0.5
    assert weights["useless"] < 0.01


def test_without_a_plugin_there_are_no_others() -> None:
    assert installed_experts() == ()


@pytest.mark.usefixtures("plugin")
def test_one_that_cant_be_loaded_is_told_and_left_out(tmp_path: Path) -> None:
    points = tmp_path / "prewarm_test_plugin-1.0.dist-info" / "entry_points.txt"
    points.write_text(ENTRY_POINTS + BROKEN)
    told: list[tuple[str, type[Exception]]] = []
    found = installed_experts(lambda name, error: told.append((name, type(error))))
    assert [expert.name for expert in found] == ["period", "useless"]
    assert told == [("absent", ModuleNotFoundError), ("broken", AttributeError)]


@pytest.mark.usefixtures("plugin")
def test_an_installed_expert_is_found_by_its_name() -> None:
    assert [expert.name for expert in experts_named(["useless"])] == ["useless"]


def names_of(*names: str) -> list[str]:
    return [expert.name for expert in chosen_experts(names)]


@pytest.mark.usefixtures("plugin")
def test_the_experts_that_are_named_take_part_and_no_others() -> None:
    own = [expert.name for expert in default_experts()]
    assert names_of("default") == own
    assert names_of("default", "installed") == [*own, "period", "useless"]
    assert [expert.name for expert in chosen_experts()] == [*own, "period", "useless"]
    assert names_of("holt-winters", "default") == [*own, "holt-winters"]
    assert names_of("useless", "regression") == ["last-value", "regression", "useless"]
    assert names_of("installed", "useless") == ["last-value", "useless", "period"]


@pytest.mark.usefixtures("plugin")
def test_a_name_that_nobody_brings_is_refused_with_all_that_are_allowed() -> None:
    with pytest.raises(ValueError, match="'boostd' is not allowed") as refused:
        chosen_experts(["default", "boostd"])
    allowed = ("default", "installed", "regression", "boosted", "holt-winters", "period", "useless")
    for name in allowed:
        assert f" {name}" in str(refused.value)
        assert name in allowed_names()


@pytest.mark.usefixtures("plugin")
def test_one_that_is_named_and_cant_be_loaded_is_an_error(tmp_path: Path) -> None:
    points = tmp_path / "prewarm_test_plugin-1.0.dist-info" / "entry_points.txt"
    points.write_text(ENTRY_POINTS + BROKEN)
    with pytest.raises(ValueError, match=r"'broken' can't be loaded \(AttributeError.*reinstall"):
        chosen_experts(["default", "broken"])
    assert names_of("installed") == ["last-value", "period", "useless"]


def test_what_is_no_expert_is_reported_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = EntryPoint(name="wrong", value="collections:OrderedDict", group=GROUP)
    monkeypatch.setattr("forecasting.plugins.entry_points", lambda **_: (wrong,))
    told: list[str] = []
    assert installed_experts(lambda name, error: told.append(f"{name}: {error}")) == ()
    line = "wrong: collections:OrderedDict is no expert: it lacks name, is_additive, method, fit"
    assert told == [f"{line}; see forecasting.experts.Expert"]
