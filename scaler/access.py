"""From the operator's flags to a cluster, or to none, which is said once."""

import logging
from collections.abc import Mapping
from typing import Any

from scaler.adapters.system_clock import SystemClock
from scaler.errors import NoCluster
from scaler.ports import Clock, Cluster

logger = logging.getLogger(__name__)

WITHOUT = (
    "no access to a cluster: leadTimeSeconds: auto is a fixed prior, and fleets are not known; all "
    "else works from metadata"
)


def open_cluster(flags: Mapping[str, Any], clock: Clock) -> Cluster | None:
    """Return the cluster that the flags ask for; None with --cluster off, or where there is none.

    Raises `NoCluster` with --cluster required, and where a kubeconfig was named that is no good.
    """
    kubeconfig, context = flags["kubeconfig"], flags["kube_context"]
    is_named = kubeconfig is not None or context is not None
    if flags["cluster"] == "off":
        return None
    if not isinstance(clock, SystemClock):  # a replay's pods would be those of another time
        logger.info(WITHOUT, extra={"why": "time is replayed"})
        return None
    try:
        return _connected(flags, kubeconfig, context)
    except NoCluster as exc:
        if flags["cluster"] == "required" or is_named:
            raise NoCluster(f"--cluster {flags['cluster']}: {exc}") from exc
        logger.info(WITHOUT, extra={"why": str(exc)})
        return None


def _connected(flags: Mapping[str, Any], kubeconfig: str | None, context: str | None) -> Cluster:
    # The client takes 0.7 s and 40 MB to import: only where there is a cluster.
    from scaler.adapters.kubernetes import KubernetesClient  # noqa: PLC0415
    from scaler.adapters.kubernetes_cluster import KubernetesCluster  # noqa: PLC0415

    client = KubernetesClient.connect(kubeconfig=kubeconfig, context=context)
    if flags["cluster"] == "required":
        client.check()
    logger.info("cluster is watched", extra={"host": client.host})
    return KubernetesCluster(client, SystemClock().now, sync_seconds=flags["hpa_sync_seconds"])
