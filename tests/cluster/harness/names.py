"""A name with several addresses, as a headless Service has one.

gRPC takes a DNS server in the address itself, so nothing on the machine is changed:
`dns://127.0.0.1:5353/prewarm.test:6000` leads to every address that the server gives.
"""

import socket
import struct
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

TYPE_A = 1
HEADER = struct.Struct(">HHHHHH")
# A pointer to the question's name, type A, class IN, ttl 1 s, four bytes of address.
ANSWER = struct.Struct(">HHHIH4s")


class NameServer:
    """Answers each question for an address with the same list."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = tuple(addresses)

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # An empty datagram ends the loop: closing alone would not wake it.
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def target(self, port: int) -> str:
        """The gRPC address of all of them."""
        return f"dns://127.0.0.1:{self._socket.getsockname()[1]}/prewarm.test:{port}"

    def _serve(self) -> None:
        while True:
            question, peer = self._socket.recvfrom(4096)
            if not question:
                return
            self._socket.sendto(self._answer(question), peer)

    def _answer(self, message: bytes) -> bytes:
        number, _, _, _, _, _ = HEADER.unpack_from(message)
        end = message.index(b"\0", HEADER.size) + 5  # the name, its end, type and class
        (kind,) = struct.unpack_from(">H", message, end - 4)
        found = self._addresses if kind == TYPE_A else ()
        records = b"".join(
            ANSWER.pack(0xC00C, TYPE_A, 1, 1, 4, socket.inet_aton(address)) for address in found
        )
        # 0x8580: an authoritative answer without error.
        header = HEADER.pack(number, 0x8580, 1, len(found), 0, 0)
        return header + message[HEADER.size : end] + records
