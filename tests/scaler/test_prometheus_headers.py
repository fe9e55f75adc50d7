import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.adapters.prometheus_headers import (
    OUR_PARAMETERS,
    trigger_header_problem,
    trigger_parameter_problem,
    trigger_problems,
)

FORBIDDEN = [
    *("Authorization", "Proxy-Authorization", "Cookie", "Host", "Connection", "Keep-Alive"),
    *("Transfer-Encoding", "Content-Length", "Upgrade", "Expect", "X-Forwarded-For", "Forwarded"),
    *("X-Remote-User", "Impersonate-User", "X-WEBAUTH-USER", "Accept-Encoding", "Trailer"),
    "TE",  # codespell:ignore te
    *("Metadata-Flavor", "Metadata", "X-aws-ec2-metadata-token", "Proxy-Connection"),
]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_trigger_sets_neither_identity_nor_the_connection(name: str) -> None:
    for spelled in (name, name.lower(), name.upper()):
        assert trigger_header_problem(spelled, "x", ()) is not None


def test_a_trigger_may_send_headers_of_its_own() -> None:
    assert trigger_header_problem("X-Scope-OrgID", "inference", ()) is None


def test_what_the_operator_sets_a_trigger_does_not() -> None:
    problem = trigger_header_problem("x-scope-orgid", "other", ["X-Scope-OrgID"])
    assert problem == "x-scope-orgid is set by the operator for this destination"


@pytest.mark.parametrize("name", sorted(OUR_PARAMETERS))
def test_a_trigger_does_not_change_the_question(name: str) -> None:
    for spelled in (name, name.upper(), f" {name} "):
        assert trigger_parameter_problem(spelled, "x") is not None


def test_a_trigger_may_send_parameters_of_its_own() -> None:
    assert trigger_parameter_problem("max_source_resolution", "5m") is None


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_header_that_passes_breaks_the_request_apart(name: str, value: str) -> None:
    if trigger_header_problem(name, value, ()) is None:
        assert name
        assert (name + value).isascii()
        assert not set(name + value) & set("\r\n\0")


def test_every_problem_is_told_and_no_value_is() -> None:
    headers = [("Cookie", "hunter2"), ("X-A", "hunter2\n"), ("X-B", "1"), ("x-b", "2"), ("", "x")]
    lines = trigger_problems(headers, [("query", "hunter2"), ("a b", "1")], {})
    assert len(lines) == 6
    assert "hunter2" not in "".join(lines)


def test_headers_are_bounded() -> None:
    many = [(f"X-{index}", "x") for index in range(17)]
    assert trigger_problems(many, [], {}) == ("customHeaders: more than 16",)
    assert "longer than" in trigger_problems([("X-Long", "x" * 5_000)], [], {})[0]
