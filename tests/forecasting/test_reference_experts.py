"""The references that are off by default: by name, learning, pickled and restored to the bit."""

import pickle
import sys
from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias

import numpy as np
import pytest

from forecasting.default import default_experts, default_forecaster
from forecasting.experts import Expert
from forecasting.fitted import FittedMixture
from forecasting.forecaster import Task
from forecasting.mixture import Mixture
from forecasting.plugins import experts_named
from forecasting.series import Series
from forecasting.state import from_bytes, to_bytes

MakeHistory: TypeAlias = Callable[..., Series]
MakeTask: TypeAlias = Callable[..., Task]


@pytest.fixture(params=["boosted", "holt-winters"])
def expert(request: pytest.FixtureRequest) -> Expert:
    if request.param == "boosted":
        pytest.importorskip("lightgbm")
    return experts_named([request.param])[0]


def test_it_learns_and_has_a_say_in_the_mixture(
    office: MakeHistory, task: MakeTask, expert: Expert
) -> None:
    history = office(days=9.4, step_seconds=300.0)
    fitted = default_forecaster(extra_experts=(expert,)).fit(history, task())
    assert isinstance(fitted, FittedMixture)
    assert expert.name in fitted.weights(history)
    said = fitted.walk.raw[-1][-100:]
    assert np.isfinite(said).all()
    peaks = history.values[-300:].max()
    assert 0.3 * peaks < said.max() < 2 * peaks


def test_it_is_pickled_stored_and_restored_to_the_bit(
    office: MakeHistory, task: MakeTask, expert: Expert
) -> None:
    history = office(days=9.4, step_seconds=300.0)
    mixture = Mixture(experts=(*default_experts(), expert))
    fitted = mixture.fit(history, task())
    want = fitted.forecast(history)
    assert pickle.loads(pickle.dumps(fitted)).forecast(history) == want  # noqa: S301 - our own
    assert from_bytes(to_bytes(fitted), mixture.experts).forecast(history) == want
    assert mixture.fit(history, task()).forecast(history) == want


def test_none_is_loaded_unless_it_is_asked_for() -> None:
    names = {expert.name for expert in default_experts()}
    assert not names & {"boosted", "holt-winters"}


def test_a_name_that_nobody_brings_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        ValueError, match=r"'prophet' is not allowed; allowed are default, installed"
    ):
        experts_named(["prophet"])


def test_without_its_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    monkeypatch.delitem(sys.modules, "forecasting.boosted", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'keda-prewarm\[boosted\]'"):
        experts_named(["boosted"])
    monkeypatch.undo()
    if "forecasting.boosted" not in sys.modules:
        pytest.importorskip("lightgbm")
        import_module("forecasting.boosted")
