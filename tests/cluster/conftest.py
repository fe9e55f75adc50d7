from harness.fixtures import (
    cluster,
    demand,
    own_prewarm,
    prewarm,
    pytest_runtest_makereport,
    space,
    stub,
)

__all__ = [
    "cluster",
    "demand",
    "own_prewarm",
    "prewarm",
    "pytest_runtest_makereport",
    "space",
    "stub",
]
