"""From flags to a scan."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scaler.adapters.prometheus_settings import BadConfiguration
from scaler.adapters.system_clock import SystemClock
from scaler.errors import NoCluster
from scaler.sources import BadFlag, SourceFlags
from simulations.backtest.errors import BadInput
from simulations.backtest.inputs import zone_of
from simulations.backtest.units import seconds
from simulations.scan.candidates import Found, Left, read_files
from simulations.scan.histories import LEAST_DAYS, Load, read_histories
from simulations.scan.judging import Finding, Terms, judge, ranked
from simulations.trials.session import forecaster_of
from simulations.trials.setup import cold_start_of, model_of

DAY_SECONDS = 86_400.0
Flags = Mapping[str, Any]
Advance = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Findings, the most worth first, and what was left out with the reason."""

    findings: tuple[Finding, ...]
    left: tuple[Left, ...]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        found = [
            asdict(one)
            | {
                "is_predictable": one.is_predictable,
                "shortage_saved_per_day": one.shortage_saved,
                "gpu_hours_saved_per_day": one.gpu_hours_saved,
            }
            for one in self.findings
        ]
        return {"findings": found, "left": [asdict(one) for one in self.left]}


def run_scan(paths: tuple[Path, ...], flags: Flags, advance: Advance) -> Scan:
    """Return what the flags ask for. Raises `BadInput`."""
    terms, load = _terms(flags), _load(flags)
    forecaster = forecaster_of(flags)
    found = _found(paths, flags)
    candidates = found.candidates
    if not candidates and not found.left:
        raise BadInput(
            "nothing to scan: no ScaledObject with a prometheus trigger, and no HPA with an "
            "external metric. Name manifests, folders, or --kubeconfig with --namespace"
        )
    try:
        histories = read_histories(
            candidates,
            SourceFlags.of(flags),
            load,
            now=SystemClock().now(),
            advance=lambda done: advance("histories", done, len(candidates)),
        )
    except (BadFlag, BadConfiguration) as exc:
        raise BadInput(str(exc)) from exc
    findings, left = [], list(found.left)
    pairs = zip(candidates, histories, strict=True)
    for n_done, (candidate, history) in enumerate(pairs, start=1):
        if isinstance(history, str):
            left.append(Left(name=candidate.name, why=history))
        else:
            try:
                findings.append(judge(candidate, history, terms, forecaster))
            except ValueError as exc:  # one that can't be simulated must not end the others
                left.append(Left(name=candidate.name, why=str(exc)))
        advance("backtests and simulations", n_done, len(candidates))
    return Scan(findings=tuple(ranked(findings)), left=tuple(left))


def _found(paths: tuple[Path, ...], flags: Flags) -> Found:
    queries = _queries(flags["external_query"])
    found = read_files(paths, queries)
    if not flags["namespace"]:
        if flags["kubeconfig"] is not None or flags["kube_context"] is not None:
            raise BadInput("--namespace: missing; say which to read, once for each")
        return found
    # The client takes 0.7 s to import.
    from scaler.adapters.kubernetes import KubernetesClient  # noqa: PLC0415
    from simulations.scan.cluster import read_cluster  # noqa: PLC0415

    try:
        client = KubernetesClient.connect(
            kubeconfig=flags["kubeconfig"], context=flags["kube_context"]
        )
    except NoCluster as exc:
        raise BadInput(f"no cluster: {exc}; name one by --kubeconfig") from exc
    inside = read_cluster(client, flags["namespace"], queries)
    client.close()
    return Found(
        candidates=(*found.candidates, *inside.candidates), left=(*found.left, *inside.left)
    )


def _queries(texts: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, query = text.partition("=")
        if not (name and equals and query):
            raise BadInput(f'--external-query: "{text}" is not allowed; allowed is METRIC=PROMQL')
        found[name.strip()] = query
    return found


def _terms(flags: Flags) -> Terms:
    return Terms(
        model=model_of(flags["model"])[0],
        cold_start=cold_start_of(flags["cold_start"]),
        zone=zone_of("--timezone", flags["timezone"]),
        gpus_per_replica=flags["gpus_per_replica"],
        price=flags["gpu_price"],
        seed=flags["seed"],
    )


def _load(flags: Flags) -> Load:
    days = seconds("--days", flags["days"]) / DAY_SECONDS
    if days < LEAST_DAYS:
        raise BadInput(
            f'--days: "{flags["days"]}" is not allowed; allowed are {LEAST_DAYS:g}d or more'
        )
    return Load(days=days, n_at_once=flags["at_once"], spacing_seconds=flags["spacing_seconds"])
