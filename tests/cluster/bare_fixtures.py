"""Fixtures: a bare API server for the adapter's tests, and a namespace of it for each."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import parts
from harness import ControlPlane
from harness.control_plane import BARE_PARTS
from kubernetes_rig import Bare
from required import skip_or_fail


def require_bare_parts() -> None:
    absent = parts.missing(*BARE_PARTS)
    if absent:
        skip_or_fail(str(parts.PartMissing(absent)))
    try:
        parts.require_go()  # knows where KEDA's resource definitions lie
    except parts.GoMissing as error:
        skip_or_fail(str(error))


# Who asked for what, by verb and resource, as the API server itself writes it down.
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, Panic]
rules:
- {level: None, users: [admin]}
- {level: None, userGroups: ["system:masters", "system:nodes"]}
- {level: Metadata}
"""
AUDIT_LOG = Path(tempfile.gettempdir()) / f"prewarm-audit-{os.getpid()}.log"


@pytest.fixture(scope="session")
def bare_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and an API server, which no test may leave broken."""
    require_bare_parts()
    policy = tmp_path_factory.mktemp("audit") / "policy.yaml"
    policy.write_text(AUDIT_POLICY)
    flags = [
        f"--audit-policy-file={policy}",
        f"--audit-log-path={AUDIT_LOG}",
        "--audit-log-mode=blocking-strict",
    ]
    try:
        with ControlPlane(is_bare=True, apiserver_flags=flags) as running:
            yield running
    finally:
        AUDIT_LOG.unlink(missing_ok=True)


@pytest.fixture
def bare(bare_cluster: ControlPlane) -> Iterator[Bare]:
    """A namespace for this test alone."""
    namespace = Bare(bare_cluster)
    yield namespace
    namespace.delete()
