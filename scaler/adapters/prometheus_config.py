"""Reads the file in which the operator decides about outgoing connections.

    # --prometheus-config FILE
    default: https://prometheus.monitoring.svc:9090   # for triggers without a serverAddress
    destinations:                                     # credentials are bound to one address each
      - address: https://prometheus.monitoring.svc:9090
        bearer_token_file: /var/run/secrets/prometheus/token
        ca_file: /etc/prometheus/ca.crt
      - address: https://mimir.example.org/prometheus
        basic_username: prewarm
        basic_password_file: /etc/mimir/password
        headers: {X-Scope-OrgID: inference}
    allow_addresses:                                  # without credentials
      - http://*.monitoring.svc.cluster.local:9090
    request_deadline_seconds: 10

The names of a destination's keys are those of Prometheus' own http_config, as far as it has them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from scaler.adapters.prometheus_settings import BadConfiguration, Destination, PrometheusSettings
from scaler.destinations import BadAddress, parse_address, shown

SECTIONS = ("default", "destinations", "allow_addresses")
NUMBERS = tuple(item.name for item in fields(PrometheusSettings) if item.name not in SECTIONS)
WHOLE_NUMBERS = ("retries", "max_response_bytes", "requests_at_once", "max_other_servers")
DESTINATION_KEYS = tuple(item.name for item in fields(Destination))


def load_settings(
    path: str | Path | None = None,
    *,
    default_address: str | None = None,
    allow_addresses: Sequence[str] = (),
) -> PrometheusSettings:
    """Return the settings of a file, with what the command line adds to them.

    A `default_address` takes the place of the file's `default`; addresses to allow are added.
    Raises BadConfiguration with one line for each thing that is wrong.
    """
    settings = PrometheusSettings() if path is None else _read(Path(path))
    if allow_addresses:
        both = (*settings.allow_addresses, *allow_addresses)
        settings = replace(settings, allow_addresses=tuple(dict.fromkeys(both)))
    if default_address is not None:
        settings = replace(settings, default=_default(default_address, settings.destinations))
    return settings


class _Lines:
    """Collects what is wrong, so that the operator sees all of it at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[str] = []

    def add(self, line: str) -> None:
        self._lines.append(f"{self._path}: {line}")

    def unknown(self, where: str, key: object, known: Sequence[str]) -> None:
        close = get_close_matches(str(key), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        self.add(f"{where}unknown key {shown(str(key))}; {hint}")

    def stop(self) -> None:
        if self._lines:
            raise BadConfiguration(self._lines)


def _read(path: Path) -> PrometheusSettings:
    lines = _Lines(path)
    content = _mapping(_parsed(path), lines)
    for key in content:
        if key not in (*SECTIONS, *NUMBERS):
            lines.unknown("", key, (*SECTIONS, *NUMBERS))
    destinations = _destinations(content.get("destinations") or [], lines)
    allow = _texts(content.get("allow_addresses") or [], lines)
    numbers = _numbers(content, lines)
    default = content.get("default")
    if not (default is None or isinstance(default, str)):
        lines.add(f"default: {default!r} is not allowed; it must be an address")
    lines.stop()
    try:
        return PrometheusSettings(
            default=None if default is None else _default(default, destinations),
            destinations=destinations,
            allow_addresses=allow,
            **numbers,
        )
    except BadConfiguration as bad:
        raise BadConfiguration([f"{path}: {line}" for line in bad.lines]) from None


def _parsed(path: Path) -> object:
    try:
        return yaml.load(path.read_bytes(), Loader=_UniqueKeys)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise BadConfiguration([f"{path}: can't be read: {error.strerror}"]) from None
    except yaml.MarkedYAMLError as error:  # its text quotes the file, which may hold secrets
        line = "" if error.problem_mark is None else f" at line {error.problem_mark.line + 1}"
        raise BadConfiguration([f"{path}: not YAML{line}: {error.problem}"]) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise BadConfiguration([f"{path}: not YAML"]) from None
    except ValueError:  # 2026-13-01, or a number of ten thousand digits
        raise BadConfiguration([f"{path}: not YAML: a date or a number is out of range"]) from None


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that is a list, or given twice: plain YAML keeps the last, silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for key, _ in node.value:
            problem = None
            if not isinstance(key, yaml.ScalarNode):
                problem = f"a {key.id} can't be a key"
            elif key.value in seen:
                problem = f"the key {shown(key.value)} is given twice"
            if problem is not None:
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _mapping(content: object, lines: _Lines) -> Mapping[str, Any]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        lines.add(f"must be a mapping with the keys {', '.join((*SECTIONS, *NUMBERS))}")
        return {}
    return content


def _destinations(content: object, lines: _Lines) -> tuple[Destination, ...]:
    if not isinstance(content, list):
        lines.add("destinations: must be a list of mappings, each with an address")
        return ()
    found = [_destination(each, f"destinations[{i}]", lines) for i, each in enumerate(content)]
    return tuple(destination for destination in found if destination is not None)


def _destination(content: object, where: str, lines: _Lines) -> Destination | None:
    if not isinstance(content, dict) or "address" not in content:
        lines.add(f"{where}: must be a mapping with an address; known keys are {_known()}")
        return None
    is_good = True
    for key, value in content.items():
        if key not in DESTINATION_KEYS:
            lines.unknown(f"{where}: ", key, DESTINATION_KEYS)
            is_good = False
        elif (expected := _expected(key, value)) is not None:
            # A password in the wrong place must not reach a log, so the value is not quoted.
            lines.add(
                f"{where}.{key}: {type(value).__name__} is not allowed; it must be {expected}"
            )
            is_good = False
    if not is_good:
        return None
    try:
        return Destination(**content)
    except BadConfiguration as bad:
        for line in bad.lines:
            lines.add(f"{where}: {line}")
        return None


def _known() -> str:
    return ", ".join(DESTINATION_KEYS)


def _expected(key: str, value: object) -> str | None:
    """Return what the value of a destination's key must be, None when it is that."""
    if key == "insecure_skip_verify":
        return None if isinstance(value, bool) else "true or false"
    if key == "headers":
        pairs = value.items() if isinstance(value, dict) else [(0, 0)]
        is_text = all(isinstance(part, str) for pair in pairs for part in pair)
        return None if is_text else "a mapping of names to texts (quote what looks like a number)"
    return None if isinstance(value, str) and value else "a text that isn't empty"


def _texts(content: object, lines: _Lines) -> tuple[str, ...]:
    if isinstance(content, list) and all(isinstance(each, str) for each in content):
        return tuple(content)
    lines.add("allow_addresses: must be a list of addresses")
    return ()


def _numbers(content: Mapping[str, Any], lines: _Lines) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    for key in NUMBERS:
        value = content.get(key)
        if value is None:
            continue
        kinds = int if key in WHOLE_NUMBERS else int | float
        if isinstance(value, bool) or not isinstance(value, kinds):
            kind = "a whole number" if key in WHOLE_NUMBERS else "a number"
            lines.add(f"{key}: {shown(str(value))} is not allowed; it must be {kind} > 0")
        else:
            numbers[key] = value
    return numbers


def _default(address: str, destinations: Sequence[Destination]) -> Destination:
    """Return the destination of that address, or one without credentials."""
    try:
        place = parse_address(address)
    except BadAddress as bad:
        raise BadConfiguration([f"default: {bad}"]) from None
    named = (each for each in destinations if each.place == place)
    return next(named, Destination(address=address))
