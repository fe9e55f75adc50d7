"""Data files as users have them."""

from pathlib import Path

from forecasting.series import Series


def write_csv(path: Path, series: Series) -> Path:
    """Write times and demand, gaps as empty cells; return the path."""
    rows = zip(series.times.tolist(), series.values.tolist(), strict=True)
    lines = [f"{at:.0f},{'' if value != value else repr(value)}" for at, value in rows]  # noqa: PLR0124
    path.write_text("\n".join(["timestamp,demand", *lines]) + "\n")
    return path
