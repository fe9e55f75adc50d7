"""Experts that are not in the default mixture: our own by name, and those of other distributions.

Others bring theirs through the entry-point group `prewarm.experts`. In a mixture each earns its
weight or gets none.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from forecasting.experts import Expert

GROUP = "prewarm.experts"
# Loaded by name alone: their libraries take a second to import.
NAMED: Mapping[str, str] = {
    "boosted": "forecasting.boosted:Boosted",
    "holt-winters": "forecasting.holt_winters:HoltWinters",
}
Report = Callable[[str, Exception], None]
"""Told of an expert that could not be loaded: the name of its entry point, and why."""


def _ignore(name: str, error: Exception) -> None:
    """Leave an expert out without a word."""


def installed_experts(report: Report = _ignore) -> tuple[Expert, ...]:
    """Return the experts of installed distributions, in the order of their entry points' names.

    An entry point names a callable without arguments that returns an `Expert`. One that can't be
    loaded is left out, and `report` is told: a forecast without it is better than none.
    """
    found: list[Expert] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            expert = _made(point)
            if expert.name in {other.name for other in found}:
                raise ValueError(f"name: {expert.name!r} is that of another expert already")  # noqa: TRY301 - reported like the rest
            found.append(expert)
        except Exception as exc:  # noqa: BLE001 - code of others may fail in any way
            report(point.name, exc)
    return tuple(found)


def experts_named(names: Iterable[str]) -> tuple[Expert, ...]:
    """Return experts by name, our own references or those of installed distributions.

    Raises ValueError for a name that nobody brings, and ModuleNotFoundError, with what to
    install, for one whose library is missing.
    """
    return tuple(_named(name) for name in names)


def _named(name: str) -> Expert:
    if name in NAMED:
        module, attribute = NAMED[name].split(":")
        made: Expert = getattr(import_module(module), attribute)()
        return made
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name in points:
        return _made(points[name])
    raise ValueError(
        f"experts: {name!r} is not known; allowed are {', '.join(sorted({*NAMED, *points}))}; "
        f"install the distribution that brings it through the entry-point group {GROUP}"
    )


def _made(point: EntryPoint) -> Expert:
    expert: Expert = point.load()()
    lacking = [
        name for name in ("name", "is_additive", "method", "fit") if not hasattr(expert, name)
    ]
    if lacking:
        raise TypeError(
            f"{point.value} is no expert: it lacks {', '.join(lacking)}; "
            "see forecasting.experts.Expert"
        )
    return expert
