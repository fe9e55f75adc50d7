import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint

import click
import pytest
from click.testing import CliRunner

from scaler.__main__ import _loaded, main
from scaler.logs import FieldsFormatter


@pytest.fixture(autouse=True)
def process_as_it_was() -> Iterator[None]:
    """Take back what `serve` sets for its whole process: where records go, how threads switch."""
    root, interval = logging.getLogger(), sys.getswitchinterval()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.setswitchinterval(interval)


def run(*words: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(words), env=env)
    return result.exit_code, result.output


def test_the_commands_are_found_by_entry_point_and_listed_with_what_they_do() -> None:
    status, text = run("--help")
    assert status == 0
    for name in ("backtest", "check", "demo", "forecast", "serve", "version"):
        assert f"  {name}" in text
    assert "New here?" in text


def test_version_names_what_it_rests_on() -> None:
    status, text = run("version")
    assert status == 0
    assert text.startswith("prewarm 0.")
    assert "grpcio 1." in text


def test_an_unknown_command_is_a_usage_error() -> None:
    status, text = run("scale")
    assert status == 2
    assert "No such command 'scale'" in text


@pytest.mark.parametrize(
    ("given", "near"), [("chek", "check"), ("sever", "serve"), ("backtst", "backtest")]
)
def test_a_mistyped_command_names_the_nearest_one(given: str, near: str) -> None:
    status, text = run(given)
    assert status == 2
    assert f"No such command {given!r}. Did you mean {near!r}?" in text


def test_a_missing_extra_is_named_with_the_next_step() -> None:
    entry_point = EntryPoint("tune", "nowhere_at_all:tune", "prewarm.commands")
    with pytest.raises(click.ClickException, match=r"pip install 'keda-prewarm\[simulations\]'"):
        _loaded(entry_point)


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (("--grpc-address", "6000"), '--grpc-address: "6000" is not allowed; allowed is HOST:PORT'),
        (("--http-address", "h:99999"), '--http-address: "h:99999" is not allowed'),
        (("--source", "file"), "--file: missing; with --source file it names"),
        (("--source", "file", "--file", "no.csv"), '--file: "no.csv" is no file'),
        (("--file", "x.csv"), "--file: needs --source file beside it"),
        (("--tls-key-file", "k.pem"), "--tls-certificate-file, --tls-key-file: one needs"),
        (("--client-ca-file", "c.pem"), "--client-ca-file: needs --tls-certificate-file"),
        (("--replay-from", "noon"), '--replay-from: "noon" is not allowed; allowed is an ISO'),
        (("--replay-speed", "60"), "--replay-speed: needs --replay-from"),
        (("--prometheus-address", "ftp://x"), "ftp://x"),
        (("--allow-address", "http://169.254.169.254"), "169.254.169.254"),
        (("--prometheus-config", "none.yaml"), "none.yaml: can't be read"),
        (("--tick-seconds", "0"), "'--tick-seconds'"),
    ],
)
def test_a_flag_that_is_no_good_is_named_and_nothing_starts(
    flags: tuple[str, ...], line: str
) -> None:
    status, text = run("serve", *flags)
    assert status in {1, 2}
    assert line in " ".join(text.split())


def test_a_process_with_a_bad_flag_ends_by_itself_and_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scaler", "serve", "--tls-key-file", "k.pem"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "--tls-certificate-file, --tls-key-file: one needs" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_flag_of_serve_has_a_fall_back_in_the_environment() -> None:
    status, text = run("serve", "--help")
    assert status == 0
    for name in ("PREWARM_GRPC_ADDRESS", "PREWARM_PROMETHEUS_ADDRESS", "PREWARM_ALLOW_ADDRESS"):
        assert name in text
    status, text = run("serve", "--source", "file", env={"PREWARM_FILE": "absent.csv"})
    assert status == 1
    assert '"absent.csv" is no file' in text


@pytest.mark.parametrize("as_json", [True, False])
def test_a_log_line_can_not_be_forged(*, as_json: bool) -> None:
    record = logging.makeLogRecord(
        {"msg": "replicas changed", "levelname": "INFO", "scaled_object": "a/b\n2026 ERROR forged"}
    )
    line = FieldsFormatter(as_json=as_json).format(record)
    assert "\n" not in line
    assert "replicas changed" in line
    if as_json:
        assert json.loads(line)["scaled_object"].startswith("a/b")
