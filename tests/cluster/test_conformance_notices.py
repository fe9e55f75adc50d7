"""Tests of the tests: each way to break a scaler is noticed by the check that is there for it."""

from collections.abc import Callable

import pytest

from harness import Namespace, Prewarm
from harness.broken_scaler import BrokenScaler, Fault
from harness.conformance import (
    Subject,
    check_row_01,
    check_row_02,
    check_row_09,
    check_row_17,
    check_row_24,
)
from harness.demand import Demand

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

Check = Callable[[Namespace, Subject], None]
CHECKS: tuple[Check, ...] = (check_row_01, check_row_02, check_row_09, check_row_17, check_row_24)


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        (Fault.EMPTY_METRICS, check_row_17),
        (Fault.NOT_A_NUMBER, check_row_09),
        (Fault.HANGS, check_row_24),
        (Fault.WRONG_NAME, check_row_01),
        (Fault.MOVING_TARGET, check_row_02),
    ],
)
def test_a_scaler_that_is_broken_on_purpose_is_noticed(
    space: Namespace, prewarm: Prewarm, demand: Demand, fault: Fault, check: Check
) -> None:
    with BrokenScaler(prewarm.address, fault) as broken, pytest.raises(AssertionError):
        check(space, Subject(address=broken.address, demand=demand))


@pytest.mark.parametrize("check", CHECKS)
def test_the_same_proxy_without_a_fault_passes(
    space: Namespace, prewarm: Prewarm, demand: Demand, check: Check
) -> None:
    with BrokenScaler(prewarm.address, Fault.NONE) as whole:
        check(space, Subject(address=whole.address, demand=demand))
