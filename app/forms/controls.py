"""Gradio controls and small events that the forms of several tabs share."""

from collections.abc import Sequence

import gradio as gr

from app.forms.parse import new_seed
from engine.api.request import USUAL_PROMPT_CHARACTERS
from engine.api.sampling import SAMPLERS, sampler_of

NARROW = 120
"""The least width of a control in a row of two, in pixels."""


def method_choices(methods: Sequence[str]) -> list[tuple[str, str]]:
    """Return (label, name) of each method for a drop-down list."""
    return [
        (name if name in SAMPLERS else f"{sampler_of(name)} · {name.replace('_', ' ')}", name)
        for name in methods
    ]


def method_sentence(method: str) -> str:
    """Return what a method does."""
    return SAMPLERS[sampler_of(method)].sentence(method)


def method_list(methods: Sequence[str], method: str, elem_id: str) -> gr.Dropdown:
    """Lay out a drop-down list of methods, with a sentence about the chosen one."""
    found = gr.Dropdown(
        method_choices(methods),
        value=method,
        label="Method",
        info=method_sentence(method),
        elem_id=elem_id,
        min_width=NARROW,
    )
    found.change(
        lambda chosen: gr.update(info=method_sentence(str(chosen))),
        found,
        found,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    return found


def slider(
    low: float, high: float, value: float, step: float, label: str, elem_id: str
) -> gr.Slider:
    """Return a slider without a reset button that fits into a narrow column."""
    return gr.Slider(
        low, high, value, step=step, label=label, elem_id=elem_id, buttons=[], min_width=NARROW
    )


def run_buttons(*, running: bool) -> tuple[object, object]:
    """Return the updates of the start and Stop buttons, of which one is visible."""
    return gr.update(visible=not running), gr.update(visible=running)


def pressed_text(press: gr.EventData) -> str:
    """Return the text of the suggestion that was pressed."""
    return str(press._data["text"])[:USUAL_PROMPT_CHARACTERS]


def random_seed() -> str:
    """Return a new seed as text, for the dice button."""
    return str(new_seed())
