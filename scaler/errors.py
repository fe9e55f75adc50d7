"""The tree of errors. Adapters translate into it; `servicer.STATUS_OF` maps it to gRPC."""

from collections.abc import Sequence


class ScalerError(Exception):
    """Anything that Prewarm reports in its own words."""


class BadMetadata(ScalerError):  # noqa: N818 - named after what is wrong
    """Trigger metadata that can't be used; `lines` holds one line for each bad key."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = tuple(lines)


class BadExperts(ScalerError):  # noqa: N818 - named after what is wrong
    """A choice of experts that can't be used; the message names what is allowed."""


class HistoryUnavailable(ScalerError):  # noqa: N818 - a state, not a fault
    """A source that gave no usable answer.

    `reason` is one of a small fixed set, fit for a metric label: refused, timeout, http-status,
    too-large, bad-answer, several-series, not-permitted, query, missing-file, bad-file, no-column,
    busy (ours: no turn came in time, which says nothing about the server).
    The message is fit for a log line and an event: no secrets, no headers.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class TableFull(ScalerError):  # noqa: N818 - a state, not a fault
    """No room for one more target; the message names the setting that bounds the table."""


class UnknownMetric(ScalerError):  # noqa: N818 - named after what is wrong
    """A metric name that GetMetricSpec never gave out."""


class Unavailable(ScalerError):  # noqa: N818 - a state, not a fault
    """No answer that may be given: data is stale and the trigger asked for `onStale: error`."""


class WorkerLost(ScalerError):  # noqa: N818 - named after what happened
    """A process that fits or forecasts has died, of memory most likely; another one is started."""


class NoCluster(ScalerError):  # noqa: N818 - a state, not a fault
    """No access to a cluster; the message says what was tried."""


class StateUnavailable(ScalerError):  # noqa: N818 - a state, not a fault
    """Memory that can't be read or written now; scaling goes on without it.

    `reason` is one of a small fixed set, fit for a metric label: full, read-only, in-use,
    no-access, io, busy, closed.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
