"""Where the scaler may connect. Pure: text in, a permission or the line that would give it out.

Whoever may write a ScaledObject names an address, so the operator decides what is permitted:

- a configured destination, if the address equals it: scheme, host, port and path;
- an entry of the allow-list: the same, with its path as a prefix (`http://host:9090/tenants`
  permits `/tenants/a`), and with any labels in place of a leading `*.` of its host;
- never a cloud's metadata service, nor what isn't a unicast address, by name or by number;
- loopback and link-local addresses only by an entry without a wildcard.

A name is judged twice: here as text, and by `refusal_of_ip` for each address that it resolves to,
just before that very address is connected to. So a name that changes its mind between the look-up
and the connection (DNS rebinding) gains nothing.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from scaler.errors import HistoryUnavailable

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_SHOWN_CHARACTERS = 200

# What the name resolves to is judged as well; these names spare the look-up.
METADATA_HOSTS = frozenset(
    {
        "instance-data",
        "instance-data.ec2.internal",
        "metadata.azure.internal",
        "metadata.goog",
        "metadata.google.internal",
        "metadata.tencentyun.com",
    }
)
METADATA_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",  # AWS, Azure, GCP, OpenStack at .169.254, and what clouds put beside it
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's wire server
        "192.0.0.192/32",  # Oracle
        "fd00:ec2::/32",  # AWS
        "fd20:ce::/64",  # GCP
    )
)
LOOPBACK_HOSTS = re.compile(r"(?:.*\.)?localhost|localhost\.localdomain|ip6-(?:localhost|loopback)")
NAT64 = tuple(ipaddress.IPv6Network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48"))

_ADDRESS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?P<rest>[?#].*)?"
)
_AUTHORITY = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_SEGMENT = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~:=,+-]+")  # no escapes: nothing to decode twice
_PRINTABLE = re.compile(r"[!-\[\]-~]+")  # ASCII without blanks and backslash


class BadAddress(ValueError):  # noqa: N818 - named after what is wrong
    """Text that is no usable address; the message says why, without any password in it."""


@dataclass(frozen=True, slots=True)
class Address:
    """A server's base address in its one normal form; made by `parse_address`."""

    scheme: str
    host: str  # lower case; an IPv6 address without its brackets
    port: int
    path: str  # "" or "/prefix", never with a slash at its end

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def ip(self) -> IpAddress | None:
        """The host as a number, None when it is a name."""
        return _ip_or_none(self.host)


@dataclass(frozen=True, slots=True)
class AllowEntry:
    """One line of the allow-list; made by `parse_allow_entry`."""

    address: Address
    is_wildcard: bool

    def permits(self, address: Address) -> bool:
        """Return whether `address` lies within this entry."""
        mine = self.address
        if (address.scheme, address.port) != (mine.scheme, mine.port):
            return False
        if not f"{address.path}/".startswith(f"{mine.path}/"):
            return False
        if self.is_wildcard:
            return address.ip is None and address.host.endswith(f".{mine.host}")
        return address.host == mine.host


@dataclass(frozen=True, slots=True)
class Permission:
    """An address that may be connected to."""

    address: Address
    is_exact: bool  # named by the operator, not merely covered by a wildcard


@dataclass(frozen=True, slots=True)
class AddressRules:
    """The operator's decision."""

    configured: tuple[Address, ...] = ()
    allowed: tuple[AllowEntry, ...] = ()

    def permit(self, text: str) -> Permission:
        """Return the permission for an address from trigger metadata.

        Raises HistoryUnavailable("not-permitted") with the line that would permit it.
        """
        try:
            address = parse_address(text)
        except BadAddress as bad:
            raise HistoryUnavailable("not-permitted", f"serverAddress {bad}") from None
        is_exact = self._is_exact(address)
        refusal = refusal_of_host(address, is_exact=is_exact)
        if refusal is not None:
            is_for_ever = refusal_of_host(address, is_exact=True) is not None
            hint = "" if is_for_ever else f"; --allow-address {address} permits it"
            raise HistoryUnavailable("not-permitted", f"serverAddress {address} {refusal}{hint}")
        if not is_exact and not any(entry.permits(address) for entry in self.allowed):
            line = f"serverAddress {address} is not permitted; --allow-address {address} permits it"
            raise HistoryUnavailable("not-permitted", line)
        return Permission(address, is_exact)

    def _is_exact(self, address: Address) -> bool:
        if address in self.configured:
            return True
        return any(not entry.is_wildcard and entry.permits(address) for entry in self.allowed)


def parse_address(text: str) -> Address:
    """Return the normal form of a server's base address. Raises BadAddress."""
    return _parse(text, authority_prefix="")


def parse_allow_entry(text: str) -> AllowEntry:
    """Return one line of the allow-list: an address whose host may start with `*.`."""
    is_wildcard = "://*." in text
    address = _parse(text, authority_prefix="*." if is_wildcard else "")
    if is_wildcard and address.ip is not None:
        raise BadAddress(f'"{shown(text)}" has a wildcard before a number')
    return AllowEntry(address, is_wildcard)


