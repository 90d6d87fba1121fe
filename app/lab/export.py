"""A recorded run as a file to keep: numbers, pictures of its refinement, or a page of its own."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from app.lab.trace_view import frames_of
from app.scripts import bundle
from app.stream.encode import png, recipe_of
from app.theme import css
from engine.api.request import Modality
from engine.inspection.protocols import CodeInspector
from engine.inspection.trace import SegmentTrace, Trace
from engine.inspection.trace_file import trace_bytes
from engine.media.images import mp4_bytes, webp_bytes
from engine.media.marking.marker import UNMARKED, Marker

SEEN = (Modality.IMAGE, Modality.VIDEO)
STRIP_FRAMES = 8
FRAME_MS, FIRST_MS, LAST_MS = 110, 400, 1600
FPS = 25
REPLAY = "lab/replay.js"
"""The module that shows a run on a page of its own."""
SCALE = 3
"""The size of an animation's frame in sizes of the picture."""
WORDS_ONLY = "this run drew nothing: take the numbers or the page of its own"


def file(
    trace: Trace,
    code_inspector: CodeInspector,
    kind: str,
    seen: Mapping[str, object] | None,
    marker: Marker = UNMARKED,
) -> dict[str, str]:
    """{"name", "uri"} of a run as "npz", "json", "png" (a strip), "webp", "mp4" or "html". seen:
    its `inspection.overview`, for "html". marker: of what is seen.

    Raises: ValueError with a sentence where the run cannot be that.
    """
    makers: dict[str, tuple[str, Callable[[], bytes]]] = {
        "npz": ("application/octet-stream", lambda: trace_bytes(trace)),
        "json": ("application/json", lambda: _json(trace)),
        "png": ("image/png", lambda: _strip(trace, code_inspector, marker)),
        "webp": ("image/webp", lambda: _webp(trace, code_inspector, marker)),
        "mp4": ("video/mp4", lambda: _mp4(trace, code_inspector, marker)),
        "html": ("text/html", lambda: page_of(seen or {}).encode()),
    }
    if kind not in makers:
        raise ValueError(f"a run can be kept as one of {', '.join(makers)}, not as {kind[:20]!r}")
    mime, make = makers[kind]
    return {
        "name": f"{_name(trace)}.{kind}",
        "uri": f"data:{mime};base64,{b64encode(make()).decode()}",
    }


def still(
    trace: Trace,
    code_inspector: CodeInspector,
    segment: int,
    step: int,
    which: str,
    marker: Marker = UNMARKED,
) -> dict[str, str]:
    """{"name", "uri"} of the picture of one step, or of its frames from left to right: state
    ("x_t") or prediction ("x_1"), a PNG that carries the settings and the step.

    Raises: ValueError with a sentence where there is none.
    """
    if which not in ("x_t", "x_1") or not 0 <= segment < len(trace.segments):
        raise ValueError("this run has no such picture")
    part = trace.segments[segment]
    if part.modality not in SEEN or not 0 <= step < part.num_steps:
        raise ValueError("this run has no such picture")
    (frames,) = frames_of(part, code_inspector, which, np.array([step]))
    about = {**_recipe(trace), "step": step + 1, "shows": which}
    media = png(marker.picture(np.concatenate(frames, 1), about), about)
    return {"name": f"{_name(trace)}-step-{step + 1}.png", "uri": media.data_uri()}


def page_of(seen: Mapping[str, object]) -> str:
    """A replay that opens from the disk, without a server and without the model."""
    run = json.dumps(seen).replace("<", "\\u003c")
    recipe = seen.get("recipe")
    prompt = str(recipe["prompt"]) if isinstance(recipe, Mapping) else ""
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{_escaped(prompt)}</title><style>{css()}\n{PAGE_CSS}</style>"
        f"</head><body><main class='omni-replay'><h1>{_escaped(prompt)}</h1>"
        "<div class='omni-mount'></div></main>"
        f"<script type='module'>{bundle(REPLAY)}\n"
        f"modules['{REPLAY}'].replay(document.querySelector('.omni-mount'), {run});</script>"
        "</body></html>"
    )


