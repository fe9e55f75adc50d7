"""Kubeconfig files, which every program of the control plane reads."""

import json
from pathlib import Path

from .certificates import Authority, KeyPair


def write_kubeconfig(path: Path, *, server: str, authority: Authority, client: KeyPair) -> Path:
    """Write a kubeconfig with one cluster, one user and one context, and return its path."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "prewarm-test",
        "clusters": [
            {
                "name": "prewarm-test",
                "cluster": {"server": server, "certificate-authority": str(authority.certificate)},
            }
        ],
        "users": [
            {
                "name": "prewarm-test",
                "user": {
                    "client-certificate": str(client.certificate),
                    "client-key": str(client.key),
                },
            }
        ],
        "contexts": [
            {
                "name": "prewarm-test",
                "context": {"cluster": "prewarm-test", "user": "prewarm-test"},
            }
        ],
    }
    path.write_text(json.dumps(content, indent=1))  # every JSON document is a YAML document
    return path
