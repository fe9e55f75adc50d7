"""What vLLM calls in each of its processes, the ones included that never load a weight.

So it imports neither torch nor more of vLLM than is there already: the loader is registered at the
moment when vLLM's own loaders are imported, which only a process does that needs one.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType

from serving.vllm_plugin.start.trail import mark_process

LOAD_FORMAT = "prewarm_stream"
_LOADERS = "vllm.model_executor.model_loader"


def register() -> None:
    """Make `--load-format prewarm_stream` known. Any number of calls do what one does."""
    mark_process()
    _when_imported(_LOADERS, _register_loader)


def _register_loader(loaders: ModuleType) -> None:
    from serving.vllm_plugin.loader import StreamLoader  # noqa: PLC0415 - imports torch and vLLM

    if loaders._LOAD_FORMAT_TO_MODEL_LOADER.get(LOAD_FORMAT) is not StreamLoader:  # noqa: SLF001
        loaders.register_model_loader(LOAD_FORMAT)(StreamLoader)


def _when_imported(name: str, action: Callable[[ModuleType], None]) -> None:
    if (module := sys.modules.get(name)) is not None:
        action(module)
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(name, action))


class _Finder(importlib.abc.MetaPathFinder):
    """Lets others find a module, and does something once it has been imported (as PEP 369 had)."""

    def __init__(self, name: str, action: Callable[[ModuleType], None]) -> None:
        self._name = name
        self._action = action

    def find_spec(
        self, fullname: str, path: object, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._action)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, inner: importlib.abc.Loader, action: Callable[[ModuleType], None]) -> None:
        self._inner = inner
        self._action = action

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._inner.exec_module(module)
        self._action(module)
