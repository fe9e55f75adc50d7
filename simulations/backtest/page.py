"""The report as one HTML file that asks nothing of any network: text, tables, embedded pictures."""

import base64
from collections.abc import Iterator, Sequence
from html import escape
from importlib.metadata import version
from pathlib import Path

from simulations.backtest.figures import pictures
from simulations.backtest.leading import WITHOUT, alone
from simulations.backtest.methods import OURS, every_method
from simulations.backtest.result import Result
from simulations.backtest.scoring import Asked
from simulations.backtest.text import HEADERS, cells, ranked, reactive_cells, units_of
from simulations.backtest.units import words
from simulations.backtest.verdict import Outcome

ABOUT_VARIANTS = "prewarm without its leading queries, and with one of them alone"
COLOURS = {Outcome.PAYS: "pays", Outcome.DOES_NOT_PAY: "not", Outcome.UNKNOWN: "unknown"}
CSS = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2328; background: #fff; margin: 0 auto;
  max-width: 72rem; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.3rem; margin-top: 2.5rem; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
.verdict { border-left: .4rem solid; padding: .6rem 1rem; background: #f6f8fa; }
.verdict p { margin: .3rem 0; } .verdict p:first-child { font-size: 1.15rem; font-weight: 600; }
.pays { border-color: #1a7f37; } .not { border-color: #cf222e; } .unknown { border-color: #bf8700; }
.warn { color: #7d4e00; } .dim { color: #57606a; font-size: .9rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #d0d7de; }
th:first-child, td:first-child { text-align: left; }
tr.ours { font-weight: 600; background: #eaf6ec; }
figure { margin: 0; } figure img { width: 100%; height: auto; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1rem; }
pre { background: #f6f8fa; padding: .8rem 1rem; overflow-x: auto; }
details { margin: .6rem 0; } summary { cursor: pointer; }
"""


def write_page(results: Sequence[Result], path: Path) -> None:
    """Write the report. Raises OSError when it can't be written."""
    path.write_text("\n".join(_page(results)) + "\n", encoding="utf-8")


def _page(results: Sequence[Result]) -> Iterator[str]:
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
    yield f"<title>Prewarm backtest</title>\n<style>{CSS}</style>\n</head>\n<body>"
    yield "<h1>Would prediction pay? A backtest by Prewarm</h1>"
    if len(results) > 1:
        yield from _overview(results)
    for result in results:
        yield from _case(result)
    yield from _methods(results)
    yield f'<p class="dim">prewarm {escape(version("keda-prewarm"))}</p>\n</body>\n</html>'


def _overview(results: Sequence[Result]) -> Iterator[str]:
    yield "<ul>"
    for result in results:
        name, text = escape(result.scored.case.name), escape(result.verdict.headline)
        yield f'<li><a href="#case-{result.number}">{name}</a>: {text}</li>'
    yield "</ul>"


def _case(result: Result) -> Iterator[str]:
    verdict = result.verdict
    yield f'<h2 id="case-{result.number}">{escape(result.headline)}</h2>'
    yield f'<p class="dim">{escape(result.span)}</p>'
    yield f'<div class="verdict {COLOURS[verdict.outcome]}">'
    for sentence in (verdict.headline, *verdict.reasons):
        yield f"<p>{escape(sentence)}</p>"
    for sentence in verdict.unknowns:
        yield f'<p class="warn">{escape(sentence)}</p>'
    yield "</div>"
    if not result.scored.rows:
        return
    if result.advice is None:
        yield f'<p class="warn">{escape(result.why_no_advice)}</p>'
    else:
        yield "<h3>Recommended, for the trigger's metadata</h3>"
        yield f"<pre>{escape(result.advice.paste)}</pre>"
        for reason in result.advice.reasons:
            yield f'<p class="dim">{escape(reason)}</p>'
    yield '<div class="pictures">'
    for caption, content in pictures(result).items():
        data = base64.b64encode(content).decode("ascii")
        yield (
            f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}"/></figure>'
        )
    yield "</div>"
    yield from _tables(result)


def _tables(result: Result) -> Iterator[str]:
    scored = result.scored
    yield from _table(result, scored.main)
    yield f'<p class="dim">{escape(units_of(scored))}</p>'
    others = [
        asked for asked in dict.fromkeys(row.asked for row in scored.rows) if asked != scored.main
    ]
    if others:
        yield f"<details><summary>The other {len(others)} questions</summary>"
        for asked in others:
            yield from _table(result, asked)
        yield "</details>"


def _table(result: Result, asked: Asked) -> Iterator[str]:
    yield f"<h3>Next {words(asked.horizon_seconds)}, quantile {asked.quantile:g}</h3>"
    heads = "".join(f"<th>{escape(name)}</th>" for name in HEADERS)
    yield f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>'
    for row in ranked(result.scored.rows, asked):
        mark = ' class="ours"' if row.method == OURS else ""
        yield f"<tr{mark}>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells(row)) + "</tr>"
    for line in reactive_cells(result.scored, asked):
        yield '<tr class="dim">' + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>"
    yield "</tbody></table></div>"


def _methods(results: Sequence[Result]) -> Iterator[str]:
    yield "<h2>The methods</h2>\n<ul>"
    for method in every_method().values():
        yield f"<li><b>{escape(method.name)}</b>: {escape(method.about)}</li>"
    if any(result.leading is not None for result in results):
        yield f"<li><b>{WITHOUT}</b>, <b>{alone('NAME')}</b>: {escape(ABOUT_VARIANTS)}</li>"
    yield "</ul>"
