"""A Deployment that KEDA and the HPA scale by what the scaler answers over the socket."""

from simulations import hpa
from simulations.activation import ActivationSpec, activated
from simulations.fleet import Fleet
from simulations.hpa import HpaSpec, HpaState
from simulations.keda_client import KedaClient
from simulations.moments import Side

POLLING_SECONDS = 30.0  # KEDA's default pollingInterval
CALLS_PER_ROUND = 3  # GetMetricSpec, GetMetrics, IsActive; a poll and a sync alike


class Deployment:
    """One ScaledObject with its Deployment. `sync` is to be called every 15 s."""

    def __init__(
        self, client: KedaClient, spec: HpaSpec, fleet: Fleet, *, lead_time_seconds: float
    ) -> None:
        self._client = client
        self._spec = spec
        self._activation = ActivationSpec(min_replicas=spec.min_replicas)
        self._fleet = fleet
        self._lead_time_seconds = lead_time_seconds
        self._hpa = HpaState()
        self._polled_at = float("-inf")
        self._active_at = float("-inf")
        self.calls = 0

    async def sync(self, at: float) -> Side:
        """Poll if it is time, let the HPA ask, scale. Raises `ScalerCallFailed`."""
        if at - self._polled_at >= POLLING_SECONDS:
            await self._poll(at)
        reading = await self._client.sync()
        self.calls += CALLS_PER_ROUND
        self._hpa, replicas = hpa.sync(
            self._hpa,
            self._spec,
            at=at,
            replicas=self._fleet.wanted,
            usage_milli=reading.usage_milli,
            target_milli=reading.spec.target_milli,
        )
        self._scale(replicas, at)
        return Side(
            answered=-(-reading.usage_milli // reading.spec.target_milli),
            wanted=self._fleet.wanted,
            ready=self._fleet.ready(at),
        )

    async def _poll(self, at: float) -> None:
        self._polled_at = at
        is_active = (await self._client.poll()).is_active
        self.calls += CALLS_PER_ROUND
        if is_active:
            self._active_at = at
        replicas = activated(
            self._fleet.wanted,
            self._activation,
            is_active=is_active,
            inactive_seconds=at - self._active_at,
        )
        self._scale(replicas, at)

    def _scale(self, replicas: int, at: float) -> None:
        self._fleet = self._fleet.scaled(replicas, at=at, lead_time_seconds=self._lead_time_seconds)
