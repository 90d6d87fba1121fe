"""The About tab: what this is, how to read it, what it cannot do, and exactly which model runs."""

from collections.abc import Mapping
from html import escape
from typing import Any

import gradio as gr

from app.benchmark_card import FILE, benchmarks_html, read_benchmarks
from app.capabilities import Capabilities
from app.lab.path_chart import charts_html
from app.sharing import made_here

RAMP_STEPS = 7
PAPERS = (
    (
        "NExT-OMNI: Towards Any-to-Any Omnimodal Foundation Models with Discrete Flow Matching",
        "2510.13721",
    ),
    ("Flow Matching with General Discrete Paths: A Kinetic-Optimal Perspective", "2412.03487"),
    ("Discrete Flow Matching", "2407.15595"),
    ("Generative Flows on Discrete State-Spaces", "2402.04997"),
)
WHAT = """
<h2>What happens here</h2>
<p>A small model draws pictures and writes sentences by <em>discrete flow matching</em>. It begins
with random tokens and refines all of them together: at each step a network looks at the whole
state <i>x<sub>t</sub></i>, predicts the finished answer <i>x<sub>1</sub></i>, and some tokens
move towards it. Every frame is the model's own state at that step, shown while it works; the
picture that the page opens with was recorded the same way.</p>
"""
WORDS = """
<h2>What happens here</h2>
<p>A model of others, {name}, {does} by <em>masked diffusion</em>. An answer begins with
nothing but masked positions; at each step the network looks at the whole of it, predicts every
position, and the surest predictions stay. Every frame is the model's own state at that step, shown
while it works. What else this page knows belongs to other checkpoints: the tabs say so.</p>
"""
HOW = """
<h2>How to read it</h2>
<p><b>Words.</b> A settled word looks like plain text. A word that may still change stands on a
tint with a dotted line: the deeper the tint, the less sure the model is. Rest on a word for the
number. A word that changed in this step flashes once.</p>
<div class='omni-key' aria-hidden='true'>{swatches}</div>
<p><b>Pictures.</b> The large picture is the best guess (the prediction), the small one what there
is right now (the state). Outlined patches changed in this step. The bars under them are the steps;
the taller a bar, the more moved. When a run has ended, drag along the bars to go back through
it.</p>
"""
SOUND = """
<h2>How it hears and speaks</h2>
<p>Sound is tokens too: 25 positions a second of {codebooks} codes each, from the same backbone and
the same sampler. Speech is first written down, then answered in words, then spoken a second at a
time: what is final is played while the next second still forms. In the picture of a sound time
runs to the right and pitch upwards; what is pale may still change. It speaks with one voice, and
hears up to {seconds:g} seconds at once.</p>
"""
SAID = """
<h2>How it hears and speaks</h2>
<p>Sound is tokens too: 25 positions a second of {codebooks} codes each, from the same backbone and
the same sampler. Speech is first written down, then answered in words. The words are said by a
speaker of {millions:.0f} million parameters beside the backbone, by the same samplers: it reads the
letters and forms speech codes, one position a sound of the language: which it is, how long, how
high and how loud. A published decoder (hibari, made after Kokoro's voice af_heart) makes sound of
them. What is final is played while the next block still forms. In the picture of a sound time runs
to the right and pitch upwards; what is pale may still change. It speaks with one voice, and hears
up to {seconds:g} seconds at once.</p>
"""
SPEECH = """
<h2>How it hears and speaks</h2>
<p>Speech is tokens too, written by the same backbone and the same sampler; a codec of its own turns
them into sound when all are there, in {styles} styles. What is said is first written down, then
answered in words, then spoken. It hears up to {seconds:g} seconds at once.</p>
"""
NOISE = """
<h2>When a token is decided</h2>
<p>A noisy token is not right or wrong: it lies near the right one long before it hits it. The solid
lines are what x<sub>t</sub> already tells about x<sub>1</sub>, the dashed ones how often it is
exactly right. Computed from this model's codebooks, one line for each.</p>
"""
LIMITS = """
<h2>What it cannot do</h2>
<p>It knows one small world: {num_concepts} things in seven colours, up to four of them, on plain
and drawn backgrounds, at {image_px} pixels, in English. It knows nothing about people, news or
facts; outside of its world it says so. It has seen, heard and spoken for a few hours of training:
the more a wish asks for at once, the more often it errs.{films}</p>
"""
NO_FILMS = " It watches and finds films, and makes none yet."


