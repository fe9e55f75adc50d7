import ipaddress
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from scaler.destinations import (
    Address,
    AddressRules,
    BadAddress,
    parse_address,
    parse_allow_entry,
    refusal_of_ip,
    shown,
)
from scaler.errors import HistoryUnavailable


def rules(*allowed: str, configured: tuple[str, ...] = ()) -> AddressRules:
    return AddressRules(
        configured=tuple(parse_address(text) for text in configured),
        allowed=tuple(parse_allow_entry(text) for text in allowed),
    )


def refusal(where: AddressRules, text: str) -> str:
    with pytest.raises(HistoryUnavailable) as caught:
        where.permit(text)
    assert caught.value.reason == "not-permitted"
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("http://prometheus:9090", "http://prometheus:9090"),
        ("HTTP://Prometheus.Monitoring.SVC:9090/", "http://prometheus.monitoring.svc:9090"),
        ("http://prometheus:80", "http://prometheus"),
        ("https://prometheus:443/api/", "https://prometheus/api"),
        ("https://prometheus.:443", "https://prometheus"),
        ("http://10.0.0.7:9090", "http://10.0.0.7:9090"),
        ("http://[2001:DB8::1]:9090/x", "http://[2001:db8::1]:9090/x"),
        ("http://vm:8481/select/0:1/prometheus", "http://vm:8481/select/0:1/prometheus"),
    ],
)
def test_an_address_has_one_normal_form(given: str, normal: str) -> None:
    assert str(parse_address(given)) == normal
    assert parse_address(normal) == parse_address(given)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("prometheus:9090", "must start with http:// or https://|is no address"),
        ("", "is no address"),
        ("file:///etc/passwd", "must start with http"),
        ("ftp://prometheus", "must start with http"),
        ("gopher://prometheus:9090/_x", "must start with http"),
        ("http://user:secret@prometheus", "must not carry a user name"),
        ("http://prometheus@evil", "must not carry a user name"),
        ("http://prometheus:9090?query=up", "must not carry a query"),
        ("http://prometheus:9090#x", "must not carry a query or a fragment"),
        ("http://prometheus\\@evil/", "is no address"),
        ("http://prometheus:9090 ", "is no address"),
        ("http://prometheus\r\nHost: evil", "is no address"),
        ("http://prométheus", "is no address"),
        ("http://", "has no valid host"),
        ("http://:9090", "has no valid host"),
        ("http://prometheus:0", "port from 1 to 65535"),
        ("http://prometheus:99999", "port from 1 to 65535"),
        ("http://prometheus:9090:9090", "must name a host"),
        ("http://2130706433", "has no valid host"),  # 127.0.0.1 for a C library
        ("http://0x7f.0.0.1", "has no valid host"),
        ("http://0177.0.0.1", "has no valid host"),
        ("http://127.1", "has no valid host"),
        ("http://169.254.43518", "has no valid host"),
        ("http://0xa9fea9fe/", "has no valid host"),
        ("http://a..b", "has no valid host"),
        ("http://[fe80::1%25eth0]", "has no valid host|is no address"),
        ("http://[127.0.0.1]", "has no valid host"),
        ("http://prometheus/a/../b", "dotted"),
        ("http://prometheus/a//b", "empty, dotted"),
        ("http://prometheus/%2e%2e/b", "escaped"),
        ("http://*.svc:9090", "has no valid host"),
    ],
)
def test_what_is_no_plain_address_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(BadAddress, match=why) as caught:
        parse_address(text)
    assert "secret" not in str(caught.value)


def test_only_what_is_configured_or_allowed_is_permitted() -> None:
    where = rules("http://vm:8428", configured=("https://mimir/prometheus",))
    assert where.permit("https://MIMIR:443/prometheus/").is_exact
    assert where.permit("http://vm:8428/select/0").is_exact
    for text in ("http://mimir/prometheus", "https://mimir", "https://mimir/prometheus/x"):
        assert refusal(where, text).endswith(f"--allow-address {text} permits it")
    assert "not permitted" in refusal(where, "http://vm:8429")
    assert "not permitted" in refusal(rules(), "http://prometheus:9090")


def test_a_prefix_ends_at_a_slash() -> None:
    where = rules("http://vm:8428/team-a")
    assert where.permit("http://vm:8428/team-a/x").is_exact
    assert "not permitted" in refusal(where, "http://vm:8428/team-ab")
    assert "not permitted" in refusal(where, "http://vm:8428")


def test_a_wildcard_stands_for_labels_on_the_left() -> None:
    where = rules("http://*.monitoring.svc.cluster.local:9090")
    for host in ("prometheus", "prometheus-0.prometheus"):
        permission = where.permit(f"http://{host}.monitoring.svc.cluster.local:9090")
        assert not permission.is_exact
    for text in (
        "http://monitoring.svc.cluster.local:9090",
        "http://evilmonitoring.svc.cluster.local:9090",
        "http://prometheus.monitoring.svc.cluster.local.evil:9090",
        "https://prometheus.monitoring.svc.cluster.local:9090",
        "http://prometheus.monitoring.svc.cluster.local",
    ):
        assert "not permitted" in refusal(where, text)


@pytest.mark.parametrize(
    "text", ["http://*:9090", "http://*", "http://a.*.svc", "http://*a.svc", "http://*.1.2.3.4"]
)
def test_a_wildcard_anywhere_else_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        parse_allow_entry(text)


