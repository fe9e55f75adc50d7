from pathlib import Path

import pytest

from scaler.adapters import prometheus_config
from scaler.adapters.prometheus_config import load_settings
from scaler.adapters.prometheus_settings import BadConfiguration, Destination, PrometheusSettings
from scaler.destinations import parse_address

WHOLE = """
default: https://prometheus.monitoring.svc:9090
destinations:
  - address: https://prometheus.monitoring.svc:9090/
    bearer_token_file: /var/run/token
    ca_file: /etc/ca.crt
  - address: https://mimir.example.org/prometheus
    basic_username: prewarm
    basic_password_file: /etc/password
    headers: {X-Scope-OrgID: inference}
allow_addresses:
  - http://*.monitoring.svc.cluster.local:9090
request_deadline_seconds: 20
"""

BASIC = "basic_username: u, basic_password_file: /p"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prometheus.yaml"
    path.write_text(text)
    return path


def lines(tmp_path: Path, text: str) -> list[str]:
    path = write(tmp_path, text)
    with pytest.raises(BadConfiguration) as caught:
        load_settings(path)
    assert all(line.startswith(f"{path}: ") for line in caught.value.lines)
    return [line.removeprefix(f"{path}: ") for line in caught.value.lines]


def test_a_whole_file(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, WHOLE))
    assert settings.default is settings.destinations[0]
    assert settings.default.address == "https://prometheus.monitoring.svc:9090"
    assert settings.default.auth_modes == {"bearer"}
    assert settings.destinations[1].auth_modes == {"basic", "custom"}
    assert settings.request_deadline_seconds == 20
    assert not settings.rules.permit("http://p.monitoring.svc.cluster.local:9090").is_exact


def test_the_documented_example_is_a_good_one(tmp_path: Path) -> None:
    example = (
        (prometheus_config.__doc__ or "").split("# --prometheus-config FILE")[1].split("\n\n")[0]
    )
    settings = load_settings(write(tmp_path, example))
    assert len(settings.destinations) == 2


def test_an_empty_file_or_none_permits_nothing(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "")) == load_settings() == PrometheusSettings()


def test_the_command_line_adds_to_the_file(tmp_path: Path) -> None:
    settings = load_settings(
        write(tmp_path, WHOLE),
        default_address="https://mimir.example.org/prometheus",
        allow_addresses=["http://vm:8428"],
    )
    assert settings.default is settings.destinations[1]
    assert settings.allow_addresses == (
        "http://*.monitoring.svc.cluster.local:9090",
        "http://vm:8428",
    )


def test_a_default_that_is_not_listed_has_no_credentials() -> None:
    settings = load_settings(default_address="http://127.0.0.1:9090")
    assert settings.default == Destination(address="http://127.0.0.1:9090")
    assert parse_address("http://127.0.0.1:9090") in settings.configured


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("defaults: http://a", "unknown key defaults; did you mean default?"),
        ("zzz: 1", "unknown key zzz; known are default, destinations, allow_addresses, "),
        ("[]", "must be a mapping with the keys default, "),
        ("default: 7", "default: 7 is not allowed; it must be an address"),
        ("default: prometheus", 'default: "prometheus" is no address such as http://'),
        ("destinations: {}", ""),
        ("destinations: 7", "destinations: must be a list of mappings, each with an address"),
        ("destinations: [{}]", "destinations[0]: must be a mapping with an address; known keys "),
        (
            "destinations: [{address: http://a, bearer_token: hunter2}]",
            "destinations[0]: unknown key bearer_token; did you mean bearer_token_file?",
        ),
        (
            "destinations: [{address: http://a, basic_username: 7, basic_password_file: /p}]",
            "destinations[0].basic_username: int is not allowed; it must be a text",
        ),
        (
            "destinations: [{address: http://a, basic_username: u}]",
            "destinations[0]: destination http://a: basic_username and basic_password_file go",
        ),
        (
            f"destinations: [{{address: https://a, bearer_token_file: /t, {BASIC}}}]",
            "destinations[0]: destination https://a: bearer_token_file and basic_username both",
        ),
        (
            "destinations: [{address: http://a, ca_file: /c}]",
            "destinations[0]: destination http://a: ca_file, cert_file, key_file, insecure_skip",
        ),
        (
            "destinations: [{address: https://a, cert_file: /c}]",
            "destinations[0]: destination https://a: cert_file and key_file go together",
        ),
        (
            "destinations: [{address: http://169.254.169.254}]",
            "destinations[0]: destination http://169.254.169.254: it is a cloud's metadata",
        ),
        (
            "destinations: [{address: http://a, headers: {Authorization: hunter2}}]",
            "destinations[0]: destination http://a: headers: Authorization comes from",
        ),
        (
            "destinations: [{address: http://a, headers: {Host: hunter2}}]",
            "destinations[0]: destination http://a: headers: Host belongs to the connection",
        ),
        (
            "destinations: [{address: http://a, headers: {X-Key: 7}}]",
            "destinations[0].headers: dict is not allowed; it must be a mapping of names to texts",
        ),
        (
            'destinations: [{address: http://a, headers: {X-Key: "hunter2\\nX: y"}}]',
            "destinations[0]: destination http://a: headers: the value of 'X-Key' holds",
        ),
        ("destinations: [{address: http://a}, {address: http://A/}]", "two destinations have the"),
        ("allow_addresses: http://a", "allow_addresses: must be a list of addresses"),
        ("allow_addresses: ['http://*']", 'allow_addresses "http://*" has no valid host'),
        ("request_deadline_seconds: soon", "request_deadline_seconds: soon is not allowed; it "),
        ("request_deadline_seconds: 0", "request_deadline_seconds must be a finite number > 0"),
        ("request_deadline_seconds: .inf", "request_deadline_seconds must be a finite number > 0"),
        ("retries: 1.5", "retries: 1.5 is not allowed; it must be a whole number > 0"),
        ("requests_at_once: true", "requests_at_once: True is not allowed"),
        ("retries: 1\nretries: 2", "not YAML at line 2: the key retries is given twice"),
        ("[hunter2]: 1", "not YAML at line 1: a sequence can't be a key"),
        ("retries: 1\n? {hunter2: 1}\n: 2", "not YAML at line 2: a mapping can't be a key"),
        ("default: 2026-13-01", "not YAML: a date or a number is out of range"),
        ("turn_wait_seconds: 0", "turn_wait_seconds must be a finite number > 0"),
        ("a: [hunter2", "not YAML at line 1: "),
        ("destinations: [{address: 'http://u:hunter2@a'}]", "destinations[0]: address "),
    ],
)
def test_each_mistake_is_a_line_that_names_the_key(tmp_path: Path, text: str, line: str) -> None:
    if not line:
        assert load_settings(write(tmp_path, text)) == PrometheusSettings()
        return
    found = lines(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(line)
    assert "hunter2" not in found[0]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = "a: 1\nretries: x\ndestinations: [{address: nothing}, {address: http://a, b: 1}]"
    assert len(lines(tmp_path, text)) == 4


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="No such file"):
        load_settings(tmp_path / "absent.yaml")


def test_retries_may_be_none() -> None:
    assert PrometheusSettings(retries=0).retries == 0


def test_settings_show_no_header_values() -> None:
    destination = Destination(address="http://a", headers={"X-Key": "hunter2"})
    assert "hunter2" not in repr(PrometheusSettings(default=destination))
