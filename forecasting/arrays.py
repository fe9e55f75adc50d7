"""Names for numpy arrays: the alias gives the rank, a comment beside its use the lengths."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatVector: TypeAlias = NDArray[np.float64]
FloatMatrix: TypeAlias = NDArray[np.float64]
BoolVector: TypeAlias = NDArray[np.bool_]
BoolMatrix: TypeAlias = NDArray[np.bool_]
IndexVector: TypeAlias = NDArray[np.intp]


def read_only(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `values` as a float64 array that nobody can write to; copies only when it must."""
    frozen = np.asarray(values, dtype=np.float64)
    if frozen.flags.writeable:
        frozen = frozen.copy()
        frozen.setflags(write=False)
    return frozen
