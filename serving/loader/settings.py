"""What can be set about a load: each with its unit, its bounds and the reason for its default."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, Literal, Self, get_args

from serving.loader.errors import BadSettings
from serving.loader.plan import BLOCK_BYTES, PAGE_BYTES

MIB = 1024 * 1024
DirectIo = Literal["auto", "always", "never"]

# (least, most) of every number.
BOUNDS: Mapping[str, tuple[float, float]] = {
    "read_threads": (1, 256),
    "read_bytes": (PAGE_BYTES, 1024 * MIB),
    "slot_bytes": (BLOCK_BYTES + PAGE_BYTES, 4096 * MIB),
    "host_bytes": (16 * MIB, 256 * 1024 * MIB),
    "device_bytes": (16 * MIB, 256 * 1024 * MIB),
    "retries": (0, 100),
    "stall_seconds": (0.1, 3_600),
    "range_seconds": (0.1, 86_400),
    "deadline_seconds": (0.1, 604_800),
    "bandwidth_bytes_per_second": (1, 1e15),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How weights are read. `None` means not limited, or chosen by the loader."""

    # 4 for files, whose device is busy with a few large reads; 16 for HTTP and object storage,
    # where one connection brings about 100 MB/s.
    read_threads: int | None = None
    # Large enough that a request's latency is a small part of it, small enough to be read again.
    read_bytes: int = 8 * MIB
    slot_bytes: int = 32 * MIB
    # Staging in host memory, pinned with CUDA. Usually less is used: see `stream.host_ring_bytes`.
    host_bytes: int = 1024 * MIB
    # Staging on the device.
    device_bytes: int = 256 * MIB
    # auto: past the page cache what isn't in it.
    direct_io: DirectIo = "auto"
    # Of one range, each after a longer pause.
    retries: int = 6
    # Without a byte for so long, a connection is given up.
    stall_seconds: float = 30.0
    # One range, however slowly its bytes come; then the rest of it is asked for anew.
    range_seconds: float = 120.0
    deadline_seconds: float | None = None
    bandwidth_bytes_per_second: float | None = None
    # The manifest that `prewarm weights digest` wrote; a path or an address.
    digests: str | None = None
    # Unless given, the clouds' own configuration decides.
    s3_endpoint: str | None = None
    s3_region: str | None = None
    s3_anonymous: bool = False
    gcs_endpoint: str | None = None
    gcs_anonymous: bool = False

    def __post_init__(self) -> None:
        for name in BOUNDS:
            _require_number(name, getattr(self, name))
        if self.direct_io not in get_args(DirectIo):
            raise BadSettings(
                f"direct_io must be one of {', '.join(get_args(DirectIo))}, got {self.direct_io!r}"
            )
        if self.slot_bytes > self.host_bytes // 2:
            raise BadSettings(
                f"slot_bytes must be at most half of host_bytes {self.host_bytes}, "
                f"got {self.slot_bytes}: one slot is read while another is copied"
            )
        for name in ("s3_anonymous", "gcs_anonymous"):
            if not isinstance(getattr(self, name), bool):
                raise BadSettings(f"{name} must be true or false, got {getattr(self, name)!r}")
        for name in ("digests", "s3_endpoint", "s3_region", "gcs_endpoint"):
            if not isinstance(getattr(self, name), str | None):
                raise BadSettings(f"{name} must be text, got {getattr(self, name)!r}")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return settings from a mapping such as `model_loader_extra_config`.

        Raises BadSettings, also for a key that there isn't.
        """
        known = [field.name for field in fields(cls)]
        for key in values:
            if key not in known:
                near = get_close_matches(str(key), known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
                raise BadSettings(f"unknown setting {key!r}: {hint}")
        return cls(**values)


_OPTIONAL = ("read_threads", "deadline_seconds", "bandwidth_bytes_per_second")
_FRACTIONS = (
    "stall_seconds",
    "range_seconds",
    "deadline_seconds",
    "bandwidth_bytes_per_second",
)


def _require_number(name: str, value: object) -> None:
    if value is None and name in _OPTIONAL:
        return
    is_whole = name not in _FRACTIONS
    if isinstance(value, bool) or not isinstance(value, int if is_whole else (int, float)):
        kind = "a whole number" if is_whole else "a number"
        raise BadSettings(f"{name} must be {kind}, got {value!r}")
    least, most = BOUNDS[name]
    if not least <= value <= most:
        raise BadSettings(f"{name} must be from {least:g} to {most:g}, got {value!r}")
