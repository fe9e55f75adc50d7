"""Settings and fixtures of the whole suite."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings
from threadpoolctl import threadpool_limits

from rig import Rig, StartRig, started_rig

# Machines are shared and slow at times: how long an example takes says nothing about the law.
settings.register_profile(
    "prewarm", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("prewarm")

# As the scaler itself: small matrices, and the same bits on every machine.
threadpool_limits(limits=1, user_api="blas")


@pytest.fixture
def start_rig() -> StartRig:
    return started_rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with started_rig() as running_rig:
        yield running_rig
