"""A target's charts as SVG: demand with its forecast, replicas with what was needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from scaler.page.axes import Scale, clock, nice_ticks, time_ticks
from scaler.page.lines import Line, Lines, Point, highest
from scaler.page.tree import tag
from scaler.page.view import ChangeView
from scaler.words import number

HEADROOM = 1.05
LABEL_GAP = 6.0
LABEL_RAISE = 4.0
LEAST_LABELLED = 30.0  # a narrower lead window has no room for its name


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A drawing's measures, in units of about a pixel."""

    width: float
    height: float
    left: float = 44.0
    right: float = 12.0
    top: float = 20.0
    bottom: float = 22.0
    n_time_labels: int = 9


WIDE = (Size(width=960.0, height=270.0), Size(width=960.0, height=210.0))
NARROW = (
    Size(width=380.0, height=230.0, left=36.0, n_time_labels=4),
    Size(width=380.0, height=190.0, left=36.0, n_time_labels=4),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A drawing's scales."""

    size: Size
    x: Scale
    y: Scale
    ticks: tuple[float, ...]


def demand_chart(lines: Lines, size: Size, zone: ZoneInfo) -> Element:
    """Return demand up to now, and the forecast bound up to the end of the window ahead."""
    high = HEADROOM * (highest(lines.demand, lines.bound) or lines.threshold)
    frame = _frame(lines, size, nice_ticks(high, n_at_most=5))
    label = (
        f"Demand since {clock(lines.start_at, zone)}, at most "
        f"{number(highest(lines.demand))}; the forecast bound goes up to "
        f"{number(highest(lines.bound))}."
    )
    return _svg(
        frame,
        label,
        *_background(lines, frame, zone),
        _area(lines.bound, frame, "band"),
        *_curves(lines.bound, frame, "bound"),
        *_curves(lines.demand, frame, "demand"),
    )


def replica_chart(
    lines: Lines, size: Size, zone: ZoneInfo, changes: Sequence[ChangeView]
) -> Element:
    """Return replicas wanted and ready against those that demand needed."""
    counts = (lines.needed, lines.replicas, lines.reactive, lines.ready)
    high = max(highest(*counts), float(lines.floor_replicas), 1.0)
    frame = _frame(lines, size, nice_ticks(high * 1.1, n_at_most=4, is_whole=True))
    label = (
        f"Replicas since {clock(lines.start_at, zone)}: at most {highest(lines.replicas):.0f} "
        f"asked for, at most {highest(lines.needed):.0f} needed by demand."
    )
    levels = [(float(lines.floor_replicas), "floor")] if lines.floor_replicas else []
    if lines.max_replicas <= frame.y.high:
        levels.append((float(lines.max_replicas), "ceiling"))
    return _svg(
        frame,
        label,
        *_background(lines, frame, zone),
        _area(lines.needed, frame, "need", is_step=True),
        *(_level(frame, value, name) for value, name in levels),
        *_curves(lines.reactive, frame, "reactive", is_step=True),
        *_curves(lines.replicas, frame, "replicas", is_step=True),
        *_curves(lines.ready, frame, "ready", is_step=True),
        *_markers(lines, frame, zone, changes),
    )


def _frame(lines: Lines, size: Size, ticks: tuple[float, ...]) -> Frame:
    return Frame(
        size=size,
        x=Scale(
            low=lines.start_at,
            high=lines.end_at,
            place_of_low=size.left,
            place_of_high=size.width - size.right,
        ),
        y=Scale(
            low=0.0,
            high=ticks[-1],
            place_of_low=size.height - size.bottom,
            place_of_high=size.top,
        ),
        ticks=ticks,
    )


def _svg(frame: Frame, label: str, *children: Element | None) -> Element:
    size = frame.size
    cross = tag("line", class_="cross", y1=size.top, y2=size.height - size.bottom, x1=-9, x2=-9)
    return tag(
        "svg",
        *children,
        cross,
        viewBox=f"0 0 {size.width:g} {size.height:g}",
        role="img",
        aria_label=label,
        data_left=size.left,
        data_right=size.width - size.right,
        data_width=size.width,
    )


def _background(lines: Lines, frame: Frame, zone: ZoneInfo) -> Iterator[Element]:
    """Yield spans without evidence, the lead window, grid and time axis."""
    size, x, y = frame.size, frame.x, frame.y
    top, bottom = y.place_of_high, y.place_of_low
    for start_at, end_at in lines.not_fresh:
        yield _span(frame, start_at, end_at, "notfresh", "no fresh evidence")
    yield _span(frame, lines.now, lines.lead_until_at, "lead", "lead time")
    for value in frame.ticks:
        yield tag("line", class_="grid", x1=size.left, x2=x.place_of_high, y1=y(value), y2=y(value))
        yield _text(number(value), size.left - LABEL_GAP, y(value) + LABEL_RAISE, "end")
    for at in time_ticks(lines.start_at, lines.end_at, zone, n_at_most=size.n_time_labels):
        yield tag("line", class_="tick", x1=x(at), x2=x(at), y1=bottom, y2=bottom + 4.0)
        if size.left + 8 <= x(at) <= x.place_of_high - 12:  # a label must not be cut off
            yield _text(clock(at, zone), x(at), size.height - LABEL_GAP, "middle")
    yield tag("line", class_="now", x1=x(lines.now), x2=x(lines.now), y1=top, y2=bottom)
    yield _text("now", x(lines.now) - LABEL_RAISE, top - LABEL_GAP, "end")
    if x(lines.lead_until_at) - x(lines.now) >= LEAST_LABELLED and size.width > NARROW[0].width:
        yield _text("lead time", x.place_of_high, top - LABEL_GAP, "end")


def _span(frame: Frame, start_at: float, end_at: float, name: str, title: str) -> Element:
    left, right = frame.x(start_at), frame.x(end_at)
    top, bottom = frame.y.place_of_high, frame.y.place_of_low
    return tag(
        "rect",
        tag("title", title),
        class_=name,
        x=left,
        y=top,
        width=max(1.0, right - left),
        height=bottom - top,
    )


def _curves(line: Line, frame: Frame, name: str, *, is_step: bool = False) -> Iterator[Element]:
    for piece in line:
        if len(piece) == 1:  # one known point between two gaps is still seen
            (at, value) = piece[0]
            yield tag("circle", class_=f"{name} dot", cx=frame.x(at), cy=frame.y(value), r=2.0)
        else:
            yield tag("path", class_=name, d=_path(piece, frame, is_step=is_step))


def _area(line: Line, frame: Frame, name: str, *, is_step: bool = False) -> Element:
    parts = []
    for piece in line:
        last, first = frame.x(piece[-1][0]), frame.x(piece[0][0])
        down = f"V{frame.y.place_of_low:.1f}H{first:.1f}Z"
        if last > first:
            parts.append(_path(piece, frame, is_step=is_step) + down)
    return tag("path", class_=name, d="".join(parts))


def _path(piece: Sequence[Point], frame: Frame, *, is_step: bool) -> str:
    """Return a path; a step holds its value until the next point, and says nothing twice."""
    at, value = piece[0]
    parts = [f"M{frame.x(at):.1f} {frame.y(value):.1f}"]
    before = value
    for at, value in piece[1:]:
        if not is_step:
            parts.append(f"L{frame.x(at):.1f} {frame.y(value):.1f}")
        elif value != before:
            parts.append(f"H{frame.x(at):.1f}V{frame.y(value):.1f}")
        before = value
    if is_step:
        parts.append(f"H{frame.x(piece[-1][0]):.1f}")
    return "".join(parts)


def _level(frame: Frame, value: float, name: str) -> Element:
    place = frame.y(value)
    return tag(
        "g",
        tag("line", x1=frame.size.left, x2=frame.x.place_of_high, y1=place, y2=place),
        _text(name, frame.size.left + LABEL_GAP, place - LABEL_RAISE, "start"),
        class_=name,
    )


def _markers(
    lines: Lines, frame: Frame, zone: ZoneInfo, changes: Sequence[ChangeView]
) -> Iterator[Element]:
    """Yield a mark for each change, with its reason as a tooltip."""
    for change in changes:
        if change.before_replicas == change.after_replicas or change.at < lines.start_at:
            continue
        before = "none" if change.before_replicas is None else str(change.before_replicas)
        title = f"{clock(change.at, zone)}: {before} to {change.after_replicas}. {change.because}"
        yield tag(
            "circle",
            tag("title", title),
            class_="change",
            cx=frame.x(change.at),
            cy=frame.y(float(change.after_replicas)),
            r=3.5,
        )


def _text(text: str, x: float, y: float, anchor: str) -> Element:
    return tag("text", text, x=x, y=y, text_anchor=anchor)
