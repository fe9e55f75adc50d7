"""What can be said about a line of a manifest."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters; the worst one decides the exit status."""

    ERROR = "error"  # KEDA or the scaler refuses it, or no prediction can have an effect
    WARNING = "warning"  # a prediction comes late, is cut or is ignored
    NOTE = "note"  # good to know


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to say about a line; `paste` is YAML that settles it, or empty."""

    rule: str
    severity: Severity
    line: int
    text: str
    paste: str = ""
