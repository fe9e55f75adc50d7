"""Compiles the kernels where numba is installed; without it they run as they are, far slower.

Rules for a kernel
- It calls compiled functions of its own file alone: numba's cache looks at the outermost function's
  file to see that something has changed, and would go on running what a second file said before.
- State is arrays and records of arrays that the kernel changes in place. numpy scalars that Python
  reads one by one cost 200 microseconds a tick; what Python wants to see, a kernel writes to a row.
- It holds nothing of numba: the same file runs in CPython, which is what tests compare it with.
"""

import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])


def _numba() -> Any:
    try:
        import numba  # noqa: PLC0415 - an optional extra: pip install 'keda-prewarm[simulations]'
    except ImportError:
        return None
    return numba


NUMBA = _numba()


def compiled(function: Function) -> Function:
    """Return the function compiled, on its first call, for the types that it is called with."""
    if NUMBA is None:
        return function
    with warnings.catch_warnings():
        # Where neither the package nor the home can be written to there is no cache, and no harm.
        warnings.simplefilter("ignore", NUMBA.core.errors.NumbaWarning)
        return cast("Function", NUMBA.njit(cache=True)(function))
