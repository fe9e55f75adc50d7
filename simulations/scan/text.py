"""A scan on a terminal: the table, why, and what was left out."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from simulations.scan.candidates import Left
from simulations.scan.judging import Finding

PLAIN_WIDTH = 140
HEADERS = (
    "#", "object", "predictable", "prediction", "missing replica-h/day: today", "predicted",
    "GPU-h/day: today", "predicted", "saved a month",
)  # fmt: skip


def cells(place: int, one: Finding) -> tuple[str, ...]:
    """Return a finding's row of the table."""
    money = one.money_saved_per_month
    return (
        str(place),
        one.candidate.name,
        f"{'yes' if one.is_predictable else 'no'} ({one.skill:+.0%})",
        str(one.outcome),
        f"{one.today.shortage / one.days:.2f}",
        f"{one.predicted.shortage / one.days:.2f}",
        f"{one.today.gpu_hours / one.days:.1f}",
        f"{one.predicted.gpu_hours / one.days:.1f}",
        "no price" if money is None else f"{money:+,.0f}",
    )


def write(findings: Sequence[Finding], left: Sequence[Left], console: Console) -> None:
    """Write the table, the reasons for each, the trigger of each that prediction pays for."""
    if findings:
        table = Table(box=None, pad_edge=False)
        for place, header in enumerate(HEADERS):
            table.add_column(
                header, justify="left" if place in {1, 2, 3} else "right", max_width=40
            )
        for place, one in enumerate(findings, start=1):
            table.add_row(*cells(place, one))
        console.print(table)
    for place, one in enumerate(findings, start=1):
        console.print(f"\n{place}. {one.candidate.name}: {one.headline}")
        for line in (one.why_predictable, *one.reasons, *one.candidate.notes):
            console.print(f"   {line}")
        if is_to_paste(one):
            console.print("   To paste:")
            for line in one.paste.splitlines():
                console.print(f"   {line}", soft_wrap=True)
    if left:
        console.print(f"\nNot scanned: {len(left)}")
        for each in left:
            console.print(f"  {each.name}: {each.why}", soft_wrap=True)


def is_to_paste(one: Finding) -> bool:
    """Return whether its trigger is worth pasting: skill, backtest and simulation agree."""
    return one.is_predictable and str(one.outcome) == "pays" and one.worth > 0
