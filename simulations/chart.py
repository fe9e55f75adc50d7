"""The hour as a chart in the terminal: demand against what the ready replicas carry."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import isnan

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from simulations.braille import Canvas, Curve, Window
from simulations.moments import Moment, Terms

DEMAND, FORECAST, PREWARM, REACTIVE = "blue", "yellow", "bold green", "red"
LEGEND = (
    ("demand", DEMAND),
    ("forecast", FORECAST),
    ("ready with Prewarm", PREWARM),
    ("ready reactive", REACTIVE),
)
AXIS_WIDTH = 5
HEADROOM = 1.15
QUARTER_SECONDS = 900.0


def clock(at: float) -> str:
    """Return the time of day."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")


def legend() -> Text:
    """Return what the colours mean."""
    return Text("  ").join(Text.assemble(("━ ", style), name) for name, style in LEGEND)


class DemandChart:
    """A rich renderable that fills the room it gets."""

    def __init__(self, moments: Sequence[Moment], terms: Terms) -> None:
        self._moments = moments
        self._terms = terms

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the chart's lines, with axes and legend."""
        del console
        width = options.max_width - AXIS_WIDTH - 1
        height = max(3, (options.height or 10) - 2)
        terms, highest = self._terms, self._highest()
        window = Window(start_at=terms.start_at, end_at=terms.end_at, highest=highest)
        canvas = Canvas(width, height, window)
        for curve in self._curves():
            canvas.draw(curve)
        labels = _value_labels(highest, height)
        for number, line in enumerate(canvas.rows()):
            yield Text.assemble((f"{labels.get(number, ''):>{AXIS_WIDTH}}┤", "dim"), line)
        yield self._time_axis(canvas, width)
        yield legend()

    def _highest(self) -> float:
        """Return the top of the chart, with room from the start for four replicas more."""
        threshold, floor = self._terms.threshold, self._terms.warm_floor
        values = [threshold * (floor + 4)]
        for m in self._moments:
            values += [m.demand, m.prewarm.ready * threshold, m.reactive.ready * threshold]
            values += [] if isnan(m.forecast) else [m.forecast]
        return max(values) * HEADROOM

    def _curves(self) -> list[Curve]:
        threshold, moments = self._terms.threshold, self._moments
        prewarm = [(m.at, m.prewarm.ready * threshold) for m in moments]
        reactive = [(m.at, m.reactive.ready * threshold) for m in moments]
        return [
            Curve(points=[(m.at, m.demand) for m in moments], style=DEMAND, is_filled=True),
            Curve(points=[(m.at, m.forecast) for m in moments], style=FORECAST),
            Curve(points=reactive, style=REACTIVE, is_step=True),
            Curve(points=prewarm, style=PREWARM, is_step=True),
        ]

    def _time_axis(self, canvas: Canvas, width: int) -> Text:
        """Return the times below the chart, the spike's among them."""
        line = [" "] * width
        terms = self._terms
        first = terms.start_at // QUARTER_SECONDS * QUARTER_SECONDS
        for at in (*(first + QUARTER_SECONDS * n for n in range(6)), terms.spike_at):
            label = f"▲ spike {clock(at)}" if at == terms.spike_at else clock(at)
            place = canvas.column_of(at)
            if terms.start_at <= at <= terms.end_at and place + len(label) <= width:
                line[place : place + len(label)] = label
        return Text(" " * AXIS_WIDTH + "└" + "".join(line), style="dim")


def _value_labels(highest: float, height: int) -> dict[int, str]:
    """Return labels at round values, by row from the top; at most one for two rows."""
    steps = (10.0**power * digit for power in range(-2, 6) for digit in (1, 2, 5))
    step = next(s for s in steps if highest / s <= max(2.0, 0.6 * height))
    values = [step * n for n in range(int(highest / step) + 1)]
    return {height - 1 - round(v / highest * (height - 1)): f"{v:g}/s" for v in values}
