"""The report of all results as one offline page: every figure with its interval and the judge's
figure on true data, and examples of successes and failures.

Owns: the page. Does not own: one example (`evaluation.report.examples`), the choice of examples
(`evaluation.recording_engine`).
"""

from collections.abc import Mapping
from html import escape

from evaluation.report import examples
from evaluation.report.figures import Figure, ceiling, figures
from evaluation.result import AUTO, Result
from evaluation.run_all import AllResults
from evaluation.suites.catalogue import SUITES

STYLE = """
:root{color-scheme:light dark;--ink:#1c1d22;--quiet:#666a76;--paper:#fafaf8;--card:#fff;
--line:#d9dae0;--bar:#5b6ee1;--right:#2ea043;--wrong:#cf222e}
@media(prefers-color-scheme:dark){:root{--ink:#e6e6ea;--quiet:#9a9dab;--paper:#15161a;
--card:#1e2026;--line:#34363f;--bar:#8b9bff;--right:#3fb950;--wrong:#f85149}}
body{font:16px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:70rem;margin:0 auto;padding:1rem}
h2{margin:2.5rem 0 .2rem}h4{margin:1.2rem 0 .4rem}
small,.quiet,footer{color:var(--quiet);font-size:.85rem;font-weight:400}
nav{display:flex;flex-wrap:wrap;gap:.3rem .8rem}a{color:var(--bar)}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid var(--line);
white-space:nowrap}
.bar{position:relative;display:block;width:8rem;height:.8rem;background:var(--line)}
.bar i{position:absolute;top:0;height:100%;background:var(--bar);opacity:.45}
.bar b{position:absolute;top:0;height:100%;width:2px;background:var(--ink)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(10rem,1fr));gap:.6rem}
article{background:var(--card);border:1px solid var(--line);border-top:4px solid var(--line);
padding:.5rem;overflow-wrap:anywhere}
.right{border-top-color:var(--right)}.wrong{border-top-color:var(--wrong)}
article p{margin:.2rem 0}article img{width:8rem;max-width:100%;display:block;margin:.2rem 0}
audio{width:100%}.asked{font-size:.85rem;color:var(--quiet)}
.assistant{border-left:2px solid var(--line);padding-left:.4rem}
@media(max-width:40rem){table{font-size:.8rem}th,td{padding-right:.5rem}.bar{display:none}
th{white-space:normal}}
.answer{border-top:1px dashed var(--line);margin-top:.3rem;padding-top:.3rem}
"""


def _kept(found: AllResults) -> str:
    """Return the storage format of quantised weights."""
    return "" if found.weights == AUTO else f" in {found.weights}"


def key(found: AllResults, name: str) -> str:
    """Return the key of a suite's examples: its name, the weights, the seed and the size."""
    return f"{name} {found.digest}{_kept(found)} {found.seed} {found.suites[name].num}"


def examples_in(page: str, found: AllResults) -> dict[str, str]:
    """Return the sections of an earlier page with the same weights, seeds and sizes."""
    sections = {name: examples.find_section(page, key(found, name)) for name in found.suites}
    return {name: section for name, section in sections.items() if section is not None}


def page(found: AllResults, shown: Mapping[str, str]) -> str:
    """Render the page as HTML. shown: suites -> their section of
    `evaluation.report.examples.section`."""
    links = " ".join(f"<a href=#{name}>{name}</a>" for name in found.suites)
    sections = "\n".join(
        _suite(name, result, shown.get(name)) for name, result in found.suites.items()
    )
    return f"""<!doctype html>
<html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width,initial-scale=1">
<title>How good is {escape(found.checkpoint)}?</title><style>{STYLE}</style>
<h1>How good is {escape(found.checkpoint)}?</h1>
<p>Weights {escape(found.digest + _kept(found))}, {escape(found.date)}, on {escape(found.device)},
seed {found.seed}. All cases are held out: none of them was trained on. Intervals cover 95%.
<b>Judge on true data</b> is what the same judge says of exact pictures, films or real recordings:
no model can be expected to do better. Examples are the first ones in the order of their seeds,
right and wrong ones apart; nobody has chosen among them.</p>
<nav>{links}</nav>
{sections}
{_reasons("Left out", found.left_out)}
</html>
"""


def _suite(name: str, result: Result, shown: str | None) -> str:
    suite = SUITES[name]
    right = f" Right is: {escape(suite.right)}." if suite.right else ""
    rows = "\n".join(_row(name, f, result.judge) for f in figures(result.metrics))
    judge = ", ".join(f"{escape(k)} {v:g}" for k, v in result.judge.items())
    judge = f"<p class=quiet>All figures of the judge: {judge}</p>" if judge else ""
    head = "<tr><th>figure<th>value<th>95% interval<th>judge on true data<th>"
    shown = shown or "<p class=quiet>No examples were kept when this was measured.</p>"
    return f"""<section id={name}><h2>{name}</h2>
<p>{result.num} {escape(suite.about)}, seed {result.seed}, {result.seconds:.0f} s.{right}</p>
<div class=wide><table>{head}
{rows}
</table></div>{judge}{_reasons("Not measured", result.left_out)}
{shown}
</section>"""


def _row(suite: str, figure: Figure, judge: Mapping[str, float]) -> str:
    most = ceiling(suite, figure.name, judge)
    between = ""
    if figure.low is not None and figure.high is not None:
        between = f"{figure.low:.3f} to {figure.high:.3f}"
    return (
        f"<tr><td>{escape(figure.name)}<td>{figure.value:.3f}<td>{between}"
        f"<td>{'' if most is None else f'{most:.3f}'}<td>{_bar(figure)}"
    )


def _bar(figure: Figure) -> str:
    """Draw the interval on a line from 0 to 1; empty where it lies outside."""
    if figure.low is None or figure.high is None or not 0 <= figure.low <= figure.high <= 1:
        return ""
    left, width, at = (100 * v for v in (figure.low, figure.high - figure.low, figure.value))
    return (
        f'<span class=bar><i style="left:{left:.1f}%;width:{width:.1f}%"></i>'
        f'<b style="left:{at:.1f}%"></b></span>'
    )


def _reasons(head: str, reasons: Mapping[str, str]) -> str:
    if not reasons:
        return ""
    rows = "".join(f"<li>{escape(n)}: {escape(why)}</li>" for n, why in reasons.items())
    return f"<h4>{head}</h4><ul>{rows}</ul>"
