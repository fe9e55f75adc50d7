"""What flags hold: durations, lists, quantiles; and how durations are written."""

import re

from simulations.backtest.errors import BadInput

UNIT_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")


def seconds(flag: str, text: str) -> float:
    """Return a duration such as 300, 90s, 5m, 1.5h or 14d in seconds."""
    found = _DURATION.fullmatch(text.strip())
    value = float(found[1]) * UNIT_SECONDS[found[2]] if found else 0.0
    if not value > 0:
        raise BadInput(
            f'{flag}: "{text}" is not allowed; allowed is a time > 0: seconds, or with a unit as '
            "in 90s, 5m, 1h, 14d"
        )
    return value


def several_seconds(flag: str, text: str) -> tuple[float, ...]:
    """Return several durations between commas, each once, the shortest first."""
    return tuple(sorted({seconds(flag, part) for part in text.split(",")}))


def check_units(flag: str, text: str | None, step_seconds: float) -> None:
    """Raise `BadInput` for a bare number of seconds that is shorter than a step of the data."""
    for part in () if text is None else map(str.strip, text.split(",")):
        if not part[-1].isalpha() and (value := seconds(flag, part)) < step_seconds:
            raise BadInput(
                f'{flag}: "{part}" is {value:g} seconds, shorter than the step of the data, '
                f"{words(step_seconds)}; did you mean {part}m? If not, write {part}s"
            )


def quantiles(flag: str, text: str) -> tuple[float, ...]:
    """Return several quantiles between commas, each once, the lowest first."""
    found: set[float] = set()
    for part in text.split(","):
        try:
            value = float(part)
        except ValueError:
            value = 0.0
        if not 0 < value < 1:
            raise BadInput(
                f'{flag}: "{part.strip()}" is not allowed; allowed are numbers between 0 and 1 '
                "with commas between them, as in 0.9,0.95"
            )
        found.add(value)
    return tuple(sorted(found))


def words(value: float) -> str:
    """Return seconds as people write them: 5 min, 90 s, 1.5 h, 4 days."""
    for unit, name in ((86_400.0, "day"), (3600.0, "h"), (60.0, "min")):
        count = value / unit
        if count >= 1 and abs(count * 4 - round(count * 4)) < 1e-9:  # noqa: PLR2004 - quarters
            plural = "s" if name == "day" and count != 1 else ""
            return f"{count:g} {name}{plural}"
    return f"{value:g} s"
