"""What a forecaster answers: one upper bound for the peak of the window ahead."""

from dataclasses import dataclass
from math import isfinite


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The `level` quantile of the maximum demand in (issued_at, issued_at + horizon_seconds].

    `method` names the most able model that had a say: "quantile-regression" (the learners, once
    there are days to learn from), "seasonal-naive" (what past days showed at this time) or
    "last-value" (recent values alone). `value` has the unit of the series and is finite and
    >= 0: a forecaster that knows nothing raises `NotEnoughHistory` instead.
    """

    issued_at: float
    horizon_seconds: float
    level: float
    value: float
    method: str

    def __post_init__(self) -> None:
        if not (isfinite(self.value) and self.value >= 0):
            raise ValueError(f"value must be finite and >= 0, got {self.value!r}")
        if not 0 < self.level < 1:
            raise ValueError(f"level must lie in (0, 1), got {self.level!r}")


class NotEnoughHistory(Exception):  # noqa: N818 - a state of the data, not a fault of the program
    """The series holds no observation that a forecast could start from."""
