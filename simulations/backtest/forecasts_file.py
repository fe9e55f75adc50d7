"""The file of forecasts: one row for each origin, horizon, quantile and method.

Anybody can score it with code of their own; `COLUMNS` says what each column holds.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from simulations.backtest.asking import Bounds
from simulations.backtest.case import Case
from simulations.backtest.errors import BadInput

COLUMNS = {
    "series": "the input: file name, query, or namespace/name and trigger",
    "origin": "when the forecast was made, ISO 8601 in UTC",
    "origin_at": "the same in Unix seconds; nothing after it was known",
    "horizon_seconds": "length of the window ahead: the outcome is its highest demand",
    "quantile": "what was asked for",
    "method": "who answered; `prewarm` is the scaler's own forecast",
    "bound": "the answer, in the unit of demand; empty where there was nothing to start from",
    "outcome": "the peak of (origin, origin + horizon]; empty where it was not observed",
    "observed": "demand at the origin; empty where it was not observed",
}
SUFFIXES = (".csv", ".csv.gz", ".parquet")


def check_path(flag: str, path: Path) -> None:
    """Raise `BadInput` for a file that can't be written, before hours of work."""
    if not path.name.lower().endswith(SUFFIXES):
        raise BadInput(
            f'{flag}: "{path}" is not allowed; allowed is a name that ends in {", ".join(SUFFIXES)}'
        )
    if not path.absolute().parent.is_dir():
        raise BadInput(f'{flag}: "{path.parent}" is no folder; make it first')


def frames(cases: Sequence[Case], bounds: Bounds) -> Iterator[pd.DataFrame]:
    """Yield the rows of each question."""
    for question, line in bounds.items():
        case = cases[question.case]
        at = case.origins()
        if not at.size:
            continue
        places = np.rint((at - case.series.start_at) / case.series.step_seconds).astype(np.intp)
        yield pd.DataFrame(
            {
                "series": case.name,
                "origin": [f"{moment}Z" for moment in np.datetime_as_string(
                    np.rint(at).astype("datetime64[s]"))],
                "origin_at": at,
                "horizon_seconds": question.horizon_seconds,
                "quantile": question.quantile,
                "method": question.method,
                "bound": line,
                "outcome": case.outcomes(question.horizon_seconds),
                "observed": case.series.values[places],  # noqa: PD011 - not a frame
            }
        )  # fmt: skip


def write_forecasts(path: Path, cases: Sequence[Case], bounds: Bounds) -> int:
    """Write the file, CSV or Parquet by its name, and return the number of rows."""
    pieces = list(frames(cases, bounds))
    table = pd.concat(pieces, ignore_index=True) if pieces else pd.DataFrame(columns=list(COLUMNS))
    if path.suffix.lower() == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False)
    return len(table)
