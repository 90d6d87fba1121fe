"""A new sampler is one file and one line in `SAMPLERS`: every entrance knows it from there."""

from pathlib import Path

import numpy as np
import pytest

from app.capabilities import Capabilities
from app.forms.controls import method_sentence
from app.lab.form import LabForm
from engine.__main__ import main
from engine.api.conversation import Conversation
from engine.api.events import SegmentStarted
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.inspection.branch import start_of
from engine.inspection.trace_file import read_trace
from flow.modality import Modality
from samplers.catalogue import SAMPLERS, methods
from tests.app.test_page import headers
from tests.in_order_sampler import SPEC
from tests.page_server import PATIENCE_S, served

NAME = "in_order"


@pytest.fixture(autouse=True)
def _one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SAMPLERS, NAME, SPEC)


def test_the_command_line_runs_it(tiny_checkpoint: Path, tmp_path: Path) -> None:
    trace = tmp_path / "x.npz"
    said = ["--prompt", "a red heart", "--to", "image", "--steps", "4", "--sampler", NAME]
    files = ["--out", str(tmp_path / "x.png"), "--trace", str(trace)]
    checkpoint = ["--checkpoint", str(tiny_checkpoint), "--device", "cpu"]
    assert main(["generate", *checkpoint, *said, *files]) == 0
    run = read_trace(trace.read_bytes())
    arrays = run.segments[0].arrays
    assert run.request.sampling.sampler == NAME
    written = [set(np.flatnonzero(changed.any(1)).tolist()) for changed in arrays["changed"]]
    length = arrays["x_t"].shape[1]
    assert [min(w) for w in written] == [length * k // 4 for k in range(4)]


def test_an_option_that_it_does_not_read_is_noted(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = ["--prompt", "a red heart", "--to", "image", "--steps", "2", "--sampler", NAME]
    more = ["--patience", "2", "--out", str(tmp_path / "x.png"), "--device", "cpu"]
    assert main(["generate", "--checkpoint", str(tiny_checkpoint), *said, *more]) == 0
    assert f"--patience is for --sampler flow: this run, {NAME}" in capsys.readouterr().err


def test_the_page_offers_and_runs_it(tiny_engine: Engine) -> None:
    assert NAME in Capabilities.of(tiny_engine.info()).methods
    with served(tiny_engine) as page:
        client = page.client()
        ticket, *_ = client.predict("", "a red heart", 4, 1, NAME, "5", True, api_name="/draw")
        client.submit(ticket, api_name="/draw_run").result(timeout=PATIENCE_S)
        recipes = [
            header["recipe"] for header in headers(page, ticket) if header["kind"] == "completed"
        ]
    assert [recipe["method"] for recipe in recipes] == [NAME]


def test_the_lab_resumes_with_it(tiny_engine: Engine) -> None:
    form = LabForm("a red heart", "image", 4, 0, NAME, 1.0, "uniform", 3, 0.9, "5")
    assert form.sampling().grid is None, "it reads no grid"
    request = Request(Conversation.ask("a red heart"), Modality.IMAGE, Sampling(steps=4, seed=5))
    recorder = tiny_engine.recorder()
    for event in tiny_engine.generate(request, preview_hz=0, watch=1):
        recorder.see(event)
    start = start_of(recorder.trace(), 0, 1)
    resumed = Request(request.conversation, Modality.IMAGE, form.sampling(), start=start)
    started, *steps, _ = tiny_engine.generate(resumed, preview_hz=0)
    assert isinstance(started, SegmentStarted)
    assert started.num_steps == len(steps)


def test_every_method_is_offered_with_a_sentence() -> None:
    sentences = [method_sentence(method) for method in methods()]
    assert len(set(sentences)) == len(sentences)
    assert all(sentence.endswith(".") and len(sentence) < 80 for sentence in sentences)
    assert method_sentence(NAME) == f"{SPEC.label.capitalize()}."
