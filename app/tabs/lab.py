"""The Lab tab: record a run with everything that the model thought, and look into it."""

import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from app.forms import InputError, beside, next_seed, read_sampling, read_seed
from app.host import MODEL_SLOT, Host
from app.inspection import overview, token
from app.live_view import chips, lab_view, notice
from app.notices import notices
from app.tabs.image import METHODS_SHOWN, fresh_seed, pressable, pressed_text
from engine.request import Conversation, Modality, Request
from engine.trace import Trace

PROMPTS = ("a panda in the sky", "a dog and a cat", "three green apples", "what can you do?")
WATCH = 6
"""Alternatives of each code that a recorded run keeps."""
KINDS = [("decide itself", "auto"), ("draw", "image"), ("write", "text")]
GONE = "That run is no longer kept here: record it again, its seed and settings stand below it."


FIRST_ID = "first"


@dataclass
class LabTab:
    """The tab's controls, and what happens when they are pressed. first: a recorded run that lies
    open when the page does."""

    host: Host
    first: Trace | None = None

    def build(self) -> None:
        """Lay out the controls inside the current Blocks and wire them."""
        with gr.Row(elem_classes="no-studio"):
            with gr.Column(scale=3, min_width=260, elem_classes="no-controls"):
                with gr.Column(elem_classes="no-ask"):
                    self._prompt_controls()
                with gr.Column(elem_classes="no-settings"):
                    self._settings()
            with gr.Column(scale=8, min_width=300, elem_classes="no-view"):
                self.view = lab_view("lab-view", self.look_at, self._opening())
        self.ticket = gr.Textbox(visible="hidden", label="run")
        self.shown_seed = gr.State("0")
        self._wire()

    def _opening(self) -> dict[str, object] | None:
        if self.first is None:
            return None
        return {"lab": overview(self.first, self.host.engine.lens, FIRST_ID)}

    def _prompt_controls(self) -> None:
        self.prompt = gr.Textbox(
            PROMPTS[0],
            label="What should it do while you watch?",
            lines=2,
            max_lines=4,
            elem_id="lab-prompt",
        )
        self.prompt_notice = notice("lab-prompt-notice")
        with gr.Row(elem_classes="no-buttons"):
            self.record = gr.Button("Record", variant="primary", elem_id="lab-record")
            self.stop = gr.Button("Stop", elem_id="lab-stop", visible=False)
        self.examples = chips(PROMPTS, "prompts to try", "lab-examples")

    def _settings(self) -> None:
        self.kind = gr.Radio(KINDS, value="image", label="It should", elem_id="lab-kind")
        self.steps = gr.Slider(1, 64, 16, step=1, label="Steps", elem_id="lab-steps", buttons=[])
        self.guidance = gr.Slider(
            0, 8, 1, step=0.5, label="Guidance", elem_id="lab-guidance", buttons=[]
        )
        self.method = gr.Dropdown(
            METHODS_SHOWN, value="midpoint", label="Method", elem_id="lab-method"
        )
        self.seed = gr.Textbox("0", label="Seed", max_lines=1, elem_id="lab-seed")
        with gr.Row(elem_classes="no-seed"):
            self.keep_seed = gr.Checkbox(
                True, label="Same seed next time", container=False, elem_id="lab-keep-seed"
            )
            self.dice = gr.Button("New seed", size="sm", elem_id="lab-dice", min_width=90)
        self.settings_notice = notice("lab-settings-notice")
        with gr.Row(elem_classes="no-seed"):
            self.download = gr.DownloadButton(
                "Download the trace", size="sm", elem_id="lab-download", visible=False
            )
            self.upload = gr.UploadButton(
                "Open a trace", size="sm", elem_id="lab-upload", file_types=[".npz"]
            )
        self.upload_notice = notice("lab-upload-notice")

    def _wire(self) -> None:
        form = [self.ticket, self.prompt, self.kind, self.steps, self.guidance, self.method]
        form += [self.seed, self.shown_seed, self.keep_seed]
        shown = [self.seed, self.shown_seed, self.view, self.prompt_notice, self.settings_notice]
        buttons = [self.record, self.stop]
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
        gr.on([self.record.click, self.prompt.submit], **begin, api_name="record")
        driven = self.ticket.change(
            self.run,
            self.ticket,
            [self.view],
            **MODEL_SLOT,
            trigger_mode="multiple",
            show_progress="hidden",
            api_name="record_run",
        )
        over = [*buttons, self.view, self.download]
        private = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        driven.success(self.finish, self.ticket, over, **private)
        driven.failure(self.give_up, self.ticket, over, **private)
        self.stop.click(self.halt, self.ticket, buttons, queue=False, api_name="record_stop")
        self.dice.click(fresh_seed, None, self.seed, queue=False, api_visibility="private")
        self.upload.upload(self.open_file, self.upload, [self.view, self.upload_notice], **private)

    def prepare(
        self,
        ticket: str,
        prompt: str,
        kind: str,
        steps: float,
        guidance: float,
        method: str,
        seed: str,
        shown_seed: str,
        keep_seed: bool,
        visitor: gr.Request,
    ) -> tuple[object, ...]:
        """Check the form; a good one opens a run that will be recorded."""
        seed = next_seed(seed, shown_seed, keep_seed)
        try:
            self.host.refuse_if_busy(ticket)
            with beside("settings"):
                sampling = read_sampling(steps, guidance, method, read_seed(seed))
            with beside("prompt"):
                to = None if kind == "auto" else Modality(kind)
                request = Request(Conversation.ask(prompt.strip()), to, sampling)
        except InputError as bad:
            return (*(gr.skip(),) * 4, *notices(bad), gr.skip(), gr.skip())
        run = self.host.open(request, owner=visitor.session_hash or "", watch=WATCH)
        value = {"run": run.id, **run.snapshot()}
        return (run.id, seed, seed, value, *notices(None), *pressable(running=True))

    def run(self, ticket: str) -> Iterator[object]:
        """Drive the run; values carry its state only where no websocket does."""
        for value in self.host.drive(ticket):
            yield gr.skip() if value is None else value

    def halt(self, ticket: str) -> tuple[object, ...]:
        """Stop within one step; what was recorded until then can be looked into."""
        self.host.stop(ticket)
        return pressable(running=self.host.busy(ticket))

    def finish(self, ticket: str) -> tuple[object, ...]:
        """The buttons, and the recorded run to look into."""
        buttons = pressable(running=self.host.busy(ticket))
        trace = self.host.traces.get(ticket)
        if trace is None:
            return (*buttons, gr.skip(), gr.update(visible=False))
        file = Path(tempfile.mkdtemp()) / f"run-seed-{trace.request.sampling.seed}.npz"
        trace.save(file)
        value = {"lab": overview(trace, self.host.engine.lens, ticket)}
        return (*buttons, value, gr.update(value=str(file), visible=True))

    def give_up(self, ticket: str) -> tuple[object, ...]:
        """The run's event failed or was never let in."""
        self.host.close(ticket)
        return self.finish(ticket)

    def open_file(self, path: str) -> tuple[object, str]:
        """Somebody's trace, checked before it is shown."""
        try:
            trace = Trace.load(Path(path))
            run_id = secrets.token_urlsafe(16)
            value = {"lab": overview(trace, self.host.engine.lens, run_id)}
        except ValueError as bad:
            with_stop = str(bad)[:1].upper() + str(bad)[1:].rstrip(".") + "."
            return gr.skip(), f"<p>{escape(with_stop)}</p>"
        self.host.keep(run_id, trace)
        return value, ""

    def look_at(self, place: Mapping[str, object]) -> dict[str, object]:
        """One token of a kept run from near, for the browser; a sentence where it cannot be."""
        run = str(place.get("run"))
        trace = self.first if run == FIRST_ID else self.host.traces.get(run)
        if trace is None:
            return {"sentence": GONE}
        try:
            numbers = [int(str(place.get(name))) for name in ("segment", "step", "position")]
            return token(trace, self.host.engine.lens, *numbers)
        except ValueError as bad:
            return {"sentence": str(bad)}
