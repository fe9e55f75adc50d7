"""`prewarm backtest` as a user runs it, on files."""

import csv
import gzip
import json
import os
import subprocess
import sys
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from data_files import write_csv
from forecasting.series import Series
from scaler.__main__ import main
from simulations.backtest.forecasts_file import COLUMNS
from traces import trace_file

PNG = b"\x89PNG\r\n\x1a\n"
QUICK = ("--every", "30m", "--score-days", "1d", "--short-histories", "none", "--jobs", "1")
FEW = ("--methods", "prewarm,last-value,seasonal-naive-day")


def run(*words: "str | Path") -> tuple[int, str]:
    result = CliRunner().invoke(main, ["backtest", *(str(word) for word in words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def forecasts(week_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, pd.DataFrame]:
    """The JSON and the file of forecasts of one run."""
    path = tmp_path_factory.mktemp("forecasts") / "forecasts.csv.gz"
    status, text = run(
        week_csv, *QUICK, *FEW, "--horizons", "15m,1h", "--quantiles", "0.5,0.9",
        "--threshold", "5", "--forecasts", path, "--json",
    )  # fmt: skip
    assert status == 0
    return json.loads(text[: text.rindex("]") + 1])[0], pd.read_csv(path)


def test_the_file_of_forecasts_has_a_row_for_each_origin_horizon_quantile_and_method(
    forecasts: tuple[Any, pd.DataFrame],
) -> None:
    found, table = forecasts
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == found["n_origins"] * 2 * 2 * 3
    keys = ["origin_at", "horizon_seconds", "quantile", "method"]
    assert not table.duplicated(keys).any()
    np.testing.assert_array_equal(np.diff(np.unique(table["origin_at"])), 1800.0)
    parsed = [datetime.fromisoformat(text).timestamp() for text in table["origin"]]
    np.testing.assert_array_equal(parsed, table["origin_at"])


def test_an_outcome_is_the_peak_of_the_file_in_the_window_after_the_origin(
    forecasts: tuple[Any, pd.DataFrame], week_csv: Path
) -> None:
    data = pd.read_csv(week_csv)
    for _, row in forecasts[1].sample(60, random_state=1).iterrows():
        at, until = row["origin_at"], row["origin_at"] + row["horizon_seconds"]
        ahead = data[(data["timestamp"] > at) & (data["timestamp"] <= until)]
        assert row["outcome"] == ahead["demand"].max()
        assert row["observed"] == data.loc[data["timestamp"] == at, "demand"].iloc[0]


def test_who_scores_the_file_alone_gets_the_figures_of_the_table(
    forecasts: tuple[Any, pd.DataFrame],
) -> None:
    found, table = forecasts
    for score in found["scores"]:
        rows = table[
            (table["method"] == score["method"])
            & (table["quantile"] == score["quantile"])
            & (table["horizon_seconds"] == score["horizon_seconds"])
        ]
        naive = table[
            (table["method"] == "seasonal-naive-day")
            & (table["quantile"] == score["quantile"])
            & (table["horizon_seconds"] == score["horizon_seconds"])
        ]
        level, gap = score["quantile"], (rows["outcome"] - rows["bound"]).to_numpy()
        loss = sum(level * each if each > 0 else (level - 1) * each for each in gap) / len(gap)
        naive_gap = (naive["outcome"] - naive["bound"]).to_numpy()
        naive_loss = np.where(naive_gap > 0, level * naive_gap, (level - 1) * naive_gap).mean()
        assert score["n_origins"] == len(rows)
        assert score["pinball"] == pytest.approx(loss)
        assert score["relative_pinball"] == pytest.approx(loss / naive_loss)
        assert score["coverage_ratio"] == pytest.approx((gap <= 0).mean())
        assert score["shortage"] == pytest.approx(gap[gap > 0].sum() * 1800)
        assert score["excess"] == pytest.approx(-gap[gap < 0].sum() * 1800)
        assert score["wape_ratio"] == pytest.approx(np.abs(gap).sum() / rows["outcome"].sum())
        if score["method"] == "prewarm" and level == 0.9:
            low = table[
                (table["method"] == "prewarm")
                & (table["quantile"] == 0.5)
                & (table["horizon_seconds"] == score["horizon_seconds"])
            ]
            width = rows["bound"].to_numpy() - low["bound"].to_numpy()
            assert score["interval_width"] == pytest.approx(width.mean())
        else:
            assert score["interval_width"] is None


def test_our_bounds_do_not_cross(forecasts: tuple[Any, pd.DataFrame]) -> None:
    ours = forecasts[1].query("method == 'prewarm'")
    wide = ours.pivot_table("bound", "origin_at", ["horizon_seconds", "quantile"])
    for horizon in (900.0, 3600.0):
        assert (wide[horizon, 0.9] >= wide[horizon, 0.5]).all()
    for level in (0.5, 0.9):
        assert (wide[3600.0, level] >= wide[900.0, level]).all()


def test_the_future_does_not_reach_a_forecast(week: Series, tmp_path: Path) -> None:
    """The whole way, from the file's cells to the rows of forecasts, for every method."""
    cut_at = week.end_at - 86_400 / 2
    values = np.where(week.times > cut_at, week.values * 50 + 3, week.values)
    other = Series(start_at=week.start_at, step_seconds=week.step_seconds, values=values)
    tables = []
    for name, series in (("a.csv", week), ("b.csv", other)):
        path = write_csv(tmp_path / name, series)
        out = tmp_path / f"{name}.parquet"
        status, _ = run(path, *QUICK, "--every", "2h", "--quantiles", "0.9", "--forecasts", out)
        assert status == 0
        tables.append(pd.read_parquet(out))
    before = tables[0]["origin_at"] <= cut_at
    assert before.sum() > 5 * 12
    assert tables[0]["method"].nunique() == 12
    pd.testing.assert_series_equal(tables[0]["bound"][before], tables[1]["bound"][before])
    last = (tables[0]["origin_at"] == tables[0]["origin_at"][before].max()) & before
    assert (tables[0]["outcome"][last] <= tables[1]["outcome"][last]).all()
    assert not tables[0]["bound"][~before].equals(tables[1]["bound"][~before])


def test_the_number_of_processes_changes_nothing(week_csv: Path, tmp_path: Path) -> None:
    words = [*QUICK, "--every", "2h", *FEW, "--quantiles", "0.9"]
    contents = []
    for jobs in ("1", "2"):
        path = tmp_path / f"forecasts-{jobs}.csv"
        done = subprocess.run(
            [sys.executable, "-m", "scaler", "backtest", str(week_csv), *words,
             "--jobs", jobs, "--forecasts", str(path)],
            capture_output=True, text=True, timeout=200, env={**os.environ, "COLUMNS": "132"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_the_span_is_the_one_that_is_asked_for(week_csv: Path) -> None:
    status, text = run(
        week_csv, "--begin", "2025-01-10T03:00", "--end", "2025-01-10T05:00", "--every", "10m",
        "--methods", "last-value", "--short-histories", "none", "--jobs", "1", "--json",
        "--horizons", "5m,15m,30m", "--quantiles", "0.9,0.95",
    )  # fmt: skip
    assert status == 0
    found = json.loads(text)[0]
    assert found["n_origins"] == 13
    asked = {(score["horizon_seconds"], score["quantile"]) for score in found["scores"]}
    assert asked == {(h, q) for h in (300.0, 900.0, 1800.0) for q in (0.9, 0.95)}


@pytest.mark.slow
def test_the_text_has_a_verdict_a_table_and_what_to_paste(week_csv: Path) -> None:
    status, text = run(
        week_csv, "--every", "30m", "--begin", "2025-01-10T00:00Z", "--short-histories", "none",
        "--jobs", "1", "--threshold", "5", "--start-up", "5m",
    )  # fmt: skip
    assert status == 0
    assert "the forecast saves" in text
    assert "% of the shortage of the reactive scaler at" in text
    assert "\nprewarm " in text
    assert 'quantile: "0.' in text
    assert 'leadTimeSeconds: "300"' in text
    for name in ("kedastral-like", "crane-like", "phpa-like", "mimir-like", "holt-winters"):
        assert f"\n{name} " in text


class Page(HTMLParser):
    """Collects what a page refers to and how its tables look."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: "list[tuple[str, str | None]]") -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in {"src", "href", "srcset"}]


def test_the_report_is_well_formed_and_asks_nothing_of_any_network(
    week_csv: Path, tmp_path: Path
) -> None:
    report, plot = tmp_path / "report.html", tmp_path / "plot.png"
    evil = write_csv(tmp_path / "<b>&amp;.csv", _short(week_csv))
    status, _ = run(evil, *QUICK, *FEW, "--report", report, "--threshold", "5")
    assert status == 0
    text = report.read_text()
    ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314 - ours; all tags closed
    page = Page()
    page.feed(text)
    assert page.tags.count("img") == 4
    assert page.tags.count("table") == 4
    assert all(each.startswith(("data:image/png;base64,", "#")) for each in page.sources)
    assert "url(" not in text
    assert "@import" not in text
    assert "<script" not in text
    assert "&lt;b&gt;&amp;amp;.csv" in text
    for word in (
        "reactive scaler",
        "Nothing is recommended",
        "seasonal-naive-day",
        "prediction pays",
    ):
        assert word in text
    status, _ = run(week_csv, *QUICK, *FEW, "--plot", plot)
    assert status == 0
    picture = plot.read_bytes()
    assert picture.startswith(PNG)
    width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
    assert (width, height) >= (1_500, 900)


def _short(path: Path) -> Series:
    data = pd.read_csv(path)
    return Series(
        start_at=float(data["timestamp"][0]), step_seconds=300.0, values=data["demand"].to_numpy()
    )


def test_a_manifest_gives_the_questions(week_csv: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "scaledobject.yaml"
    manifest.write_text(
        """
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: llama, namespace: llm}
spec:
  scaleTargetRef: {name: llama}
  triggers:
  - type: external
    metadata:
      scalerAddress: prewarm.keda.svc:6000
      query: demand
      threshold: "5"
      warmFloor: "2"
      maxReplicas: "12"
      leadTimeSeconds: "600"
      quantile: "0.85"
      timezone: Europe/Berlin
      stepSeconds: "300"
"""
    )
    status, text = run(
        manifest, "--source", "file", "--file", week_csv, "--file-ends-at", "now", *QUICK, *FEW,
        "--json",
    )  # fmt: skip
    assert status == 0, text
    found = json.loads(text)[0]
    assert found["series"].startswith("llm/llama")
    assert found["threshold"] == 5
    assert {score["horizon_seconds"] for score in found["scores"]} == {600.0 + 300 + 15}
    sentences = " ".join(found["verdict"]["sentences"])
    assert "looks ahead 15.25 min: the lead time of 10 min, a step of the query" in sentences
    assert {score["quantile"] for score in found["scores"]} == {0.5, 0.8, 0.85, 0.9, 0.95}
    reactive = found["reactive"][0]["capacity_seconds"]
    hours = reactive / 3600
    assert 24 * 2 <= hours <= 24 * 12 + 12  # the floor and the ceiling hold


def test_gaps_are_unknown_unless_they_are_to_be_bridged(week: Series, tmp_path: Path) -> None:
    values = week.values.copy()
    values[-100:-60] = np.nan
    values[-30] = np.nan
    holed = write_csv(
        tmp_path / "holed.csv", Series(start_at=week.start_at, step_seconds=300.0, values=values)
    )
    words = [*QUICK, "--methods", "last-value", "--quantiles", "0.9"]
    counts, tables = [], []
    for gaps in ("unknown", "interpolate"):
        out = tmp_path / f"{gaps}.csv"
        status, text = run(holed, *words, "--gaps", gaps, "--forecasts", out, "--json")
        assert status == 0
        found = json.loads(text[: text.rindex("]") + 1])[0]
        counts.append(found["scores"][0]["n_origins"])
        assert found["observed_ratio"] == pytest.approx(1 - 41 / len(week))
        tables.append(pd.read_csv(out))
    assert counts[0] < counts[1] == len(tables[1])
    assert tables[0]["outcome"].isna().sum() == counts[1] - counts[0]
    assert (tables[0]["bound"].dropna() > 0).all()  # unknown is not zero
    with (tmp_path / "unknown.csv").open() as file:
        assert any(row["outcome"] == "" for row in csv.DictReader(file))


def test_a_file_without_times_has_a_step(tmp_path: Path, week: Series) -> None:
    path = tmp_path / "bare.csv.gz"
    lines = ["demand", *(repr(value) for value in week.values.tolist())]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    words = ("--methods", "last-value", *QUICK, "--json")
    status, text = run(path, "--time-column", "none", "--step", "5m", *words)
    assert status == 0
    bare = json.loads(text)[0]
    status, text = run(write_csv(tmp_path / "timed.csv", week), *words)
    timed = json.loads(text)[0]
    assert bare["scores"] == timed["scores"]


def test_parquet_another_column_and_a_coarser_step(tmp_path: Path, week: Series) -> None:
    path = tmp_path / "week.parquet"
    times = pd.to_datetime(week.times, unit="s")
    pd.DataFrame({"when": times, "other": 1.0, "demand": week.values}).to_parquet(path)
    status, text = run(
        path, "--column", "demand", "--time-column", "when", "--step", "15m", "--days", "4d",
        "--methods", "last-value", *QUICK, "--json",
    )  # fmt: skip
    assert status == 0
    found = json.loads(text)[0]
    assert (found["step_seconds"], found["n_points"]) == (900.0, 4 * 96)


def test_several_files_are_told_apart(week_csv: Path, tmp_path: Path, week: Series) -> None:
    other = write_csv(tmp_path / "other.csv", week)
    out = tmp_path / "both.csv"
    words = [*QUICK, "--methods", "last-value,seasonal-naive-day", "--quantiles", "0.9"]
    status, text = run(week_csv, other, *words, "--forecasts", out)
    assert status == 0
    assert "week.csv: 6.0 days" in text
    assert "other.csv: 6.0 days" in text
    assert set(pd.read_csv(out)["series"]) == {"week.csv", "other.csv"}
    status, text = run(week_csv, other, *words, "--plot", tmp_path / "a.png")
    assert status == 2
    assert "--plot: shows one series, and 2 were given; use --report" in text


def test_without_our_forecast_or_with_too_little_the_verdict_is_unknown(
    week_csv: Path, tmp_path: Path, week: Series
) -> None:
    status, text = run(week_csv, *QUICK, "--methods", "last-value", "--require-gain")
    assert status == 1
    assert "Unknown whether prediction pays" in text
    day = week.between(week.start_at, week.start_at + 86_400)
    status, text = run(write_csv(tmp_path / "day.csv", day), "--jobs", "1", "--every", "1h")
    assert status == 0
    assert "Unknown whether prediction pays: there is too little" in text
    assert "days of history lie before the scored span" in text
    assert "Nothing is recommended: while it is unknown" in text
    assert "Recommended" not in text


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("no.csv",), '"no.csv" is no file; name a CSV or Parquet file, or a manifest'),
        ((), "nothing to read: name a CSV or Parquet file or a manifest, or give --query"),
        (("WEEK", "--query", "up"), "--query: not allowed beside"),
        (("WEEK", "--column", "x"), '--column: "x" is not allowed; allowed are the columns of'),
        (("WEEK", "--time-column", "x"), "has no column 'x'; it has timestamp, demand"),
        (("WEEK", "--time-column", "none"), "--step: missing; without a column of times"),
        (("WEEK", "--step", "0.1"), "points of"),
        (("WEEK", "--timezone", "Mars"), '--timezone: "Mars" is not allowed; allowed is an IANA'),
        (("WEEK", "--horizons", "5x"), '--horizons: "5x" is not allowed; allowed is a time > 0'),
        (("WEEK", "--horizons", "5,1h"), '--horizons: "5" is 5 seconds, shorter than the step'),
        (("WEEK", "--every", "0"), '--every: "0" is not allowed'),
        (("WEEK", "--quantiles", "0.9,95"), '--quantiles: "95" is not allowed; allowed are'),
        (("WEEK", "--methods", "prophet"), '--methods: "prophet" is not allowed; allowed are'),
        (("WEEK", "--begin", "noon"), '--begin: "noon" is not allowed; allowed is an ISO time'),
        (("WEEK", "--begin", "2031-01-01"), "has no origin between them; its history is from 2025"),
        (("WEEK", "--begin", "2025-01-09", "--end", "2025-01-08"), "is before --begin"),
        (("WEEK", "--begin", "2025-01-09", "--score-days", "1d"), "not allowed beside --begin"),
        (("WEEK", "--threshold", "0"), '--threshold: "0" is not allowed; allowed is a number > 0'),
        (("WEEK", "--warm-floor", "9", "--max-replicas", "3"), "--warm-floor: 9 is above"),
        (("WEEK", "--jobs", "0"), "--jobs: 0 is not allowed"),
        (
            ("WEEK", "--forecasts", "a.txt"),
            '--forecasts: "a.txt" is not allowed; allowed is a name',
        ),
        (("WEEK", "--report", "no/r.html"), '--report: "no" is no folder; make it first'),
        (("WEEK", "--plot", "a.pdf"), '--plot: "a.pdf" is not allowed; allowed is a name that'),
        (("TEXT",), "is no time in ISO 8601 or Unix seconds"),
        (("NOTHING",), "nothing was observed"),
        (("MANIFEST",), "holds no trigger of Prewarm; see prewarm check"),
        (
            ("--query", "up", "--prometheus-address", "http://127.0.0.1:9"),
            "connection refused. Next step: is it up, and reached from here?",
        ),
    ],
)
def test_what_cant_be_used_is_named_with_what_is_allowed(
    words: tuple[str, ...], line: str, week_csv: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.csv").write_text("timestamp,demand\nsoon,1\n")
    (tmp_path / "nothing.csv").write_text("timestamp,demand\n0,\n60,\n120,\n")
    (tmp_path / "none.yaml").write_text("kind: Service\napiVersion: v1\nmetadata: {name: a}\n")
    names = {
        "WEEK": str(week_csv),
        "TEXT": str(tmp_path / "text.csv"),
        "NOTHING": str(tmp_path / "nothing.csv"),
        "MANIFEST": str(tmp_path / "none.yaml"),
    }
    status, text = run(*(names.get(word, word) for word in words))
    assert status == 2, text
    assert line in " ".join(text.split())
    assert "Traceback" not in text


@pytest.mark.slow
def test_on_a_real_trace_the_forecast_beats_what_others_do() -> None:
    status, text = run(
        trace_file("nab_elb_request_count_5min"), "--gaps", "interpolate", "--every", "1h",
        "--horizons", "15m", "--quantiles", "0.9", "--short-histories", "none", "--jobs", "1",
        "--json",
    )  # fmt: skip
    assert status == 0
    scores = {each["method"]: each for each in json.loads(text)[0]["scores"]}
    ours = scores.pop("prewarm")
    assert len(scores) == 11
    assert ours["pinball"] < min(
        each["pinball"] for name, each in scores.items() if "calibrated" not in name
    )
    assert ours["coverage_ratio"] == pytest.approx(0.9, abs=0.08)
