"""The seam between the loader and a storage."""

from typing import Protocol


class Source(Protocol):
    """One file or object as it was when it was opened."""

    @property
    def label(self) -> str:
        """What messages call it."""

    @property
    def n_bytes(self) -> int:
        """Its size."""

    def read_into(self, start: int, into: memoryview) -> None:
        """Fill `into` with the bytes from `start` on, all of them.

        May be called by many threads at once. Raises StorageFailed; then `into` holds anything.
        """

    def interrupt(self) -> None:
        """Let reads under way fail soon, where they wait for a network."""

    def close(self) -> None:
        """Release what is held; no read may be under way."""


class Folder(Protocol):
    """Files or objects beside each other."""

    @property
    def label(self) -> str:
        """What messages call it: an address without credentials."""

    @property
    def is_remote(self) -> bool:
        """Whether reads wait for a network rather than for a disk."""

    def open(self, name: str) -> Source:
        """Return one of them. Raises NotFound, Refused and other kinds of StorageFailed."""

    def names(self) -> tuple[str, ...] | None:
        """Return what is there; None where that can't be asked."""

    def close(self) -> None:
        """Release what is held."""


def read_all(source: Source, most_bytes: int) -> bytes:
    """Return a small file whole. Raises ValueError when it is larger than `most_bytes`."""
    if source.n_bytes > most_bytes:
        raise ValueError(f"{source.label}: {source.n_bytes} bytes, at most {most_bytes} are read")
    content = bytearray(source.n_bytes)
    source.read_into(0, memoryview(content))
    return bytes(content)
