import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.errors import BadMetadata
from scaler.metadata import FIELD_OF_KEY, KNOWN_KEYS, Trigger, parse
from scaler.params import AUTO_LEAD_TIME_SECONDS, Mode, OnStale

GOOD = {"query": "sum(rate(x[2m]))", "threshold": "10"}


def lines_of(**keys: str) -> list[str]:
    with pytest.raises(BadMetadata) as caught:
        parse({**GOOD, **keys})
    return list(caught.value.lines)


def test_a_reactive_trigger_needs_no_new_key() -> None:
    trigger = parse(
        {
            "serverAddress": "http://prometheus:9090",
            "query": "sum(rate(x[2m]))",
            "threshold": "100.50",
            "activationThreshold": "5.5",
            "namespace": "team-a",
            "customHeaders": "X-Client-Id=cid,X-Tenant-Id=a=b",
            "ignoreNullValues": "false",
            "authModes": "bearer, tls",
            "queryParameters": "dedup=true",
            "unsafeSsl": "false",
            "timeout": "1000",
            "scalerAddress": "prewarm:6000",
        }
    )
    assert trigger.params.threshold == 100.5
    assert trigger.params.activation_threshold == 5.5
    assert trigger.query.server_address == "http://prometheus:9090"
    assert trigger.query.namespace == "team-a"
    assert trigger.query.headers == (("X-Client-Id", "cid"), ("X-Tenant-Id", "a=b"))
    assert trigger.query.parameters == (("dedup", "true"),)
    assert trigger.query.auth_modes == ("bearer", "tls")
    assert trigger.zero_when_empty is False


def test_defaults_are_the_documented_ones() -> None:
    trigger = parse(GOOD)
    params = trigger.params
    assert (params.warm_floor, params.max_replicas, params.quantile) == (0, 100, 0.95)
    assert (params.history_days, params.step_seconds, params.zone.key) == (28, 60, "UTC")
    assert (params.mode, params.on_stale) == (Mode.PREDICT, OnStale.HOLD)
    assert params.lead_time_seconds == AUTO_LEAD_TIME_SECONDS
    assert params.stale_after_seconds == 300
    assert trigger.is_lead_time_measured
    assert trigger.zero_when_empty is False, "empty is unknown unless the trigger says it is zero"


def test_every_bad_key_is_reported_at_once() -> None:
    lines = lines_of(threshold="-1", warmFlor="2", quantile="x", timezone="Nowhere")
    assert [line.split(":")[0] for line in lines] == [
        "quantile", "threshold", "timezone", "warmFlor",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given_key", "near"),
    [
        ("warmFlor", "warmFloor"),
        ("maxreplicas", "maxReplicas"),
        ("treshold", "threshold"),
        ("scalerAdress", "scalerAddress"),
        ("minReplicas", "warmFloor"),  # by letters alone: maxReplicas
        ("minReplica", "warmFloor"),
        ("minReplicaCount", "warmFloor"),
        ("maxReplicaCount", "maxReplicas"),
        ("leadTime", "leadTimeSeconds"),
    ],
)
def test_an_unknown_key_is_reported_with_the_nearest_known_one(given_key: str, near: str) -> None:
    assert lines_of(**{given_key: "1"}) == [f"{given_key}: no such key; did you mean {near}?"]


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("Europe/Berln", "did you mean Europe/Berlin? allowed is an IANA time zone"),
        ("europe/berlin", "did you mean Europe/Berlin?"),
        ("New York", "did you mean America/New_York?"),
        ("GMT+1", "allowed is an IANA"),  # Etc/GMT+1 is an hour behind it
        ("Europe/Munich", "allowed is an IANA"),  # like Zurich by letters alone
    ],
)
def test_a_time_zone_that_is_none_is_told_with_the_one_that_was_meant(zone: str, hint: str) -> None:
    [line] = lines_of(timezone=zone)
    assert line.startswith(f'timezone: "{zone}" is not allowed; {hint}')


