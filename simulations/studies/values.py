"""What a study ends in: the trigger to paste."""

from collections.abc import Mapping

import yaml


def trigger_block(keys: Mapping[str, str], *, query: str = "YOUR QUERY") -> str:
    """Return the trigger of a ScaledObject with these keys, as YAML."""
    metadata = {
        "scalerAddress": "prewarm.keda.svc:6000",
        "serverAddress": "http://prometheus.monitoring.svc:9090",
        "query": query,
        **keys,
    }
    block = {"triggers": [{"type": "external", "metadata": metadata}]}
    return yaml.safe_dump(block, sort_keys=False)