PAGE_CSS = """
:root { --font: ui-sans-serif, system-ui, sans-serif; --font-mono: ui-monospace, monospace; }
body { margin: 0; }
.omni-replay { max-width: 560px; margin: 40px auto; padding: 0 20px; }
.omni-replay h1 { font: 500 26px/1.2 var(--omni-serif); margin: 0 0 18px; }
"""


def _json(trace: Trace) -> bytes:
    """Every array as lists, by the names of docs/trace.md."""
    return json.dumps(
        {
            "recipe": _recipe(trace),
            "checkpoint": dict(trace.checkpoint),
            "segments": [
                {"modality": str(s.modality), "text": s.text}
                | {name: np.round(a.astype(float), 4).tolist() for name, a in s.arrays.items()}
                for s in trace.segments
            ],
        }
    ).encode()


def _strip(trace: Trace, code_inspector: CodeInspector, marker: Marker) -> bytes:
    """Some of the predictions of a picture from left to right, the states below them; of a film the
    frames of a prediction from left to right, step below step."""
    segment = _drawn(trace)
    steps = np.unique(np.linspace(0, segment.num_steps - 1, STRIP_FRAMES).round().astype(int))
    rows = frames_of(segment, code_inspector, "x_1", steps)
    if segment.modality is Modality.IMAGE:
        rows = np.stack([rows[:, 0], frames_of(segment, code_inspector, "x_t", steps)[:, 0]])
    sheet, recipe = np.concatenate([np.concatenate(row, 1) for row in rows]), _recipe(trace)
    return png(marker.picture(sheet, recipe), recipe).content


def _webp(trace: Trace, code_inspector: CodeInspector, marker: Marker) -> bytes:
    frames = marker.film(_frames(trace, code_inspector), _recipe(trace))
    times = [FIRST_MS, *[FRAME_MS] * (len(frames) - 2), LAST_MS][-len(frames) :]
    return webp_bytes(frames, times, json.dumps(_recipe(trace)))


def _mp4(trace: Trace, code_inspector: CodeInspector, marker: Marker) -> bytes:
    frames = marker.film(_frames(trace, code_inspector), _recipe(trace))
    every = max(1, round(FRAME_MS * FPS / 1000))
    repeats = [every] * (len(frames) - 1) + [round(LAST_MS * FPS / 1000)]
    return mp4_bytes(np.repeat(frames, repeats, 0), FPS, json.dumps(_recipe(trace)))


def _frames(trace: Trace, code_inspector: CodeInspector) -> np.ndarray:
    """State and prediction at every step, uint8 "S H W 3": of a picture side by side and enlarged,
    of a film the frames from left to right, the state's above."""
    segment = _drawn(trace)
    state, predicted = (frames_of(segment, code_inspector, name) for name in ("x_t", "x_1"))
    if segment.modality is Modality.VIDEO:
        rows = [np.concatenate(list(seen.swapaxes(0, 1)), 2) for seen in (state, predicted)]
        return np.concatenate(rows, 1)
    pairs = np.concatenate([state[:, 0], predicted[:, 0]], 2)
    size = (pairs.shape[2] * SCALE, pairs.shape[1] * SCALE)
    smooth = Image.Resampling.BICUBIC
    return np.stack([np.asarray(Image.fromarray(p).resize(size, smooth)) for p in pairs])


def _drawn(trace: Trace) -> SegmentTrace:
    pictures = [s for s in trace.segments if s.modality in SEEN]
    if not pictures:
        raise ValueError(WORDS_ONLY)
    return pictures[-1]


def _recipe(trace: Trace) -> dict[str, object]:
    return {**recipe_of(trace.request), "checkpoint": trace.checkpoint.get("digest")}


def _name(trace: Trace) -> str:
    recipe = recipe_of(trace.request)
    words = re.sub(r"[^a-z0-9]+", "-", str(recipe["prompt"]).lower()).strip("-")[:60]
    return f"{words or 'run'}-seed-{recipe['seed']}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