def build(info: Mapping[str, object], mark_key: str) -> None:
    """Lay out the tab inside the current Blocks. mark_key: the secret of the marks of files."""
    made_here.build(mark_key)
    gr.HTML(about_html(info, read_benchmarks(FILE)), elem_id="about", apply_default_css=False)


def about_html(info: Mapping[str, object], measured: Mapping[str, Any] | None = None) -> str:
    """The tab's text, with the model's own facts filled in, and how good it is, where these weights
    were measured."""
    concepts = _facts(info).get("concepts")
    num_concepts = len(concepts) if isinstance(concepts, list) else 64
    swatches = "".join(
        f"<span class='omni-word' style='--confidence: {i / (RAMP_STEPS - 1):.2f}'>"
        f"{round(100 * i / (RAMP_STEPS - 1))} %</span>"
        for i in range(RAMP_STEPS)
    )
    papers = "".join(f"<li>{escape(title)} <span>arXiv:{n}</span></li>" for title, n in PAPERS)
    can = Capabilities.of(info)
    limits = LIMITS.format(
        num_concepts=num_concepts,
        image_px=info.get("image_px", 128),
        films="" if can.makes_video else NO_FILMS,
    )
    does = "writes and draws" if can.makes_images else "writes"
    what = WHAT if can.has_flow else WORDS.format(name=escape(str(info.get("name", ""))), does=does)
    things = ""
    if isinstance(concepts, list):
        things = f"<p class='omni-things'>{escape(', '.join(map(str, concepts)))}.</p>"
    return (
        f"<article class='omni-about'>{what}{HOW.format(swatches=swatches)}"
        f"{_sound(info)}{_noise(info)}{benchmarks_html(info.get('digest'), measured)}"
        f"{limits if can.has_flow else ''}{things}"
        f"<h2>This model</h2><dl>{_rows(info)}</dl><h2>Papers</h2><ul>{papers}</ul></article>"
    )


def _sound(info: Mapping[str, object]) -> str:
    seconds, config = info.get("hears_s"), info.get("config")
    audio = config.get("audio") if isinstance(config, Mapping) else None
    if not seconds or not isinstance(audio, Mapping):
        return ""
    styles = Capabilities.of(info).styles
    if styles:
        return SPEECH.format(styles=len(styles), seconds=seconds)
    voice = info.get("voice")
    if isinstance(voice, Mapping):
        millions = float(voice["speaker"]) / 1e6
        return SAID.format(codebooks=audio["num_codebooks"], millions=millions, seconds=seconds)
    return SOUND.format(codebooks=audio["num_codebooks"], seconds=seconds)


def _noise(info: Mapping[str, object]) -> str:
    path = info.get("path")
    return NOISE + charts_html(path) if isinstance(path, Mapping) and path else ""


def _facts(info: Mapping[str, object]) -> Mapping[str, object]:
    facts = info.get("facts")
    return {**info, **facts} if isinstance(facts, Mapping) else info


def _rows(info: Mapping[str, object]) -> str:
    rows: list[tuple[str, object]] = []
    for name, value in _facts(info).items():
        if isinstance(value, Mapping) and name == "parameters":
            rows += [(f"parameters, {part}", count) for part, count in value.items()]
        elif isinstance(value, str | int | float):
            rows.append((name.replace("_", " "), value))
    return "".join(f"<dt>{escape(name)}</dt><dd>{_plain(value)}</dd>" for name, value in rows)


def _plain(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
