"""The settings that are searched: a grid of each knob, and a Sobol sequence through all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from scipy.stats import qmc


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Setting:
    """One choice of every knob. Windows are the HPA's stabilisation, in seconds."""

    threshold: float
    warm_floor: int
    quantile: float
    lead_time_seconds: float
    up_window_seconds: float
    down_window_seconds: float

    @property
    def metadata(self) -> dict[str, str]:
        """The trigger's keys."""
        return {
            "threshold": f"{self.threshold:.4g}",
            "warmFloor": str(self.warm_floor),
            "quantile": f"{self.quantile:g}",
            "leadTimeSeconds": f"{self.lead_time_seconds:g}",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """The values of each knob, by the name of the setting's field."""

    values: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        wanted = {field.name for field in fields(Setting)}
        if set(self.values) != wanted or not all(self.values.values()):
            raise ValueError(f"values: needed is one or more of each of {sorted(wanted)}")

    @property
    def size(self) -> int:
        """How many settings there are in all."""
        size = 1
        for values in self.values.values():
            size *= len(values)
        return size

    def sample(self, n: int, *, seed: int) -> tuple[Setting, ...]:
        """Return up to n different settings, spread evenly: all of them where n is enough.

        A scrambled Sobol sequence (Owen 1998), each coordinate cut into the values of its knob.
        """
        names = sorted(self.values)
        found: dict[Setting, None] = {}
        sequence = qmc.Sobol(len(names), rng=seed)
        wanted = min(n, self.size)
        # A sequence cut into a grid repeats itself; 64 rounds find all but the last few.
        for _ in range(64):
            for point in sequence.random(max(2, 1 << (wanted - 1).bit_length())).tolist():
                chosen = {
                    name: self.values[name][int(share * len(self.values[name]))]
                    for name, share in zip(names, point, strict=True)
                }
                found.setdefault(_setting(chosen))
                if len(found) == wanted:
                    return tuple(found)
        return tuple(found)


def _setting(chosen: Mapping[str, float]) -> Setting:
    return Setting(
        threshold=chosen["threshold"],
        warm_floor=round(chosen["warm_floor"]),
        quantile=chosen["quantile"],
        lead_time_seconds=chosen["lead_time_seconds"],
        up_window_seconds=chosen["up_window_seconds"],
        down_window_seconds=chosen["down_window_seconds"],
    )
