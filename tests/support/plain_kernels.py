"""The kernels of the simulator as they are written, to run in CPython beside the compiled ones."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType

from simulations.plant import compiled


@contextmanager
def _without_numba() -> Iterator[None]:
    before, compiled.NUMBA = compiled.NUMBA, None
    try:
        yield
    finally:
        compiled.NUMBA = before


@cache
def plain(module: ModuleType) -> ModuleType:
    """Return the same file, read again with nothing compiled."""
    name = f"plain_{module.__name__.rpartition('.')[2]}"
    spec = importlib.util.spec_from_file_location(name, module.__file__)
    assert spec is not None
    assert spec.loader is not None
    again = importlib.util.module_from_spec(spec)
    sys.modules[name] = again
    with _without_numba():
        spec.loader.exec_module(again)
    assert not hasattr(again.advance if hasattr(again, "advance") else again.arrange, "py_func")
    return again
