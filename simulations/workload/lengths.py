"""Lengths of prompts and answers, drawn from stated distributions where a trace has none."""

from dataclasses import dataclass, field
from math import log, sqrt
from typing import Literal

import numpy as np

from forecasting.arrays import FloatVector
from simulations.workload.errors import BadWorkload

Law = Literal["lognormal", "exponential", "constant"]
LAWS: tuple[Law, ...] = ("lognormal", "exponential", "constant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """A number of tokens: whole, at least 1, at most `most`.

    `cv` is the standard deviation over the mean; of a lognormal law alone. It and `mean` are those
    before rounding up to a whole token and cutting at `most`.
    """

    mean: float
    law: Law = "lognormal"
    cv: float = 1.0
    most: float = 131_072.0  # the longest context of common models

    def __post_init__(self) -> None:
        if self.law not in LAWS:
            raise BadWorkload(f'law: "{self.law}" is not allowed; allowed are: {", ".join(LAWS)}')
        if not 1 <= self.mean <= self.most:
            raise BadWorkload(
                f"mean: {self.mean:g} tokens are not allowed; allowed are 1 to {self.most:g}"
            )
        if not self.cv > 0:
            raise BadWorkload(f"cv: {self.cv:g} is not allowed; allowed is a number > 0")

    def draw(self, rng: np.random.Generator, n: int) -> FloatVector:
        """Return `n` lengths in tokens, (n,)."""
        if self.law == "constant":
            values = np.full(n, self.mean)
        elif self.law == "exponential":
            values = rng.exponential(self.mean, n)
        else:
            variance = log(1.0 + self.cv**2)
            values = rng.lognormal(log(self.mean) - variance / 2.0, sqrt(variance), n)
        rounded: FloatVector = np.clip(np.rint(values), 1.0, self.most)
        return rounded


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Prompts and answers of a workload.

    The usual ones are the means of the conversation trace that Azure published in 2023 (1,155 and
    211 tokens), which other published traces differ from by a factor of three either way.
    """

    prompt: Length = field(default_factory=lambda: Length(mean=1_155.0))
    completion: Length = field(default_factory=lambda: Length(mean=211.0, cv=0.8))
