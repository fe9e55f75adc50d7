"""Headline benchmark: all policies on all traces, shortage and attainment against GPU-hours.

    python benchmarks/headline.py            # every trace that is long enough; resumable
    python benchmarks/headline.py --quick    # three traces, one cold start

Each case, a trace and a cold start, is kept in the user's cache folder under a hash of the trace
and of all code, so that a run that was stopped goes on where it was; so are forecasts. After each
case `benchmarks/results/headline.json` is written anew. `headline_report.py` makes the table and
the plot of docs/results.md from it.
"""

import argparse
import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.util import find_spec
from pathlib import Path
from time import process_time

from forecast_cache import cache_folder
from headline_case import DAY, Case, run_case
from headline_equal import compared
from machine import machine
from rich.progress import Progress

from simulations.workload.bins import Bins
from simulations.workload.errors import BadWorkload
from simulations.workload.files import read_workload

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "benchmarks" / "results" / "headline.json"
COLD_STARTS = (120.0, 300.0, 60.0)
QUICK = ("crane_input2_1min", "nab_elb_request_count_5min", "servegen_m-large_1min_resampled")
EVENTS = QUICK  # the subset that the event engine runs too, at 120 s
LEAST_DAYS, LONGEST_STEP_SECONDS = 5.0, 300.0


def arguments() -> argparse.Namespace:
    """Return the parsed arguments."""
    traces = os.environ.get("PREWARM_TRACES", str(ROOT.parent / "shared" / "traces"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--traces", type=Path, default=Path(traces), help="folder of the traces")
    parser.add_argument("--days", type=float, default=1.0, help="how much of a trace is scored")
    parser.add_argument("--quick", action="store_true", help="three traces, 120 s")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    return parser.parse_args()


def chosen(folder: Path) -> tuple[list[Path], dict[str, str]]:
    """Return the traces that are long and fine enough, and why the others are left out."""
    taken, left_out = [], {}
    for path in sorted(folder.glob("*.csv.gz")):
        name = path.name.removesuffix(".csv.gz")
        try:
            bins = read_workload(path, seed=0)
        except BadWorkload as exc:
            left_out[name] = str(exc)
            continue
        if not isinstance(bins, Bins) or bins.step_seconds > LONGEST_STEP_SECONDS:
            left_out[name] = "steps above 5 minutes"
        elif bins.seconds < LEAST_DAYS * DAY:
            left_out[name] = "less than 5 days"
        else:
            taken.append(path)
    return taken, left_out


def code_digest() -> str:
    """Return a digest of all code that a case rests on."""
    digest = hashlib.sha256()
    files = [Path(__file__).parent / "headline_case.py"]
    for package in ("forecasting", "scaler", "simulations"):
        spec = find_spec(package)
        for place in (spec.submodule_search_locations if spec is not None else None) or ():
            files.extend(sorted(Path(place).rglob("*.py")))
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def solved(case: Case, folder: Path, code: str) -> tuple[list[dict[str, float | str]], float]:
    """Return the rows of a case and the CPU seconds they took, kept or made now."""
    told = (case.name, case.cold_start_seconds, case.days, case.engine, code)
    key = hashlib.sha256(repr(told).encode() + case.path.read_bytes()).hexdigest()[:32]
    path = folder / f"case-{key}.json"
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        return kept["rows"], kept["cpu_seconds"]
    begin = process_time()
    rows = run_case(case, folder)
    spent = process_time() - begin
    folder.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(f".{os.getpid()}.tmp")
    half.write_text(json.dumps({"rows": rows, "cpu_seconds": spent}), encoding="utf-8")
    half.replace(path)
    return rows, spent


def cases(paths: list[Path], given: argparse.Namespace) -> list[Case]:
    """Return all cases, the usual cold start first."""
    colds = COLD_STARTS[:1] if given.quick else COLD_STARTS
    fluid = [Case(path=path, cold_start_seconds=cold, days=given.days) for cold in colds
             for path in paths]  # fmt: skip
    events = [
        Case(path=path, cold_start_seconds=colds[0], days=given.days, engine="events")
        for path in paths
        if path.name.removesuffix(".csv.gz") in EVENTS
    ]
    n_first = len(paths)
    return [*fluid[:n_first], *events, *fluid[n_first:]]


def main() -> None:
    """Run what is not kept yet, and write the file after each case."""
    given = arguments()
    paths, left_out = chosen(given.traces)
    if given.quick:
        paths = [path for path in paths if path.name.removesuffix(".csv.gz") in QUICK]
    todo = cases(paths, given)
    folder, code = cache_folder() / "headline", code_digest()
    on = machine("numpy", "numba")
    done: dict[int, dict[str, object]] = {}
    with ProcessPoolExecutor(given.jobs) as pool, Progress() as progress:
        bar = progress.add_task("cases", total=len(todo))
        running = {pool.submit(solved, case, folder, code): place
                   for place, case in enumerate(todo)}  # fmt: skip
        for future in as_completed(running):
            rows, spent = future.result()
            case = todo[running[future]]
            done[running[future]] = {
                "trace": case.name,
                "cold_start_seconds": case.cold_start_seconds,
                "engine": case.engine,
                "cpu_seconds": round(spent, 1),
                "compared": compared(rows) if case.engine == "fluid" else None,
                "rows": rows,
            }
            progress.advance(bar)
            found = {
                "machine": on,
                "days_scored": given.days,
                "left_out": left_out,
                "cases_planned": len(todo),
                "cases": [done[place] for place in sorted(done)],
            }
            given.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
