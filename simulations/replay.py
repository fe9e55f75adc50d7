"""One hour of the demonstration: the real scaler on loopback, KEDA's calls, two Deployments.

Both Deployments see the same demand and have the same HPA. Their triggers differ in one key:
`mode: predict` is Prewarm's answer, `mode: observe` the one that KEDA's own prometheus trigger
would give (the observed demand over the threshold).
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from math import floor, nan

from prometheus_client import CollectorRegistry

from forecasting.default import default_forecaster
from forecasting.series import Series
from scaler.board import Board, Target
from scaler.ports import HistorySource
from scaler.service import Service, running
from scaler.settings import ControllerSettings, ServerSettings
from simulations.autoscaling import Behavior, ScaledObjectSpec, scale_up
from simulations.deployment import Deployment
from simulations.fleet import warm
from simulations.keda_client import ADDRESS_KEY, KedaClient
from simulations.moments import Moment, Terms
from simulations.pace import Pace

COLUMN = "requests_per_second"
SYNC_SECONDS = 15.0
SYNC_OFFSET_SECONDS = 8.0  # the HPA's timer knows nothing of our ticks
CALL_TIMEOUT_SECONDS = 10.0  # real seconds; KEDA has none, a demonstration must end
PREWARM, REACTIVE = "llm", "llm-reactive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a replay needs: where demand is read, and what both sides are held to."""

    source: HistorySource
    demand: Series  # the same that the source reads, to judge by
    terms: Terms
    mode: str = "predict"


def metadata(terms: Terms, *, port: int, mode: str) -> dict[str, str]:
    """Return the trigger metadata that a ScaledObject would hold."""
    return {
        ADDRESS_KEY: f"127.0.0.1:{port}",
        "query": COLUMN,
        "threshold": f"{terms.threshold:g}",
        "warmFloor": str(terms.warm_floor),
        "maxReplicas": str(terms.max_replicas),
        "leadTimeSeconds": f"{terms.lead_time_seconds:g}",
        "mode": mode,
    }


async def replay(stage: Stage, pace: Pace, watch: Callable[[Moment], None]) -> tuple[Moment, ...]:
    """Return a moment for each HPA sync of the hour; `watch` sees each as it comes.

    Raises `ScalerCallFailed` and `ServerError`.
    """
    terms = stage.terms
    moments: list[Moment] = []
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(_scaler(stage, pace))
        sides = []
        for name, mode in ((PREWARM, stage.mode), (REACTIVE, "observe")):
            client = KedaClient(
                metadata(terms, port=service.grpc_port, mode=mode),
                name=name,
                timeout_seconds=CALL_TIMEOUT_SECONDS,
            )
            await stack.enter_async_context(client)
            sides.append(_deployment(client, terms))
        for turn in range(int((terms.end_at - terms.start_at) / SYNC_SECONDS)):
            at = terms.start_at + SYNC_SECONDS * turn + SYNC_OFFSET_SECONDS
            await pace.reach(at, service.controller)
            moments.append(await _moment(at, service, sides, stage))
            watch(moments[-1])
    return tuple(moments)


def _scaler(stage: Stage, pace: Pace) -> AbstractAsyncContextManager[Service]:
    return running(
        source=stage.source,
        forecaster=default_forecaster(),
        clock=pace.clock,
        server_settings=ServerSettings(grpc_address="127.0.0.1:0", http_address="127.0.0.1:0"),
        controller_settings=ControllerSettings(tick_seconds=SYNC_SECONDS),
        registry=CollectorRegistry(),
    )


def _deployment(client: KedaClient, terms: Terms) -> Deployment:
    spec = ScaledObjectSpec(
        min_replicas=terms.warm_floor,
        max_replicas=terms.max_replicas,
        # As the README advises: the default swallows steps up to 10 %.
        behavior=Behavior(up=scale_up(tolerance=0.0)),
    )
    fleet = warm(terms.warm_floor, since=terms.start_at)
    return Deployment(client, spec, fleet, lead_time_seconds=terms.lead_time_seconds)


async def _moment(at: float, service: Service, sides: list[Deployment], stage: Stage) -> Moment:
    prewarm, reactive = [await side.sync(at) for side in sides]
    target = _target(service.board, PREWARM)
    decision = target.snapshot.decision if target is not None and target.snapshot else None
    forecast = decision.seen.forecast if decision is not None else None
    return Moment(
        at=at,
        demand=_demand(stage.demand, at),
        forecast=forecast.value if forecast is not None else nan,
        method=forecast.method if forecast is not None else "",
        prewarm=prewarm,
        reactive=reactive,
        steps=decision.steps if decision is not None else (),
    )


def _target(board: Board, name: str) -> Target | None:
    return next((target for target in board if target.key.name == name), None)


def _demand(series: Series, at: float) -> float:
    return float(series.values[floor((at - series.start_at) / series.step_seconds)])
