"""The Image tab: a prompt, a picture that forms, and everything needed to make it again."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import gradio as gr

from app.examples import PICTURES
from app.forms import InputError, beside, new_seed, next_seed, read_sampling, read_seed
from app.host import DRIVING, Host
from app.live_view import chips, live_view, notice
from app.notices import notices
from engine.request import MAX_PROMPT_CHARACTERS, METHODS, Conversation, Modality, Request

METHODS_SHOWN = [
    (name if name in ("masked", "autoregressive") else f"flow · {name.replace('_', ' ')}", name)
    for name in METHODS
]
MAX_SLIDER_STEPS, MAX_SLIDER_GUIDANCE = 64, 8


@dataclass(frozen=True)
class Recipe:
    """What the form holds when the page opens."""

    prompt: str = PICTURES[0]
    seed: int = 0
    steps: int = 16
    guidance: float = 1.0
    method: str = "midpoint"


@dataclass
class ImageTab:
    """The tab's controls, and what happens when they are pressed."""

    host: Host
    trace: dict[str, object] | None = None
    """A recorded run that plays when the page opens."""

    def build(self) -> None:
        """Lay out the controls inside the current Blocks and wire them."""
        first = self._first_recipe()
        with gr.Row(elem_classes="no-studio"):
            with gr.Column(scale=4, min_width=280, elem_classes="no-controls"):
                with gr.Column(elem_classes="no-ask"):
                    self._prompt_controls(first.prompt)
                with gr.Column(elem_classes="no-settings"):
                    self._settings(first)
            with gr.Column(scale=7, min_width=300, elem_classes="no-view"):
                self.view = live_view(self.trace and {"replay": self.trace}, "image-live")
        self.ticket = gr.Textbox(visible="hidden", label="run")
        self.shown_seed = gr.State(str(first.seed))
        self._wire()

    def _first_recipe(self) -> Recipe:
        if self.trace is None:
            return Recipe()
        messages = self.trace["messages"]
        assert isinstance(messages, list)
        recipe = messages[-1]["recipe"]
        return Recipe(**{f.name: recipe[f.name] for f in fields(Recipe)})

    def _prompt_controls(self, prompt: str) -> None:
        self.prompt = gr.Textbox(
            prompt,
            label="What should it draw?",
            lines=2,
            max_lines=4,
            elem_id="image-prompt",
            placeholder="a red heart above a dog",
        )
        self.prompt_notice = notice("image-prompt-notice")
        with gr.Row(elem_classes="no-buttons"):
            self.generate = gr.Button("Generate", variant="primary", elem_id="image-generate")
            self.stop = gr.Button("Stop", elem_id="image-stop", visible=False)
        self.examples = chips(PICTURES, "prompts to try", "image-examples")

    def _settings(self, first: Recipe) -> None:
        with gr.Row(elem_classes="no-pair"):
            self.steps = gr.Slider(
                1,
                MAX_SLIDER_STEPS,
                first.steps,
                step=1,
                label="Steps",
                min_width=120,
                elem_id="image-steps",
                buttons=[],
            )
            self.guidance = gr.Slider(
                0,
                MAX_SLIDER_GUIDANCE,
                first.guidance,
                step=0.5,
                label="Guidance",
                min_width=120,
                elem_id="image-guidance",
                buttons=[],
            )
        with gr.Row(elem_classes="no-pair"):
            self.seed = gr.Textbox(
                str(first.seed), label="Seed", max_lines=1, min_width=120, elem_id="image-seed"
            )
            self.method = gr.Dropdown(
                METHODS_SHOWN,
                value=first.method,
                label="Method",
                min_width=120,
                elem_id="image-method",
            )
        with gr.Row(elem_classes="no-seed"):
            self.keep_seed = gr.Checkbox(
                False, label="Same seed next time", container=False, elem_id="image-keep-seed"
            )
            self.dice = gr.Button("New seed", size="sm", elem_id="image-dice", min_width=90)
        self.settings_notice = notice("image-settings-notice")

    def _wire(self) -> None:
        form = [self.ticket, self.prompt, self.steps, self.guidance, self.method]
        form += [self.seed, self.shown_seed, self.keep_seed]
        shown = [self.seed, self.shown_seed, self.view, self.prompt_notice, self.settings_notice]
        buttons = [self.generate, self.stop]
        begin = {
            "fn": self.prepare,
            "inputs": form,
            "outputs": [self.ticket, *shown, *buttons],
            "queue": False,
            "show_progress": "hidden",
        }
        self.examples.press(
            pressed_text, None, self.prompt, queue=False, api_visibility="private"
        ).then(**begin, api_visibility="private")
        gr.on([self.generate.click, self.prompt.submit], **begin, api_name="draw")
        self.view.again(**begin, api_visibility="private")
        driven = self.ticket.change(
            self.run,
            self.ticket,
            [self.view],
            **DRIVING,
            api_name="draw_run",
        )
        driven.success(self.finish, self.ticket, buttons, queue=False, api_visibility="private")
        driven.failure(self.give_up, self.ticket, buttons, queue=False, api_visibility="private")
        self.stop.click(self.halt, self.ticket, buttons, queue=False, api_name="draw_stop")
        self.dice.click(fresh_seed, None, self.seed, queue=False, api_visibility="private")

    def prepare(
        self,
        ticket: str,
        prompt: str,
        steps: float,
        guidance: float,
        method: str,
        seed: str,
        shown_seed: str,
        keep_seed: bool,
        visitor: gr.Request,
    ) -> tuple[object, ...]:
        """Check the form; a good one opens a run and shows its place in line."""
        seed = next_seed(seed, shown_seed, keep_seed)
        try:
            self.host.refuse_if_busy(ticket)
            request = read_form(prompt, steps, guidance, method, seed)
        except InputError as bad:
            return (*(gr.skip(),) * 4, *notices(bad), gr.skip(), gr.skip())
        run = self.host.open(request, owner=visitor.session_hash or "")
        value = {"run": run.id, **run.snapshot()}
        return (run.id, seed, seed, value, *notices(None), *pressable(running=True))

    def run(self, ticket: str) -> Iterator[object]:
        """Drive the run; values carry its state only where no websocket does."""
        for value in self.host.drive(ticket):
            yield gr.skip() if value is None else value

    def halt(self, ticket: str) -> tuple[object, ...]:
        """Stop within one step. What waits in line is over at once; what runs keeps what it has."""
        self.host.stop(ticket)
        return self.finish(ticket)

    def finish(self, ticket: str) -> tuple[object, ...]:
        """The buttons as they should be now: Generate comes back when the run is over."""
        return pressable(running=self.host.busy(ticket))

    def give_up(self, ticket: str) -> tuple[object, ...]:
        """The run's event failed or was never let in."""
        self.host.close(ticket)
        return self.finish(ticket)


def read_form(
    prompt: str, steps: object, guidance: object, method: str | None, seed: str
) -> Request:
    """The request of a filled form. Raises: InputError with the control it belongs beside."""
    with beside("settings"):
        sampling = read_sampling(steps, guidance, method, read_seed(seed))
    with beside("prompt"):
        return Request(Conversation.ask(prompt.strip()), Modality.IMAGE, sampling)


def pressable(*, running: bool) -> tuple[object, object]:
    """Generate and Stop: one of them is there."""
    return gr.update(visible=not running), gr.update(visible=running)


def pressed_text(press: gr.EventData) -> str:
    """The text of the chip that was pressed."""
    return str(press._data["text"])[:MAX_PROMPT_CHARACTERS]


def fresh_seed() -> str:
    """For the dice."""
    return str(new_seed())
