"""Objects beside each other behind one address."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import requests

from serving.loader.readers.http_ranges import HttpObject, Patience
from serving.loader.readers.pace import Pace

# From the name of an object to its address, which may be signed and then differs each time.
AddressOf = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class HttpFolder:
    """A prefix of an HTTP server or of an object storage; `label` has no credentials in it."""

    label: str
    session: requests.Session
    address_of: AddressOf
    pace: Pace
    patience: Patience
    is_remote: bool = True

    def open(self, name: str) -> HttpObject:
        """Open an object of it."""
        found = HttpObject(
            f"{self.label}/{name}",
            self.session,
            lambda: self.address_of(name),
            self.pace,
            self.patience,
        )
        return found.open()

    def names(self) -> None:
        """Return None: an HTTP server has no list, and a bucket's takes one more permission."""

    def close(self) -> None:
        """Close the connections."""
        self.session.close()


def plain_addresses(prefix: str) -> AddressOf:
    """Return the addresses of objects below an http(s) prefix; its query goes to each of them."""
    parts = urlsplit(prefix)

    def address_of(name: str) -> str:
        path = f"{parts.path.rstrip('/')}/{quote(name)}"
        return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))

    return address_of


def label_of(prefix: str) -> str:
    """Return an address without user, password and query: those may be credentials."""
    parts = urlsplit(prefix)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
