import gzip
import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from forecasting.samples import on_grid
from forecasting.series import Series
from scaler.adapters.file import FileSource
from scaler.errors import HistoryUnavailable
from scaler.ports import DemandQuery
from traces import trace, trace_file

T0 = 1_704_067_200.0  # 2024-01-01 00:00 UTC
MINUTES = """\
timestamp,requests,tokens
2024-01-01 00:00,1,10
2024-01-01 00:01,,20
2024-01-01 00:02,3,30
"""


def write(folder: Path, text: str, name: str = "demand.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def column(name: str, step_seconds: float = 60) -> DemandQuery:
    return DemandQuery(query=name, step_seconds=step_seconds)


async def read(
    source: FileSource, name: str, start_at: float, n_points: int, step_seconds: float = 60
) -> list[float]:
    query = column(name, step_seconds)
    end_at = start_at + (n_points - 1) * step_seconds
    series = await source.read_range(query, start_at=start_at, end_at=end_at)
    assert len(series) == n_points
    return [None if math.isnan(x) else x for x in series.values.tolist()]  # type: ignore[misc]


async def failure_of(path: Path, name: str = "requests") -> HistoryUnavailable:
    with pytest.raises(HistoryUnavailable) as caught:
        await FileSource(path).read_instant(column(name), at=T0)
    return caught.value


async def test_an_empty_cell_was_not_observed(tmp_path: Path) -> None:
    source = FileSource(write(tmp_path, MINUTES))
    assert await read(source, "requests", T0 - 60, 5) == [None, 1, None, 3, None]
    assert await read(source, "tokens", T0, 3) == [10, 20, 30]


async def test_packed_files_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "demand.csv.gz"
    path.write_bytes(gzip.compress(MINUTES.encode()))
    assert await read(FileSource(path), "tokens", T0, 3) == [10, 20, 30]


@pytest.mark.parametrize("name", ["demand.parquet", "demand.parquet.gz"])
@pytest.mark.parametrize("kind", ["naive", "zoned", "seconds", "text"])
async def test_parquet_is_read_too(tmp_path: Path, name: str, kind: str) -> None:
    moments = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=n) for n in range(3)]
    times = {
        "naive": pa.array([moment.replace(tzinfo=None) for moment in moments]),
        "zoned": pa.array(moments),
        "seconds": pa.array([moment.timestamp() for moment in moments]),
        "text": pa.array([moment.isoformat() for moment in moments]),
    }[kind]
    plain = tmp_path / "plain.parquet"
    parquet.write_table(pa.table({"timestamp": times, "requests": [1.0, None, 3.0]}), plain)
    content = plain.read_bytes()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert await read(FileSource(path), "requests", T0, 3) == [1, None, 3]


async def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    error = await failure_of(write(tmp_path, "x", "demand.parquet"))
    assert "pip install 'keda-prewarm[simulations]'" in str(error)


async def test_what_is_no_parquet_is_told(tmp_path: Path) -> None:
    error = await failure_of(write(tmp_path, "x" * 100, "demand.parquet"))
    assert "is no Parquet file" in str(error)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2024-01-01 00:00", T0),
        ("2024-01-01", T0),
        ("2024-01-01T00:00:00Z", T0),
        ("2024-01-01T01:00+01:00", T0),
        ("1704067200", T0),
        ("1704067200.5", T0 + 0.5),
        ("1.7040672e9", T0),
    ],
)
async def test_times_are_iso_or_unix_seconds(tmp_path: Path, text: str, at: float) -> None:
    source = FileSource(write(tmp_path, f"timestamp,requests\n{text},7\n"))
    assert await source.read_instant(column("requests"), at=at) == 7
    assert math.isnan(await source.read_instant(column("requests"), at=at - 0.25))


