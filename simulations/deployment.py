"""A Deployment that KEDA and the HPA scale by what the scaler answers over the socket."""

from simulations.autoscaling import Fleet as Scale
from simulations.autoscaling import Hpa, KedaState, ScaledObjectSpec, poll
from simulations.fleet import Fleet
from simulations.keda_client import KedaClient
from simulations.moments import Side
from simulations.ports import Metric

CALLS_PER_ROUND = 3  # GetMetricSpec, GetMetrics, IsActive; a poll and a sync alike


class Deployment:
    """One ScaledObject with its Deployment. `sync` is to be called every 15 s."""

    def __init__(
        self, client: KedaClient, spec: ScaledObjectSpec, fleet: Fleet, *, lead_time_seconds: float
    ) -> None:
        self._client = client
        self._spec = spec
        self._fleet = fleet
        self._lead_time_seconds = lead_time_seconds
        self._hpa = Hpa(spec.hpa())
        self._keda: KedaState | None = None
        self._polled_at = float("-inf")
        self.calls = 0

    async def sync(self, at: float) -> Side:
        """Poll if it is time, let the HPA ask, scale. Raises `ScalerCallFailed`."""
        if at - self._polled_at >= self._spec.polling_seconds:
            await self._poll(at)
        reading = await self._client.sync()
        self.calls += CALLS_PER_ROUND
        wanted = self._fleet.wanted
        metric = Metric(reading.usage_milli, reading.spec.target_milli)
        self._scale(self._hpa.sync(at, Scale(wanted, wanted, self._fleet.ready(at)), (metric,)), at)
        return Side(
            answered=-(-reading.usage_milli // reading.spec.target_milli),
            wanted=self._fleet.wanted,
            ready=self._fleet.ready(at),
        )

    async def _poll(self, at: float) -> None:
        self._polled_at = at
        is_active = (await self._client.poll()).is_active
        self.calls += CALLS_PER_ROUND
        keda = self._keda or KedaState(created_at=at)
        self._keda, replicas = poll(
            keda, self._spec, at=at, replicas=self._fleet.wanted, is_active=is_active
        )
        self._scale(replicas, at)

    def _scale(self, replicas: int, at: float) -> None:
        self._fleet = self._fleet.scaled(replicas, at=at, lead_time_seconds=self._lead_time_seconds)
