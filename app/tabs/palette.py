"""The words that a checkpoint knows, to be pressed: things by kind, colours, places and motions.

Owns: `build`. Does not own: the words (a checkpoint's facts), how they are put together
(`static/palette/`).
"""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from app.components import MOUNT
from app.scripts import mount
from engine.api.request import Modality

LISTS = ("things", "colours", "places", "motions")


def build(facts: Mapping[str, Any], name: str, to: Modality) -> None:
    """Lay out the words below a tab's examples; nothing where the facts have none. name: of the
    tab. Only films have motions."""
    words = facts.get("palette")
    if not isinstance(words, Mapping) or not words.get("things"):
        return
    shown = {part: words.get(part) or {} for part in LISTS}
    shown["coloured"] = words.get("coloured") or []
    if to is not Modality.VIDEO:
        shown["motions"] = []
    with gr.Accordion(
        "Words it knows", open=False, elem_id=f"{name}-words", elem_classes="omni-accordion"
    ):
        gr.HTML(
            shown,
            html_template=MOUNT,
            js_on_load=mount("mountPalette", f"props, {name!r}"),
            elem_id=f"{name}-palette",
            apply_default_css=False,
        )
