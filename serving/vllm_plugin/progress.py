"""How far a load is: a bar on a terminal, a line now and then in a log."""

import logging
import time
from collections.abc import Iterable, Iterator
from typing import Any

from serving.loader.showing import bar, size

EVERY_SECONDS = 10.0
# Under vLLM's own logger, whose handlers and level the operator has set.
logger = logging.getLogger("vllm.prewarm")


def shown(
    tensors: Iterable[tuple[str, Any]], n_bytes: int, *, is_shown: bool
) -> Iterator[tuple[str, Any]]:
    """Yield the tensors, and tell how many of `n_bytes` have come."""
    if not is_shown:
        yield from tensors
        return
    done, told_at = 0, time.monotonic()
    with bar("weights") as advance:
        for name, tensor in tensors:
            yield name, tensor
            done += tensor.nbytes
            advance(tensor.nbytes, n_bytes)
            if time.monotonic() - told_at >= EVERY_SECONDS:
                told_at = time.monotonic()
                logger.info("weights: %s of %s", size(done), size(n_bytes))
