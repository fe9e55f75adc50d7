"""What a load came to: bytes, seconds of each stage, and the one that limited it."""

from dataclasses import dataclass, field

STORAGE = "storage"
COPY = "copy to the device"
CONSUMER = "consumer"
_GIGA = 1e9


@dataclass(slots=True)
class Report:
    """Filled while a stream runs. Seconds are of waiting, each of another part of it.

    - `starved_seconds`: the consumer waited for a tensor.
    - `held_seconds`: the consumer had a tensor and worked on it.
    - `copy_seconds`: starting copies to the device, and waiting for room until they had ended.
    - `read_seconds`: sum over all threads of being in a read, so it may pass `seconds`.
    """

    n_bytes: int = 0
    n_tensors: int = 0
    n_reads: int = 0
    seconds: float = 0.0
    first_tensor_seconds: float | None = None
    starved_seconds: float = 0.0
    held_seconds: float = 0.0
    copy_seconds: float = 0.0
    read_seconds: float = 0.0
    verified_bytes: int = 0
    retries: int = 0
    host_bytes: int = 0
    device_bytes: int = 0
    largest_tensor_bytes: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def gigabytes_per_second(self) -> float:
        """Bytes over all seconds, in units of 10^9."""
        return self.n_bytes / self.seconds / _GIGA if self.seconds > 0 else 0.0

    @property
    def limiting_stage(self) -> str:
        """The stage that the others waited for.

        A consumer that starved waited for storage, unless copies took most of the time; one that
        didn't is the limit itself.
        """
        if self.copy_seconds > self.seconds / 2:
            return COPY
        return STORAGE if self.starved_seconds >= self.held_seconds else CONSUMER
