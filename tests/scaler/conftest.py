from collections.abc import AsyncIterator

import pytest

from rig import Rig, StartRig, started_rig


@pytest.fixture
def start_rig() -> StartRig:
    return started_rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with started_rig() as running_rig:
        yield running_rig
