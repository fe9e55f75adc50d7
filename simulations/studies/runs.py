"""Runs of policies and settings over the traffic of a study, as a table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from forecasting.default import default_forecaster
from scaler.metadata import parse
from simulations.autoscaling.behavior import Behavior, scale_up
from simulations.autoscaling.keda import ScaledObjectSpec
from simulations.oracle import Clairvoyant, Costs, needed, optimum
from simulations.plant.cluster import Cluster, Nodes
from simulations.plant.cold_start import always
from simulations.plant.model import PLACEHOLDERS
from simulations.policies.prewarm import Prewarm
from simulations.policies.rolled import roll
from simulations.policies.roster import Setting, rivals
from simulations.ports import DirectPolicy, Policy
from simulations.results.figures import Terms, figures_of
from simulations.results.shortage import minute_shortage, minutes
from simulations.run import EngineName, Run, simulate
from simulations.studies.traffic import STEP_SECONDS, Study

POLL_AND_SYNC_SECONDS = 30.0
RIVALS = ("keda-reactive", "keda-reactive-0.8", "keda-reactive-0.6", "static-peak")
COLUMNS = {
    "shortage": "shortage",
    "covered": "covered",
    "attainment_both": "attainment",
    "gpu_hours_total": "gpu_hours",
    "gpu_hours_starting": "starting",
    "gpu_hours_idle": "idle",
    "saving": "saving",
    "regret": "regret",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a study runs on. `threshold` is the demand that one replica carries, as in the trigger.

    `gpu` is one of `PLACEHOLDERS`; `forecasts` a folder to keep forecasts in, None: nothing kept.
    """

    threshold: float
    cold_start_seconds: float
    gpu: str = "a100-80gb"
    max_replicas: int = 60
    engine: EngineName = "fluid"
    seed: int = 0
    forecasts: Path | None = None

    @property
    def lead_time_seconds(self) -> float:
        """From the decision for a replica until it answers."""
        return self.cold_start_seconds + POLL_AND_SYNC_SECONDS

    @property
    def spec(self) -> ScaledObjectSpec:
        """The ScaledObject of the trigger's guide."""
        up = scale_up(tolerance=0.0)
        return ScaledObjectSpec(
            min_replicas=1, max_replicas=self.max_replicas, behavior=Behavior(up=up)
        )


def trigger_keys(site: Site, **keys: float | str) -> dict[str, str]:
    """Return the trigger's metadata; `keys` change or add to it, by the trigger's own names."""
    usual: dict[str, float | str] = {
        "threshold": f"{site.threshold:g}",
        "leadTimeSeconds": f"{site.lead_time_seconds:g}",
        "maxReplicas": str(site.max_replicas),
        "quantile": "0.95",
        "warmFloor": "1",
    }
    return {name: f"{value}" for name, value in (usual | keys).items()}


def run(study: Study, site: Site, **keys: float | str) -> Run:
    """Return a run of Prewarm with these keys of the trigger."""
    trigger = parse({"query": "requests", **trigger_keys(site, **keys)})
    begin = study.requests.start_at
    rolled = roll(
        study.demand, trigger, default_forecaster(), begin_at=begin, folder=site.forecasts
    )
    return _run(study, site, Prewarm(trigger, rolled, start_at=begin), site.spec)


def compare(study: Study, site: Site, **keys: float | str) -> pd.DataFrame:
    """Return Prewarm beside reactive triggers, a fixed fleet and the optimum; a row each.

    Shortage is by whole minutes. The fixed fleet is sized on the last week of the history.
    """
    setting = Setting(
        start_at=study.requests.start_at,
        threshold=site.threshold,
        in_flight_threshold=site.threshold,  # of policies that are not asked for here
        lead_time_seconds=site.lead_time_seconds,
        zone=ZoneInfo("UTC"),
        floor_replicas=1,
        spec=site.spec,
    )
    roster = rivals(study.demand, setting)
    runs = {"prewarm": run(study, site, **keys)}
    for name in RIVALS:
        runs[name] = _run(study, site, roster[name].make(), roster[name].spec)
    runs["clairvoyant"] = _run(study, site, _clairvoyant(study, site), None)
    return _table(runs)


def grid(study: Study, site: Site, settings: Iterable[Mapping[str, float | str]]) -> pd.DataFrame:
    """Return a row for each setting of the trigger, its keys among the columns."""
    rows = []
    for keys in settings:
        row = _table({"prewarm": run(study, site, **keys)}).iloc[0].to_dict()
        rows.append(dict(keys) | {str(key): value for key, value in row.items()})
    return pd.DataFrame(rows)


def cheapest(table: pd.DataFrame, *, least_covered: float) -> dict[str, float]:
    """Return the row of fewest GPU-hours that covers this part of demand, 0 to 1.

    Raises ValueError, with the best one there is, when none does.
    """
    good = table[table["covered"] >= least_covered]
    if good.empty:
        raise ValueError(
            f"no setting covers {least_covered:.4f} of demand; the best covers "
            f"{table['covered'].max():.4f}: try a higher floor or quantile"
        )
    return {str(key): value for key, value in good.sort_values("gpu_hours").iloc[0].items()}


def _run(
    study: Study, site: Site, policy: Policy | DirectPolicy, spec: ScaledObjectSpec | None
) -> Run:
    cluster = Cluster(
        model=PLACEHOLDERS[site.gpu],
        cold_start=always(site.cold_start_seconds),
        nodes=Nodes(present=2 * site.max_replicas),
        initial_replicas=_at_first(study, site),
        carried_per_replica=site.threshold,
    )
    return simulate(study.requests, cluster, policy, seed=site.seed, spec=spec, engine=site.engine)


def _needs(study: Study, site: Site) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the replicas that each minute of the run needs."""
    need = needed(np.nan_to_num(minutes(study.requests)), site.threshold)
    return np.asarray(np.minimum(need, site.max_replicas), dtype=np.int64)


def _at_first(study: Study, site: Site) -> int:
    return max(1, int(_needs(study, site)[:5].max()))


def _clairvoyant(study: Study, site: Site) -> Clairvoyant:
    costs = Costs(
        cold_start_ticks=ceil(site.cold_start_seconds / STEP_SECONDS),
        initial_replicas=_at_first(study, site),
    )
    return Clairvoyant(optimum(_needs(study, site), costs), tick_seconds=STEP_SECONDS)


def _by_minute(run: Run) -> dict[str, float]:
    """Return the shortage by whole minutes, and the part of demand that was covered."""
    shortage = minute_shortage(run)
    demand = float(np.nansum(minutes(run.requests))) * STEP_SECONDS
    return {"shortage": shortage, "covered": 1.0 - shortage / demand if demand > 0 else 1.0}


def _table(runs: Mapping[str, Run]) -> pd.DataFrame:
    """Return the figures of runs; saving and regret where the table has what they compare with."""
    hours = {name: figures_of(each, Terms()).gpu_hours.total for name, each in runs.items()}
    terms = Terms(
        best_gpu_hours=hours.get("clairvoyant"), static_peak_gpu_hours=hours.get("static-peak")
    )
    rows = {
        name: figures_of(each, terms).as_plain() | _by_minute(each) for name, each in runs.items()
    }
    frame = pd.DataFrame(rows).T[list(COLUMNS)].rename(columns=COLUMNS)
    numbers: pd.DataFrame = frame.apply(pd.to_numeric, errors="coerce")
    return numbers.dropna(axis="columns", how="all")