def test_a_bad_key_hides_none_of_the_others() -> None:
    lines = lines_of(
        timezone="Europe/Berln",
        holidays="XX",
        events="tomorrow\n2026-11-27 for 4h factor 0",
        scheduledFloors="4 for ever from 0 8 * * *; 5 for 1h from 0 9 * * *",
        leadingQueries="a:",
        warmFloor="5",
        maxReplicas="2",
        stepSeconds="60",
        staleAfterSeconds="30",
    )
    assert [line.split(":")[0] for line in lines] == [
        "events", "events", "holidays", "leadingQueries", "scheduledFloors", "scheduledFloors",
        "staleAfterSeconds", "timezone", "warmFloor",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "keys",
    [
        {"threshold": "fast", "thresholdPrior": "3", "capacityModel": "m"},
        {"maxReplicas": "many", "scheduledFloors": "400 for 1h from 0 8 * * *"},
        {"maxReplicas": "many", "warmFloor": "400"},
        {"maxCapacityBehavior": "increase", "maxCapacityBuffer": "10"},
        {"stepSeconds": "7", "historyDays": "90", "staleAfterSeconds": "10"},
        {"stepSeconds": "0"},
        {"missCostPerReplicaHour": "much", "gpuPricePerHour": "2", "quantile": "0.9"},
    ],
)
def test_nothing_is_said_that_hangs_on_a_key_that_can_not_be_read(keys: dict[str, str]) -> None:
    [line] = lines_of(**keys)
    assert line.startswith(next(iter(keys)))


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        ({"warmFloor": "5", "maxReplicas": "2"}, 'warmFloor: "5" is above maxReplicas (2)'),
        ({"stepSeconds": "7"}, 'stepSeconds: "7" is not allowed'),
        ({"stepSeconds": "10"}, 'historyDays: "28" at stepSeconds 10 are 241920 points'),
        ({"staleAfterSeconds": "30"}, 'staleAfterSeconds: "30" is below stepSeconds (60)'),
        ({"leadTimeSeconds": "86401"}, 'leadTimeSeconds: "86401" is not allowed'),
        ({"threshold": "1e400"}, 'threshold: "1e400" is not allowed'),
        ({"threshold": "1_0"}, 'threshold: "1_0" is not allowed'),
        ({"threshold": "٣"}, 'threshold: "٣" is not allowed'),  # a digit, not ours
        ({"query": " "}, 'query: "" is not allowed'),
        ({"timezone": "../../etc/passwd"}, 'timezone: "../../etc/passwd" is not allowed'),
        ({"authModes": "magic"}, 'authModes: "magic" is not allowed; allowed is any of basic'),
    ],
)
def test_what_can_not_be_is_refused_by_name(keys: dict[str, str], start: str) -> None:
    [line] = lines_of(**keys)
    assert line.startswith(start)


@pytest.mark.parametrize(
    "headers",
    ["token", "=v", "X-A=b\r\nX-B: c", "X A=b", "X-A=\x00", "X-A=b,,X-C=d"],
)
def test_headers_that_could_forge_others_are_refused_without_showing_them(headers: str) -> None:
    [line] = lines_of(customHeaders=headers)
    assert line.startswith("customHeaders: (not shown) is not allowed; allowed is name=value")


def test_secrets_are_in_no_error_and_no_repr() -> None:
    keys = {"customHeaders": "X-Token=hunter2,bad", "serverAddress": "http://u:hunter2@h" * 200}
    assert "hunter2" not in " ".join(lines_of(**keys))
    assert "hunter2" not in repr(parse({**GOOD, "customHeaders": "X-Token=hunter2"}))


def test_a_variable_of_the_workload_is_in_no_error() -> None:
    """Whoever may write a ScaledObject names the variable; its value may be another's secret."""
    with pytest.raises(BadMetadata) as caught:
        parse({"query": "x", "thresholdFromEnv": "hunter2", "warmFloorFromEnv": "hunter2"})
    assert len(caught.value.lines) == 2
    assert "hunter2" not in str(caught.value)


