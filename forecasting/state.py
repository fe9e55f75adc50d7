"""A fitted mixture as bytes and back, bit for bit: numbers and names only, no code.

The format, so that another program can read it: `MAGIC`, a version byte, 16 bytes of BLAKE2b over
the rest, then a numpy `npz` of arrays. Its entry `head` is UTF-8 JSON that says what is what;
floats in it are hexadecimal. Nothing in it is executed when it is read.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from hashlib import blake2b
from io import BytesIO
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable
from zipfile import BadZipFile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from forecasting.daymodel import DayModel
from forecasting.experts import Expert, FittedExpert
from forecasting.fingerprints import Fingerprint
from forecasting.fitted import FittedMixture
from forecasting.forecaster import Task
from forecasting.walk import Walk

MAGIC = b"prewarm-forecast"
VERSION = 2
_DIGEST_BYTES = 16
_START = len(MAGIC) + 1 + _DIGEST_BYTES

Arrays: TypeAlias = Mapping[str, NDArray[Any]]


class BadState(Exception):  # noqa: N818 - names what it is
    """Bytes that no fitted forecaster was stored in, or that other experts stored."""


@runtime_checkable
class StoredExpert(Protocol):
    """A fitted expert that can be stored. One that equals its expert need not be."""

    def arrays(self) -> Arrays:
        """Return all that it has learnt."""
        ...


@runtime_checkable
class RestoringExpert(Protocol):
    """An expert that makes its fitted self again."""

    def restored(self, arrays: Arrays) -> FittedExpert:
        """Return what `arrays` of the fitted expert gave."""
        ...


def to_bytes(fitted: FittedMixture) -> bytes:
    """Return the state of a fitted mixture.

    Raises BadState for an expert that has learnt something and has no `arrays`.
    """
    fitted = fitted.up_to_date()
    shelf = _Shelf()
    experts = [
        {"is": _identity(expert), "learnt": _learnt(expert, fit, shelf)}
        for expert, fit in zip(fitted.experts, fitted.model.fitted, strict=True)
    ]
    walk = {name: shelf.put(getattr(fitted.walk, name)) for name in ("at", "raw", "bounds")}
    head = {
        "task": _task_fields(fitted.task),
        "learnt_task": _task_fields(fitted.model.task),
        "begin_at": float(fitted.begin_at).hex(),
        "fitted_at": float(fitted.model.at).hex(),
        "offset": float(fitted.model.offset).hex(),
        "experts": experts,
        "walk": walk,
        "seen": [
            [float(one.begin_at).hex(), float(one.end_at).hex(), one.digest.hex()]
            for one in fitted.seen
        ],
    }
    body = shelf.packed(json.dumps(head, sort_keys=True).encode())
    return MAGIC + bytes([VERSION]) + _digest(body) + body


def from_bytes(data: bytes, experts: tuple[Expert, ...]) -> FittedMixture:
    """Return the fitted mixture that `to_bytes` stored, made of the same `experts`.

    Raises BadState for anything else, and says why.
    """
    head, arrays = _opened(data)
    try:
        stored = [expert["is"] for expert in head["experts"]]
        wanted = [_identity(expert) for expert in experts]
        if stored != wanted:
            raise BadState(
                f"the state was stored by other experts: {[one['name'] for one in stored]}, "
                f"not {[one['name'] for one in wanted]} with these settings; fit anew"
            )
        model = DayModel(
            at=float.fromhex(head["fitted_at"]),
            task=_task(head["learnt_task"]),
            offset=float.fromhex(head["offset"]),
            fitted=tuple(
                _restored(expert, entry["learnt"], arrays)
                for expert, entry in zip(experts, head["experts"], strict=True)
            ),
        )
        return FittedMixture(
            task=_task(head["task"]),
            begin_at=float.fromhex(head["begin_at"]),
            experts=experts,
            model=model,
            walk=Walk(**{name: arrays[key] for name, key in head["walk"].items()}),
            seen=tuple(
                Fingerprint(float.fromhex(begin), float.fromhex(end), bytes.fromhex(digest))
                for begin, end, digest in head["seen"]
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ZoneInfoNotFoundError) as exc:
        raise BadState(f"the state lacks something or holds what it should not: {exc!r}") from exc


class _Shelf:
    """Arrays to be stored, each once however many share it."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._arrays: dict[str, NDArray[Any]] = {}

    def put(self, array: NDArray[Any]) -> str:
        """Return the name under which the array is stored."""
        name = self._names.setdefault(id(array), f"a{len(self._names)}")
        self._arrays[name] = array
        return name

    def packed(self, head: bytes) -> bytes:
        """Return all arrays and the head as one npz."""
        out = BytesIO()
        np.savez_compressed(
            out, allow_pickle=False, head=np.frombuffer(head, dtype=np.uint8), **self._arrays
        )
        return out.getvalue()


