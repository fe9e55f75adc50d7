"""A part that a machine lacks: a skip with its reason for a person, a failure in CI."""

import os
from typing import NoReturn

import pytest


def skip_or_fail(reason: str) -> NoReturn:
    """Skip the test, or fail it where PREWARM_REQUIRE_PARTS is set."""
    if os.environ.get("PREWARM_REQUIRE_PARTS"):
        pytest.fail(f"PREWARM_REQUIRE_PARTS is set, and a part is missing: {reason}")
    pytest.skip(reason)
