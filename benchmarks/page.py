"""How long the status page and its JSON take with 1,000 targets, and what a day of each weighs.

    python benchmarks/page.py [N_TARGETS]

CPU seconds of one thread, the best of five; each target has a full day of decisions. Prints a
table; nothing is written.
"""

import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests/support")]

from boards import NOON, add, ask, live, new_board, page_of  # noqa: E402
from scaler.adapters.memory import ManualClock  # noqa: E402

N_ROUNDS = 5
N_WEIGHED = 20


def best_of(work: Callable[[], object]) -> float:
    """Return the CPU seconds of the fastest round."""
    seconds = []
    for _ in range(N_ROUNDS):
        started_at = time.process_time()
        work()
        seconds.append(time.process_time() - started_at)
    return min(seconds)


def _of_the_trail(snapshot: tracemalloc.Snapshot) -> list[tracemalloc.Statistic]:
    """Return what the ring, and the decisions that its changes hold, take."""
    names = ("*/scaler/trail.py", "*/scaler/policy.py", "*/tests/support/boards.py")
    return snapshot.filter_traces(
        [tracemalloc.Filter(inclusive=True, filename_pattern=name) for name in names]
    ).statistics("filename")


def main() -> None:
    """Fill a board and ask for each kind of page."""
    n_targets = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    board, clock = new_board(), ManualClock(NOON)
    rng = np.random.default_rng(1)
    tracemalloc.start()
    for nth in range(N_WEIGHED):
        live(add(board, clock, name=f"n{nth:04}"), clock, list(rng.gamma(20.0, 2.0, 1_440)))
    kib = sum(trace.size for trace in _of_the_trail(tracemalloc.take_snapshot())) / 1_024
    tracemalloc.stop()
    for nth in range(N_WEIGHED, n_targets):
        live(add(board, clock, name=f"n{nth:04}"), clock, list(rng.gamma(20.0, 2.0, 30)))
    page = page_of(board, clock)
    print(f"{n_targets} targets; a full day of one weighs {kib / N_WEIGHED:.0f} KiB")
    for path, query in (
        ("/", ""),
        ("/", "search=n0500"),
        ("/targets/llm/n0000", "hours=6"),
        ("/targets/llm/n0000", "hours=24"),
        ("/api/v1/targets", ""),
        ("/api/v1/targets/llm/n0000", ""),
    ):
        seconds = best_of(lambda path=path, query=query: ask(page, path, query=query))
        size = len(ask(page, path, query=query)[2]) / 1_024
        print(f"{path + ('?' + query if query else ''):34} {seconds * 1e3:7.1f} ms {size:8.0f} KiB")


if __name__ == "__main__":
    main()