def _opened(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    if data[: len(MAGIC)] != MAGIC:
        raise BadState(f"these bytes do not begin with {MAGIC!r}: no forecaster was stored there")
    version = data[len(MAGIC)] if len(data) > len(MAGIC) else None
    if version != VERSION:
        raise BadState(f"the state has version {version}, this program reads {VERSION}; fit anew")
    body = data[_START:]
    if _digest(body) != data[len(MAGIC) + 1 : _START]:
        raise BadState(f"the state is damaged or cut short ({len(data)} bytes); fit anew")
    try:
        with np.load(BytesIO(body), allow_pickle=False) as packed:
            arrays = {name: packed[name] for name in packed.files}
        head = json.loads(arrays.pop("head").tobytes())
    except (BadZipFile, ValueError, KeyError, OSError, EOFError) as exc:
        raise BadState(f"the state can't be read: {exc}; fit anew") from exc
    for array in arrays.values():
        array.setflags(write=False)
    return cast("dict[str, Any]", head), arrays


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=_DIGEST_BYTES).digest()


def _identity(expert: Expert) -> dict[str, Any]:
    """Return what an expert is and how it was set, as JSON gives it back."""
    made: object = expert
    is_settable = is_dataclass(made) and not isinstance(made, type)
    settings: dict[str, Any] = asdict(made) if is_settable else {}  # type: ignore[call-overload]
    identity = {"kind": type(expert).__qualname__, "name": expert.name, "settings": settings}
    return cast("dict[str, Any]", json.loads(json.dumps(identity, default=repr)))


def _learnt(expert: Expert, fitted: FittedExpert | None, shelf: _Shelf) -> Any:
    if fitted is None:
        return None
    mine: object = expert
    if fitted == mine:
        return "nothing"
    if not isinstance(fitted, StoredExpert) or not isinstance(expert, RestoringExpert):
        raise BadState(
            f"expert {expert.name!r} can't be stored: give its fitted form a method 'arrays' and "
            "the expert a method 'restored', or fit anew after a restart"
        )
    return {name: shelf.put(array) for name, array in fitted.arrays().items()}


def _restored(expert: Expert, learnt: Any, arrays: Arrays) -> FittedExpert | None:
    if learnt is None:
        return None
    if learnt == "nothing":
        return cast("FittedExpert", expert)
    return cast("RestoringExpert", expert).restored(
        {name: arrays[key] for name, key in learnt.items()}
    )


def _task_fields(task: Task) -> dict[str, Any]:
    return {
        "horizon_seconds": float(task.horizon_seconds).hex(),
        "level": float(task.level).hex(),
        "zone": task.zone.key,
        "holidays": sorted(int(day) for day in task.holidays),
    }


def _task(fields: dict[str, Any]) -> Task:
    return Task(
        horizon_seconds=float.fromhex(fields["horizon_seconds"]),
        level=float.fromhex(fields["level"]),
        zone=ZoneInfo(fields["zone"]),
        holidays=frozenset(fields["holidays"]),
    )
