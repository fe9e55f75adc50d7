"""What the operator decides about outgoing connections, checked when it is made."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from scaler.adapters.prometheus_headers import operator_header_problem
from scaler.destinations import (
    Address,
    AddressRules,
    BadAddress,
    parse_address,
    parse_allow_entry,
    refusal_of_host,
)
from scaler.errors import ScalerError


class BadConfiguration(ScalerError):  # noqa: N818 - named after what is wrong
    """Settings that can't be used; `lines` holds one line for each thing that is wrong."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One server, and the credentials that go there and nowhere else.

    Files are read when they are used and read again when they change. Values of `headers` may be
    secret: they are left out of `repr`.
    """

    address: str
    bearer_token_file: str | None = None
    basic_username: str | None = None
    basic_password_file: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    insecure_skip_verify: bool = False

    def __post_init__(self) -> None:
        lines = _destination_problems(self)
        if lines:
            raise BadConfiguration(lines)
        object.__setattr__(self, "address", str(parse_address(self.address)))
        object.__setattr__(self, "headers", dict(self.headers))

    @property
    def place(self) -> Address:
        """The address, taken apart."""
        return parse_address(self.address)

    @property
    def auth_modes(self) -> frozenset[str]:
        """The ways in which the scaler proves who it is, in the words of KEDA's `authModes`."""
        modes = {
            "bearer": self.bearer_token_file is not None,
            "basic": self.basic_username is not None,
            "tls": self.cert_file is not None,
            "custom": bool(self.headers),
        }
        return frozenset(mode for mode, is_configured in modes.items() if is_configured)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusSettings:
    """Where the scaler may connect, with what, and how long it waits."""

    default: Destination | None = None
    destinations: tuple[Destination, ...] = ()
    allow_addresses: tuple[str, ...] = ()
    request_deadline_seconds: float = 10.0  # of one request, its retries included
    connect_seconds: float = 3.0  # for one IP address; a dead one must not use up the deadline
    retries: int = 2
    # 10,080 points are 0.3 MB; what is larger isn't one series.
    max_response_bytes: int = 16 * 1024 * 1024
    requests_at_once: int = 8  # for each server: KEDA's objects must not starve dashboards
    # A turn that comes later would leave its request too little of the tick's 60 s.
    turn_wait_seconds: float = 30.0
    # Kept at a time, of those that only the allow-list names; half of them for one namespace.
    max_other_servers: int = 64
    expensive_seconds: float = 5.0
    expensive_samples: float = 20_000_000.0  # 7 days of rate()[5m] over 100 series, 15 s apart

    def __post_init__(self) -> None:
        lines = [line for line in map(_entry_problem, self.allow_addresses) if line]
        lines += [
            f"{item.name} must be a finite number > 0, got {value!r}"
            for item in fields(self)
            if isinstance(value := getattr(self, item.name), int | float)
            and not (math.isfinite(value) and value > 0)
            and not (item.name == "retries" and value == 0)
        ]
        places = [destination.place for destination in self.destinations]
        lines += [
            f"two destinations have the address {p}" for p in set(places) if places.count(p) > 1
        ]
        if lines:
            raise BadConfiguration(lines)

    @property
    def configured(self) -> dict[Address, Destination]:
        """Every destination by its address, the default's included."""
        default = () if self.default is None else (self.default,)
        return {each.place: each for each in (*default, *self.destinations)}

    @property
    def rules(self) -> AddressRules:
        """The addresses that triggers may name."""
        entries = tuple(parse_allow_entry(text) for text in self.allow_addresses)
        return AddressRules(configured=tuple(self.configured), allowed=entries)


def _destination_problems(destination: Destination) -> list[str]:
    try:
        address = parse_address(destination.address)
    except BadAddress as bad:
        return [f"address {bad}"]
    where = f"destination {address}:"
    refusal = refusal_of_host(address, is_exact=True)
    if refusal is not None:
        return [f"{where} it {refusal}"]
    has_basic = (
        destination.basic_username is not None,
        destination.basic_password_file is not None,
    )
    has_pair = (destination.cert_file is not None, destination.key_file is not None)
    tls_keys = ("ca_file", "cert_file", "key_file", "insecure_skip_verify")
    checks = (
        (len(set(has_basic)) > 1, "basic_username and basic_password_file go together"),
        (len(set(has_pair)) > 1, "cert_file and key_file go together"),
        (
            destination.bearer_token_file is not None and any(has_basic),
            "bearer_token_file and basic_username both make an Authorization header: keep one",
        ),
        (
            address.scheme == "http" and any(getattr(destination, key) for key in tls_keys),
            f"{', '.join(tls_keys)} need an https address",
        ),
        (
            destination.ca_file is not None and destination.insecure_skip_verify,
            "insecure_skip_verify leaves ca_file without effect: keep one",
        ),
        (":" in (destination.basic_username or ""), "basic_username can't hold a colon"),
    )
    lines = [f"{where} {line}" for is_wrong, line in checks if is_wrong]
    problems = (operator_header_problem(*header) for header in destination.headers.items())
    return lines + [f"{where} headers: {problem}" for problem in problems if problem]


def _entry_problem(text: str) -> str | None:
    try:
        entry = parse_allow_entry(text)
    except BadAddress as bad:
        return f"allow_addresses {bad}"
    refusal = refusal_of_host(entry.address, is_exact=not entry.is_wildcard)
    return None if refusal is None else f"allow_addresses {text}: it {refusal}"
