"""The Lab tab: record runs with everything that the model thought, look into them, change something
and run on, and put them side by side."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from app.components import chips, lab_view, notice
from app.forms.errors import notices
from app.forms.example_prompts import WORDS_ALONE
from app.forms.parse import InputError, beside, next_seed
from app.forms.recipe import read_recipe
from app.lab import export
from app.lab.form import LabForm, form_of
from app.lab.path_chart import path_html
from app.lab.probe_view import packed
from app.lab.trace_view import overview, surprises, token
from app.session import DRIVING, Session
from app.tabs.generation_tab import fresh_seed, methods_shown, pressable, pressed_text, slider
from engine.api.request import Modality, Request
from engine.api.sampling import GRIDS, Sampling
from engine.inspection.trace import Trace
from engine.inspection.trace_file import read_trace

PROMPTS = ("a penguin in the sky", "a dog and a cat", "three green apples", "what can you do?")
WATCH = 6
"""Alternatives of each code that a recorded run keeps."""
KINDS = [("decide itself", "auto"), ("draw", "image"), ("film", "video"), ("write", "text")]
COMPARED = ["euler", "midpoint", "masked", "autoregressive"]
RESTORED = "The settings of this file are back in the form: press Record to make it again."
UNASKED = "Only pictures and films can be asked what is held to be where."
GONE = "That run is no longer kept here: record it again, its seed and settings stand below it."
NO_PATH = (
    "<p class='omni-lead'>This checkpoint was trained for masked diffusion alone: there is no path "
    "between words to look at, and no other method to put beside it.</p>"
)
FIRST_ID = "first"


@dataclass
class LabTab:
    """The tab's controls, and what happens when they are pressed. first: a recorded run that lies
    open when the page does."""

    host: Session
    first: Trace | None = None

    def build(self) -> None:
        """Lay out the controls inside the current Blocks and wire them."""
        known = ["auto", *self.host.can.makes]
        self.kinds = [(shown, kind) for shown, kind in KINDS if kind in known]
        with gr.Row(elem_classes="omni-studio"):
            with gr.Column(scale=3, min_width=260, elem_classes="omni-controls"):
                with gr.Column(elem_classes="omni-ask"):
                    self._prompt_controls()
                with gr.Column(elem_classes="omni-settings"):
                    self._settings()
                    self._files()
            with gr.Column(scale=8, min_width=300, elem_classes="omni-view"):
                server = {
                    "look_at": self.look_at,
                    "exported": self.exported,
                    "believed": self.believed,
                }
                self.view = lab_view("lab-view", server, self._opening())
        self.ticket = gr.Textbox(visible="hidden", label="run")
        self.shown_seed = gr.State("0")
        self._wire()

    def _opening(self) -> dict[str, object] | None:
        if self.first is None:
            return None
        return {"lab": [self._overview(FIRST_ID, self.first)]}

    def _prompt_controls(self) -> None:
        prompts = PROMPTS if self.host.can.draws else WORDS_ALONE
        self.prompt = gr.Textbox(
            prompts[0],
            label="What should it do while you watch?",
            lines=2,
            max_lines=4,
            elem_id="lab-prompt",
        )
        self.prompt_notice = notice("lab-prompt-notice")
        with gr.Row(elem_classes="omni-buttons"):
            self.record = gr.Button("Record", variant="primary", elem_id="lab-record")
            self.stop = gr.Button("Stop", elem_id="lab-stop", visible=False)
        self.examples = chips(prompts, "prompts to try", "lab-examples")

    def _settings(self) -> None:
        can = self.host.can
        kind = Modality.IMAGE if can.draws else Modality.TEXT
        self.kind = gr.Radio(self.kinds, value=str(kind), label="It should", elem_id="lab-kind")
        shown = methods_shown(can.methods)
        method = "midpoint" if can.flows else can.methods[0]
        self.method = gr.Dropdown(shown, value=method, label="Method", elem_id="lab-method")
        steps, temperature, guidance = (16, 0.2, can.guidance) if can.flows else (64, 0, 0)
        if can.draws and not can.flows:
            steps, temperature, guidance = can.steps, can.temperature, can.guidance
        self.steps = slider(1, 64, steps, 1, "Steps", "lab-steps")
        self.guidance = slider(0, 8, guidance, 0.5, "Guidance", "lab-guidance")
        self.guidance.visible = can.draws
        name = "Temperature at the end" if can.flows else "Temperature"
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
        self.shelf = gr.Accordion(
            "Path and schedule", open=False, elem_id="lab-path", visible=can.flows
        )
        if not can.flows:
            gr.HTML(NO_PATH, elem_id="lab-no-path", apply_default_css=False)
        with self.shelf:
            self.grid = gr.Dropdown(
                [(f"steps even in {_spoken(name)}", name) for name in GRIDS],
                value="tuned",
                show_label=False,
                container=False,
                elem_id="lab-grid",
            )
            self.c = slider(0.5, 12, 3, 0.1, "c", "lab-c")
            self.a = slider(0.2, 3, 0.9, 0.05, "a", "lab-a")
            self.path = gr.HTML(elem_id="lab-path-chart", apply_default_css=False)

    def _files(self) -> None:
        self.upload = gr.UploadButton(
            "Open a trace or a picture",
            size="sm",
            elem_id="lab-upload",
            file_types=[".npz", ".png", ".webp", ".mp4", ".gif"],
        )
        self.upload_notice = notice("lab-upload-notice")

    def _wire(self) -> None:
        self.form = [self.prompt, self.kind, self.steps, self.guidance, self.method]
        self.form += [self.temperature, self.grid, self.c, self.a, self.seed]
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
            **DRIVING,
            api_name="record_run",
        )
        over = [*buttons, self.view, self.prompt_notice]
        driven.success(self.finish, self.ticket, over, **private)
        driven.failure(self.give_up, self.ticket, over, **private)
        self.stop.click(self.halt, self.ticket, buttons, queue=False, api_name="record_stop")
        self.dice.click(fresh_seed, None, self.seed, queue=False, api_visibility="private")
        restored = [self.view, self.upload_notice, *self.form]
        self.upload.upload(self.open_file, self.upload, restored, **private)
        chart = {"inputs": [self.kind, self.steps, self.grid, self.c, self.a], "outputs": self.path}
        self.shelf.expand(self.draw_path, **chart, **private)
        for control in (self.kind, self.steps, self.grid, self.c, self.a):
            control.change(self.draw_path, **chart, **private, trigger_mode="always_last")

    # ---- running ---------------------------------------------------------------------------

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
        trace = self._kept(str(place.get("run")))

        def requests(asked: LabForm) -> list[Request]:
            if trace is None:
                raise InputError(GONE, "prompt")
            return [asked.going_on(trace, place)]

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
            for run_id in ticket.split():
                self.host.refuse_if_busy(run_id)
            asked = requests(LabForm(*others, seed))  # pyright: ignore[reportArgumentType, reportCallIssue]
            with beside("prompt"):
                asked = [request.within(self.host.can.prompt_characters) for request in asked]
        except InputError as bad:
            return (*(gr.skip(),) * 4, *notices(bad), gr.skip(), gr.skip())
        owner = visitor.session_hash or ""
        runs = [self.host.open(request, owner=owner, watch=WATCH) for request in asked]
        value = {"runs": [{"run": run.id, **run.snapshot()} for run in runs]}
        ids = " ".join(run.id for run in runs)
        return (ids, seed, seed, value, *notices(None), *pressable(running=True))

    def run(self, ticket: str) -> Iterator[object]:
        """Drive the runs, one after the other; values carry their state only where no websocket
        does."""
        snapshots: dict[str, object] = {}
        for run_id in ticket.split():
            for value in self.host.drive(run_id):
                if value is not None:
                    snapshots[run_id] = {"run": run_id, **value}
                yield gr.skip() if value is None else {"runs": list(snapshots.values())}

    def halt(self, ticket: str) -> tuple[object, ...]:
        """Stop within one step; what was recorded until then can be looked into."""
        for run_id in ticket.split():
            self.host.stop(run_id)
        return pressable(running=self._busy(ticket))

    def finish(self, ticket: str) -> tuple[object, ...]:
        """The buttons, and the recorded runs to look into; a sentence where one cannot be."""
        buttons = pressable(running=self._busy(ticket))
        kept = [(i, self.host.traces[i]) for i in ticket.split() if i in self.host.traces]
        if not kept:
            return (*buttons, gr.skip(), gr.skip())
        try:
            with beside("prompt"):
                seen = {"lab": [self._overview(i, trace) for i, trace in kept]}
        except InputError as bad:
            return (*buttons, gr.skip(), notices(bad)[0])
        return (*buttons, seen, gr.skip())

    def give_up(self, ticket: str) -> tuple[object, ...]:
        """The runs' event failed or was never let in."""
        for run_id in ticket.split():
            self.host.close(run_id)
        return self.finish(ticket)

    def _busy(self, ticket: str) -> bool:
        return any(self.host.busy(run_id) for run_id in ticket.split())

    # ---- looking ---------------------------------------------------------------------------

    def _overview(self, run_id: str, trace: Trace) -> dict[str, object]:
        engine = self.host.engine
        seen = overview(trace, engine.lens, run_id, surprises(trace, engine.surprise))
        return seen | {"believes": self.host.can.believes}

    def _whole(self, run_id: str, trace: Trace) -> dict[str, object]:
        """The overview with everything that the page would ask for later."""
        seen = self._overview(run_id, trace)
        parts = seen["segments"]
        assert isinstance(parts, list)
        if self.host.can.believes:
            for index, part in enumerate(parts):
                found = self.host.engine.believed(trace, index)
                part["believed"] = None if found is None else packed(found)
        return seen

    def _kept(self, run_id: str) -> Trace | None:
        return self.first if run_id == FIRST_ID else self.host.traces.get(run_id)

    def look_at(self, place: Mapping[str, object]) -> dict[str, object]:
        """One token of a kept run from near, for the browser; a sentence where it cannot be."""
        trace = self._kept(str(place.get("run")))
        if trace is None:
            return {"sentence": GONE}
        try:
            numbers = [int(str(place.get(name))) for name in ("segment", "step", "position")]
            return token(trace, self.host.engine.lens, *numbers)
        except ValueError as bad:
            return {"sentence": str(bad)}

    def believed(self, part: Mapping[str, object]) -> dict[str, object]:
        """What the middle of the network holds to be at each place of a picture or film of a kept
        run, see `app.lab.probe_view`; a sentence where it cannot be asked."""
        trace = self._kept(str(part.get("run")))
        if trace is None:
            return {"sentence": GONE}
        try:
            index = int(str(part.get("segment")))
            if not 0 <= index < len(trace.segments):
                return {"sentence": f"this run has no part {index}"}
            found = self.host.engine.believed(trace, index)
        except ValueError as bad:
            return {"sentence": str(bad)}
        return {"sentence": UNASKED} if found is None else packed(found)

    def exported(self, wish: Mapping[str, object]) -> dict[str, str]:
        """A kept run as a file, {"name", "uri"}; {"sentence"} where it cannot be."""
        trace = self._kept(str(wish.get("run")))
        if trace is None:
            return {"sentence": GONE}
        try:
            kind = str(wish.get("kind"))
            if kind == "still":
                place = [int(str(wish.get(name))) for name in ("segment", "step")]
                return export.still(
                    trace, self.host.engine.lens, place[0], place[1], str(wish.get("which"))
                )
            seen = self._whole(str(wish.get("run")), trace) if kind == "html" else None
            return export.file(trace, self.host.engine.lens, kind, seen)
        except ValueError as bad:
            return {"sentence": str(bad)}

    def open_file(self, path: str) -> tuple[object, ...]:
        """Somebody's trace, checked before it is shown, or a picture whose settings come back."""
        nothing = (gr.skip(),) * len(self.form)
        try:
            if Path(path).suffix == ".npz":
                trace = read_trace(Path(path))
                run_id = secrets.token_urlsafe(16)
                value = {"lab": [self._overview(run_id, trace)]}
                self.host.keep(run_id, trace)
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
        return form_of(recipe, [kind for _, kind in self.kinds])

    def draw_path(self, kind: str, steps: float, grid: str, c: float, a: float) -> str:
        """What a path with these numbers would do, before anything runs."""
        if not self.host.can.flows:
            return ""
        modality = Modality.IMAGE if kind == "auto" else Modality(kind)
        sampling = Sampling(steps=int(steps), grid=grid, c=float(c), a=float(a))
        return path_html(self.host.engine.preview(sampling, modality))


def _spoken(grid: str) -> str:
    return {"uniform": "t", "information": "information", "tuned": "the tuned clock"}[grid]
