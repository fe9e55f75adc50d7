"""How long cold starts took: bars of equal width, with the quantile that is planned for."""

from collections.abc import Sequence
from itertools import pairwise
from math import floor
from xml.etree.ElementTree import Element

from scaler.page.axes import Scale, nice_ticks
from scaler.page.chart import Size
from scaler.page.tree import tag
from scaler.words import duration

SIZE = Size(width=460.0, height=190.0, left=30.0, bottom=26.0)
N_BARS = 20
BAR_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0)
LEAST_LABEL_GAP = 68.0
LEAST_LABEL_ROOM = 24.0  # to the right edge


def counts_of(starts: Sequence[float]) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return the edges of the bars from 0, and how many starts fall into each (low <= s < high)."""
    longest = max(starts)
    steps = (each for each in BAR_SECONDS if longest / each < N_BARS)
    width = next(steps, longest / (N_BARS - 1))
    edges = tuple(width * nth for nth in range(floor(longest / width) + 2))
    counts = [0] * (len(edges) - 1)
    for start in starts:
        counts[sum(edge <= start for edge in edges[1:])] += 1
    return edges, tuple(counts)


def histogram(starts: Sequence[float], planned_seconds: float | None) -> Element:
    """Return the drawing; needs one start at least."""
    edges, counts = counts_of(starts)
    high_seconds = max(edges[-1], (planned_seconds or 0.0) * 1.05)
    x = Scale(
        low=0.0,
        high=high_seconds,
        place_of_low=SIZE.left,
        place_of_high=SIZE.width - SIZE.right,
    )
    ticks = nice_ticks(float(max(counts)), n_at_most=4, is_whole=True)
    y = Scale(
        low=0.0, high=ticks[-1], place_of_low=SIZE.height - SIZE.bottom, place_of_high=SIZE.top
    )
    children = [
        tag("line", class_="grid", x1=SIZE.left, x2=x.place_of_high, y1=y(each), y2=y(each))
        for each in ticks
    ]
    children += [
        tag("text", f"{each:.0f}", x=SIZE.left - 6, y=y(each) + 4, text_anchor="end")
        for each in ticks
    ]
    for (low, high), count in zip(pairwise(edges), counts, strict=True):
        title = f"{duration(low)} to {duration(high)}: {count}"
        children.append(
            tag(
                "rect",
                tag("title", title),
                class_="bar",
                x=x(low) + 1,
                width=max(1.0, x(high) - x(low) - 2),
                y=y(float(count)),
                height=y.place_of_low - y(float(count)),
            )
        )
    last_place = -LEAST_LABEL_GAP
    for edge in edges:
        has_room = x(edge) + LEAST_LABEL_ROOM <= SIZE.width
        if has_room and x(edge) - last_place >= LEAST_LABEL_GAP:
            last_place = x(edge)
            children.append(
                tag("text", duration(edge), x=x(edge), y=SIZE.height - 8, text_anchor="middle")
            )
    if planned_seconds is not None:
        place = x(planned_seconds)
        children.append(
            tag("line", class_="planned", x1=place, x2=place, y1=SIZE.top, y2=y.place_of_low)
        )
        children.append(
            tag(
                "text",
                f"planned {duration(planned_seconds)}",
                x=place - 4,
                y=SIZE.top - 6,
                text_anchor="end",
            )
        )
    label = f"{len(starts)} cold starts, from {duration(min(starts))} to {duration(max(starts))}"
    return tag(
        "svg",
        *children,
        viewBox=f"0 0 {SIZE.width:g} {SIZE.height:g}",
        role="img",
        aria_label=label,
    )
