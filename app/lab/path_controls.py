"""The Lab's controls of the probability path: the time grid, c and a of its schedule, and a chart
of what a run with these values does."""

from dataclasses import dataclass

import gradio as gr

from app.forms.controls import slider
from app.lab.path_chart import path_html
from app.session import Session
from engine.api.request import Modality
from engine.api.sampling import GRIDS, Sampling

NO_PATH = (
    "<p class='omni-lead'>This checkpoint was trained for masked diffusion alone: there is no path "
    "between words to look at, and no other method to put beside it.</p>"
)
GRID_LABELS = {"uniform": "t", "information": "information", "tuned": "the tuned clock"}


@dataclass
class PathControls:
    """The folded box "Path and schedule", hidden for a checkpoint without flow matching."""

    session: Session

    def build(self) -> None:
        """Lay out the controls inside the current Blocks."""
        flows = self.session.capabilities.has_flow
        self.box = gr.Accordion("Path and schedule", open=False, elem_id="lab-path", visible=flows)
        if not flows:
            gr.HTML(NO_PATH, elem_id="lab-no-path", apply_default_css=False)
        with self.box:
            self.grid = gr.Dropdown(
                [(f"steps even in {GRID_LABELS[name]}", name) for name in GRIDS],
                value="tuned",
                show_label=False,
                container=False,
                elem_id="lab-grid",
            )
            self.c = slider(0.5, 12, 3, 0.1, "c", "lab-c")
            self.a = slider(0.2, 3, 0.9, 0.05, "a", "lab-a")
            self.chart = gr.HTML(elem_id="lab-path-chart", apply_default_css=False)

    def wire(self, kind: gr.Radio, steps: gr.Slider) -> None:
        """Redraw the chart when the box opens or a value changes. kind, steps: of the form."""
        controls = [kind, steps, self.grid, self.c, self.a]
        quiet = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        self.box.expand(self.draw, controls, self.chart, **quiet)
        for control in controls:
            control.change(self.draw, controls, self.chart, **quiet, trigger_mode="always_last")

    def draw(self, kind: str, steps: float, grid: str, c: float, a: float) -> str:
        """Return the chart of a path with these values as HTML; nothing has to run for it."""
        if not self.session.capabilities.has_flow:
            return ""
        modality = Modality.IMAGE if kind == "auto" else Modality(kind)
        sampling = Sampling(steps=int(steps), grid=grid, c=float(c), a=float(a))
        return path_html(self.session.engine.inspector.path_preview(sampling, modality))
