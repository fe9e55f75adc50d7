"""A scan as one HTML file that asks nothing of any network."""

from collections.abc import Iterator, Sequence
from html import escape
from importlib.metadata import version
from pathlib import Path

from simulations.backtest.page import COLOURS, CSS
from simulations.scan.candidates import Left
from simulations.scan.judging import SHORTAGE_PRICE, Finding
from simulations.scan.text import HEADERS, cells, is_to_paste


def write_page(findings: Sequence[Finding], left: Sequence[Left], path: Path) -> None:
    """Write the report. Raises OSError when it can't be written."""
    path.write_text("\n".join(_page(findings, left)) + "\n", encoding="utf-8")


def _page(findings: Sequence[Finding], left: Sequence[Left]) -> Iterator[str]:
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
    yield f"<title>Prewarm scan</title>\n<style>{CSS}\ntd:nth-child(2), td:nth-child(3),"
    yield "td:nth-child(4),"
    yield "th:nth-child(2), th:nth-child(3), th:nth-child(4) { text-align: left; }"
    yield "</style>\n</head>\n<body>"
    yield "<h1>Where would prediction pay? A scan by Prewarm</h1>"
    yield (
        f"<p>{len(findings)} queries, the predictable first, of them those that prediction "
        f"pays for, then by what a day is worth: a replica that is missing counts as much as "
        f"{SHORTAGE_PRICE:g} idle ones. Figures "
        "are of the fluid simulation, on demand scaled so that the threshold is what a replica "
        "carries.</p>"
    )
    yield '<div class="wide"><table><thead><tr>'
    yield "".join(f"<th>{escape(header)}</th>" for header in HEADERS)
    yield "</tr></thead><tbody>"
    for place, one in enumerate(findings, start=1):
        row = "".join(f"<td>{escape(cell)}</td>" for cell in cells(place, one))
        yield f"<tr{' class=ours' if is_to_paste(one) else ''}>{row}</tr>"
    yield "</tbody></table></div>"
    for place, one in enumerate(findings, start=1):
        yield from _finding(place, one)
    if left:
        yield "<h2>Not scanned</h2>\n<ul>"
        yield from (f"<li>{escape(each.name)}: {escape(each.why)}</li>" for each in left)
        yield "</ul>"
    yield f'<p class="dim">prewarm {escape(version("keda-prewarm"))}</p>\n</body>\n</html>'


def _finding(place: int, one: Finding) -> Iterator[str]:
    yield f"<h2>{place}. {escape(one.candidate.name)}</h2>"
    yield f'<div class="verdict {COLOURS[one.outcome]}"><p>{escape(one.headline)}</p>'
    lines = (one.why_predictable, *one.reasons)
    yield from (f"<p>{escape(line)}</p>" for line in lines)
    yield "</div>"
    yield from (f'<p class="warn">{escape(note)}</p>' for note in one.candidate.notes)
    yield f'<p class="dim">Query: <code>{escape(one.candidate.query)}</code>, threshold '
    yield f"{one.candidate.threshold:g}, simulated: the last {one.days:.1f} days</p>"
    title = "To paste" if is_to_paste(one) else "The trigger, should you want it all the same"
    yield f"<h3>{title}</h3>\n<pre>{escape(one.paste)}</pre>"
