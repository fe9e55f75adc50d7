"""Prints a run: methods, costs, and goals, as plain text."""

import numpy as np
from forecast_goals import OURS, Goal
from forecast_scores import Scores, Summary

NAME_WIDTH = 40
CELL_WIDTH = 29


def method_table(scores: Scores, level: float) -> str:
    """Return each method's ratio, worst series and coverage at one level, the best at 15 first.

    Of two calibrated forms of a rival only the better one has a line.
    """
    n_series = len({result.series for result in scores.results})
    middle = scores.horizons[len(scores.horizons) // 2]
    found = [(name, scores.summary(name, middle, level)) for name in scores.methods]
    ranked = without_worse_calibration(sorted((s.ratio, n) for n, s in found if s is not None))
    heads = [f"H{h}   worst  held (least)" for h in scores.horizons]
    lines = [f"p{level * 100:g}".ljust(NAME_WIDTH) + "".join(h.ljust(CELL_WIDTH) for h in heads)]
    for name in ranked:
        summaries = [scores.summary(name, horizon, level) for horizon in scores.horizons]
        n = max(s.n_series for s in summaries if s is not None)
        label = name if n == n_series else f"{name} [{n}]"
        lines.append(label.ljust(NAME_WIDTH) + "".join(_cell(s) for s in summaries))
    return "\n".join(lines)


def without_worse_calibration(ranked: list[tuple[float, str]]) -> list[str]:
    """Return names from the best on, each rival with the better of `+conf` and `+add` only."""
    seen: set[str] = set()
    kept = []
    for _, name in ranked:
        stem = name.removesuffix(" +conf").removesuffix(" +add")
        if name != stem and stem in seen:
            continue
        if name != stem:
            seen.add(stem)
        kept.append(name)
    return kept


def subset_table(scores: Scores, level: float) -> str:
    """Return methods that ran on some series only beside others on the same ones."""
    every = {result.series for result in scores.results}
    lines = []
    for name in scores.methods:
        mine = set(scores.ratios(name, scores.horizons[0], level))
        if mine == every or not mine:
            continue
        cells = []
        for other in (name, OURS, "last +conf"):
            ratios = [scores.summary(other, h, level, only=mine) for h in scores.horizons]
            shown = " / ".join("-" if s is None else f"{s.ratio:.3f}" for s in ratios)
            cells.append(f"{shown}".ljust(25))
        lines.append(f"{name} [{len(mine)}]".ljust(NAME_WIDTH) + "".join(cells))
    if not lines:
        return ""
    title = f"p{level * 100:g} on the same series".ljust(NAME_WIDTH)
    head = title + "it".ljust(25) + OURS.ljust(25) + "last +conf"
    return "\n".join([head, *lines])


def cost_table(scores: Scores) -> str:
    """Return processor time per fit and per tick; the calibrated forms cost the same."""
    lines = ["processor time".ljust(NAME_WIDTH) + "s per fit".rjust(12) + "ms per tick".rjust(14)]
    for name in scores.methods:
        if name.endswith(("+conf", "+add")):
            continue
        fit, tick = scores.costs(name)
        shown = "-" if np.isnan(fit) else f"{fit:.4f}"
        lines.append(name.ljust(NAME_WIDTH) + shown.rjust(12) + f"{1000 * tick:.4f}".rjust(14))
    return "\n".join(lines)


def goal_table(goals: list[Goal], horizons: tuple[int, ...]) -> str:
    """Return goals with value and limit at each horizon and what is to be said."""
    heads = "".join(f"H{h}".ljust(18) for h in horizons)
    lines = ["goal".ljust(50) + heads]
    for goal in goals:
        cells = []
        for value, limit in zip(goal.values, goal.limits, strict=True):
            shown = "-" if np.isnan(value) else format(value, goal.form)
            aim = "" if np.isnan(limit) else f" ({goal.sense} {limit:{goal.form}})"
            cells.append(f"{shown}{aim}".ljust(18))
        gap = " " * 18 * (len(horizons) - len(cells))
        lines.append(goal.name.ljust(50) + "".join(cells) + gap + goal.verdict)
    return "\n".join(lines)


def _cell(summary: Summary | None) -> str:
    if summary is None:
        return "-".ljust(CELL_WIDTH)
    return (
        f"{summary.ratio:.3f} {summary.worst:6.2f}  "
        f"{summary.coverage:.3f} ({summary.least_coverage:.2f})"
    ).ljust(CELL_WIDTH)
