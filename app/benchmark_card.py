"""The benchmark results of the loaded checkpoint, as `python -m evaluation all` measured its
weights.

Owns: which figures the About tab shows, and in which words. Does not own: how they are measured
(`evaluation`). Nothing is shown where other weights were measured.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[1] / "docs/results/nano.json"
"""The results file of `make eval`."""
KINDS = {"text": "words", "image": "a picture", "audio": "speech", "video": "a film"}


@dataclass(frozen=True)
class Figure:
    """A row. wrong: whether the metric counts what is wrong, as a word error rate does, which can
    be above 1."""

    what: str
    suite: str
    metric: str
    wrong: bool = False


FIGURES = (
    Figure("draws one thing as wished", "scenes", "single_object"),
    Figure("draws two different things", "scenes", "two_objects"),
    Figure("draws as many as wished", "scenes", "counting"),
    Figure("puts a thing beside another as it never saw them", "scenes", "position"),
    Figure("gives a thing a colour that no lesson gave it", "scenes", "colours"),
    Figure("changes in a picture what was asked, and nothing else", "editing", "done_and_kept"),
    Figure("names what is in a picture", "captions", "object"),
    Figure("describes a whole picture, word for word", "captions", "exact"),
    Figure("answers a question about a picture", "chat", "asked"),
    Figure("answers a simple question about its world", "chat", "knowledge"),
    Figure("says so when a wish lies outside of its world", "chat", "out_of_world"),
    Figure("writes down a spoken word", "asr", "wer", wrong=True),
    Figure("says a word so that it is understood", "tts", "wer", wrong=True),
    Figure("names a sound", "sounds", "sound_caption"),
    Figure("makes a sound that is known for what it is", "sounds", "sound_made"),
    Figure("films the right things", "video", "object"),
    Figure("films the right motion", "video", "direction"),
    Figure("sees what moves in a film", "video", "understand_object"),
    Figure("sees how it moves", "video", "understand_direction"),
    Figure("finds the picture of some words among 500", "retrieval", "text_to_image_r5"),
    Figure("finds the picture that is spoken of", "retrieval", "speech_to_image_r5"),
)
FIGURES_TEXT = """
<h2>How good it is</h2>
<p>In how many of a hundred cases it does as it should: held-out cases, judged by rules and by
recognisers of their own, with the interval that holds the true value 95 times in 100.
<code>python -m evaluation all</code>, {date}.</p>
"""
MATRIX_TEXT = """
<h2>What it makes of what</h2>
<p>The share of held-out wishes that it gets right, {num} a cell. What it never had a lesson in says
so.</p>
"""


def read_benchmarks(file: Path) -> Mapping[str, Any] | None:
    """Return the content of the file; None where there is none."""
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def benchmarks_html(digest: object, measured: Mapping[str, Any] | None) -> str:
    """The figures and the matrix; "" where other weights or none were measured.

    digest: of the loaded checkpoint. measured: as `evaluation.run_all.AllResults` writes it.
    """
    if measured is None or measured["digest"] != digest:
        return ""
    suites = measured["suites"]
    rows = "".join(
        _row(figure, suites[figure.suite]["metrics"])
        for figure in FIGURES
        if figure.metric in suites.get(figure.suite, {}).get("metrics", {})
    )
    text = FIGURES_TEXT.format(date=escape(measured["date"][:10]))
    return (
        f"{text}<table class='omni-figures'><tbody>{rows}</tbody></table>"
        f"{_matrix(suites['matrix']) if 'matrix' in suites else ''}"
    )


def percentages(digest: object, suite: str, metrics: tuple[str, ...]) -> tuple[int, ...] | None:
    """Return these metrics of the loaded weights in percent; None where one was not measured."""
    measured = read_benchmarks(FILE)
    if measured is None or measured["digest"] != digest:
        return None
    found = measured["suites"].get(suite, {}).get("metrics", {})
    return tuple(round(100 * found[m]) for m in metrics) if {*metrics} <= {*found} else None


def _row(figure: Figure, metrics: Mapping[str, float]) -> str:
    value = _right(metrics[figure.metric], figure)
    ends = [metrics.get(f"{figure.metric}_{end}") for end in ("low", "high")]
    between = " to ".join(f"{v}" for v in sorted(_right(e, figure) for e in ends if e is not None))
    return (
        f"<tr><th scope='row'>{figure.what}</th>"
        f"<td><span class='omni-share' style='--share: {value}%'></span></td>"
        f"<td>{value}</td><td>{between}</td></tr>"
    )


def _right(share: float, figure: Figure) -> int:
    """Return the share of right cases in percent."""
    return round(100 * (max(0.0, 1 - share) if figure.wrong else share))


def _matrix(matrix: Mapping[str, Any]) -> str:
    """A table of the 16 cells and a list of the others."""
    metrics, left_out = matrix["metrics"], matrix.get("left_out", {})

    def cell(name: str) -> str:
        if name in metrics:
            return f"<td>{round(100 * metrics[name])} %</td>"
        word, _, reason = left_out[name].partition(": ")
        return f"<td title='{escape(reason, quote=True)}'>{escape(word)}</td>"

    rows = "".join(
        f"<tr><th scope='row'>{given}</th>{''.join(cell(f'{a}_to_{b}') for b in KINDS)}</tr>"
        for a, given in KINDS.items()
    )
    head = "".join(f"<th scope='col'>{made}</th>" for made in KINDS.values())
    square = {f"{a}_to_{b}" for a in KINDS for b in KINDS}
    mixed = "".join(
        f"<tr><th scope='row'>{escape(name.replace('_', ' '))}</th>{cell(name)}</tr>"
        for name in sorted({*left_out, *matrix["judge"]} - square)
        if "_to_" in name and not name.endswith("_num")
    )
    corner = "<tr><th scope='col'>given</th>"
    return (
        f"{MATRIX_TEXT.format(num=matrix['num'])}"
        f"<table class='omni-matrix'>{corner}{head}</tr>{rows}</table>"
        f"<table class='omni-matrix'>{mixed}</table>"
    )
