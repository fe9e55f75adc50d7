"""Which proposal of the last minutes holds, against Kubernetes' own tests."""

import pytest

from simulations.autoscaling.stabilization import Recommendation, between, highest, lowest

Aged = tuple[int, float]  # replicas and the age in seconds
NOW = 10_000.0


def noted(*aged: Aged) -> list[Recommendation]:
    return [Recommendation(NOW - age, replicas) for replicas, age in aged]


@pytest.mark.parametrize(
    ("wanted", "new", "aged", "up", "down", "want"),
    [
        (100, 5, [], 0, 0, 5),
        (100, 3, [(4, 120), (5, 60)], 0, 180, 5),
        (1, 7, [(4, 120), (5, 60)], 300, 0, 4),
        (100, 3, [(1, 120), (2, 60)], 300, 0, 3),
        (1, 3, [(4, 120), (5, 60)], 0, 300, 3),
        (100, 3, [(10, 600), (9, 540)], 0, 0, 3),
        (1, 100, [(10, 600), (9, 540)], 0, 0, 100),
        (100, 3, [(10, 600), (4, 60), (5, 120), (9, 540)], 0, 180, 5),
        (1, 100, [(10, 6_000), (6, 60), (5, 120), (9, 180)], 300, 0, 5),
        (2, 1, [(2, 6_000), (3, 180)], 300, 300, 2),
        (2, 3, [(2, 6_000), (1, 180)], 300, 300, 2),
    ],
)
def test_with_behavior(
    *, wanted: int, new: int, aged: list[Aged], up: int, down: int, want: int
) -> None:
    recent = noted(*aged)
    low = lowest(new, recent, since=NOW - up)
    high = highest(new, recent, since=NOW - down)
    assert between(wanted, low=low, high=high) == want


@pytest.mark.parametrize(
    ("new", "aged", "want", "why"),
    [
        (5, [], 5, "nothing was noted"),
        (3, [(4, 120), (5, 60)], 5, "the highest of five minutes"),
        (3, [(1, 120), (2, 60)], 3, "lower ones say nothing"),
        (3, [(10, 600), (9, 540)], 3, "older ones neither"),
        (3, [(10, 600), (4, 60), (5, 120), (9, 540)], 5, "of mixed ages"),
    ],
)
def test_without_behavior(new: int, aged: list[Aged], want: int, why: str) -> None:
    assert highest(new, noted(*aged), since=NOW - 300) == want, why


def test_a_proposal_of_exactly_the_windows_age_is_too_old() -> None:
    assert highest(3, noted((9, 300)), since=NOW - 300) == 3
    assert highest(3, noted((9, 299)), since=NOW - 300) == 9
