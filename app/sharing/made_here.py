"""The box in which a visitor asks of a file whether it was made here.

Owns: its layout and its answer. Does not own: the search for a mark
(`engine.media.marking.check`).
"""

from html import escape
from pathlib import Path

import gradio as gr

from engine.media.marking.check import finding

ASK = (
    "Drop a picture, a film or a sound. It is searched for the invisible mark of the files that "
    "leave this page, and is not kept. Finding none proves nothing."
)


def build(key: str) -> None:
    """Lay out the box inside the current Blocks. key: the secret of the marks."""
    with gr.Accordion("Made here?", open=False, elem_id="made-here", elem_classes="omni-accordion"):
        gr.HTML(f"<p>{ASK}</p>", apply_default_css=False)
        dropped = gr.File(label="A picture, film or sound", elem_id="made-here-file", height=120)
        said = gr.HTML("", elem_id="made-here-said", apply_default_css=False)
    dropped.change(
        lambda file: answer(file, key),
        dropped,
        said,
        concurrency_limit=1,
        show_progress="minimal",
        api_visibility="private",
    )


def answer(file: str | None, key: str) -> str:
    """Return what a file says about where it was made, or why it cannot be read; "" for none."""
    if file is None:
        return ""
    try:
        return f"<p role='status'>{escape(finding(Path(file), key))}</p>"
    except ValueError as bad:
        return f"<p class='omni-notice' role='alert'>{escape(str(bad))}</p>"
