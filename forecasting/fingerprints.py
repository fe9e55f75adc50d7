"""Short digests of a history, day by day: whether another one repeats it, without keeping it."""

from dataclasses import dataclass
from hashlib import blake2b

from forecasting.localtime import DAY_SECONDS
from forecasting.series import Series

_DIGEST_BYTES = 12


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The digest of the grid points in [begin_at, end_at], one day at most."""

    begin_at: float
    end_at: float
    digest: bytes


def fingerprints(history: Series) -> tuple[Fingerprint, ...]:
    """Return the digests of each day of Unix time that the history has a part of."""
    found = []
    at = history.start_at
    while at <= history.end_at:
        end_at = (at // DAY_SECONDS + 1) * DAY_SECONDS - 0.5 * history.step_seconds
        day = history.between(at, end_at)
        found.append(Fingerprint(day.start_at, day.end_at, _digest(day)))
        at = day.end_at + history.step_seconds
    return tuple(found)


def holds(seen: tuple[Fingerprint, ...], history: Series) -> bool:
    """Return whether `history` repeats what was seen, as far back as it goes, to the last bit."""
    later = [one for one in seen if one.begin_at >= history.start_at]
    return bool(later) and all(
        one.end_at <= history.end_at
        and _digest(history.between(one.begin_at, one.end_at)) == one.digest
        for one in later
    )


def _digest(part: Series) -> bytes:
    head = f"{part.start_at!r} {part.step_seconds!r} {len(part)}".encode()
    digest = blake2b(head + part.values.tobytes(), digest_size=_DIGEST_BYTES)
    for name, values in part.leading:
        digest.update(name.encode() + values.tobytes())
    return digest.digest()
