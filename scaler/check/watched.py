"""A source that remembers what passed through it."""

from dataclasses import replace

from forecasting.leading import LeadingGain
from forecasting.series import Series
from scaler.errors import HistoryUnavailable
from scaler.history import merged
from scaler.ports import DemandQuery, HistorySource


class Watched:
    """A source that remembers what it read of demand and what failed, for one trigger."""

    def __init__(self, source: HistorySource, query: str, *, is_overridden: bool) -> None:
        self.gains: tuple[LeadingGain, ...] = ()
        self.leading_problems: dict[str, HistoryUnavailable] = {}  # by query
        self._query = query
        self.series: Series | None = None
        self.problem: HistoryUnavailable | None = None
        self._source = source
        self._is_overridden = is_overridden

    async def read_range(self, query: DemandQuery, *, start_at: float, end_at: float) -> Series:
        """Read from the source, and remember it."""
        try:
            read = self._source.read_range(self._named(query), start_at=start_at, end_at=end_at)
            piece = await read
        except HistoryUnavailable as exc:
            self._note(query, exc)
            raise
        if query.query == self._query:
            self.series = merged(self.series, piece)
        return piece

    async def read_instant(self, query: DemandQuery, *, at: float) -> float:
        """Read from the source, and remember a failure."""
        try:
            return await self._source.read_instant(self._named(query), at=at)
        except HistoryUnavailable as exc:
            self._note(query, exc)
            raise

    def _note(self, query: DemandQuery, problem: HistoryUnavailable) -> None:
        if query.query == self._query:
            self.problem = problem
        else:
            self.leading_problems[query.query] = problem

    async def close(self) -> None:
        """Leave the source open: it is another's."""

    def _named(self, query: DemandQuery) -> DemandQuery:
        return replace(query, server_address=None) if self._is_overridden else query
