"""The trigger as understood names every key that is given; the newer rules give numbers."""

from dataclasses import replace
from xml.etree.ElementTree import tostring

import pytest

from boards import fleet, lead_time
from forecasting.forecast import Forecast
from scaler.metadata import parse
from scaler.page.settings import HIDDEN, settings_of
from scaler.page.trigger import trigger_panel
from scaler.page.understood import trigger_view
from scaler.params import Mode, ScaleDownLimit
from scaler.policy import decide
from scaler.types import Evidence, PolicyState, Seen, Step
from scaler.words import because

GIVEN = {
    "scheduledFloors": "4 for 10h from 0 8 * * MON-FRI",
    "releaseMargin": "0.1",
    "scaleDownLimit": "2/5m",
    "hpaTolerance": "0.1",
    "proveDays": "9",
}
BASE = {"query": "up", "threshold": "10"}


def settings(metadata: dict[str, str], **more: str) -> dict[str, tuple[str | None, str]]:
    found = settings_of(parse({**metadata, **more}), None, "predict")
    return {each.key: (each.set_to, each.in_force) for each in found}


def test_each_given_key_is_shown_as_given() -> None:
    rows = settings({**BASE, **GIVEN})
    assert {key: rows[key] for key in GIVEN} == {key: (text, text) for key, text in GIVEN.items()}
    assert "releaseMargin" not in settings(BASE)


def test_what_is_not_given_has_its_default_in_force() -> None:
    rows = settings(BASE)
    assert rows["quantile"] == (None, "0.95")
    assert rows["timezone"] == (None, "UTC")
    assert rows["threshold"] == ("10 a replica", "10 a replica")


def test_what_a_key_comes_to_is_told_beside_it() -> None:
    trigger = parse({**BASE, "mode": "prove", "leadTimeSeconds": "auto", "maxReplicas": "20"})
    seen = Seen(
        as_of=0.0,
        evidence=Evidence.FRESH,
        observed_demand=5.0,
        observed_at=0.0,
        lead_seconds=85.0,
        lead_time=lead_time(),
        fleet=replace(fleet(), max_replicas=15),
    )
    _, decision = decide(PolicyState(), seen, trigger.params)
    found = {each.key: each for each in settings_of(trigger, decision, "observe")}
    assert (found["mode"].set_to, found["mode"].in_force) == ("prove", "observe")
    lead = found["leadTimeSeconds"]
    assert (lead.set_to, lead.in_force) == ("auto", "85 s (1 min 25 s), measured")
    assert found["maxReplicas"].in_force == "15 (maxReplicaCount of the object)"


def test_secrets_and_values_of_the_environment_are_named_alone() -> None:
    metadata = {**BASE, "customHeaders": "X-Key=hush", "leadingQueriesFromEnv": "hush_total"}
    rows = settings(metadata)
    assert rows["leadingQueries"] == (HIDDEN, HIDDEN)
    assert rows["customHeaders"] == ("1 (not shown)", "1 (not shown)")
    assert "hush" not in repr(rows)
    assert "hush" not in repr(trigger_view(parse(metadata)))


def test_what_is_given_is_escaped() -> None:
    found = settings_of(parse({**BASE, "leadingQueries": "sum(a) < 2"}), None, "predict")
    panel = trigger_panel(found)
    assert panel is not None
    assert "sum(a) &lt; 2" in tostring(panel, encoding="unicode")


def test_the_newer_rules_give_their_numbers() -> None:
    params = parse({**BASE, **GIVEN}).params
    assert params.scale_down_limit == ScaleDownLimit(seconds=300, replicas=2)
    seen = Seen(as_of=0.0, evidence=Evidence.FRESH, observed_demand=5.0, observed_at=0.0)
    _, decision = decide(PolicyState(), seen, params)
    said = because(Step(rule="limit_scale_down", before=1, after=6), decision, params)
    assert said == "scaleDownLimit lets 2 go within 5 min: 6, not 1."
    said = because(Step(rule="pass_tolerance", before=10, after=12), decision, params)
    assert said == "The HPA ignores changes below 10% up, 0% down: 12, not 10."


def test_a_mode_that_leaves_the_forecast_out_says_so() -> None:
    params = parse({**BASE, "mode": "observe"}).params
    assert params.mode is Mode.OBSERVE
    seen = Seen(as_of=0.0, evidence=Evidence.FRESH, observed_demand=5.0, observed_at=0.0)
    _, decision = decide(PolicyState(), seen, params)
    said = because(Step(rule="cover_forecast", before=0, after=0), decision, params)
    assert said == "mode: observe leaves the forecast out of the answer."


EXPECTED = "At most 55 is expected in the next 5 min"


@pytest.mark.parametrize(
    ("mode", "in_force", "said"),
    [
        ("prove", "observe", "mode: prove leaves the forecast out of the answer for now."),
        ("advise", "observe", "mode: advise leaves the forecast out of the answer for now."),
        (
            "prove",
            "predict",
            "At most 55 is expected in the next 5 min; at 10 a replica that needs 6.",
        ),
    ],
)
def test_a_proof_tells_by_the_count_whether_the_forecast_is_in_the_answer(
    mode: str, in_force: str, said: str
) -> None:
    params = parse({**BASE, "threshold": "10", "mode": mode}).params
    ahead = Forecast(issued_at=0.0, horizon_seconds=300.0, level=0.95, value=55.0, method="test")
    seen = Seen(
        as_of=0.0, evidence=Evidence.FRESH, observed_demand=5.0, observed_at=0.0, forecast=ahead
    )
    _, decision = decide(PolicyState(), seen, replace(params, mode=Mode(in_force)))
    [step] = [each for each in decision.steps if each.rule == "cover_forecast"]
    assert because(step, decision, params) == said


@pytest.mark.parametrize(
    ("keys", "want"),
    [
        ({}, (None, "auto")),
        ({"leadTimeSeconds": "auto"}, ("auto", None)),
        ({"leadTimeSeconds": "240"}, ("240 s (4 min)", None)),
    ],
)
def test_a_default_that_comes_to_something_else_is_told_beside_it(
    keys: dict[str, str], want: tuple[str | None, str | None]
) -> None:
    trigger = parse({"query": "q", "threshold": "10", **keys})
    found = {each.key: each for each in settings_of(trigger, None, "predict")}
    assert (found["leadTimeSeconds"].set_to, found["leadTimeSeconds"].default) == want
    assert found["leadTimeSeconds"].in_force[0].isdigit()
    assert found["maxReplicas"].default is None, "the default itself is in force"
