"""A target's memory as blobs and back. What can't be read is left out, never half read.

Blobs are JSON with whole floats, so what is restored equals what was saved bit for bit. A format's
number goes up with each change that old readers would misread; other formats are left alone.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from scaler.books.memory import Judgement, Kept, Memory
from scaler.ledger.account import Day
from scaler.ports import Blob

logger = logging.getLogger(__name__)

DECISION, LEDGER, DAYS, MODEL = "decision", "ledger", "days", "model"
FORMATS = {DECISION: "decision/1", LEDGER: "ledger/1", DAYS: "days/1"}

_KEPT = TypeAdapter(Kept)
_JUDGEMENT = TypeAdapter(Judgement)
_DAYS = TypeAdapter(tuple[Day, ...])


def blobs_of(memory: Memory, *, at: float, with_days: bool) -> dict[str, Blob]:
    """Return the blobs to save, by kind. Whole days change seldom: only if asked."""
    ledger = memory.judgement.ledger
    today = replace(memory.judgement, ledger=replace(ledger, days=ledger.days[-1:]))
    blobs = {DECISION: _blob(DECISION, memory.kept, at), LEDGER: _blob(LEDGER, today, at)}
    if with_days:
        blobs[DAYS] = _blob(DAYS, ledger.days[:-1], at)
    if memory.model is not None:
        blobs[MODEL] = memory.model
    return blobs


def memory_of(blobs: Mapping[str, Blob]) -> Memory:
    """Return what the blobs say; what is missing or can't be read is as if never saved."""
    judgement = _read(blobs, LEDGER, _JUDGEMENT) or Judgement()
    days = _read(blobs, DAYS, _DAYS) or ()
    today = judgement.ledger.days
    before = tuple(day for day in days if today and day.number < today[0].number)
    ledger = replace(judgement.ledger, days=(*before, *today))
    return Memory(
        kept=_read(blobs, DECISION, _KEPT) or Kept(),
        judgement=replace(judgement, ledger=ledger),
        model=blobs.get(MODEL),
    )


def _blob(kind: str, value: object, at: float) -> Blob:
    payload = to_json(value, inf_nan_mode="constants")
    return Blob(format=FORMATS[kind], payload=payload, saved_at=at)


def _read(blobs: Mapping[str, Blob], kind: str, adapter: TypeAdapter[Any]) -> Any:
    blob = blobs.get(kind)
    if blob is None:
        return None
    try:
        if blob.format == FORMATS[kind]:
            return adapter.validate_json(blob.payload)
        why = f"its format is {blob.format}"
    except ValidationError as exc:
        why = f"{exc.error_count()} errors"
    logger.warning("a remembered record can't be read; it is begun anew",
                   extra={"kind": kind, "why": why})  # fmt: skip
    return None
