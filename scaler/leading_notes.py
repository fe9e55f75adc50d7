"""What is noted of leading queries: failed reads, and what the fit thinks of them."""

import logging
from collections.abc import Mapping

from forecasting.leading import LeadingGain
from scaler.board import Target

logger = logging.getLogger(__name__)


def note_leading(
    target: Target, names: Mapping[str, str], name: str, reason: str, message: str
) -> None:
    """Count a failed read of a leading query, and log when the reason changes, not every tick."""
    before = target.leading_problems.get(name, "")
    if reason:
        label = f"leading-{reason}"
        target.problems[label] = target.problems.get(label, 0) + 1
    if reason == before:
        return
    target.leading_problems[name] = reason
    fields = {**names, "query": name}
    if reason:
        fields |= {"reason": reason, "why": message}
        logger.warning("leading query failed; the forecast goes on without it", extra=fields)
    else:
        logger.info("leading query answers again", extra=fields)


def note_gains(target: Target, names: Mapping[str, str], gains: tuple[LeadingGain, ...]) -> None:
    """Keep what leading queries were worth, and log each decision that is another than before."""
    before = {gain.name: gain.is_kept for gain in target.gains}
    target.gains = gains
    for gain in gains:
        if before.get(gain.name) is not gain.is_kept:
            what = "kept" if gain.is_kept else "not kept"
            fields = {"query": gain.name, "gain_ratio": round(gain.gain_ratio, 3)}
            logger.info("leading query is %s", what, extra={**names, **fields})
