"""Fixtures: a bare API server for the adapter's tests, and a namespace of it for each."""

from collections.abc import Iterator

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


@pytest.fixture(scope="session")
def bare_cluster() -> Iterator[ControlPlane]:
    """etcd and an API server, which no test may leave broken."""
    require_bare_parts()
    with ControlPlane(is_bare=True) as running:
        yield running


@pytest.fixture
def bare(bare_cluster: ControlPlane) -> Iterator[Bare]:
    """A namespace for this test alone."""
    namespace = Bare(bare_cluster)
    yield namespace
    namespace.delete()
