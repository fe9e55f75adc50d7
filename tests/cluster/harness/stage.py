"""Everything that a play needs around it: two models, their Prometheus, and the scaler."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from . import contest
from .contest import SIDES
from .control_plane import ControlPlane
from .gateway import Gateway
from .lives import Register
from .namespace import Namespace
from .play import Play
from .prewarm import Prewarm


@dataclass(frozen=True)
class Stage:
    """A play with all that takes part in it."""

    space: Namespace
    play: Play
    gateway: Gateway
    scaler: Prewarm
    register: Register
    first_replicas: int  # of each side, at the beginning

    def are_all_ready(self) -> bool:
        """Whether both sides have the replicas that they began with."""
        self.register.look()
        return all(self.register.ready(side, time.time()) >= self.first_replicas for side in SIDES)

    def forecast(self) -> float | None:
        """The bound that the scaler's forecast gives now; None before the first."""
        for name, value in self.scaler.metrics().items():
            if name.startswith("prewarm_forecast_demand{"):
                return value
        return None

    def line(self, at: float) -> str:
        """How things stand, in one line."""
        play, register = self.play, self.register
        sides = "  ".join(f"{side} {register.ready(side, at):2d} ready" for side in SIDES)
        forecast = self.forecast()
        return (
            f"{play.clock(at)}  demand {play.demand_at(at):3.0f} needs {play.needed_at(at):2d}  "
            f"{sides}{'' if forecast is None else f'  forecast {forecast:.0f}'}"
        )


@contextmanager
def staged(cluster: ControlPlane, play: Play, prefix: str) -> Iterator[Stage]:
    """Set the stage in a namespace of its own, as quickly as can be: the play doesn't wait."""
    space = Namespace(cluster, prefix)
    first_replicas = contest.create_deployments(space, play)
    with (
        Gateway(cluster.run, play) as gateway,
        Prewarm(cluster.run, gateway.address, tick_seconds=contest.TICK_SECONDS) as scaler,
    ):
        contest.create_scaled_objects(
            space, play, prometheus_address=gateway.address, scaler_address=scaler.address
        )
        yield Stage(space, play, gateway, scaler, Register(space), first_replicas)
