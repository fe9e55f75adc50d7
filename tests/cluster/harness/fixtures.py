"""Fixtures: one control plane for all tests of a run, a namespace for each test."""

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

import parts

from .control_plane import ControlPlane
from .demand import Demand
from .manifests import GpuNode
from .namespace import Namespace
from .prewarm import Prewarm
from .stub_scaler import StubScaler

# Set, as CI does, to keep the control plane's logs after the run.
LOGS_VARIABLE = "PREWARM_CLUSTER_LOGS"
# Set, as CI does, to fail rather than skip where the programs are not built.
REQUIRED_VARIABLE = "PREWARM_REQUIRE_PARTS"
NODES = (GpuNode(name="gpu-1"), GpuNode(name="gpu-2"), GpuNode(name="gpu-3"))

_cluster = pytest.StashKey[ControlPlane]()


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """The control plane, with 24 free GPUs on three nodes."""
    absent = parts.missing(*parts.CLUSTER_PARTS)
    if absent:
        _give_up(str(parts.PartMissing(absent)))
    try:
        parts.require_go()  # knows where KEDA's resource definitions lie
    except parts.GoMissing as error:
        _give_up(str(error))
    with ControlPlane() as running:
        request.config.stash[_cluster] = running
        for node in NODES:
            running.add_node(node)
        try:
            yield running
        finally:
            _keep_logs(running)
            del request.config.stash[_cluster]


@pytest.fixture
def space(cluster: ControlPlane) -> Iterator[Namespace]:
    """A namespace for this test alone."""
    namespace = Namespace(cluster)
    yield namespace
    namespace.delete()


@pytest.fixture(scope="session")
def demand(cluster: ControlPlane) -> Iterator[Demand]:
    """A Prometheus whose demand the tests set."""
    absent = parts.missing("prometheus")
    if absent:
        _give_up(str(parts.PartMissing(absent)))
    with Demand(cluster.run) as running:
        yield running


@pytest.fixture(scope="session")
def prewarm(cluster: ControlPlane, demand: Demand) -> Iterator[Prewarm]:
    """The scaler under test, for all tests that leave it as it was."""
    with Prewarm(cluster.run, demand.address) as running:
        yield running


@pytest.fixture
def own_prewarm(cluster: ControlPlane, demand: Demand) -> Iterator[Prewarm]:
    """A scaler that a test may kill."""
    with Prewarm(cluster.run, demand.address, name="own-prewarm") as running:
        yield running


@pytest.fixture
def seeing_prewarm(cluster: ControlPlane, demand: Demand) -> Iterator[Prewarm]:
    """A scaler that a test may kill, with access to the cluster."""
    with Prewarm(
        cluster.run, demand.address, name="seeing-prewarm", kubeconfig=cluster.kubeconfig
    ) as running:
        yield running


@pytest.fixture
def stub() -> Iterator[StubScaler]:
    """A scaler that answers what the test says."""
    with StubScaler() as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the end of every program's log into the report of a test that failed."""
    report = yield
    running = item.config.stash.get(_cluster, None)
    if report.failed and running is not None:
        for name, tail in running.run.log_tails().items():
            report.sections.append((f"log of {name}", tail))
    return report


def _give_up(reason: str) -> None:
    """Skip, or fail where a skip would hide that nothing was tested."""
    if os.environ.get(REQUIRED_VARIABLE):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _keep_logs(running: ControlPlane) -> None:
    folder = os.environ.get(LOGS_VARIABLE, "")
    if folder:
        shutil.copytree(running.run.logs, Path(folder), dirs_exist_ok=True)
