"""Reading a page of a program on loopback."""

import ssl
import urllib.request

# Whatever proxy the machine has, it does not lead to loopback.
_NO_PROXY = urllib.request.ProxyHandler({})


def fetch(address: str, *, context: ssl.SSLContext | None = None, within_seconds: float = 5) -> str:
    """Return the text of a page; OSError when it is not there or its status is an error."""
    https = urllib.request.HTTPSHandler(context=context)
    opener = urllib.request.build_opener(_NO_PROXY, https)
    with opener.open(address, timeout=within_seconds) as answer:
        return str(answer.read().decode())
