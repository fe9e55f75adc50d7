"""`prewarm check`: files in, findings and an exit status out."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, TextIO

from forecasting.forecaster import Forecaster
from scaler.adapters.prometheus_settings import BadConfiguration
from scaler.adapters.system_clock import SystemClock
from scaler.check.deciding import OpenSource, decided
from scaler.check.report import Checked, Report
from scaler.errors import BadExperts
from scaler.lint import lint
from scaler.manifest import (
    MAX_FILE_BYTES,
    Manifest,
    ScaledObject,
    Severity,
    Unreadable,
    read_manifest,
    read_trigger,
)
from scaler.service import loaded_forecaster
from scaler.sources import BadFlag, SourceFlags, open_source

FINE, FOUND, UNUSABLE = 0, 1, 2
STANDARD_INPUT = "-"


def run_check(
    files: Sequence[str],
    *,
    source_flags: SourceFlags | None = None,
    at: float | None = None,
    is_strict: bool = False,
    takes_all_external: bool = False,
    shows_notes: bool = True,
    plot_hours: float = 6.0,
    experts: str | None = None,
    stdin: BinaryIO | None = None,
    stdout: TextIO | None = None,
    open_with: OpenSource = open_source,
) -> int:
    """Check the manifests in `files` (`-`: standard input) and return the exit status.

    0: fine; 1: an error was found, or with `is_strict` a warning; 2: a file that can't be read,
    flags that can't be used, or nothing to check. With `source_flags` each trigger is also decided
    on its history, as of `at` (Unix seconds; None: now).
    """
    report = Report(stdout or sys.stdout, shows_notes=shows_notes, plot_hours=plot_hours)
    now = SystemClock().now() if at is None else at
    worst = FINE
    try:
        forecaster = loaded_forecaster(experts)
    except BadExperts as exc:
        report.unusable(str(exc))
        return UNUSABLE
    for name in files:
        try:
            data = _read(name, stdin or sys.stdin.buffer)
            manifest = read_manifest(data, takes_all_external=takes_all_external)
            checked = _checked(manifest, source_flags, now, open_with, forecaster)
        except Unreadable as exc:
            report.unreadable(name, exc)
            worst = UNUSABLE
        except (BadFlag, BadConfiguration) as exc:
            report.unusable(str(exc))
            return UNUSABLE
        else:
            report.manifest(name, manifest, checked)
            worst = max(worst, _status(manifest, checked, is_strict=is_strict))
    if report.n_triggers:
        report.summary()
        return worst
    if worst != UNUSABLE:
        report.unusable("no prewarm trigger in what was given, so nothing was checked")
    return UNUSABLE


def _checked(
    manifest: Manifest,
    flags: SourceFlags | None,
    now: float,
    open_with: OpenSource,
    forecaster: Forecaster,
) -> Sequence[Checked]:
    checked = [check_object(each) for each in manifest.scaled_objects if each.prewarm_triggers]
    if flags is None:
        return checked
    return asyncio.run(decided(checked, flags, now, open_with, forecaster))


def check_object(scaled_object: ScaledObject) -> Checked:
    """Return what can be said about an object without its history."""
    reads = tuple(read_trigger(scaled_object, each) for each in scaled_object.prewarm_triggers)
    findings = [finding for read in reads for finding in read.findings]
    return Checked(
        scaled_object=scaled_object,
        reads=reads,
        findings=(*findings, *lint(scaled_object, reads)),
    )


def _status(manifest: Manifest, checked: Sequence[Checked], *, is_strict: bool) -> int:
    found = {finding.severity for finding in manifest.findings}
    for each in checked:
        found |= {finding.severity for finding in each.findings}
        found |= {finding.severity for out in each.outcomes for finding in out.findings}
    is_bad = Severity.ERROR in found or (is_strict and Severity.WARNING in found)
    return FOUND if is_bad else FINE


def _read(name: str, stdin: BinaryIO) -> bytes:
    if name == STANDARD_INPUT:
        return stdin.read(MAX_FILE_BYTES + 1)
    try:
        with Path(name).open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except IsADirectoryError:
        raise Unreadable("a folder; name the files in it") from None
    except OSError as exc:
        raise Unreadable((exc.strerror or "can't be read").lower()) from None
