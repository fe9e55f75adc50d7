"""The ticks of all policies as one table, so that anybody can check the figures."""

from dataclasses import asdict
from pathlib import Path

import pandas as pd

from simulations.backtest.forecasts_file import check_path
from simulations.results.timeline import timeline
from simulations.trials.contest import Contest

__all__ = ["check_path", "write_timelines"]


def write_timelines(contest: Contest, path: Path) -> int:
    """Write the first seed's ticks of each policy, CSV or Parquet; return how many rows."""
    rows = [
        {"policy": each.entrant.name, "seed": each.run.seed, **asdict(moment)}
        for each in contest.standings
        for moment in timeline(each.run)
    ]
    frame = pd.DataFrame(rows)
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False, float_format="%.10g")
    return len(frame)
