from bare_fixtures import bare, bare_cluster
from harness.fixtures import (
    cluster,
    demand,
    own_prewarm,
    prewarm,
    pytest_runtest_makereport,
    seeing_prewarm,
    space,
    stub,
)
from harness.story_fixtures import (
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_sessionfinish,
    story,
)

__all__ = [
    "bare",
    "bare_cluster",
    "cluster",
    "demand",
    "own_prewarm",
    "prewarm",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_runtest_makereport",
    "pytest_sessionfinish",
    "seeing_prewarm",
    "space",
    "story",
    "stub",
]
