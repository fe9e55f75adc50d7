"""When the engine is ready: vLLM tells its stat loggers, in the process that serves /metrics."""

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from vllm.v1.metrics.loggers import StatLoggerBase

from serving.vllm_plugin.progress import logger
from serving.vllm_plugin.settings import PluginSettings
from serving.vllm_plugin.start import metrics, trail
from serving.vllm_plugin.start.phases import Start, start_of


class StartLogger(StatLoggerBase):  # type: ignore[misc]
    """Records the start once; of what vLLM tells later it takes nothing."""

    def __init__(self, vllm_config: Any, engine_index: int = 0) -> None:
        self._config = vllm_config
        self._engine_index = engine_index

    def record(self, *args: Any, **kwargs: Any) -> None:
        """Take nothing."""

    def log_engine_initialized(self) -> None:
        """Publish the record: metrics, a line of JSON in the log, and the start file."""
        begun = trail.beginning()
        if self._engine_index != 0 or begun is None:
            return
        model = self._config.model_config
        name = model.served_model_name
        start = start_of(
            begun,
            trail.marks(),
            ready_at=trail.now(),
            model=name if isinstance(name, str) else (name or [model.model])[0],
        )
        trail.forget()
        if start is None:
            return
        metrics.publish(start)
        line = json.dumps(start.as_json())
        logger.info("start: %s", line)
        extra = self._config.load_config.model_loader_extra_config or {}
        file = PluginSettings.of(extra).start_file
        if file is not None:
            _write(Path(file), line)


def _write(path: Path, line: str) -> None:
    """Put the file there whole or not at all; an engine isn't stopped for it."""
    try:
        file, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(file, "w", encoding="utf-8") as stream:
                stream.write(line + "\n")
            Path(name).chmod(0o644)  # a sidecar may be another user
            Path(name).replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as exc:
        logger.warning("start_file %s can't be written: %s", path, exc)


__all__ = ["Start", "StartLogger"]