def test_the_plain_key_wins_over_its_FromEnv_form() -> None:  # noqa: N802
    assert parse({**GOOD, "warmFloor": "2", "warmFloorFromEnv": "9"}).params.warm_floor == 2


@pytest.mark.parametrize("key", KNOWN_KEYS)
def test_every_key_has_a_FromEnv_form(key: str) -> None:  # noqa: N802
    values = {
        "query": "sum(x)", "threshold": "3", "serverAddress": "http://p:9090",
        "activationThreshold": "1", "namespace": "n", "customHeaders": "A=b",
        "queryParameters": "a=b", "ignoreNullValues": "true", "authModes": "basic",
        "warmFloor": "1", "maxReplicas": "7", "leadTimeSeconds": "60", "quantile": "0.9",
        "historyDays": "7", "stepSeconds": "30", "staleAfterSeconds": "90",
        "timezone": "Europe/Berlin", "mode": "observe", "onStale": "floor",
            "holidays": "DE-BY", "events": "2026-11-27 for 4h factor 3",
            "leadingQueries": "gateway: sum(rate(x[2m]))",
        "thresholdPrior": "4", "capacityModel": "llama-8b",
        "capacityQueries": '{"served": "sum(x)"}', "scheduledFloors": "4 for 1h from 0 8 * * *",
        "breakEvenSeconds": "60", "releaseMargin": "0.1", "scaleDownLimit": "50%/10m",
        "hpaTolerance": "0.1", "hpaScaleDownTolerance": "0.1",
        "maxCapacityBehavior": "IncreaseMaxCapacity", "maxCapacityBuffer": "10",
        "missCostPerReplicaHour": "20", "gpuPricePerHour": "2",
        "proveDays": "3", "proveMinShortageSavedPercent": "50", "proveMaxExtraPercent": "0",
        "approved": "true",
    }  # fmt: skip
    learned = {"threshold": "auto", "thresholdPrior": "3", "capacityModel": "mistral-7b"}
    raised = {"maxCapacityBehavior": "IncreaseMaxCapacity", "maxCapacityBuffer": "5"}
    beside = {  # what a key needs beside it
        "thresholdPrior": learned, "capacityModel": learned, "capacityQueries": learned,
        "maxCapacityBehavior": raised, "maxCapacityBuffer": raised,
        "missCostPerReplicaHour": {"gpuPricePerHour": "1"},
    }  # fmt: skip
    company = {**GOOD, **beside.get(key, {})}
    plain = parse({**company, key: values[key]})
    others = {k: v for k, v in company.items() if k != key}
    from_environment = parse({**others, f"{key}FromEnv": values[key]})
    assert from_environment == plain
    if key not in GOOD:
        assert plain != parse(GOOD), "the key has an effect"