METADATA = [
    "http://169.254.169.254",
    "http://169.254.170.2",
    "http://[fd00:ec2::254]",
    "http://[::ffff:169.254.169.254]",
    "http://[64:ff9b::a9fe:a9fe]",
    "http://[2002:a9fe:a9fe::1]",
    "http://100.100.100.200",
    "http://168.63.129.16",
    "http://metadata.google.internal",
    "http://METADATA.google.internal.",
    "http://0.0.0.0:9090",
    "http://[::]:9090",
    "http://224.0.0.1",
    "http://255.255.255.255",
]


@pytest.mark.parametrize("text", METADATA)
def test_a_metadata_service_is_refused_even_when_it_is_listed(text: str) -> None:
    line = refusal(rules(text, configured=(text,)), text)
    assert "never permitted" in line or "not the address of one host" in line


@pytest.mark.parametrize(
    "text",
    ["http://127.0.0.1:9090", "http://[::1]:9090", "http://localhost:9090", "http://[fe80::1]"],
)
def test_loopback_needs_an_entry_of_its_own(text: str) -> None:
    assert rules(text).permit(text).is_exact
    assert rules(configured=(text,)).permit(text).is_exact
    assert "without a wildcard" in refusal(rules(), text)


def test_a_wildcard_does_not_open_a_name_of_loopback() -> None:
    line = refusal(rules("http://*.localhost:9090"), "http://prometheus.localhost:9090")
    assert "loopback" in line
    line = refusal(rules("http://*.google.internal"), "http://metadata.google.internal")
    assert "never permitted" in line


def test_a_refused_address_names_no_password() -> None:
    line = refusal(rules(), "http://user:hunter2@prometheus")
    assert "hunter2" not in line
    assert shown("http://user:hunter2@host/?token=hunter3") == "http://***@host/"
    assert len(shown("x" * 10_000)) <= 200
    assert "\n" not in shown("a\nb")


names = st.from_regex(
    r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z]([a-z0-9-]{0,8}[a-z0-9])?){0,3}", fullmatch=True
)
ports = st.one_of(st.none(), st.integers(1, 65_535))
paths = st.lists(st.from_regex(r"[a-z0-9_~:-][a-z0-9._~:-]{0,6}", fullmatch=True), max_size=3)


@st.composite
def addresses(draw: st.DrawFn) -> str:
    host = draw(
        st.one_of(
            names, st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(lambda ip: f"[{ip}]")
        )
    )
    port = draw(ports)
    path = "".join(f"/{segment}" for segment in draw(paths))
    scheme = draw(st.sampled_from(["http", "https", "HTTP"]))
    return f"{scheme}://{host}{'' if port is None else f':{port}'}{path}"


@given(addresses())
def test_the_http_library_connects_where_the_rules_looked(text: str) -> None:
    try:
        address = parse_address(text)
    except BadAddress:
        return
    assert parse_address(str(address)) == address
    for split in (urlsplit(str(address)), parse_url(str(address))):
        assert split.hostname is not None
        assert split.hostname.strip("[]") == address.host
        assert (split.port or {"http": 80, "https": 443}[address.scheme]) == address.port
        assert split.scheme == address.scheme


@given(st.text(max_size=60) | st.text("htps:/@[]?#%.0a\\ *~", max_size=40).map("http://".__add__))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    where = rules("http://*.svc:9090", configured=("https://mimir/prometheus",))
    try:
        permission = where.permit(text)
    except HistoryUnavailable:
        return
    assert permission.address.host.endswith((".svc", "mimir"))


@given(addresses())
def test_no_wildcard_ever_permits_a_dangerous_number(text: str) -> None:
    where = rules("http://*.svc", "https://*.svc")
    try:
        address = parse_address(text)
    except BadAddress:
        return
    if address.ip is not None:
        assert refusal(where, text)


def test_an_address_resolved_from_a_wildcard_is_judged_by_its_number() -> None:
    for number, is_exact, is_refused in [
        ("10.1.2.3", False, False),
        ("192.168.1.1", False, False),
        ("8.8.8.8", False, False),
        ("fd12::1", False, False),
        ("127.0.0.1", False, True),
        ("127.0.0.1", True, False),
        ("::1", False, True),
        ("fe80::1", False, True),
        ("169.254.169.254", False, True),
        ("169.254.169.254", True, True),
        ("::ffff:169.254.169.254", True, True),
        ("::ffff:127.0.0.1", False, True),
        ("::169.254.169.254", True, True),
        ("64:ff9b::7f00:1", False, True),
        ("64:ff9b:1::a9fe:a9fe", True, True),
        ("fd00:ec2::254", True, True),
        ("0.0.0.0", True, True),  # noqa: S104 - not bound, refused
        ("240.0.0.1", True, True),
    ]:
        refused = refusal_of_ip(ipaddress.ip_address(number), is_exact=is_exact)
        assert (refused is not None) == is_refused, number


@given(st.ip_addresses(v=4), st.booleans())
def test_an_address_carried_inside_another_is_no_safer(
    ip: ipaddress.IPv4Address,
    is_exact: bool,  # noqa: FBT001 - drawn
) -> None:
    alone = refusal_of_ip(ip, is_exact=is_exact)
    for carrier in (f"::ffff:{ip}", f"64:ff9b::{ip}"):
        carried = refusal_of_ip(ipaddress.ip_address(carrier), is_exact=is_exact)
        assert carried is not None or alone is None


def test_an_address_is_a_value() -> None:
    assert parse_address("http://a") == Address("http", "a", 80, "")
