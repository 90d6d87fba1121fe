"""The Lab tab: record runs with everything that the model thought, look into them, change something
and run on, and put them side by side."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from app.components import chips, lab_view, notice
from app.forms.controls import (
    method_choices,
    method_list,
    pressed_text,
    random_seed,
    run_buttons,
    slider,
)
from app.forms.errors import notices
from app.forms.example_prompts import WORDS_ALONE
from app.forms.parse import InputError, beside, next_seed
from app.forms.recipe import read_recipe
from app.forms.visitor import opened_by
from app.lab.form import LabForm, controls_of
from app.lab.path_controls import PathControls
from app.lab.recordings import GONE, Recordings
from app.session import Session
from app.stream.run import watch_id
from engine.api.request import Modality, Request
from engine.inspection.trace import Trace
from engine.inspection.trace_file import read_trace

PROMPTS = ("a penguin in the sky", "a dog and a cat", "three green apples", "what can you do?")
WATCH = 6
"""Alternatives of each code that a recorded run keeps."""
KINDS = [("decide itself", "auto"), ("draw", "image"), ("film", "video"), ("write", "text")]
COMPARED = ["euler", "midpoint", "masked", "autoregressive"]
RESTORED = "The settings of this file are back in the form: press Record to make it again."


@dataclass
class LabTab:
    """The tab's controls, and what happens when they are pressed. first: a recorded run that lies
    open when the page does."""

    session: Session
    first: Trace | None = None

    def __post_init__(self) -> None:
        self.recordings = Recordings(self.session, self.first)
        self.path = PathControls(self.session)

    def build(self) -> None:
        """Lay out the controls inside the current Blocks and wire them."""
        known = ["auto", *self.session.capabilities.makes]
        self.kinds = [(shown, kind) for shown, kind in KINDS if kind in known]
        with gr.Row(elem_classes="omni-studio"):
            with gr.Column(scale=3, min_width=260, elem_classes="omni-controls"):
                with gr.Column(elem_classes="omni-ask"):
                    self._prompt_controls()
                with gr.Column(elem_classes="omni-settings"):
                    self._settings()
                    self._files()
            with gr.Column(scale=8, min_width=300, elem_classes="omni-view"):
                runs = self.recordings
                server = {
                    "look_at": runs.look_at,
                    "exported": runs.exported,
                    "believed": runs.believed,
                }
                self.view = lab_view("lab-view", server, runs.opening())
        self.ticket = gr.Textbox(visible="hidden", label="run")
        self.shown_seed = gr.State("0")
        self._wire()

    def _prompt_controls(self) -> None:
        prompts = PROMPTS if self.session.capabilities.makes_images else WORDS_ALONE
        self.prompt = gr.Textbox(
            prompts[0],
            label="What should it do while you watch?",
            lines=1,
            max_lines=4,
            elem_id="lab-prompt",
        )
        self.prompt_notice = notice("lab-prompt-notice")
        with gr.Row(elem_classes="omni-buttons"):
            self.record = gr.Button("Record", variant="primary", elem_id="lab-record")
            self.stop = gr.Button("Stop", elem_id="lab-stop", visible=False)
        self.examples = chips(prompts, "prompts to try", "lab-examples")

    def _settings(self) -> None:
        can = self.session.capabilities
        kind = Modality.IMAGE if can.makes_images else Modality.TEXT
        self.kind = gr.Radio(self.kinds, value=str(kind), label="It should", elem_id="lab-kind")
        shown = method_choices(can.methods)
        method = "midpoint" if can.has_flow else can.methods[0]
        self.method = method_list(can.methods, method, "lab-method")
        steps, temperature, guidance = (16, 0.2, can.guidance) if can.has_flow else (64, 0, 0)
        if can.makes_images and not can.has_flow:
            steps, temperature, guidance = can.steps, can.temperature, can.guidance
        self.steps = slider(1, 64, steps, 1, "Steps", "lab-steps")
        self.guidance = slider(0, 8, guidance, 0.5, "Guidance", "lab-guidance")
        self.guidance.visible = can.makes_images
        name = "Temperature at the end" if can.has_flow else "Temperature"
        self.temperature = slider(0, 2, temperature, 0.05, name, "lab-temperature")
        self.seed = gr.Textbox("0", label="Seed", max_lines=1, elem_id="lab-seed")
        with gr.Row(elem_classes="omni-seed"):
            self.keep_seed = gr.Checkbox(
                True, label="Same seed next time", container=False, elem_id="lab-keep-seed"
            )
            self.dice = gr.Button("New seed", size="sm", elem_id="lab-dice", min_width=90)
        self.settings_notice = notice("lab-settings-notice")
        several = len(shown) > 1
        with gr.Accordion("Side by side", open=False, elem_id="lab-compare", visible=several):
            compared = [name for name in COMPARED if name in can.methods]
            self.methods = gr.CheckboxGroup(shown, value=compared, label="Methods", container=False)
            self.compare = gr.Button("Compare", size="sm", elem_id="lab-compare-run")
        self.path.build()

    def _files(self) -> None:
        self.upload = gr.UploadButton(
            "Open a trace or a picture",
            size="sm",
            elem_id="lab-upload",
            file_types=[".npz", ".json", ".png", ".webp", ".mp4", ".gif"],
        )
        self.upload_notice = notice("lab-upload-notice")

    def _wire(self) -> None:
        self.form = [self.prompt, self.kind, self.steps, self.guidance, self.method]
        self.form += [self.temperature, self.path.grid, self.path.c, self.path.a, self.seed]
        asked = [self.ticket, self.shown_seed, self.keep_seed, *self.form]
        shown = [self.seed, self.shown_seed, self.view, self.prompt_notice, self.settings_notice]
        buttons = [self.record, self.stop]
        begin = {
            "outputs": [self.ticket, *shown, *buttons],
            "queue": False,
            "show_progress": "hidden",
        }
        private = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        self.examples.press(pressed_text, None, self.prompt, **private).then(
            self.begin, asked, **begin, api_visibility="private"
        )
        gr.on(
            [self.record.click, self.prompt.submit], self.begin, asked, **begin, api_name="record"
        )
        with_methods = [*asked[:3], self.methods, *self.form]
        self.compare.click(self.begin_compared, with_methods, **begin, api_name="compare")
        self.view.branch(self.begin_branch, asked, **begin, api_visibility="private")
        driven = self.ticket.change(
            self.run,
            self.ticket,
            [self.view],
            **self.session.driving,
            api_name="record_run",
        )
        over = [*buttons, self.view, self.prompt_notice]
        driven.success(self.finish, self.ticket, over, **private)
        driven.failure(self.give_up, self.ticket, over, **private)
        self.stop.click(self.halt, self.ticket, buttons, queue=False, api_name="record_stop")
        self.dice.click(random_seed, None, self.seed, queue=False, api_visibility="private")
        restored = [self.view, self.upload_notice, *self.form]
        self.upload.upload(self.open_file, self.upload, restored, **private)
        self.path.wire(self.kind, self.steps)

    def begin(
        self, ticket: str, shown: str, keep: bool, visitor: gr.Request, *form: object
    ) -> tuple[object, ...]:
        """Check the form; a good one opens a run that will be recorded."""
        return self._begin(ticket, shown, keep, form, visitor, lambda asked: [asked.request()])

    def begin_compared(
        self,
        ticket: str,
        shown: str,
        keep: bool,
        methods: list[str],
        visitor: gr.Request,
        *form: object,
    ) -> tuple[object, ...]:
        """The same by several methods, one after the other."""
        return self._begin(ticket, shown, keep, form, visitor, lambda f: f.compared(methods))

    def begin_branch(
        self,
        ticket: str,
        shown: str,
        keep: bool,
        press: gr.EventData,
        visitor: gr.Request,
        *form: object,
    ) -> tuple[object, ...]:
        """A recorded run goes on from one of its steps, edited, with the settings of the form."""
        place = press._data
        trace = self.recordings.find(str(place.get("run")))

        def requests(asked: LabForm) -> list[Request]:
            if trace is None:
                raise InputError(GONE, "prompt")
            return [asked.resumed(trace, place)]

        return self._begin(ticket, shown, keep, form, visitor, requests)

    def _begin(
        self,
        ticket: str,
        shown: str,
        keep: bool,
        form: tuple[object, ...],
        visitor: gr.Request,
        requests: Callable[[LabForm], list[Request]],
    ) -> tuple[object, ...]:
        *others, seed = form
        seed = next_seed(str(seed), shown, keep)
        try:
            self.session.refuse_if_busy(ticket)
            asked = requests(LabForm(*others, seed))  # pyright: ignore[reportArgumentType, reportCallIssue]
            with beside("prompt"):
                asked = [
                    request.within(self.session.capabilities.prompt_characters) for request in asked
                ]
            if form[1] in (Modality.IMAGE, Modality.VIDEO):
                self.session.unlearned.ask(str(form[0]), visitor)
            runs = self.session.open_all(asked, watch=WATCH, **opened_by(visitor))
        except InputError as bad:
            return (*(gr.skip(),) * 4, *notices(bad), gr.skip(), gr.skip())
        value = {"runs": [{"run": run.id, **run.snapshot()} for run in runs]}
        ids = " ".join(run.control_id for run in runs)
        return (ids, seed, seed, value, *notices(None), *run_buttons(running=True))

    def run(self, ticket: str, visitor: gr.Request) -> Iterator[object]:
        """Drive the runs one by one; values carry their state only where no websocket does."""
        snapshots: dict[str, object] = {}
        for control_id in ticket.split():
            for value in self.session.drive(control_id, visitor.session_hash or ""):
                if value is not None:
                    snapshots[control_id] = value
                yield gr.skip() if value is None else {"runs": list(snapshots.values())}

    def halt(self, ticket: str) -> tuple[object, ...]:
        """Stop within one step; what was recorded until then can be looked into."""
        self.session.stop(ticket)
        return run_buttons(running=self.session.busy(ticket))

    def finish(self, ticket: str) -> tuple[object, ...]:
        """The buttons, and the recorded runs to look into; a sentence where one cannot be."""
        buttons = run_buttons(running=self.session.busy(ticket))
        ids = map(watch_id, ticket.split())
        kept = [(i, self.session.traces[i]) for i in ids if i in self.session.traces]
        if not kept:
            return (*buttons, gr.skip(), gr.skip())
        try:
            with beside("prompt"):
                seen = {"lab": [self.recordings.overview(i, trace) for i, trace in kept]}
        except InputError as bad:
            return (*buttons, gr.skip(), notices(bad)[0])
        return (*buttons, seen, gr.skip())

    def give_up(self, ticket: str) -> tuple[object, ...]:
        """The runs' event failed or was never let in."""
        self.session.close(ticket)
        return self.finish(ticket)

    def open_file(self, path: str) -> tuple[object, ...]:
        """Somebody's trace, checked before it is shown, or a picture whose settings come back."""
        nothing = (gr.skip(),) * len(self.form)
        try:
            if Path(path).suffix in (".npz", ".json"):
                trace = read_trace(Path(path))
                run_id = secrets.token_urlsafe(16)
                value = {"lab": [self.recordings.overview(run_id, trace)]}
                self.session.keep(run_id, trace)
                return value, "", *nothing
            values = self.filled(read_recipe(Path(path)))
        except ValueError as bad:
            with_stop = str(bad)[:1].upper() + str(bad)[1:].rstrip(".") + "."
            return gr.skip(), f"<p role='alert'>{escape(with_stop)}</p>", *nothing
        return gr.skip(), f"<p>{RESTORED}</p>", *values

    def filled(self, recipe: Mapping[str, object]) -> tuple[object, ...]:
        """The controls for a recipe; a kind that is not made here is left to the model.

        Raises: ValueError where a value of it is none.
        """
        return controls_of(
            recipe, [kind for _, kind in self.kinds], self.session.capabilities.defaults
        )
