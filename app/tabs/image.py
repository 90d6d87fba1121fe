"""The Image tab: words become a picture; or a picture is changed, by words or where it is painted
over."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
import numpy as np
from gradio.components import Component

from app.components import GRID, mask_editor
from app.forms.controls import NARROW, slider
from app.forms.errors import notices
from app.forms.example_prompts import PICTURES
from app.forms.parse import InputError, as_sentence, beside, read_upload
from app.forms.visitor import Opener
from app.race import drive_in_turn, racing_methods
from app.tabs.generation_tab import GenerationTab
from app.tabs.tab_spec import Recipe, TabSpec
from engine.api.conversation import Conversation
from engine.api.request import Inpainting, Modality, Request
from engine.api.sampling import Sampling

SPEC = TabSpec(
    name="image",
    to=Modality.IMAGE,
    api="draw",
    question="What should it draw?",
    placeholder="a red heart above a dog",
    prompts=PICTURES,
    first=Recipe(PICTURES[0]),
)
PNG = "data:image/png;base64,"
BLIND = (
    "<p class='omni-lead'>This checkpoint neither draws nor sees pictures{why}. Everything here "
    "works as soon as one that does is loaded: start the page with "
    "<code>python app.py --model FOLDER</code>.</p>"
)
ALL_PAINTED = (
    "all of the picture is painted over, so that nothing of it stays: leave a part free, or say "
    "how much may change"
)
PAINT = (
    "this checkpoint changes no picture by words alone: paint over what is to be made anew, or say "
    "how much may change"
)


@dataclass(frozen=True)
class MaskEdit:
    """A picture uint8 "H W 3" to change, and where: bool "H W"."""

    picture: np.ndarray
    mask: np.ndarray


class ImageTab(GenerationTab):
    """See the module's docstring."""

    @property
    def spec(self) -> TabSpec:
        return SPEC

    def build(self) -> None:
        """Only a sentence, where the checkpoint draws nothing."""
        if self.session.capabilities.makes_images:
            super().build()
        else:
            said = BLIND.format(why=self.session.capabilities.missing_reason(Modality.IMAGE))
            gr.HTML(said, elem_id="image-blind", apply_default_css=False)

    def beside_generate(self) -> None:
        methods = self.session.capabilities.methods
        runs = racing_methods(methods, self.spec.first.method, self.spec.first.method)
        self.race = gr.Button(
            "Race the methods", elem_id="image-race", visible=len(runs) > 1, min_width=NARROW
        )

    def given(self) -> list[Component]:
        self.painted = gr.State(None)
        with gr.Accordion(
            "Change a picture", open=False, elem_id="image-change", elem_classes="omni-accordion"
        ):
            if not self.session.capabilities.edits_images:
                said = f"<p class='omni-lead'>{as_sentence(PAINT)}</p>"
                gr.HTML(said, elem_id="image-paints-alone", apply_default_css=False)
            self.mask_editor = mask_editor("image-painter")
            strength = slider(0.1, 1.0, 1.0, 0.05, "How much may change", "image-strength")
        return [self.painted, strength]

    def _wire(self) -> None:
        super()._wire()
        self.race.click(self.prepare_race, **self.beginning, api_visibility="private")
        self.mask_editor.painted(
            keep_mask_edit,
            None,
            [self.painted, self.prompt_notice, self.settings_notice],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )

    def prepare_race(self, visitor: gr.Request, *form: Any) -> tuple[object, ...]:
        """Check the form; a good one opens a run by each method of `app.race`."""
        return self.prepare(visitor, *form, opened=self._open_race)

    def _open_race(self, request: Request, opener: Opener) -> tuple[str, object]:
        chosen = request.sampling.method or self.spec.first.method
        racing = racing_methods(self.session.capabilities.methods, chosen, self.spec.first.method)
        wanted = [
            replace(request, sampling=replace(request.sampling.by(method), drafts=1))
            for method in racing
        ]
        runs = self.session.open_all(wanted, **opener)
        for run in runs:
            run.every_step = True
        shown = [
            {"label": label, **run.snapshot()}
            for label, run in zip(racing.values(), runs, strict=True)
        ]
        return " ".join(run.control_id for run in runs), {"race": shown}

    def run(self, ticket: str, visitor: gr.Request) -> Iterator[object]:
        """Drive the run, or those of a race in turn."""
        tickets = ticket.split()
        if len(tickets) < 2:
            yield from super().run(ticket, visitor)
            return
        for seen in drive_in_turn(self.session, tickets, visitor.session_hash or ""):
            yield {"race": list(seen.values())} if len(seen) == len(tickets) else gr.skip()

    def request(self, prompt: str, sampling: Sampling, *given: object) -> Request:
        """Return a request that inpaints the mask, or all of a picture in part; without either the
        words say what to change."""
        painted, strength = given or (None, 1.0)
        if not isinstance(painted, MaskEdit):
            return super().request(prompt, sampling)
        strength = float(str(strength))
        if not painted.mask.any() and strength == 1.0:
            if not self.session.capabilities.edits_images:
                raise ValueError(PAINT)
            return Request(Conversation.ask(prompt, image=painted.picture), self.spec.to, sampling)
        if painted.mask.all() and strength == 1.0:
            raise ValueError(ALL_PAINTED)
        mask = painted.mask if painted.mask.any() else np.ones_like(painted.mask)
        inpainting = Inpainting(painted.picture, mask, strength)
        return Request(Conversation.ask(prompt), self.spec.to, sampling, inpainting=inpainting)


def keep_mask_edit(press: gr.EventData) -> tuple[object, ...]:
    """Return the mask editor's picture; one that cannot be read becomes a sentence."""
    try:
        with beside("prompt"):
            return (mask_edit_of(press._data), *notices(None))
    except InputError as bad:
        return (None, *notices(bad))


def mask_edit_of(sent: object) -> MaskEdit | None:
    """Return the mask editor's picture and mask; None without a picture. Raises: ValueError where
    it is broken."""
    if not isinstance(sent, dict) or not sent.get("picture"):
        return None
    try:
        content = b64decode(str(sent["picture"]).removeprefix(PNG), validate=True)
    except NotBase64 as error:
        raise ValueError("the picture is broken: choose it again") from error
    picture = read_upload(content)
    chosen = np.zeros(GRID * GRID, bool)
    patches = sent.get("patches") or []
    if not all(isinstance(p, int) and 0 <= p < len(chosen) for p in patches):
        raise ValueError("the painted patches are none: paint again")
    chosen[patches] = True
    rows, columns = (np.arange(side) * GRID // side for side in picture.shape[:2])
    return MaskEdit(picture, chosen.reshape(GRID, GRID)[rows][:, columns])
