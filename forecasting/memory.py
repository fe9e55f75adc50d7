"""What was worked out for one history, to be used again for one that continues it."""

from typing import Generic, TypeVar

from forecasting.series import Series

T = TypeVar("T")


class Memory(Generic[T]):
    """Keeps the newest result and the history that it rests on.

    A result comes back only for a history that repeats the remembered one bit by bit and goes on
    from there, so what is built on it is what would be built without it. Whoever takes a result
    owns it and may extend it in place: it is gone until it is kept again, so two threads never
    share one. A copy or a pickle remembers nothing.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: list[tuple[Series, T]] = []

    def __reduce__(self) -> "tuple[type[Memory[T]], tuple[()]]":
        return type(self), ()

    def keep(self, history: Series, result: T) -> None:
        """Remember `result`."""
        self._kept[:] = [(history, result)]

    def newest(self) -> tuple[Series, T] | None:
        """Return what is kept without taking it, to be read only."""
        kept = self._kept[:]
        return kept[0] if kept else None

    def take(self, history: Series) -> T | None:
        """Return the result for an earlier stage of `history`, None if there is none."""
        try:
            known, result = self._kept.pop()
        except IndexError:
            return None
        return result if history.continues(known) else None