def refusal_of_host(address: Address, *, is_exact: bool) -> str | None:
    """Return why an address is refused whatever the allow-list says, None when it isn't."""
    if address.ip is not None:
        return refusal_of_ip(address.ip, is_exact=is_exact)
    if address.host in METADATA_HOSTS:
        return "is a cloud's metadata service, which is never permitted"
    if LOOPBACK_HOSTS.fullmatch(address.host) and not is_exact:
        return _only_exactly("a loopback address")
    return None


def refusal_of_ip(ip: IpAddress, *, is_exact: bool) -> str | None:
    """Return why a connection to `ip` is refused, None when it isn't.

    Addresses that carry another one inside (IPv4-mapped, NAT64, 6to4, Teredo) are judged by both.
    """
    refusals = [_refusal_of_one(each, is_exact=is_exact) for each in (ip, *_carried(ip))]
    return next((refusal for refusal in refusals if refusal is not None), None)


def shown(text: str) -> str:
    """Return `text` as it may appear in a message: bounded, printable, without a password."""
    head, at, tail = text.rpartition("@")
    if at:  # everything before it may be a password
        text = f"{head.partition('://')[0]}://***@{tail}" if "://" in head else f"***@{tail}"
    text = text.partition("?")[0]
    printable = "".join(character if character.isprintable() else "?" for character in text)
    if len(printable) > MAX_SHOWN_CHARACTERS:
        printable = f"{printable[: MAX_SHOWN_CHARACTERS - 3]}..."
    return printable


def _parse(text: str, *, authority_prefix: str) -> Address:
    quoted = f'"{shown(text)}"'
    found = _ADDRESS.fullmatch(text) if _PRINTABLE.fullmatch(text) else None
    if found is None:
        raise BadAddress(f"{quoted} is no address such as http://prometheus.monitoring.svc:9090")
    scheme = found["scheme"].lower()
    if scheme not in DEFAULT_PORTS:
        raise BadAddress(f"{quoted} must start with http:// or https://")
    if "@" in found["authority"]:
        raise BadAddress(f"{quoted} must not carry a user name or a password")
    if found["rest"]:
        raise BadAddress(f"{quoted} must not carry a query or a fragment")
    authority = _AUTHORITY.fullmatch(found["authority"].removeprefix(authority_prefix))
    port = None if authority is None else int(authority["port"] or DEFAULT_PORTS[scheme])
    if authority is None or port is None or not 0 < port < 65_536:  # noqa: PLR2004 - TCP's ports
        raise BadAddress(f"{quoted} must name a host and, if any, a port from 1 to 65535")
    host = _host(authority["name"], authority["v6"])
    if host is None:
        raise BadAddress(f"{quoted} has no valid host name or IP address")
    segments = (found["path"] or "").strip("/").split("/")
    if segments != [""] and not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise BadAddress(f"{quoted} has a path with empty, dotted or escaped parts")
    path = "".join(f"/{segment}" for segment in segments if segment)
    return Address(scheme, host, port, path)


def _host(name: str | None, v6: str | None) -> str | None:
    """Return the normal form of a host, None when it is none."""
    if v6 is not None:
        ip = _ip_or_none(v6)
        return str(ip) if isinstance(ip, ipaddress.IPv6Address) and not ip.scope_id else None
    host = (name or "").lower().removesuffix(".")
    labels = host.split(".")
    # C libraries read 0x7f.1, 2130706433 and 0177.0.0.1 as 127.0.0.1: a host whose last label is
    # a number is a plain dotted quad, or nothing.
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        return host if isinstance(_ip_or_none(host), ipaddress.IPv4Address) else None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):  # noqa: PLR2004 - DNS
        return None
    return host


def _ip_or_none(text: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _refusal_of_one(ip: IpAddress, *, is_exact: bool) -> str | None:
    if any(ip in network for network in METADATA_NETWORKS):
        return "is a cloud's metadata service or link-local, which is never permitted"
    if ip.is_unspecified or ip.is_multicast or (ip.version == 4 and _is_no_host(ip)):  # noqa: PLR2004
        return "is not the address of one host"
    if ip.is_loopback:
        return None if is_exact else _only_exactly("a loopback address")
    if ip.is_link_local:
        return None if is_exact else _only_exactly("a link-local address")
    return None


def _is_no_host(ip: IpAddress) -> bool:
    """Return whether an IPv4 address is of 0.0.0.0/8 (Linux connects to itself) or 240.0.0.0/4."""
    return ip.packed[0] == 0 or ip.packed[0] >= 240  # noqa: PLR2004 - class E begins there


def _only_exactly(what: str) -> str:
    return f"is {what}, which only a configured address or an entry without a wildcard permits"


def _carried(ip: IpAddress) -> Iterable[IpAddress]:
    """Return the IPv4 addresses that an IPv6 address carries."""
    if not isinstance(ip, ipaddress.IPv6Address):
        return
    if ip.ipv4_mapped is not None:
        yield ip.ipv4_mapped
    if ip.sixtofour is not None:
        yield ip.sixtofour
    if ip.teredo is not None:
        yield from ip.teredo
    is_compatible = int(ip) >> 32 == 0 and int(ip) > 1  # ::a.b.c.d, obsolete but still routed
    if is_compatible or any(ip in network for network in NAT64):
        yield ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