async def test_a_zone_gives_plain_times_their_meaning(tmp_path: Path) -> None:
    path = write(tmp_path, "timestamp,requests\n2024-01-01 00:00,7\n2024-01-01 00:01Z,8\n")
    source = FileSource(path, zone=ZoneInfo("Europe/Berlin"))
    assert await source.read_instant(column("requests"), at=T0 - 3600) == 7
    assert await source.read_instant(column("requests"), at=T0 + 60) == 8


async def test_the_hour_that_comes_twice_is_read_twice(tmp_path: Path) -> None:
    hours = ("00:00", "01:00", "02:00", "02:00", "03:00")  # 2024-10-27 in Berlin
    rows = "".join(f"2024-10-27 {hour},{n}\n" for n, hour in enumerate(hours))
    source = FileSource(
        write(tmp_path, f"timestamp,requests\n{rows}"), zone=ZoneInfo("Europe/Berlin")
    )
    first = datetime(2024, 10, 26, 22, tzinfo=UTC).timestamp()
    assert await read(source, "requests", first, 5, 3600) == [0, 1, 2, 3, 4]


async def test_a_finer_file_is_averaged_over_each_step(tmp_path: Path) -> None:
    rows = "".join(f"{T0 + 15 * n},{n}\n" for n in range(9))
    source = FileSource(write(tmp_path, f"timestamp,requests\n{rows}"))
    assert await read(source, "requests", T0, 4) == [0, 2.5, 6.5, None]


async def test_a_coarser_file_holds_each_value_and_no_longer_than_its_bin(tmp_path: Path) -> None:
    rows = "".join(f"{T0 + 300 * n},{n}\n" for n in (0, 1, 2, 4))  # the fourth is missing
    source = FileSource(write(tmp_path, f"timestamp,requests\n{rows}"))
    values = await read(source, "requests", T0, 26)
    assert values == [0] * 5 + [1] * 5 + [2] * 5 + [None] * 5 + [4] * 5 + [None]


async def test_an_empty_cell_of_a_coarser_file_is_a_gap_for_its_bin(tmp_path: Path) -> None:
    source = FileSource(write(tmp_path, f"timestamp,requests\n{T0},1\n{T0 + 300},\n{T0 + 600},3\n"))
    assert await read(source, "requests", T0, 11) == [1] * 5 + [None] * 5 + [3]


async def test_a_file_is_shifted_so_that_it_ends_when_asked(tmp_path: Path) -> None:
    ends_at = 2_000_000_000.7
    source = FileSource(write(tmp_path, MINUTES), ends_at=ends_at)
    assert await source.read_instant(column("tokens"), at=ends_at) == 30
    assert await source.read_instant(column("tokens"), at=ends_at - 0.01) == 20
    grid = ends_at // 60 * 60
    assert await read(source, "tokens", grid - 60, 3) == [10, 20, 30]


async def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, MINUTES)
    source = FileSource(path)
    assert await source.read_instant(column("tokens"), at=T0 + 120) == 30
    write(tmp_path, f"{MINUTES}2024-01-01 00:03,4,40\n")
    assert await source.read_instant(column("tokens"), at=T0 + 180) == 40


async def test_rows_may_come_in_any_order_and_the_later_of_two_counts(tmp_path: Path) -> None:
    rows = f"{T0 + 60},2\n{T0},1\n{T0 + 60},3\n"
    source = FileSource(write(tmp_path, f"timestamp,requests\n{rows}"))
    assert await read(source, "requests", T0, 2) == [1, 3]


