"""The Video tab: words, or a picture and words, become a film whose frames form together; a film of
the visitor's own is watched, and answered about."""

from dataclasses import replace

import gradio as gr
import numpy as np
from gradio.components import Component

from app.benchmark_card import percentages
from app.components import chips, notice
from app.forms.example_prompts import ABOUT_FILMS, FILMS
from app.forms.parse import as_sentence, read_upload
from app.stream.encode import webp
from app.tabs.generation_tab import GenerationTab
from app.tabs.tab_spec import Recipe, TabSpec
from engine.api.conversation import Conversation
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.media.video import read_film, sampled

SPEC = TabSpec(
    name="video",
    to=Modality.VIDEO,
    api="film",
    question="What should move?",
    placeholder=FILMS[1],
    prompts=FILMS,
    first=Recipe(FILMS[0]),
)
WATCHED = replace(
    SPEC,
    to=Modality.TEXT,
    question="What would you like to know about it?",
    placeholder=ABOUT_FILMS[0],
    prompts=ABOUT_FILMS,
    first=Recipe(ABOUT_FILMS[0], steps=12),
)
"""The form for a checkpoint that watches films and makes none."""
BLIND = (
    "<p class='omni-lead'>This checkpoint knows no films{why}. Everything here works as soon as "
    "one that does is loaded: start the page with <code>--model FOLDER</code>.</p>"
)
MAKES_NONE = "<p class='omni-lead'>This checkpoint makes no films{why}. Show it one, and ask.</p>"
YOUNG = (
    "<p class='omni-young'>Films are the youngest of its skills: of a hundred that were wished "
    "for, {} show the right things, and {} the right motion.</p>"
)
SEEN = (
    "<figure class='omni-seen'><img src='{uri}' alt='the film as the model sees it'>"
    "<figcaption>what it sees of it: {num} frames</figcaption></figure>"
)
NUMBERS = {5: "five", 8: "eight"}
ENDINGS = [".mp4", ".mov", ".m4v", ".mkv", ".webm", ".gif", ".png", ".webp"]


class VideoTab(GenerationTab):
    """See the module's docstring."""

    @property
    def spec(self) -> TabSpec:
        return SPEC if self.session.capabilities.makes_video else WATCHED

    def build(self) -> None:
        """Only a sentence, where the checkpoint knows no films."""
        if self.session.capabilities.sees_video:
            super().build()
        else:
            said = BLIND.format(why=self.session.capabilities.missing_reason(Modality.VIDEO))
            gr.HTML(said, elem_id="video-blind", apply_default_css=False)

    def given(self) -> list[Component]:
        makes = self.session.capabilities.makes_video
        right = percentages(self.session.engine.digest, "video", ("object", "direction"))
        if makes and right is not None:
            gr.HTML(YOUNG.format(*right), elem_id="video-young", apply_default_css=False)
        found: list[Component] = []
        if makes:
            with gr.Accordion("Begin with a picture", open=False, elem_classes="omni-accordion"):
                first = gr.Image(
                    type="filepath",
                    label="the first frame",
                    show_label=False,
                    sources=["upload", "clipboard"],
                    height=180,
                    elem_id="video-first",
                )
            # Gradio would open it itself: a broken file would not reach the form's own sentence.
            first.preprocess = lambda payload: payload and payload.path
            found.append(first)
        else:
            said = MAKES_NONE.format(
                why=self.session.capabilities.missing_reason(Modality.VIDEO, " yet")
            )
            gr.HTML(said, elem_id="video-makes-none", apply_default_css=False)
        with gr.Accordion("Show it a film", open=not makes, elem_classes="omni-accordion"):
            clip = gr.File(
                file_types=ENDINGS,
                label="a film: MP4, MOV, WebM or GIF",
                height=110,
                elem_id="video-clip",
            )
            seen = gr.HTML("", elem_id="video-seen", apply_default_css=False)
            refused = notice("video-clip-notice")
            if makes:
                self.more.append(chips(ABOUT_FILMS, "questions about a film", "video-questions"))
        clip.change(
            self.look_at, clip, [seen, refused], queue=False, show_progress="hidden",
            api_visibility="private",
        )  # fmt: skip
        return [*found, clip]

    def request(self, prompt: str, sampling: Sampling, *given: object) -> Request:
        """A picture comes before the words, and the film begins with it; what is answered to a film
        and words is the model's choice: words, one of its frames, or all of it backwards."""
        *picture, path = given
        first = read_upload(str(picture[0])) if picture and picture[0] else None
        if path:
            if first is not None:
                raise ValueError(
                    "a film begins with a picture or is about another film: take one of them away"
                )
            asked = Conversation.ask(prompt, video=read_film(str(path)))
            return Request(asked, None, sampling)
        if not self.session.capabilities.makes_video:
            raise ValueError("show it a film first: then it can be asked about it")
        return Request(Conversation.ask(prompt, image=first), Modality.VIDEO, sampling)

    def look_at(self, path: str | None) -> tuple[str, str]:
        """The film as the model sees it, or a sentence about what is wrong with it."""
        if not path:
            return "", ""
        num = self.session.capabilities.frames
        try:
            frames: np.ndarray = sampled(read_film(path), num)
        except ValueError as error:
            return "", as_sentence(str(error))
        return SEEN.format(uri=webp(frames).data_uri(), num=NUMBERS.get(num, num)), ""
