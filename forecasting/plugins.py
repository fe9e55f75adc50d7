"""Experts that are not in the default mixture: our own by name, and those of other distributions.

Others bring theirs through the entry-point group `prewarm.experts`. In a mixture each earns its
weight or gets none.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from forecasting.default import default_experts
from forecasting.experts import Expert

GROUP = "prewarm.experts"
# Loaded by name alone: their libraries take a second to import.
NAMED: Mapping[str, str] = {
    "boosted": "forecasting.boosted:Boosted",
    "holt-winters": "forecasting.holt_winters:HoltWinters",
}
DEFAULT, INSTALLED = "default", "installed"
USUAL = (DEFAULT, INSTALLED)
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
    own = {expert.name for expert in default_experts()}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            expert = _made(point)
            if expert.name in own | {other.name for other in found}:
                raise ValueError(f"name: {expert.name!r} is that of another expert already")  # noqa: TRY301 - reported like the rest
            found.append(expert)
        except Exception as exc:  # noqa: BLE001 - code of others may fail in any way
            report(point.name, exc)
    return tuple(found)


def chosen_experts(names: Iterable[str] = USUAL, report: Report = _ignore) -> tuple[Expert, ...]:
    """Return the experts that take part, our own first, from the least able to the most.

    A name is that of an expert, `default` for those of the default mixture or `installed` for
    those of installed distributions. The first of the default mixture always takes part: it
    answers from one observation on. `report` as in `installed_experts`; one that was asked for by
    its own name must load. Raises as `experts_named` does.
    """
    asked, own = dict.fromkeys(names), default_experts()
    ours = {expert.name for expert in own}
    kept = [each for each in own if DEFAULT in asked or each.name in asked or each is own[0]]
    found = {expert.name: expert for expert in kept}
    for expert in experts_named(asked.keys() - ours - {*USUAL}):
        if expert.name in ours:
            raise ValueError(f"{expert.name!r} is the name of an expert of ours already")
        found[expert.name] = expert
    for expert in installed_experts(report) if INSTALLED in asked else ():
        found.setdefault(expert.name, expert)
    return tuple(found.values())


def allowed_names() -> tuple[str, ...]:
    """Return every name that `chosen_experts` takes here."""
    own = (expert.name for expert in default_experts())
    points = {point.name for point in entry_points(group=GROUP)}
    return (*USUAL, *own, *sorted({*NAMED, *points}))


def experts_named(names: Iterable[str]) -> tuple[Expert, ...]:
    """Return experts by name, our own or those of installed distributions.

    Raises ValueError for a name that nobody brings or that can't be loaded, and
    ModuleNotFoundError, with what to install, for one whose library is missing.
    """
    return tuple(_named(name) for name in names)


def _named(name: str) -> Expert:
    if name in NAMED:
        module, attribute = NAMED[name].split(":")
        made: Expert = getattr(import_module(module), attribute)()
        return made
    for own in default_experts():
        if own.name == name:
            return own
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name in points:
        try:
            return _made(points[name])
        except Exception as exc:  # code of others may fail in any way
            raise ValueError(
                f"{name!r} can't be loaded ({type(exc).__name__}: {exc}); reinstall or remove the "
                "distribution that brings it"
            ) from exc
    raise ValueError(
        f"{name!r} is not allowed; allowed are {', '.join(allowed_names())}, and what other "
        f"distributions bring through the entry-point group {GROUP} once they are installed"
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
