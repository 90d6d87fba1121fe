"""The controls of a conversation's settings: steps, guidance, seed and speech of every answer."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.capabilities import Capabilities
from engine.api.request import Modality

STEPS = ("auto", "8", "16", "32", "64")
GUIDANCE = ("auto", "0", "2", "3", "5")
NO_PICTURES = "this checkpoint draws no pictures"
NO_VOICE = "this checkpoint does not speak"
ONE_VOICE = "this checkpoint speaks in one style"
NO_STYLE, NAMELESS = "", "its own"
"""The value where there is no choice of how to speak, and its label."""


@dataclass
class AnswerControls:
    """The controls of one tab. name: of the tab, in the ids of the controls. A control for what the
    checkpoint cannot do is greyed out and says why."""

    capabilities: Capabilities
    name: str

    def build(self, *, speaks: bool, aloud: bool) -> None:
        """Lay out the controls inside the current Blocks. speaks: whether the checkpoint has sound.
        aloud: whether answers are spoken unless the visitor says no."""
        can = self.capabilities
        mute = None if speaks else NO_VOICE + can.missing_reason(Modality.AUDIO)
        with gr.Row(elem_classes="omni-pair"):
            self.steps = gr.Radio(STEPS, value="auto", label="Steps", elem_id=f"{self.name}-steps")
            self.guidance = gr.Radio(
                GUIDANCE,
                value="auto",
                label="Picture guidance",
                info=None if can.makes_images else NO_PICTURES + can.missing_reason(Modality.IMAGE),
                interactive=can.makes_images,
                elem_id=f"{self.name}-guidance",
            )
        with gr.Row(elem_classes="omni-seed"):
            self.seed = gr.Textbox("0", label="Seed", max_lines=1, elem_id=f"{self.name}-seed")
            self.keep_seed = gr.Checkbox(False, label="Same seed next time", container=False)
            self.aloud = gr.Checkbox(
                aloud,
                label="Speak the answers",
                info=mute,
                container=False,
                interactive=speaks,
                elem_id=f"{self.name}-aloud",
            )
            styles = can.styles or (NO_STYLE,)
            self.style = gr.Dropdown(
                [(style or NAMELESS, style) for style in styles],
                value=styles[0],
                label="Speaking style",
                info=None if can.styles else mute or ONE_VOICE,
                interactive=bool(can.styles),
                elem_id=f"{self.name}-style",
            )

    def values(self, shown_seed: gr.State) -> list[Any]:
        """Return the inputs in the order of `app.chat.settings.AnswerForm`."""
        seed = [self.seed, shown_seed, self.keep_seed]
        return [self.steps, self.guidance, *seed, self.aloud, self.style]
