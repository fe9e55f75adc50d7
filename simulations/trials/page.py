"""A contest as one HTML file that asks nothing of any network."""

import base64
from collections.abc import Iterator, Sequence
from html import escape
from importlib.metadata import version
from pathlib import Path

from simulations.backtest.page import CSS
from simulations.trials.contest import OURS, Contest
from simulations.trials.pictures import picture
from simulations.trials.words import HEADERS, UNITS, cautions, cells, headline, terms, verdict


def write_page(contest: Contest, path: Path) -> None:
    """Write the report. Raises OSError when it can't be written."""
    body = "\n".join(_contest(contest))
    path.write_text(page("Prewarm simulation", body), encoding="utf-8")


def page(title: str, body: str) -> str:
    """Return a whole page around its body."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{body}\n"
        f'<p class="dim">prewarm {escape(version("keda-prewarm"))}</p>\n</body>\n</html>\n'
    )


def image(content: bytes, caption: str) -> str:
    """Return a PNG inside the page."""
    data = base64.b64encode(content).decode("ascii")
    return f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}"/></figure>'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, strong: Sequence[bool]) -> str:
    """Return a table; `strong` says of each row whether it stands out."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    marks = (' class="ours"' if is_strong else "" for is_strong in strong)
    body = [
        f"<tr{mark}>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row, mark in zip(rows, marks, strict=True)
    ]
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _contest(contest: Contest) -> Iterator[str]:
    yield f"<h2>{escape(headline(contest))}</h2>"
    yield f'<p class="dim">{escape(terms(contest))}</p>'
    yield '<div class="verdict unknown">'
    for sentence in verdict(contest):
        yield f"<p>{escape(sentence)}</p>"
    for sentence in cautions(contest):
        yield f'<p class="warn">{escape(sentence)}</p>'
    yield "</div>"
    yield image(picture(contest), "Replicas over time, and policies by service and cost")
    yield table(
        HEADERS,
        [cells(each) for each in contest.standings],
        strong=[each.entrant.name == OURS for each in contest.standings],
    )
    yield f'<p class="dim">{escape(UNITS)}</p>\n<h2>The policies</h2>\n<ul>'
    for each in contest.standings:
        yield f"<li><b>{escape(each.entrant.name)}</b>: {escape(each.entrant.about)}</li>"
    yield "</ul>"
