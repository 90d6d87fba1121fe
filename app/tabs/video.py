"""The Video tab: words, or a picture and words, become a film whose frames form together."""

import gradio as gr
import numpy as np
from gradio.components import Component

from app.examples import FILMS
from app.forms import read_upload
from app.tabs.studio import Craft, Recipe, Studio
from engine.request import Conversation, Modality, Request, Sampling

CRAFT = Craft(
    name="video",
    to=Modality.VIDEO,
    api="film",
    question="What should move?",
    placeholder=FILMS[1],
    prompts=FILMS,
    first=Recipe(FILMS[0], steps=8),
)
BLIND = (
    "<p class='no-lead'>This checkpoint makes no films yet. Everything here works as soon as one "
    "that does is loaded: start the page with <code>--model FOLDER</code>.</p>"
)


class VideoTab(Studio):
    """See the module's docstring."""

    @property
    def craft(self) -> Craft:
        return CRAFT

    def build(self) -> None:
        """Only a sentence, where the checkpoint makes no films."""
        if self.host.can.films:
            super().build()
        else:
            gr.HTML(BLIND, elem_id="video-blind", apply_default_css=False)

    def given(self) -> list[Component]:
        with gr.Accordion("Begin with a picture", open=False, elem_classes="no-accordion"):
            first = gr.Image(
                type="filepath",
                label="the first frame",
                show_label=False,
                sources=["upload", "clipboard"],
                height=180,
                elem_id="video-first",
            )
        # Gradio would open the file itself: a broken one would not reach the form's own sentence.
        first.preprocess = lambda payload: payload and payload.path
        return [first]

    def request(self, prompt: str, sampling: Sampling, *given: object) -> Request:
        """A picture comes before the words, and the film begins with it."""
        (path,) = given
        first: np.ndarray | None = read_upload(str(path)) if path else None
        return Request(Conversation.ask(prompt, image=first), Modality.VIDEO, sampling)
