"""`prewarm check`: validate manifests, lint them, and decide on history as the server would."""

from scaler.check.history import NEXT_STEPS
from scaler.check.run import FINE, FOUND, UNUSABLE, run_check

__all__ = ["FINE", "FOUND", "NEXT_STEPS", "UNUSABLE", "run_check"]
