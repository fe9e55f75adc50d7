"""One rise of a real trace, played at its own speed before two Deployments of one Kubernetes.

One is scaled by KEDA's own `prometheus` trigger, the other by Prewarm; demand, pods, bounds and the
HPA's behavior are the same. What is told comes from the API server's own timestamps. The control
plane is one of its own, with the periods of a real cluster (HPA sync 15 s), so that the story can
run beside other tests.

It takes 14 to 15 minutes, most of which is waiting: the rise itself takes 12.
"""

import argparse
import json
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import parts

from . import contest
from .contest import PREWARM, SIDES
from .control_plane import ControlPlane
from .gateway import QUERY, Gateway
from .play import Play, next_minute, real_trace
from .settings import REAL
from .stage import Stage, staged
from .table import table
from .told import Seam, Told
from .waiting import wait_for

# After the cue: the second half of the rise is over 14 minutes after it.
END_SECONDS = 14 * 60 - 10.0
# The rise begins two minutes after the cue. Both sides must have their first replicas by then.
LATEST_START_SECONDS = 115
LOOK_SECONDS = 1.0
TELL_SECONDS = 30.0
SEAM_MINUTES = 60

Say = Callable[[str], None]


class TooSlow(AssertionError):  # noqa: N818 - named after what happened
    """The machine was not ready when the rise began: the story would say nothing."""


def tell(play: Play, *, say: Say = lambda _: None, end_seconds: float = END_SECONDS) -> Told:
    """Let the story happen and return what was seen."""
    play = play.beginning_at(next_minute(time.time()))
    say(f"{play.name} is at {play.clock(time.time())}")
    with ControlPlane(REAL) as cluster:
        contest.add_nodes(cluster)
        with staged(cluster, play, "story") as stage:
            say(f"up at {play.clock(time.time())}; {stage.first_replicas} replicas of each start")
            return _watch(stage, end_at=play.begins_at + end_seconds, say=say)


def _watch(stage: Stage, *, end_at: float, say: Say) -> Told:
    play, register = stage.play, stage.register
    wait_for(stage.are_all_ready, "both have their first replicas", within_seconds=120)
    start_at = float(int(time.time()) + 1)
    if start_at > play.begins_at + LATEST_START_SECONDS:
        late = play.clock(start_at)
        raise TooSlow(f"the first replicas were ready at {late}, when the rise had begun")
    forecasts: list[tuple[float, float]] = []
    tell_at = 0.0
    while (now := time.time()) < end_at:
        register.look()
        bound = stage.forecast()
        forecasts += [] if bound is None else [(now, bound)]
        if now >= tell_at:
            say(stage.line(now))
            tell_at = now + TELL_SECONDS
        time.sleep(LOOK_SECONDS)
    register.look()
    return Told(
        play=play,
        start_at=start_at,
        end_at=end_at,
        lives={side: register.lives(side) for side in SIDES},
        forecasts=tuple(forecasts),
        seam=seam(stage.gateway, play, end_at),
    )


def seam(gateway: Gateway, play: Play, end_at: float) -> Seam:
    """Compare what Prometheus gives around the seam, at whole minutes, with the trace."""
    last = end_at // 60 * 60
    found = gateway.values(QUERY, start_at=last - SEAM_MINUTES * 60, end_at=last)
    counted = gateway.values("count(demand)", start_at=last - SEAM_MINUTES * 60, end_at=last)
    errors = [abs(values[0] - play.demand_at(at)) for at, values in found.items()]
    past = sum(at <= gateway.history.end_at for at in found)
    if len(found) != SEAM_MINUTES + 1:
        raise AssertionError(f"{SEAM_MINUTES + 1} minutes were asked for, {len(found)} are there")
    return Seam(
        minutes_of_history=past,
        minutes_played=len(found) - past,
        series=round(max(values[0] for values in counted.values())),
        greatest_error=round(max(errors), 2),
        mean_error=round(sum(errors) / len(errors), 3),
    )


def write(
    told: Told, *, made_on: Mapping[str, Any], figures: Path, picture: Path
) -> dict[str, Any]:
    """Write the figures and the picture, and return the figures."""
    from .picture import save_picture  # noqa: PLC0415 - matplotlib takes a second to load

    versions = {
        family.name: family.version
        for family in (parts.KUBERNETES, parts.KEDA, parts.KWOK, parts.ETCD, parts.PROMETHEUS)
    }
    document = told.document(made_on, versions)
    text = _with_short_lists(json.dumps(document, indent=1))
    for path in (figures, picture):
        path.parent.mkdir(parents=True, exist_ok=True)
    figures.write_text(f"{text}\n")
    save_picture(told, picture)
    return document


def _with_short_lists(text: str) -> str:
    """Put each list of numbers on one line: a curve has some hundred and sixty."""
    return re.sub(r"\[[\d\s.,-]+\]", lambda found: " ".join(found[0].split()), text)


def main(arguments: list[str] | None = None) -> int:
    """Tell the story once and write it down."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.story",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--figures", type=Path, default=Path("docs/results/cluster-story.json"))
    parser.add_argument("--picture", type=Path, default=Path("docs/img/cluster-story.png"))
    parser.add_argument(
        "--seconds",
        type=float,
        default=END_SECONDS,
        help="how long it is played (%(default)s; 1020 shows how the reactive side catches up)",
    )
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    play = real_trace()
    if play is None:
        _say("the trace is not there; PREWARM_TRACES names its folder")
        return 2
    made_on = _machine()
    told = tell(play, say=_say, end_seconds=options.seconds)
    document = write(told, made_on=made_on, figures=options.figures, picture=options.picture)
    _say(f"\n{table(document)}")
    _say(f"{PREWARM}'s shortage is {told.shortage_ratio:.3f} of the other; see {options.figures}")
    return 0


def _machine() -> dict[str, str | int | float]:
    """The line that every result file has, with the load before the story."""
    from benchmarks.machine import machine  # noqa: PLC0415 - found where the command runs

    return machine("keda-prewarm")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - what the command is for


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
