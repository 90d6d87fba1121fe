"""A tab with a form and one run: a prompt, something that forms, and everything needed to make it
again.

Owns: the form, and what happens from a press of Generate to the end of the run. Does not own: what
is made and what can be given beside the words (`app.tabs.image`, `app.tabs.video`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

import gradio as gr
from gradio.components import Component

from app.components import chips, live_view, notice
from app.forms.controls import (
    NARROW,
    method_list,
    pressed_text,
    random_seed,
    run_buttons,
    slider,
)
from app.forms.errors import notices
from app.forms.parse import (
    InputError,
    beside,
    next_seed,
    read_drafts,
    read_sampling,
    read_seed,
)
from app.forms.share_link import Link
from app.forms.visitor import Opener, opened_by
from app.session import Session
from app.tabs import palette
from app.tabs.tab_spec import Recipe, TabSpec
from engine.api.conversation import Conversation
from engine.api.request import Modality, Request
from engine.api.sampling import MAX_DRAFTS, Sampling

MAX_SLIDER_STEPS, MAX_SLIDER_GUIDANCE = 64, 8
DRAFTS = "Try several, keep the best"
Opening = Callable[[Request, Opener], tuple[str, object]]
"""Opens what a good form asks for, given who asks; returns its ticket and what is shown."""


@dataclass
class GenerationTab:
    """The tab's controls, and what happens when they are pressed."""

    session: Session
    trace: dict[str, object] | None = None
    """A recorded run that plays when the tab is first seen."""
    trace_at: str = ""
    """The address from which the script fetches the recorded run; empty: it comes with the page."""
    link_targets: list[Component] = field(default_factory=list, init=False)
    """The controls that a link fills in, in the order of `link_values`; empty before the form."""
    beginning: dict[str, Any] = field(default_factory=dict, init=False)
    """Gradio's arguments for an event that begins something; empty before the form."""
    more: list[gr.HTML] = field(default_factory=list, init=False)
    """Prompts to press beside those of the tab's kind."""

    @property
    def kept(self) -> list[Component]:
        """The controls that a reload fills again; none before the form."""
        if not self.link_targets:
            return []
        return [*self.link_targets[:5], self.keep_seed, self.drafts]

    @property
    def spec(self) -> TabSpec:
        """The kind of this tab."""
        raise NotImplementedError

    def given(self) -> list[Component]:
        """Lay out what can be given beside the words; the values reach `request`."""
        return []

    def beside_generate(self) -> None:
        """Lay out further buttons under the prompt."""

    def request(self, prompt: str, sampling: Sampling, *given: object) -> Request:
        """Return the engine's request. Raises: ValueError."""
        del given
        return Request(Conversation.ask(prompt), self.spec.to, sampling)

    def build(self) -> None:
        """Lay out the controls inside the current Blocks and wire them."""
        first = self._first_recipe()
        with gr.Row(elem_classes="omni-studio"):
            with gr.Column(scale=4, min_width=280, elem_classes="omni-controls"):
                with gr.Column(elem_classes="omni-ask"):
                    self._prompt_controls(first.prompt)
                with gr.Column(elem_classes="omni-settings"):
                    self._settings(first)
            made = f"omni-makes-{self.spec.to}"
            with gr.Column(scale=7, min_width=300, elem_classes=["omni-view", made]):
                self.view = live_view(self._opened_with(), f"{self.spec.name}-live")
        self.ticket = gr.Textbox(visible="hidden", label="run")
        self.shown_seed = gr.State(str(first.seed))
        self.link_targets = [self.prompt, self.seed, self.steps, self.guidance, self.method]
        self.link_targets += [self.keep_seed, self.prompt_notice, self.settings_notice]
        self._wire()

    def _opened_with(self) -> dict[str, object] | None:
        if self.trace is None:
            return None
        return {"replay_at": self.trace_at} if self.trace_at else {"replay": self.trace}

    def link_values(self, link: Link | None) -> tuple[object, ...]:
        """Return values of `link_targets` for a link, its seed to be kept; None changes none."""
        if link is None or not self.link_targets:
            return (gr.skip(),) * len(self.link_targets)
        names = ("prompt", "seed", "steps", "guidance", "method")
        values = [link.values.get(name, gr.skip()) for name in names]
        keep = True if "seed" in link.values else gr.skip()
        return (*values, keep, *notices(link.bad))

    def _first_recipe(self) -> Recipe:
        can, first = self.session.capabilities, self.spec.first
        if not can.has_flow:
            words = self.spec.to is Modality.TEXT
            steps = min(can.words_steps, MAX_SLIDER_STEPS) if words else can.steps
            return replace(first, steps=steps, guidance=can.guidance)
        if self.trace is None:
            drawn = self.spec.to is Modality.IMAGE
            return replace(first, guidance=can.guidance) if drawn else first
        messages = self.trace["messages"]
        assert isinstance(messages, list)
        recipe = messages[-1]["recipe"]
        return Recipe(**{f.name: recipe[f.name] for f in fields(Recipe)})

    def _prompt_controls(self, prompt: str) -> None:
        spec = self.spec
        self.prompt = gr.Textbox(
            prompt,
            label=spec.question,
            lines=1,
            max_lines=4,
            elem_id=f"{spec.name}-prompt",
            placeholder=spec.placeholder,
        )
        self.prompt_notice = notice(f"{spec.name}-prompt-notice")
        self.extra = self.given()
        with gr.Row(elem_classes="omni-buttons"):
            self.generate = gr.Button(
                "Generate", variant="primary", elem_id=f"{spec.name}-generate"
            )
            self.stop = gr.Button("Stop", elem_id=f"{spec.name}-stop", visible=False)
            self.beside_generate()
        self.examples = chips(spec.prompts, "prompts to try", f"{spec.name}-examples")
        if spec.to is not Modality.TEXT:
            palette.build(self.session.capabilities.facts, spec.name, spec.to)

    def _settings(self, first: Recipe) -> None:
        name = self.spec.name
        with gr.Row(elem_classes="omni-pair"):
            self.steps = slider(1, MAX_SLIDER_STEPS, first.steps, 1, "Steps", f"{name}-steps")
            self.guidance = slider(
                0, MAX_SLIDER_GUIDANCE, first.guidance, 0.5, "Guidance", f"{name}-guidance"
            )
        with gr.Row(elem_classes="omni-pair"):
            methods = self.session.capabilities.methods
            method = first.method if first.method in methods else methods[0]
            self.method = method_list(methods, method, f"{name}-method")
            self.drafts = slider(1, MAX_DRAFTS, 1, 1, DRAFTS, f"{name}-drafts")
            self.drafts.visible = self.session.capabilities.finds
        with gr.Row(elem_classes="omni-pair"):
            self.seed = gr.Textbox(
                str(first.seed), label="Seed", max_lines=1, elem_id=f"{name}-seed", min_width=NARROW
            )
            with gr.Column(elem_classes="omni-seed", min_width=NARROW):
                self.keep_seed = gr.Checkbox(
                    False, label="Same seed next time", container=False, elem_id=f"{name}-keep-seed"
                )
                self.dice = gr.Button("New seed", size="sm", elem_id=f"{name}-dice", min_width=90)
        self.settings_notice = notice(f"{name}-settings-notice")

    def _wire(self) -> None:
        api = self.spec.api
        form = [self.ticket, self.prompt, self.steps, self.guidance, self.method]
        form += [self.seed, self.shown_seed, self.keep_seed, *self.extra, self.drafts]
        shown = [self.seed, self.shown_seed, self.view, self.prompt_notice, self.settings_notice]
        buttons = [self.generate, self.stop]
        self.beginning = {
            "inputs": form,
            "outputs": [self.ticket, *shown, *buttons],
            "queue": False,
            "show_progress": "hidden",
        }
        begin = {"fn": self.prepare, **self.beginning}
        for prompts in (self.examples, *self.more):
            prompts.press(
                pressed_text, None, self.prompt, queue=False, api_visibility="private"
            ).then(**begin, api_visibility="private")
        gr.on([self.generate.click, self.prompt.submit], **begin, api_name=api)
        self.view.again(**begin, api_visibility="private")
        driven = self.ticket.change(
            self.run,
            self.ticket,
            [self.view],
            **self.session.driving,
            api_name=f"{api}_run",
        )
        driven.success(self.finish, self.ticket, buttons, queue=False, api_visibility="private")
        driven.failure(self.give_up, self.ticket, buttons, queue=False, api_visibility="private")
        self.stop.click(self.halt, self.ticket, buttons, queue=False, api_name=f"{api}_stop")
        self.dice.click(random_seed, None, self.seed, queue=False, api_visibility="private")

    def prepare(
        self,
        visitor: gr.Request,
        ticket: str,
        prompt: str,
        steps: float,
        guidance: float,
        method: str,
        seed: str,
        shown_seed: str,
        keep_seed: bool,
        *more: object,
        opened: Opening | None = None,
    ) -> tuple[object, ...]:
        """Check the form; a good one opens a run and shows its place in line. more: what is given
        beside the words, and how many drafts. opened: opens something else than one run."""
        *given, drafts = more
        seed = next_seed(seed, shown_seed, keep_seed)
        try:
            self.session.refuse_if_busy(ticket)
            request = self.filled(prompt, steps, guidance, method, seed, *given, drafts=drafts)
            self.session.unlearned.ask(prompt, visitor)
            ticket, value = (opened or self._open_run)(request, opened_by(visitor))
        except InputError as bad:
            return (*(gr.skip(),) * 4, *notices(bad), gr.skip(), gr.skip())
        return (ticket, seed, seed, value, *notices(None), *run_buttons(running=True))

    def _open_run(self, request: Request, opener: Opener) -> tuple[str, object]:
        run = self.session.open(request, **opener)
        return run.control_id, {"run": run.id, **run.snapshot()}

    def filled(
        self,
        prompt: str,
        steps: object,
        guidance: object,
        method: str | None,
        seed: str,
        *given: object,
        drafts: object = 1,
    ) -> Request:
        """The request of a filled form. Raises: InputError with the control it belongs beside."""
        with beside("settings"):
            sampling = read_sampling(steps, guidance, method, read_seed(seed))
            sampling = replace(sampling, drafts=read_drafts(drafts))
        with beside("prompt"):
            request = self.request(prompt.strip(), sampling, *given)
            return request.within(self.session.capabilities.prompt_characters)

    def run(self, ticket: str, visitor: gr.Request) -> Iterator[object]:
        """Drive the run; values carry its state only where no websocket does."""
        for value in self.session.drive(ticket, visitor.session_hash or ""):
            yield gr.skip() if value is None else value

    def halt(self, ticket: str) -> tuple[object, ...]:
        """Stop within one step. What waits in line is over at once; what runs keeps what it has."""
        self.session.stop(ticket)
        return self.finish(ticket)

    def finish(self, ticket: str) -> tuple[object, ...]:
        """The buttons as they should be now: Generate comes back when the run is over."""
        return run_buttons(running=self.session.busy(ticket))

    def give_up(self, ticket: str) -> tuple[object, ...]:
        """The run's event failed or was never let in."""
        self.session.close(ticket)
        return self.finish(ticket)