async def test_cells_that_are_no_demand_are_gaps_and_told_once(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    rows = "".join(f"{T0 + 60 * n},{cell}\n" for n, cell in enumerate(("1", "-1", "inf", "NaN")))
    source = FileSource(
        write(tmp_path, f"timestamp,requests\n{rows}"),
        on_rejected=lambda _, reason, count: told.append((reason, count)),
    )
    for _ in range(2):
        assert await read(source, "requests", T0, 4) == [1, None, None, None]
    assert sorted(told) == [("negative", 1), ("not-finite", 1)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("timestamp,requests\n", "at least one row"),
        ("timestamp\n1\n", "must have a column of times, one of values"),
        ("timestamp,a,a\n1,2,3\n", "two columns of the same name"),
        ("timestamp,requests\nyesterday,1\n", "row 2: 'yesterday' is no time in ISO 8601"),
        ("timestamp,requests\n1,2\nnan,3\n", "row 3: 'nan' is no time"),
        ("timestamp,requests\n1767225600000,1\n", "(not milliseconds)"),
        ("timestamp,requests\n1,many\n", "row 2: 'many' in column requests is no number"),
        ("timestamp,requests\n1,2,3\n", "row 2 has 3 cells where the header has 2"),
        ("timestamp,tokens\n1,2\n", "has no column 'requests'; it has tokens"),
    ],
)
async def test_a_file_that_makes_no_sense_names_the_row(
    tmp_path: Path, text: str, words: str
) -> None:
    path = write(tmp_path, text)
    error = await failure_of(path)
    assert error.reason in {"bad-file", "no-column"}
    assert str(path) in str(error)
    assert words in str(error)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x1f\x8b garbage"])
async def test_what_is_no_text_is_told(tmp_path: Path, content: bytes) -> None:
    for name in ("demand.csv", "demand.csv.gz"):
        path = tmp_path / name
        path.write_bytes(content)
        assert (await failure_of(path)).reason == "bad-file"


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    error = await failure_of(tmp_path / "absent.csv")
    assert error.reason == "missing-file"
    assert "absent.csv: No such file" in str(error)


async def test_the_known_columns_that_are_named_are_bounded(tmp_path: Path) -> None:
    names = ",".join(f"column{n}" for n in range(1_000))
    error = await failure_of(write(tmp_path, f"timestamp,{names}\n{'1,' * 1_000}1\n"))
    assert len(str(error)) < 500


@pytest.mark.parametrize(
    "name", ["crane_input8_1min", "servegen_m-small_10min", "nab_elb_request_count_5min"]
)
async def test_the_real_traces_are_read(name: str) -> None:
    recorded = trace(name, ends_at=T0)
    source = FileSource(trace_file(name), ends_at=recorded.end_at)
    query = column("value" if "crane" in name else "requests", recorded.step_seconds)
    series = await source.read_range(query, start_at=recorded.start_at, end_at=recorded.end_at)
    assert np.array_equal(series.values, recorded.values, equal_nan=True)


demands = st.one_of(st.none(), st.floats(0, 1e6))
files = st.lists(st.tuples(st.floats(0, 3_600), demands), min_size=1, max_size=40).map(
    lambda rows: sorted({round(at, 1): value for at, value in rows}.items())
)


@given(files, st.integers(0, 40), st.sampled_from([30.0, 60.0, 300.0]), st.floats(0, 600))
def test_nothing_after_the_asked_time_is_ever_shown(
    rows: list[tuple[float, float | None]], n_points: int, step: float, file_step: float
) -> None:
    times = np.array([at for at, _ in rows])
    values = np.array([math.nan if value is None else value for _, value in rows])
    n_points += 1
    asked = {"hold_seconds": file_step, "start_at": 600.0, "step_seconds": step}
    whole = on_grid(times, values, n_points=n_points, **asked)
    end_at = 600 + (n_points - 1) * step
    known = times <= end_at
    if known.any():
        past = on_grid(times[known], values[known], n_points=n_points, **asked)
        assert np.array_equal(whole, past, equal_nan=True)
    observed = values[~np.isnan(values)]
    for point in whole[~np.isnan(whole)]:
        assert observed.min() * (1 - 1e-12) <= point <= observed.max() * (1 + 1e-12)


def test_reading_a_csv_file_needs_no_pandas() -> None:
    code = "import scaler.adapters.file, sys; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_series_can_hold_what_is_read() -> None:
    values = on_grid(
        np.array([0.0]),
        np.array([1.0]),
        hold_seconds=0,
        start_at=0,
        step_seconds=60,
        n_points=3,
    )
    assert len(Series(start_at=0, step_seconds=60, values=values)) == 3