@pytest.mark.parametrize(
    ("keys", "want"),
    [
        (
            {"threshold": "auto"},
            [
                "capacityModel: missing; needed is the model_name of vLLM's metrics with",
                "thresholdPrior: missing; needed is a number > 0 with threshold: auto",
            ],
        ),
        ({"thresholdPrior": "3"}, ["thresholdPrior: no effect beside a threshold that is a"]),
        (
            {"threshold": "auto", "thresholdPrior": "3", "capacityQueries": '{"served": "x"}'},
            ["capacityModel: missing"],
        ),
        (
            {"threshold": "auto", "thresholdPrior": "3", "capacityModel": 'a"} or vector(1)'},
            [r'capacityModel: "a\"} or vector(1)" is not allowed'],
        ),
        ({"capacityQueries": '{"severd": "x"}'}, ["capacityQueries: "]),
        ({"capacityQueries": "[" * 9_000}, ["capacityQueries: "]),
        (
            {"maxCapacityBehavior": "IncreaseMaxCapacity"},
            ["maxCapacityBuffer: missing; needed is a whole percentage from 0 to 100"],
        ),
        ({"maxCapacityBuffer": "10"}, ['maxCapacityBuffer: "10" has no effect; allowed only']),
        ({"maxCapacityBehavior": "increase"}, ['maxCapacityBehavior: "increase" is not allowed']),
        ({"missCostPerReplicaHour": "9"}, ["gpuPricePerHour: missing; needed is a number > 0"]),
        (
            {"missCostPerReplicaHour": "9", "gpuPricePerHour": "1", "quantile": "0.95"},
            ['quantile: "0.95" beside missCostPerReplicaHour, which gives 0.9; give one'],
        ),
        (
            {"missCostPerReplicaHour": "1", "gpuPricePerHour": "2"},
            ['missCostPerReplicaHour: "1" against gpuPricePerHour 2 gives the quantile 0.3333'],
        ),
        ({"scaleDownLimit": "101%/5m"}, ['scaleDownLimit: "101%/5m" is not allowed; allowed is']),
        ({"scaleDownLimit": "0/5m"}, ['scaleDownLimit: "0/5m" is not allowed']),
        ({"scaleDownLimit": "2/48h"}, ['scaleDownLimit: "2/48h" is not allowed']),
        ({"hpaTolerance": "10%"}, ['hpaTolerance: "10%" is not allowed; allowed is a number']),
        (
            {"scheduledFloors": "4 for 1h from 0 8 * * *; 2 for ever from 0 9 * * *"},
            ['scheduledFloors: entry 2, "2 for ever from 0 9 * * *": a length is days, hours and'],
        ),
        (
            {"scheduledFloors": "40 for 1h from 0 8 * * *", "maxReplicas": "20"},
            ['scheduledFloors: "40 for 1h from 0 8 * * *" asks for 40 replicas'],
        ),
        ({"scheduledFloors": ";"}, ['scheduledFloors: entry 1, "": needed is REPLICAS for']),
    ],
)
def test_keys_that_need_or_exclude_each_other_say_so(keys: dict[str, str], want: list[str]) -> None:
    lines = lines_of(**keys)
    assert len(lines) == len(want), lines
    for line, start in zip(lines, want, strict=True):
        assert line.startswith(start)


def test_a_schedule_from_the_environment_is_in_no_error() -> None:
    with pytest.raises(BadMetadata) as caught:
        parse({**GOOD, "scheduledFloorsFromEnv": "hunter2 for 1h from 0 8 * * *"})
    assert "hunter2" not in str(caught.value)


def test_costs_give_the_newsvendor_quantile() -> None:
    costs = {"missCostPerReplicaHour": "47.5", "gpuPricePerHour": "2.5"}
    assert parse({**GOOD, **costs}).params.quantile == pytest.approx(0.95)


def test_a_learned_threshold_starts_from_its_prior_and_names_its_queries() -> None:
    trigger = parse(
        {
            "query": "x",
            "threshold": "auto",
            "thresholdPrior": "3.5",
            "capacityModel": "llama-8b",
            "capacityQueries": '{"served": "sum(tokens)"}',
        }
    )
    assert trigger.params.threshold == 3.5
    assert trigger.capacity_queries is not None
    assert trigger.capacity_queries.served == "sum(tokens)"
    assert 'model_name="llama-8b"' in trigger.capacity_queries.queueing
    assert parse(GOOD).capacity_queries is None


def test_every_key_says_what_is_allowed() -> None:
    assert all(field.description for _, field in FIELD_OF_KEY.values())


texts = st.text(max_size=40) | st.sampled_from(["1", "0", "auto", "true", "1e9", "UTC", "hold"])
keys_drawn = st.sampled_from(KNOWN_KEYS) | st.text(string.ascii_letters, max_size=12)


@given(st.dictionaries(keys_drawn, texts, max_size=8))
def test_any_metadata_gives_a_trigger_or_lines_and_nothing_else(metadata: dict[str, str]) -> None:
    try:
        parsed: Trigger | BadMetadata = parse(metadata)
    except BadMetadata as exc:
        parsed = exc
    if isinstance(parsed, BadMetadata):
        assert parsed.lines
        assert all("\n" not in line for line in parsed.lines)
