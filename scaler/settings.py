"""What the operator decides. Parsed once, in the command; nothing else reads the environment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerSettings:
    """Pace and bounds of the ticks."""

    tick_seconds: float = 15.0  # the HPA's own sync period: a faster tick would go unread
    # Samples stamped before a tick still arrive after it: a scrape takes its time.
    settle_seconds: float = 1.0
    tick_deadline_seconds: float = 60.0
    # How long one tick goes on reading older days; the next one goes on from there.
    head_seconds: float = 5.0
    # After a restart every target is new at once: older days and fits wait for the second tick, so
    # that each target's first look comes first. A check has one target and one tick.
    is_all_in_first_tick: bool = False
    # How long a tick that has read its demand waits for leading queries; they go on beside it.
    leading_wait_seconds: float = 1.0
    # A fit learns the shape of days; the level of the last minutes enters with each forecast.
    refit_seconds: float = 21_600.0
    refit_seconds_when_young: float = 3_600.0  # a short history doubles quickly
    young_days: float = 4.0  # from here on the learners have what they need (docs/forecasting.md)
    forget_after_seconds: float = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files of the gRPC port, read again when they change; `client_ca_file`: mutual TLS."""

    certificate_file: str
    key_file: str
    client_ca_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where the scaler listens, and how much it takes on."""

    grpc_address: str = "127.0.0.1:6000"
    http_address: str = "127.0.0.1:6080"
    tls: TlsFiles | None = None
    grace_seconds: float = 5.0
    max_targets: int = 2_000
    max_targets_per_namespace: int = 500
