"""Traces: read from files as they are published, made up, and never read wrong in silence."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.workload.bins import Bins
from simulations.workload.columns import Columns
from simulations.workload.errors import BadWorkload
from simulations.workload.files import read_workload
from simulations.workload.generated import Launch, Outage, Traffic, generate
from simulations.workload.lengths import Law, Length, Lengths
from simulations.workload.prometheus import read_range_export
from simulations.workload.requests import Requests
from simulations.workload.streams import stream
from traces import trace_file

MONDAY = 1_736_121_600.0
WEEK = 7 * 86_400.0


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def test_reads_single_requests_as_azure_publishes_them(tmp_path: Path):
    text = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:15:46.680,374,44\n2023-11-16 18:15:50.000,396,109\n"
    )
    read = read_workload(written(tmp_path, "azure.csv.gz", text), seed=0)
    assert isinstance(read, Requests)
    assert read.arrivals.tolist() == pytest.approx([0.0, 3.32])
    assert read.prompt_tokens.tolist() == [374, 396]
    assert read.completion_tokens.tolist() == [44, 109]
    assert read.start_at == pytest.approx(1_700_158_546.68)


def test_draws_lengths_that_a_file_of_requests_lacks(tmp_path: Path):
    path = written(tmp_path, "bare.csv", "arrival\n0.5\n2\n2\n9\n")
    lengths = Lengths(prompt=Length(mean=7, law="constant"))
    read = read_workload(path, seed=1, lengths=lengths)
    again = read_workload(path, seed=1, lengths=lengths)
    assert isinstance(read, Requests)
    assert isinstance(again, Requests)
    assert read.arrivals.tolist() == [0.5, 2, 2, 9], "two requests may share a moment"
    assert read.prompt_tokens.tolist() == [7] * 4
    assert read.completion_tokens.tobytes() == again.completion_tokens.tobytes()


def test_reads_bins_and_leaves_unknown_ones_unknown(tmp_path: Path):
    text = (
        "timestamp,requests,prompt_tokens,completion_tokens\n"
        "2025-01-06 00:00:00,60,6000,600\n2025-01-06 00:01:00,,,\n"
        "2025-01-06 00:02:00,0,0,0\n2025-01-06 00:04:00,120,24000,1200\n"
    )
    read = read_workload(written(tmp_path, "bins.csv", text), seed=0)
    assert isinstance(read, Bins)
    assert np.array_equal(read.counts, [60, np.nan, 0, np.nan, 120], equal_nan=True)
    requests = read.requests(seed=3)
    assert requests.unknown == ((60.0, 120.0), (180.0, 240.0))
    assert len(requests) == 180
    seen = requests.demand(60.0)
    assert np.array_equal(seen.values, [1.0, np.nan, 0.0, np.nan, 2.0], equal_nan=True)
    in_last = requests.arrivals >= 240
    assert requests.prompt_tokens[in_last].sum() == pytest.approx(24_000, rel=0.01)
    assert requests.completion_tokens[in_last].sum() == pytest.approx(1_200, rel=0.06)


def test_parquet_reads_like_csv(tmp_path: Path):
    frame = pd.DataFrame({"ts": [0, 1, 4], "input_length": [5, 6, 7], "output_length": [1, 2, 3]})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.csv", index=False)
    one, other = (read_workload(tmp_path / name, seed=0) for name in ("a.parquet", "a.csv"))
    assert isinstance(one, Requests)
    assert isinstance(other, Requests)
    assert one.arrivals.tolist() == other.arrivals.tolist() == [0, 1, 4]
    assert one.prompt_tokens.tolist() == other.prompt_tokens.tolist()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timestamp,requests\n", "holds no row"),
        ("timestamp,requests\n0,5\n60,-1\n", '"-1" in column "requests"'),
        ("timestamp,requests\n0,5\n60,many\n", '"many" in column "requests"'),
        ("timestamp,requests\n0,5\n", "one row"),
        ("timestamp,requests\n0,5\n60,5\n75,5\n120,5\n", "not a constant step"),
        ("timestamp,requests\n0,5\n60,5\n60,5\n120,5\n", "two rows for the time 60"),
        ("timestamp,requests\n1736121600000,5\n1736121660000,5\n", "not milliseconds"),
        ("timestamp,requests\nyesterday,5\ntoday,5\n", "no time in ISO 8601"),
        ("timestamp,prompt_tokens,completion_tokens\n0,5,5\n1,,5\n", "has no prompt_tokens"),
    ],
)
def test_bad_files_are_refused_with_what_is_wrong(tmp_path: Path, text: str, said: str):
    with pytest.raises(BadWorkload, match=said):
        read_workload(written(tmp_path, "bad.csv", text), seed=0)


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path: Path):
    path = written(tmp_path, "a.csv", "timestamp,hits\n0,5\n60,5\n")
    with pytest.raises(BadWorkload, match="it has: timestamp, hits"):
        read_workload(path, seed=0, columns=Columns(requests="calls"))
    read = read_workload(path, seed=0, columns=Columns(requests="hits"))
    assert isinstance(read, Bins)


def export(*values: list[list[object]]) -> str:
    result = [{"metric": {"pod": str(n)}, "values": rows} for n, rows in enumerate(values)]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


def test_a_range_export_becomes_counts_of_the_step_before_each_sample(tmp_path: Path):
    text = export(
        [[1_000, "2"], [1_060, "NaN"], [1_120, "1"], [1_240, "3"]], [[1_000, "1"], [1_180, "4"]]
    )
    read = read_range_export(written(tmp_path, "range.json.gz", text))
    assert read.start_at == 940
    assert np.array_equal(read.counts, [180, np.nan, 60, 240, 180], equal_nan=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "can't be read as JSON"),
        ('{"status": "error", "error": "query timed out"}', "query timed out"),
        ('{"data": {"resultType": "vector", "result": []}}', "no range export"),
        (export(), "no series"),
        (export([[0, "1"]]), "1 samples"),
        (export([[0, "1"], [60, "-2"]]), "a rate is >= 0"),
    ],
)
def test_a_bad_export_is_refused(tmp_path: Path, text: str, said: str):
    with pytest.raises(BadWorkload, match=said):
        read_range_export(written(tmp_path, "range.json", text))


def test_generated_traffic_has_the_shape_that_was_asked_for():
    traffic = Traffic(
        mean_per_second=10,
        growth_per_week=1.0,
        launches=(Launch(at_seconds=4 * 86_400, factor=2.0),),
        outages=(
            Outage(begin_seconds=3_600, end_seconds=7_200),
            Outage(begin_seconds=7_200, end_seconds=9_000, is_unknown=True),
        ),
    )
    counts = generate(traffic, start_at=MONDAY, seconds=WEEK, seed=5).counts
    assert (counts[60:120] == 0).all()
    assert np.isnan(counts[120:150]).all()
    assert not np.isnan(counts[150:]).any()
    days = np.nansum(counts.reshape(7, 1_440), axis=1)
    night = counts[1_440 + 120 : 1_440 + 240].mean()
    noon = counts[1_440 + 800 : 1_440 + 920].mean()
    assert noon / night == pytest.approx(1.59 / 0.42, rel=0.1)
    assert days[2] / days[1] == pytest.approx(2 ** (1 / 7), rel=0.02), "it doubles in a week"
    assert days[4] / days[3] == pytest.approx(2 * 2 ** (1 / 7), rel=0.02), "the launch"
    assert days[5] / days[4] == pytest.approx(0.6 * 2 ** (1 / 7), rel=0.03), "Saturday"


def test_bursts_add_traffic_and_leave_all_other_draws_alone():
    calm, bursty = (
        generate(Traffic(bursts_per_day=n), start_at=MONDAY, seconds=WEEK, seed=2).counts
        for n in (0.0, 4.0)
    )
    same = calm == bursty
    assert same.mean() > 0.3, "between bursts each minute is the same to the last request"
    assert bursty.sum() > calm.sum() * 1.03, "28 bursts of 600 s at twice more"


def test_streams_of_concerns_are_independent_and_repeat():
    first, again = stream(3, "arrivals").random(4), stream(3, "arrivals").random(4)
    assert first.tolist() == again.tolist()
    assert first.tolist() != stream(3, "lengths").random(4).tolist()
    assert first.tolist() != stream(4, "arrivals").random(4).tolist()
    with pytest.raises(ValueError, match="seed"):
        stream(-1, "arrivals")


@given(
    counts=st.lists(st.one_of(st.floats(0, 40), st.just(float("nan"))), min_size=1, max_size=30),
    seed=st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_requests_of_bins_are_as_many_as_were_counted(counts: list[float], seed: int):
    bins = Bins(start_at=MONDAY, step_seconds=60.0, counts=np.array(counts))
    requests = bins.requests(seed=seed)
    found = np.histogram(requests.arrivals, np.arange(len(bins) + 1) * 60.0)[0]
    known = np.nan_to_num(bins.counts)
    assert (np.abs(found - known) < 1).all()
    assert (found[np.isnan(bins.counts)] == 0).all()
    seen = requests.demand(60.0).values
    assert np.array_equal(np.isnan(seen), np.isnan(bins.counts))


@pytest.mark.parametrize("law", ["lognormal", "exponential", "constant"])
def test_lengths_have_the_mean_that_was_stated(law: Law):
    drawn = Length(mean=400.0, law=law, cv=1.5).draw(stream(0, "x"), 200_000)
    assert drawn.mean() == pytest.approx(400.0, rel=0.02)
    assert (drawn >= 1).all()
    assert (drawn == np.rint(drawn)).all()


def test_lengths_that_make_no_sense_are_refused():
    with pytest.raises(BadWorkload, match='law: "zipf"'):
        Length(mean=5, law="zipf")  # type: ignore[arg-type]
    with pytest.raises(BadWorkload, match="mean: 0 tokens"):
        Length(mean=0)


def test_a_part_of_a_trace_is_the_trace_there():
    bins = generate(
        Traffic(outages=(Outage(begin_seconds=600, end_seconds=1_200, is_unknown=True),)),
        start_at=MONDAY,
        seconds=3_600,
        seed=1,
    )
    whole = bins.requests(seed=1)
    part = whole.between(900.0, 1_800.0)
    assert part.unknown == ((0.0, 300.0),)
    assert len(part) == int(((whole.arrivals >= 900) & (whole.arrivals < 1_800)).sum())
    assert part.demand(60.0).values[6:].tolist() == whole.demand(60.0).values[21:30].tolist()
    assert np.array_equal(bins.between(900, 1_800).counts, bins.counts[15:30], equal_nan=True)


def test_the_shared_traces_read_as_bins():
    read = read_workload(trace_file("azure_llm2023_conv_10s"), seed=0)
    assert isinstance(read, Bins)
    assert (len(read), read.step_seconds) == (351, 10.0)
    requests = read.requests(seed=0)
    assert len(requests) == pytest.approx(351 * 55.17, rel=0.001)
    assert read.prompt_tokens is not None
    assert requests.prompt_tokens.sum() == pytest.approx(np.nansum(read.prompt_tokens), rel=0.01)
