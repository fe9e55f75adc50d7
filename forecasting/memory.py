"""What was worked out for one history, to be used again for one that continues it."""

from typing import Generic, TypeVar

from forecasting.series import Series

T = TypeVar("T")


class Memory(Generic[T]):
    """Keeps the newest result and the history that it rests on.

    A result comes back only for a history that repeats the remembered one bit by bit and goes on
    from there, so what is built on it is what would be built without it. Safe in threads: the
    pair is replaced as one.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: tuple[Series, T] | None = None

    def keep(self, history: Series, result: T) -> None:
        """Remember `result`."""
        self._kept = (history, result)

    def recall(self, history: Series) -> T | None:
        """Return the result for an earlier stage of `history`, None if there is none."""
        if self._kept is None:
            return None
        known, result = self._kept
        return result if history.continues(known) else None
