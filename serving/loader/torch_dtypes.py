"""The element types of the format as torch has them."""

from collections.abc import Iterable
from typing import Any

import torch

from serving.loader.errors import BadCheckpoint

# Older versions of torch lack some; `None` is what no version has.
_NAMES: dict[str, str | None] = {
    "BOOL": "bool",
    "F4": "float4_e2m1fn_x2",
    "F6_E2M3": None,
    "F6_E3M2": None,
    "U8": "uint8",
    "I8": "int8",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "I16": "int16",
    "U16": "uint16",
    "F16": "float16",
    "BF16": "bfloat16",
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "C64": "complex64",
    "F64": "float64",
    "I64": "int64",
    "U64": "uint64",
}
# Two elements are one of torch's.
PAIRED = frozenset({"F4"})


def torch_dtype(dtype: str) -> Any:
    """Return torch's type, or None where this version has none."""
    name = _NAMES[dtype]
    return None if name is None else getattr(torch, name, None)


def require_known(tensors: Iterable[tuple[str, str]]) -> None:
    """Raise BadCheckpoint for the first (name, dtype) that torch can't hold."""
    for name, dtype in tensors:
        if torch_dtype(dtype) is None:
            raise BadCheckpoint(
                f"tensor {name!r}: torch {torch.__version__} has no type for {dtype}"
            )
