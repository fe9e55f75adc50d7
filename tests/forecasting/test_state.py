from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.arrays import FloatVector
from forecasting.default import default_experts
from forecasting.experts import FittedExpert
from forecasting.fitted import FittedMixture
from forecasting.forecaster import Task
from forecasting.lessons import Lesson
from forecasting.mixture import Mixture
from forecasting.past import Past
from forecasting.series import Series
from forecasting.shape import Features
from forecasting.state import MAGIC, BadState, from_bytes, to_bytes

MakeHistory: TypeAlias = Callable[..., Series]
MakeTask: TypeAlias = Callable[..., Task]

MIXTURE = Mixture(experts=default_experts())


@pytest.fixture(scope="module")
def history(office: MakeHistory) -> Series:
    return office(days=9.4, step_seconds=300.0)


@pytest.fixture(scope="module")
def fitted(history: Series, task: MakeTask) -> FittedMixture:
    return MIXTURE.fit(until(history, 100), task(zone="Europe/Berlin"))


@pytest.fixture(scope="module")
def stored(fitted: FittedMixture) -> bytes:
    return to_bytes(fitted)


def until(history: Series, n_before_end: int) -> Series:
    return history.between(history.start_at, history.end_at - n_before_end * 300.0)


@given(st.integers(1, 2200), st.sampled_from([0.5, 0.9, 0.95]), st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_bytes_give_back_what_was_stored_bit_for_bit(
    history: Series, task: MakeTask, n_points: int, level: float, n_ticks: int
) -> None:
    known = until(history, len(history) - n_points)
    fitted = MIXTURE.fit(known, task(level=level))
    for place in range(n_points, n_points + n_ticks, 7):
        fitted.forecast(until(history, len(history) - place))
    again = from_bytes(to_bytes(fitted), MIXTURE.experts)
    assert to_bytes(again) == to_bytes(fitted)
    later = until(history, max(0, len(history) - n_points - 60))
    assert again.forecast(later) == fitted.forecast(later)
    assert again.weights(later) == fitted.weights(later)


def test_the_restored_one_goes_on_alike_over_many_ticks_and_a_refit(
    history: Series, fitted: FittedMixture, stored: bytes
) -> None:
    again = from_bytes(stored, MIXTURE.experts)
    for n_before_end in range(100, 10, -1):
        now = until(history, n_before_end)
        assert again.forecast(now) == fitted.forecast(now)
    refits = [MIXTURE.fit(history, one.task, previous=one) for one in (fitted, again)]
    assert refits[0].forecast(history) == refits[1].forecast(history)


def test_the_state_of_four_weeks_is_small(office: MakeHistory, task: MakeTask) -> None:
    history = office(days=28.0)
    assert len(to_bytes(MIXTURE.fit(history, task()))) < 400_000


def test_each_damaged_byte_is_noticed(stored: bytes) -> None:
    places = np.random.default_rng(0).integers(0, len(stored), 40)
    for place in [0, len(MAGIC), len(MAGIC) + 1, len(stored) - 1, *places.tolist()]:
        damaged = bytearray(stored)
        damaged[place] ^= 0x10
        with pytest.raises(BadState):
            from_bytes(bytes(damaged), MIXTURE.experts)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _: b"", "do not begin with"),
        (lambda _: b"PK\x03\x04 something else", "do not begin with"),
        (lambda _: MAGIC, "version None"),
        (lambda stored: MAGIC + b"\x63" + stored[len(MAGIC) + 1 :], "version 99"),
        (lambda stored: stored[: len(stored) // 2], "cut short"),
        (lambda stored: stored + b"\0", "damaged"),
    ],
)
def test_foreign_bytes_are_refused_with_a_reason(
    stored: bytes, make: Callable[[bytes], bytes], words: str
) -> None:
    with pytest.raises(BadState, match=words):
        from_bytes(make(stored), MIXTURE.experts)


def test_other_experts_are_refused(stored: bytes) -> None:
    experts = default_experts()
    with pytest.raises(BadState, match="other experts"):
        from_bytes(stored, experts[:-1])
    with pytest.raises(BadState, match="other experts"):
        from_bytes(stored, (*experts[:-1], replace(experts[-1], n_neighbours=3)))  # type: ignore[type-var]


class Forgetful:
    """An expert from outside that learns something and can't be stored."""

    name, is_additive, method = "forgetful", False, "last-value"

    def fit(self, lesson: Lesson | None) -> FittedExpert | None:  # noqa: ARG002
        return FittedForgetful()


class FittedForgetful:
    needs_usual_day = False

    def bounds(self, past: Past, features: Features, places: FloatVector) -> FloatVector:  # noqa: ARG002
        return np.full(places.size, 7.0)


def test_an_expert_that_cannot_be_stored_is_named(history: Series, task: MakeTask) -> None:
    fitted = Mixture(experts=(default_experts()[0], Forgetful())).fit(history, task())
    with pytest.raises(BadState, match=r"'forgetful'.*arrays"):
        to_bytes(fitted)
