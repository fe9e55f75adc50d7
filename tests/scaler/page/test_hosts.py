"""Which Host headers are answered."""

import pytest

from scaler.page.hosts import is_permitted

GOOD = [
    "127.0.0.1",
    "127.0.0.1:6080",
    "10.1.2.3:6080",
    "[::1]:6080",
    "[fd00::1]",
    "localhost",
    "localhost:6080",
    "prewarm",
    "prewarm:6080",
    "prewarm.keda.svc",
    "prewarm.keda.svc:6080",
    "prewarm.keda.svc.cluster.local.",
    "node7.local",
    "LOCALHOST",
    "a.localhost",
]
BAD = [
    "evil.example",
    "evil.example:6080",
    "127.0.0.1.evil.example",
    "svc.evil.example",
    "localhost.evil.com",
    "[::1]evil.example",
    "prewarm.keda.svc.evil.com",
    "evil.example:6080:1",
    "127.0.0.1:80:evil.example",
]


@pytest.mark.parametrize("host", GOOD)
def test_names_that_no_stranger_can_own_are_answered(host: str) -> None:
    assert is_permitted(host, ())


@pytest.mark.parametrize("host", [*BAD, "", " ", ":6080", "[::1"])
def test_other_names_are_not(host: str) -> None:
    assert not is_permitted(host, ())


def test_a_name_is_answered_once_the_operator_names_it() -> None:
    assert is_permitted("Prewarm.Example.org:443", ("prewarm.example.org",))
    assert not is_permitted("other.example.org", ("prewarm.example.org",))
    assert is_permitted("evil.example", ("*",))
