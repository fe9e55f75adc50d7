"""YAML manifests to ScaledObjects, with the line of everything that may be said about them."""

from scaler.manifest.findings import Finding, Severity
from scaler.manifest.nodes import Node
from scaler.manifest.objects import (
    OWN_KEYS,
    Manifest,
    ScaledObject,
    TriggerEntry,
    read_manifest,
)
from scaler.manifest.reading import MAX_FILE_BYTES, Unreadable
from scaler.manifest.triggers import ReadTrigger, as_text, read_trigger

__all__ = [
    "MAX_FILE_BYTES",
    "OWN_KEYS",
    "Finding",
    "Manifest",
    "Node",
    "ReadTrigger",
    "ScaledObject",
    "Severity",
    "TriggerEntry",
    "Unreadable",
    "as_text",
    "read_manifest",
    "read_trigger",
]
