"""Compilation and graph capture: vLLM tells how long they took in its log and nowhere else."""

import logging
import os

from serving.vllm_plugin.start.trail import mark

# What a message holds before its arguments are put in, and which argument has the seconds.
_TOLD = {
    "torch.compile took %": ("compile", 1),
    "Graph capturing finished in %": ("graph_capture", 0),
}


def watch_engine() -> None:
    """Turn those lines into marks, in the process that loads weights. Once is enough."""
    vllm = logging.getLogger("vllm")
    if not any(isinstance(handler, _Marker) for handler in vllm.handlers):
        vllm.addHandler(_Marker())


class _Marker(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        for text, (kind, place) in _TOLD.items():
            if text not in str(record.msg) or not isinstance(record.args, tuple):
                continue
            if len(record.args) > place and isinstance(seconds := record.args[place], int | float):
                mark(kind, seconds=float(seconds), process=os.getpid())
