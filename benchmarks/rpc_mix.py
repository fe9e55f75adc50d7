"""KEDA's call mix, shared by both ends of `rpc.py`."""

from scaler.pb import externalscaler_pb2 as pb

METRIC_NAME = "prewarm-replicas"
CALLS_PER_SYNC = 3  # GetMetricSpec, GetMetrics, IsActive

SPEC = pb.GetMetricSpecResponse(
    metricSpecs=[pb.MetricSpec(metricName=METRIC_NAME, targetSize=1, targetSizeFloat=1.0)]
)


def namespace_of(number: int) -> str:
    """Spread targets over ten namespaces: one may hold at most half of them."""
    return f"team-{number % 10}"


def name_of(number: int) -> str:
    """Name one ScaledObject."""
    return f"llm-{number}"


def metadata(number: int) -> dict[str, str]:
    """Return the trigger metadata of one target, as long as a real one's."""
    return {
        "scalerAddress": "prewarm.keda.svc.cluster.local:6000",
        "query": f"demand{number}",
        "threshold": "10",
        "warmFloor": "2",
        "maxReplicas": "40",
        "leadTimeSeconds": "300",
        "quantile": "0.95",
        "timezone": "Europe/Berlin",
    }


def ref_of(number: int) -> pb.ScaledObjectRef:
    """Return the reference that KEDA sends for a target."""
    return pb.ScaledObjectRef(
        name=name_of(number), namespace=namespace_of(number), scalerMetadata=metadata(number)
    )
