"""Trigger metadata to `Trigger`: every bad key reported, each in one line, all of them at once."""

from scaler.metadata.keys import (
    FIELD_OF_KEY,
    FROM_ENVIRONMENT,
    IGNORED_KEYS,
    KNOWN_KEYS,
    SWITCH_KEYS,
)
from scaler.metadata.parsing import STAND_INS, good_params, parse
from scaler.metadata.trigger import Trigger

__all__ = [
    "FIELD_OF_KEY",
    "FROM_ENVIRONMENT",
    "IGNORED_KEYS",
    "KNOWN_KEYS",
    "STAND_INS",
    "SWITCH_KEYS",
    "Trigger",
    "good_params",
    "parse",
]
