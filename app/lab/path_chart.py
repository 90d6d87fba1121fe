"""Charts of the information in a noisy token at each time, drawn from the model's own codebooks.

One small chart for each modality: solid, the share of a code's information that x_t holds about
x_1; dashed, the chance that the code is already exactly right. One line for each codebook.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from engine.inspection.path_preview import PathPreview

WIDTH, HEIGHT = 300, 170
LEFT, RIGHT, TOP, BOTTOM = 38, 8, 10, 28
NAMES = {"text": "Words", "image": "Pictures", "audio": "Sound", "video": "Films"}
TICKS = (0.0, 0.5, 1.0)


def charts_html(path: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Modality -> points (codebook, t, bits, exact_hit), as figures side by side."""
    figures = "".join(
        f"<figure>{_chart(points)}<figcaption>{NAMES.get(modality, modality)}</figcaption></figure>"
        for modality, points in path.items()
        if points
    )
    return f"<div class='omni-charts'>{figures}</div>"


def _chart(points: Sequence[Mapping[str, Any]]) -> str:
    most = max(p["bits"] for p in points)
    books: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for point in points:
        books[int(point["codebook"])].append(point)
    lines = "".join(
        _line([(p["t"], p["bits"] / most) for p in book], "omni-bits")
        + _line([(p["t"], p["exact_hit"]) for p in book], "omni-hits")
        for book in books.values()
    )
    label = f"Share of {most:.1f} bits known, and of codes exactly right, against time"
    frame = f"viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{label}'"
    return f"<svg {frame}>{_axes()}{lines}</svg>"


def _axes() -> str:
    x_ticks = "".join(
        f"<text x='{_x(t):.1f}' y='{HEIGHT - 8}' text-anchor='middle'>t = {t:g}</text>"
        for t in TICKS
    )
    y_ticks = "".join(
        f"<line x1='{LEFT}' x2='{WIDTH - RIGHT}' y1='{_y(v):.1f}' y2='{_y(v):.1f}'/>"
        f"<text x='{LEFT - 6}' y='{_y(v) + 4:.1f}' text-anchor='end'>{v:.0%}</text>"
        for v in TICKS
    )
    return y_ticks + x_ticks


def _line(points: Sequence[tuple[float, float]], kind: str) -> str:
    places = " ".join(f"{_x(t):.1f},{_y(v):.1f}" for t, v in points)
    return f"<polyline class='{kind}' points='{places}'/>"


def _x(t: float) -> float:
    return LEFT + t * (WIDTH - LEFT - RIGHT - 12)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def path_html(seen: PathPreview) -> str:
    """Return charts of a run's effect on a code of each codebook: what is known of it, how often it
    jumps, and how many jumps fall into each step."""
    most = float(seen.bits.max()) or 1.0
    fastest = float(seen.rate.max()) or 1.0
    largest = float(seen.changes.max()) or 1.0
    times = seen.times.tolist()
    known = [
        _line(list(zip(times, row, strict=True)), kind)
        for rows, kind in ((seen.bits / most, "omni-bits"), (seen.exact_hit, "omni-hits"))
        for row in rows.tolist()
    ]
    rates = [
        _line(list(zip(times, row, strict=True)), "omni-bits")
        for row in (seen.rate / fastest).tolist()
    ]
    total = float(seen.changes.sum(1).mean())
    return (
        "<div class='omni-charts omni-tall'>"
        + "".join(
            (
                _figure(
                    "".join(known), f"known of a code ({most:.1f} bits), dashed: exactly right"
                ),
                _figure("".join(rates), f"jumps a unit of t, at most {fastest:.1f}"),
                _figure(_bars(seen, largest), f"jumps a step, {total:.1f} of a code in all"),
            )
        )
        + "</div>"
    )


def _figure(inside: str, caption: str) -> str:
    frame = f"viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{caption}'"
    return (
        f"<figure><svg {frame}>{_axes()}{inside}</svg><figcaption>{caption}</figcaption></figure>"
    )


def _bars(seen: PathPreview, largest: float) -> str:
    """A bar from each time of the run to the next, as high as its jumps, mean over codebooks."""
    means = (seen.changes.mean(0) / largest).tolist()
    spans = zip(seen.steps[:-1].tolist(), seen.steps[1:].tolist(), means, strict=True)
    return "".join(
        f"<rect class='omni-jumps' x='{_x(a):.1f}' width='{max(1.0, _x(b) - _x(a) - 1):.1f}' "
        f"y='{_y(share):.1f}' height='{_y(0) - _y(share):.1f}'/>"
        for a, b, share in spans
    )
